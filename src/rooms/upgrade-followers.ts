import { parseRoomId, type RoomId } from '../matrix/identifiers.ts';
import { listMembers } from '../storage/memberships.ts';
import type { Db } from '../storage/database.ts';
import { findRoomNid } from '../storage/rooms.ts';
import type { Log } from '../util/log.ts';
import type { OnJoined } from './membership.ts';
import type { CommittedChange } from './room-queue.ts';

export interface UpgradeFollowersDeps {
  readonly db: Db;
  readonly log: Log;
  readonly onJoined: OnJoined;
}

/**
 * Treats those who are in a room already as if they came in when another room's tombstone names it: a room that replaces
 * another by hand is made first, and its maker joins no second time. Whoever joins later is told by their join. What a
 * process has not done when it ends stays undone.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export class UpgradeFollowers implements AsyncDisposable {
  readonly #deps: UpgradeFollowersDeps;
  readonly #underWay = new Set<Promise<void>>();

  constructor(deps: UpgradeFollowersDeps) {
    this.#deps = deps;
  }

  /** Called after a commit of this process. */
  note({ events }: Pick<CommittedChange, 'events'>): void {
    for (const { event } of events) {
      if (event.type !== 'm.room.tombstone' || event.stateKey !== '') continue;
      const replacement = parseRoomId(event.content['replacement_room']);
      if (replacement !== undefined) this.#begin(replacement);
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.idle();
  }

  #begin(replacement: RoomId): void {
    const { log } = this.#deps;
    const following = this.#follow(replacement)
      .catch((error: unknown) =>
        log.warn({ err: error, roomId: replacement }, 'members could not follow an upgrade'),
      )
      .finally(() => this.#underWay.delete(following));
    this.#underWay.add(following);
  }

  async #follow(replacement: RoomId): Promise<void> {
    const { db, onJoined } = this.#deps;
    const roomNid = await findRoomNid(db, replacement);
    if (roomNid === undefined) return;
    for (const member of await listMembers(db, roomNid, ['join'])) {
      if (member.isLocal) await onJoined(member, replacement);
    }
  }
}
