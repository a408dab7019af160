import type { ReadMark } from '../storage/read-marks.ts';
import { CountedCache } from '../util/counted-cache.ts';

/** So many notifications of others are not far to go for who looks for their own. */
const MOST_PASSED = 100;
const MOST_ROOMS = 10_000;

/**
 * Counts how often others in a room were notified and a user was not, so that the marks of users who neither read nor send are
 * moved too: what they have read already is looked at anew each hundred times. What is forgotten here is counted from nothing.
 */
export class PassedOver {
  readonly #rooms = new CountedCache<number, Map<number, number>>({ max: MOST_ROOMS });

  /** Some users were not notified of an event that others in the room were notified of: the marks to look at. */
  note(roomNid: number, userNids: readonly number[]): readonly ReadMark[] {
    if (userNids.length === 0) return [];
    const counts = this.#rooms.get(roomNid) ?? new Map<number, number>();
    this.#rooms.set(roomNid, counts);
    return userNids.flatMap((userNid): ReadMark[] => {
      const count = (counts.get(userNid) ?? 0) + 1;
      if (count < MOST_PASSED) {
        counts.set(userNid, count);
        return [];
      }
      counts.delete(userNid);
      return [{ userNid, roomNid, threadId: undefined, upTo: 0 }];
    });
  }
}
