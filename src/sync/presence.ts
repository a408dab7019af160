import { shownPart } from '../accounts/profiles.ts';
import { stateAt } from '../ephemeral/presence-state.ts';
import { admitsEvent } from '../matrix/filters.ts';
import { listPresenceChanges, type OwnedPresence } from '../storage/presence.ts';
import { listProfiles, type Profile } from '../storage/profiles.ts';
import type { JsonObject } from '../util/json.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';

/** Of more, only those that changed last are told: nobody follows so many. */
const MOST_AT_ONCE = 1_000;

/**
 * Who is there, of the user and those with whom they share a room.
 * https://spec.matrix.org/v1.19/client-server-api/#presence
 */
export const presence: SyncProvider = {
  initial: async (scope) => {
    const found = await read(scope, [...scope.standings.joined], undefined);
    // A client takes whom it knows nothing of for offline.
    return render(
      scope,
      found.filter((one) => one.state !== 'offline'),
    );
  },
  since: async (scope, since) => {
    const { deps, viewer, standings } = scope;
    const isNews =
      deps.syncFeed.mayConcern(viewer.userNid, since) ||
      deps.syncFeed.listRoomsWithEphemera(standings.joined, since).length > 0;
    if (!isNews) return {};
    const newRooms = standings.newlyJoined.map((room) => room.roomNid);
    return render(scope, await read(scope, newRooms, since));
  },
};

async function read(
  scope: SyncScope,
  newRoomNids: readonly number[],
  after: number | undefined,
): Promise<OwnedPresence[]> {
  const { deps, viewer, upTo, filter } = scope;
  if (filter.presence.types?.length === 0 || filter.presence.notTypes?.includes('*') === true) return [];
  const found = await listPresenceChanges(deps.db, {
    viewerNid: viewer.userNid,
    newRoomNids,
    after,
    upTo,
    limit: MOST_AT_ONCE,
  });
  if (found.length === 0) return [];
  const ignored = await deps.ignoredUsers.of(viewer.userNid);
  return found.filter((one) => !ignored.has(one.userNid));
}

async function render(scope: SyncScope, found: readonly OwnedPresence[]): Promise<SyncPart> {
  if (found.length === 0) return {};
  const { deps, filter } = scope;
  const profiles = await listProfiles(
    deps.db,
    found.map((one) => one.userNid),
  );
  const nowMs = deps.clock.nowMs();
  const events = found
    .map((one) => renderOne(one, profiles.get(one.userNid) ?? new Map(), nowMs))
    .filter((event) => admitsEvent(filter.presence, event));
  return events.length === 0 ? {} : { body: { presence: { events } }, isNews: true };
}

function renderOne(one: OwnedPresence, profile: Profile, nowMs: number) {
  const state = stateAt(one, nowMs);
  const content: JsonObject = Object.assign(
    shownPart(profile),
    {
      presence: state,
      last_active_ago: Math.max(0, nowMs - one.lastActiveTs),
      currently_active: state === 'online',
    },
    one.statusMsg === undefined ? {} : { status_msg: one.statusMsg },
  );
  return { type: 'm.presence', sender: one.userId, content };
}
