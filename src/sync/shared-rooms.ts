import { stateSlot, splitStateSlot } from '../matrix/event.ts';
import { parseUserId, type UserId } from '../matrix/identifiers.ts';
import { membershipOf } from '../rooms/room-access.ts';
import { listEventsByNid } from '../storage/events.ts';
import { listMembers } from '../storage/memberships.ts';
import { EMPTY_STATE, type StateRoot } from '../storage/state-node.ts';
import type { StateDifference } from '../storage/state-trie.ts';
import { mapTogether } from './map-together.ts';
import type { SyncReadDeps } from './provider.ts';
import type { Standing, Standings } from './standings.ts';
import type { SyncFeed } from './sync-feed.ts';

export const ENCRYPTION_SLOT = stateSlot('m.room.encryption', '');

/** How a room changed the company of a user in a range of positions. */
export interface RoomCompany {
  readonly roomNid: number;
  /** With whom the user shares the room at the end, and did not at the beginning. */
  readonly gained: ReadonlySet<UserId>;
  /** With whom the user shared the room at the beginning, and does not at the end. */
  readonly lost: ReadonlySet<UserId>;
  /** Whether the room became encrypted: everyone in it then is new company of that kind. */
  readonly becameEncrypted: boolean;
}

interface Range {
  readonly since: number;
  readonly upTo: number;
}

/** For each room that the user is or was in, and in which something of this kind changed: whom the user gained and lost. */
export async function listCompanyChanges(
  deps: SyncReadDeps,
  userId: UserId,
  standings: Standings,
  range: Range,
): Promise<RoomCompany[]> {
  const left = standings.changed.filter((room) => room.membership !== 'join' && room.before === 'join');
  const states = [
    ...(await listStateRanges(deps.syncFeed, standings.joined, range)),
    ...(await listStateRanges(deps.syncFeed, new Set(left.map((room) => room.roomNid)), range)),
  ];
  return mapTogether(states, async (state) => {
    const standing = standings.find(state.roomNid);
    if (standing === undefined) throw new Error('a room was read that nobody asked for');
    const company = await compareCompany(deps, standing, state);
    company.gained.delete(userId);
    company.lost.delete(userId);
    return { ...company, roomNid: state.roomNid };
  });
}

/** The state of a room at both ends of a range of positions. */
interface StateRange {
  readonly roomNid: number;
  readonly before: StateRoot;
  readonly after: StateRoot;
}

/** The states of those of the rooms whose state is another at the end. */
async function listStateRanges(
  syncFeed: SyncFeed,
  roomNids: ReadonlySet<number>,
  { since, upTo }: Range,
): Promise<StateRange[]> {
  if (roomNids.size === 0) return [];
  const news = await syncFeed.listRoomsWithNews(roomNids, since, upTo);
  const states = await mapTogether([...news], async (roomNid): Promise<StateRange> => {
    const roots = await syncFeed.reads.findStateRoots(roomNid, [since, upTo]);
    return { roomNid, before: roots.get(since) ?? EMPTY_STATE, after: roots.get(upTo) ?? EMPTY_STATE };
  });
  return states.filter(({ before, after }) => before !== after);
}

interface Comparison {
  readonly gained: Set<UserId>;
  readonly lost: Set<UserId>;
  readonly becameEncrypted: boolean;
}

async function compareCompany(
  deps: SyncReadDeps,
  standing: Standing,
  state: StateRange,
): Promise<Comparison> {
  const wasIn = standing.before === 'join';
  const isIn = standing.membership === 'join';
  const changes = await listMemberChanges(deps, state);
  if (wasIn && isIn) {
    const becameEncrypted = changes.becameEncrypted;
    const gained = becameEncrypted
      ? await listJoined(deps, standing.roomNid)
      : changes.members
          .filter((member) => member.isJoined && !member.wasJoined)
          .map((member) => member.userId);
    const lost = changes.members.filter((member) => member.wasJoined && !member.isJoined);
    return { gained: new Set(gained), lost: new Set(lost.map((member) => member.userId)), becameEncrypted };
  }
  const present = new Set(await listJoined(deps, standing.roomNid));
  if (isIn) return { gained: present, lost: new Set(), becameEncrypted: false };
  // Who was there at the beginning: who is there now, but for those who came and with those who went.
  for (const member of changes.members) {
    if (member.wasJoined) present.add(member.userId);
    else present.delete(member.userId);
  }
  return { gained: new Set(), lost: present, becameEncrypted: false };
}

interface MemberChange {
  readonly userId: UserId;
  readonly wasJoined: boolean;
  readonly isJoined: boolean;
}

async function listMemberChanges(
  deps: SyncReadDeps,
  state: StateRange,
): Promise<{ readonly members: readonly MemberChange[]; readonly becameEncrypted: boolean }> {
  const differences = await deps.trie.listDifferences(state.before, state.after);
  const slots = await deps.stateKeys.resolve(differences.map((difference) => difference.stateKeyNid));
  const becameEncrypted = differences.some(
    (difference) => slots.get(difference.stateKeyNid) === ENCRYPTION_SLOT && difference.before === undefined,
  );
  const changes = differences.flatMap((difference): { userId: UserId; difference: StateDifference }[] => {
    const slot = slots.get(difference.stateKeyNid);
    const { type, stateKey } = slot === undefined ? { type: '', stateKey: '' } : splitStateSlot(slot);
    const userId = type === 'm.room.member' ? parseUserId(stateKey) : undefined;
    return userId === undefined ? [] : [{ userId, difference }];
  });
  const joins = await listJoinEvents(
    deps,
    changes.flatMap(({ difference }) => [difference.before ?? [], difference.after ?? []].flat()),
  );
  const isJoin = (eventNid: number | undefined): boolean => eventNid !== undefined && joins.has(eventNid);
  const members = changes.map(({ userId, difference }) => ({
    userId,
    wasJoined: isJoin(difference.before),
    isJoined: isJoin(difference.after),
  }));
  return { members, becameEncrypted };
}

/** Those of the member events that say `join`. */
async function listJoinEvents(
  deps: SyncReadDeps,
  eventNids: readonly number[],
): Promise<ReadonlySet<number>> {
  const events = await listEventsByNid(deps.db, eventNids);
  return new Set(events.filter((event) => membershipOf(event) === 'join').map((event) => event.eventNid));
}

async function listJoined(deps: SyncReadDeps, roomNid: number): Promise<UserId[]> {
  return (await listMembers(deps.db, roomNid, ['join'])).map((member) => member.userId);
}
