import type { UserId } from '../matrix/identifiers.ts';
import { listUsersSignedBy } from '../storage/cross-signing.ts';
import { listJoinsOf, listRoomsWithState, listSharersWithChanges } from '../storage/device-list-reading.ts';
import { currentPosition } from '../storage/database.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import type { SyncProvider, SyncReadDeps } from './provider.ts';
import { ENCRYPTION_SLOT, listCompanyChanges, type RoomCompany } from './shared-rooms.ts';
import { listStandings, type Standings } from './standings.ts';

/** Users whose keys a client must query again, and users whose keys it need not follow any more. */
export interface DeviceListNews {
  readonly changed: readonly UserId[];
  readonly left: readonly UserId[];
}

/**
 * Whose device lists are news. A client that knows nothing asks for all that it needs anyway.
 * https://spec.matrix.org/v1.19/client-server-api/#e2e-extensions-to-sync
 */
export const deviceLists: SyncProvider = {
  initial: () => Promise.resolve({}),
  since: async ({ deps, viewer, standings, upTo }, since) => {
    const { changed, left } = await listDeviceListNews(deps, viewer, standings, { since, upTo });
    if (changed.length + left.length === 0) return {};
    return { body: { device_lists: { changed, left } }, isNews: true };
  },
};

/**
 * The same between any two positions, of which the later one may lie in the future.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges
 */
export async function listKeyChanges(
  deps: SyncReadDeps,
  user: { readonly userId: UserId; readonly userNid: number },
  from: number,
  to: number,
): Promise<DeviceListNews> {
  const upTo = Math.min(to, await currentPosition(deps.db));
  if (from >= upTo) return { changed: [], left: [] };
  const range = { since: Math.max(from, 0), upTo };
  await deps.syncFeed.catchUp();
  const standings = await listStandings(deps, user, await deps.syncFeed.roomsOf(user.userNid), range);
  return listDeviceListNews(deps, user, standings, range);
}

/**
 * `changed`: users with other devices or cross-signing keys, or with new signatures that only this user sees; and users
 * with whom a room is shared from now on. `left`: users with whom none is any more. What counts is encrypted rooms
 * where an encrypted room was entered or left, and all rooms otherwise.
 */
async function listDeviceListNews(
  deps: SyncReadDeps,
  user: { readonly userId: UserId; readonly userNid: number },
  standings: Standings,
  range: { readonly since: number; readonly upTo: number },
): Promise<DeviceListNews> {
  const { syncFeed } = deps;
  const concernsUser = syncFeed.mayConcern(user.userNid, range.since);
  // Whose devices change is told to the rooms that they are in.
  const concernsSharers =
    concernsUser || syncFeed.listRoomsWithEphemera(standings.joined, range.since).length > 0;
  const updated = concernsSharers
    ? await listSharersWithChanges(deps.db, user.userNid, range.since, range.upTo)
    : [];
  const signed = concernsUser ? await listUsersSignedBy(deps.db, user.userNid, range.since, range.upTo) : [];
  const company = await listCompanyChanges(deps, user.userId, standings, range);
  const { met, parted } = await listMeetings(deps, standings, company);
  const changed = new Set([...updated, ...signed, ...met]);
  return { changed: [...changed], left: parted.filter((userId) => !changed.has(userId)) };
}

/** Who is new company of the user altogether, and who is none any more. */
async function listMeetings(
  deps: RoomReadDeps,
  standings: Standings,
  company: readonly RoomCompany[],
): Promise<{ readonly met: readonly UserId[]; readonly parted: readonly UserId[] }> {
  const users = new Set(company.flatMap((room) => [...room.gained, ...room.lost]));
  if (users.size === 0) return { met: [], parted: [] };
  const roomNids = [...standings.joined];
  const sharedNow = groupByUser(await listJoinsOf(deps.db, [...users], roomNids));
  const concerned = [...new Set([...roomNids, ...company.map((room) => room.roomNid)])];
  const encrypted = await listEncrypted(deps, concerned);
  const sharedBefore = (userId: UserId): number[] => [
    ...[...(sharedNow.get(userId) ?? [])].filter((roomNid) => !gainedIn(company, roomNid, userId)),
    ...company.filter((room) => room.lost.has(userId)).map((room) => room.roomNid),
  ];
  const anyLike = (roomNid: number, shared: Iterable<number>): boolean =>
    [...shared].some((other) => other !== roomNid && (!encrypted.has(roomNid) || encrypted.has(other)));
  return {
    met: listUsers(company, 'gained', (roomNid, userId) => !anyLike(roomNid, sharedBefore(userId))),
    parted: listUsers(company, 'lost', (roomNid, userId) => !anyLike(roomNid, sharedNow.get(userId) ?? [])),
  };
}

function listUsers(
  company: readonly RoomCompany[],
  kind: 'gained' | 'lost',
  counts: (roomNid: number, userId: UserId) => boolean,
): UserId[] {
  return [
    ...new Set(company.flatMap((room) => [...room[kind]].filter((userId) => counts(room.roomNid, userId)))),
  ];
}

function gainedIn(company: readonly RoomCompany[], roomNid: number, userId: UserId): boolean {
  return company.some((room) => room.roomNid === roomNid && room.gained.has(userId));
}

async function listEncrypted(deps: RoomReadDeps, roomNids: readonly number[]): Promise<ReadonlySet<number>> {
  const key = (await deps.stateKeys.find([ENCRYPTION_SLOT])).get(ENCRYPTION_SLOT);
  return new Set(key === undefined ? [] : await listRoomsWithState(deps.db, roomNids, key));
}

function groupByUser(
  joins: readonly { readonly userId: UserId; readonly roomNid: number }[],
): ReadonlyMap<UserId, ReadonlySet<number>> {
  const rooms = new Map<UserId, Set<number>>();
  for (const { userId, roomNid } of joins) {
    const known = rooms.get(userId);
    if (known === undefined) rooms.set(userId, new Set([roomNid]));
    else known.add(roomNid);
  }
  return rooms;
}
