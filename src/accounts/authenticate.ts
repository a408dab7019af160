import type { RequestOrigin } from '../http/authenticate.ts';
import type { Requester } from '../http/endpoint.ts';
import { unknownToken } from '../matrix/errors.ts';
import type { Db } from '../storage/database.ts';
import { recordSighting } from '../storage/devices.ts';
import type { PostgresBus } from '../storage/bus.ts';
import { SessionMemory } from '../storage/session-memory.ts';
import { retireOtherTokens, type FoundSession } from '../storage/sessions.ts';
import type { Clock } from '../util/clock.ts';
import type { CacheUse } from '../util/counted-cache.ts';
import type { Log } from '../util/log.ts';
import { hashToken } from './tokens.ts';

/** `last_seen` of a device is written at most this often. */
const SIGHTING_THROTTLE_MS = 60_000;

/** Tells who is behind an access token. Dispose of it before the database: it may still be writing a sighting. */
export interface Authenticator extends AsyncDisposable {
  readonly cacheUse: CacheUse;
  /**
   * The user and device of the token: as the database says, or as it said while no process has changed a session since
   * (see {@link SessionMemory}). Throws 401 M_UNKNOWN_TOKEN, with `soft_logout: true` when the token has merely expired.
   * https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens
   */
  authenticate(token: string, origin: RequestOrigin): Promise<Requester>;
}

export function createAuthenticator(deps: {
  readonly db: Db;
  readonly bus: Pick<PostgresBus, 'isListening' | 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
}): Authenticator {
  const sessions = new SessionMemory(deps);
  const sightings = new Map<number, Promise<void>>();

  // Nobody waits for a sighting and a lost one is made up for by the next, but never two at once for a session.
  const noteSighting = (session: FoundSession, origin: RequestOrigin, nowTs: number): void => {
    const isFresh = session.lastSeenTs !== undefined && nowTs - session.lastSeenTs < SIGHTING_THROTTLE_MS;
    if (isFresh || sightings.has(session.sessionNid)) return;
    const written = recordSighting(deps.db, session, { nowTs, ...origin }, SIGHTING_THROTTLE_MS)
      .catch((error: unknown) => deps.log.warn({ err: error }, 'could not note when a device was last seen'))
      .finally(() => sightings.delete(session.sessionNid));
    sightings.set(session.sessionNid, written);
  };

  return {
    cacheUse: sessions.cacheUse,
    async authenticate(token, origin) {
      const session = await sessions.find(hashToken(token));
      if (session === undefined) throw unknownToken('The access token is not known', { soft_logout: false });
      const nowTs = deps.clock.nowMs();
      if (session.validUntilTs !== undefined && session.validUntilTs <= nowTs) {
        throw unknownToken('The access token has expired', { soft_logout: true });
      }
      if (!session.used) await retireOtherTokens(deps.db, session.sessionNid, session.accessHash);
      noteSighting(session, origin, nowTs);
      return toRequester(session);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(sightings.values());
    },
  };
}

function toRequester(session: FoundSession): Requester {
  return {
    userId: session.userId,
    userNid: session.userNid,
    deviceId: session.deviceId,
    sessionNid: session.sessionNid,
    isGuest: session.isGuest,
    isAdmin: session.isAdmin,
    accountState: session.accountState,
  };
}
