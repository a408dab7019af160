import { takeGuards, type Guards } from './commit-guards.ts';
import { writeRooms } from './commit-writes.ts';
import type { Database } from './database.ts';
import type { RoomCommit, RoomCommitResult } from './room-commit.ts';

/**
 * Writes the changes of many rooms in one transaction: the DAG, current state, supersession of futures, the end of
 * the future that an event came from, client transactions. A room that has moved on is left out; the others go
 * through. When a future or a transaction id was taken by someone else, everything is undone and the culprit named.
 *
 * ```
 *   begin · lock the stream · guard rooms, then futures and transaction ids        (one round trip)
 *   insert events … supersede futures · commit                                     (one round trip)
 * ```
 */
export async function commitRooms(
  database: Database,
  rooms: readonly RoomCommit[],
  nowMs: number,
): Promise<Map<number, RoomCommitResult>> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  try {
    const guard = await takeGuards(client, rooms, nowMs);
    if (guard.losses.size > 0) {
      await client.query('rollback');
      return undoAll(rooms, guard);
    }
    const passed = rooms.filter((room) => guard.passed.has(room.roomNid));
    const positions = placeEvents(passed, guard.lastPosition);
    await writeRooms(client, passed, positions, nowMs);
    return new Map(
      rooms.map((room) => [
        room.roomNid,
        guard.passed.has(room.roomNid)
          ? { kind: 'committed', positions: positions.get(room.roomNid) ?? [] }
          : { kind: 'stale' },
      ]),
    );
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    // A connection on which something went wrong is not given to anyone else.
    client.release(broken);
  }
}

function undoAll(rooms: readonly RoomCommit[], guard: Guards): Map<number, RoomCommitResult> {
  return new Map(
    rooms.map((room) => [
      room.roomNid,
      guard.losses.get(room.roomNid) ?? { kind: guard.passed.has(room.roomNid) ? 'undone' : 'stale' },
    ]),
  );
}

/** Deals out the allotted positions to the timeline events, in order; the allotment ends at `lastPosition`. */
function placeEvents(
  rooms: readonly RoomCommit[],
  lastPosition: number,
): Map<number, (number | undefined)[]> {
  const count = rooms.reduce((sum, room) => sum + room.events.filter((event) => event.inTimeline).length, 0);
  let next = lastPosition - count + 1;
  return new Map(
    rooms.map((room) => [room.roomNid, room.events.map((event) => (event.inTimeline ? next++ : undefined))]),
  );
}
