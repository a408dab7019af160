import type pg from 'pg';
import { isGuardFailure, sendHead, takeGuards, type Guards } from './commit-guards.ts';
import { listPlaced, placeEvents, type Places } from './commit-rows.ts';
import { listWrites, sendEvents } from './commit-writes.ts';
import { sendTogether } from './cork.ts';
import type { Database } from './database.ts';
import { listTooMany, sendFutureLimits } from './future-limits.ts';
import type { RoomCommit, RoomCommitResult } from './room-commit.ts';

/**
 * Writes the changes of many rooms in one transaction: the DAG, current state, supersession of futures, the end of
 * the future that an event came from, client transactions. A room that has moved on is left out; the others go
 * through. When a future or a transaction id was taken by someone else, a request has sent an event before, or somebody
 * would have too many futures, everything is undone and the culprit named.
 *
 * ```
 *   lock the stream · guard rooms, then futures and transaction ids · insert events     (one statement: all there is to
 *                                                                                         messages, and a transaction)
 *   begin · the same · state … supersede futures · commit                               (one round trip)
 *   a guard failed: nothing of that was done. Once more in two:
 *   begin · lock the stream · guard, and say which                                      (one round trip)
 *   what passed · commit                                                                (one round trip)
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
    return (await commitAtOnce(client, rooms, nowMs)) ?? (await commitWhatPasses(client, rooms, nowMs));
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    // A connection on which something went wrong is not given to anyone else.
    client.release(broken);
  }
}

/** undefined when someone else was quicker somewhere; then nothing was done. */
async function commitAtOnce(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  nowMs: number,
): Promise<Map<number, RoomCommitResult> | undefined> {
  const places = placeEvents(rooms);
  const events = listPlaced(rooms, places);
  const futures = rooms.flatMap((room) => room.futures);
  const writes = listWrites(rooms, events, places, nowMs);
  const isAlone = writes.length === 0;
  const outcomes = sendTogether(client, () => {
    const begun = isAlone ? undefined : client.query('begin');
    const head = sendHead(client, rooms, events, nowMs);
    const rest = [...sendFutureLimits(client, futures), ...writes.map((send) => send(client))];
    if (!isAlone) rest.push(client.query('commit'));
    return Promise.allSettled([head, begun, ...rest]);
  });
  const [head, ...rest] = await outcomes;
  // The first failure is the cause of those that follow.
  const failed = [head, ...rest].find((outcome) => outcome.status === 'rejected');
  if (failed?.status === 'rejected' && !isGuardFailure(failed.reason)) throw failed.reason;
  if (head.status === 'rejected' || failed !== undefined) return undefined;
  return committed(rooms, places, head.value);
}

async function commitWhatPasses(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
  nowMs: number,
): Promise<Map<number, RoomCommitResult>> {
  const guard = await takeGuards(client, rooms, nowMs);
  const passed = rooms.filter((room) => guard.passed.has(room.roomNid));
  const losses = guard.losses.size > 0 ? guard.losses : await findTooMany(client, passed);
  if (losses.size > 0) {
    await client.query('rollback');
    return undoAll(rooms, { ...guard, losses });
  }
  const places = placeEvents(passed);
  const events = listPlaced(passed, places);
  const outcomes = await sendTogether(client, () =>
    Promise.allSettled([
      sendEvents(client, events),
      ...listWrites(passed, events, places, nowMs).map((send) => send(client)),
      client.query('commit'),
    ]),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const results = committed(passed, places, guard.lastPosition);
  return new Map(rooms.map((room) => [room.roomNid, results.get(room.roomNid) ?? { kind: 'stale' }]));
}

async function findTooMany(
  client: pg.PoolClient,
  rooms: readonly RoomCommit[],
): Promise<Map<number, RoomCommitResult>> {
  const futures = rooms.flatMap((room) => room.futures);
  const tooMany = await listTooMany(client, futures);
  return new Map(
    tooMany.map(({ roomNid, futureNid }) => [roomNid, { kind: 'too-many-futures', futureNid }] as const),
  );
}

function committed(
  rooms: readonly RoomCommit[],
  places: Places,
  lastPosition: number,
): Map<number, RoomCommitResult> {
  return new Map(
    rooms.map((room) => [
      room.roomNid,
      {
        kind: 'committed',
        positions: (places.get(room.roomNid) ?? []).map((place) =>
          place === undefined ? undefined : lastPosition - place,
        ),
      },
    ]),
  );
}

function undoAll(rooms: readonly RoomCommit[], guard: Guards): Map<number, RoomCommitResult> {
  return new Map(
    rooms.map((room) => [
      room.roomNid,
      guard.losses.get(room.roomNid) ?? { kind: guard.passed.has(room.roomNid) ? 'undone' : 'stale' },
    ]),
  );
}
