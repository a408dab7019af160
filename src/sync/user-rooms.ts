import type { RoomMembership } from '../storage/memberships.ts';

/** All rooms in which a user has or had a membership. Many answers share it; what changes it makes another. */
export class UserRooms {
  readonly all: readonly RoomMembership[];
  /** The rooms that the user is in, by number. */
  readonly joined: ReadonlySet<number>;
  /** Where the last of the memberships changed. */
  readonly newestPosition: number;
  readonly #byNid: ReadonlyMap<number, RoomMembership>;

  constructor(all: readonly RoomMembership[]) {
    this.all = all;
    this.joined = new Set(all.filter((room) => room.membership === 'join').map((room) => room.roomNid));
    this.#byNid = new Map(all.map((room) => [room.roomNid, room]));
    this.newestPosition = all.reduce((newest, room) => Math.max(newest, room.position), 0);
  }

  /** What the user is in a room; undefined for nothing at all. */
  find(roomNid: number): RoomMembership | undefined {
    return this.#byNid.get(roomNid);
  }
}
