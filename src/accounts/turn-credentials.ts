import { createHmac } from 'node:crypto';
import type { UserId } from '../matrix/identifiers.ts';
import type { Clock } from '../util/clock.ts';

/** The TURN servers that help the users of this server with calls. */
export interface TurnServers {
  readonly uris: readonly string[];
  /** What the TURN servers know as well. */
  readonly sharedSecret: string;
  readonly ttlSeconds: number;
}

/** What a client needs to be let in by a TURN server. */
export interface TurnCredentials {
  readonly username: string;
  readonly password: string;
  readonly uris: readonly string[];
  readonly ttlSeconds: number;
}

/**
 * Credentials that a TURN server can check by itself until they expire: the user name says when that is, and the password
 * is its HMAC-SHA1 under the shared secret. https://spec.matrix.org/v1.19/client-server-api/#voice-over-ip
 * https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
 */
export function makeTurnCredentials(
  deps: { readonly clock: Pick<Clock, 'nowMs'> },
  servers: TurnServers,
  userId: UserId,
): TurnCredentials {
  const expiresSeconds = Math.floor(deps.clock.nowMs() / 1000) + servers.ttlSeconds;
  const username = `${expiresSeconds}:${userId}`;
  const password = createHmac('sha1', servers.sharedSecret).update(username).digest('base64');
  return { username, password, uris: servers.uris, ttlSeconds: servers.ttlSeconds };
}
