import assert from 'node:assert/strict';
import { refreshFuture } from '../../src/futures/manage.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { createFutureWorld, type FutureWorld } from './future-world.ts';
import { storeFutures } from './stored-futures.ts';

const FUTURES = 2_000;
const BEAT_MS = 4_000;
/** Each future has a deadline of its own within the second after this; the one that was made last has the first. */
const SHORTEST_MS = 10_000;
const SPREAD_MS = FUTURES / 2;
const LONGEST_MS = SHORTEST_MS + SPREAD_MS;

describe('two thousand heartbeats', () => {
  it('keep their futures from firing, and those that stop fire in order of deadlines, once (53)', async function () {
    this.timeout(60_000);
    await using world = await createFutureWorld({ connections: 10 });
    const owner = await world.user('alice');
    const roomIds = [await world.room(owner), await world.room(owner)];
    const heartbeats = await insertHeartbeats(world, owner, roomIds);

    // More than the longest timeout: one that had been missed would have fired.
    for (let passedMs = 0; passedMs <= LONGEST_MS; passedMs += BEAT_MS) {
      await world.advance(BEAT_MS);
      await refreshAll(world, heartbeats);
    }
    assert.deepEqual(await firedIn(world, roomIds), [[], []]);

    const stopping = heartbeats.filter(({ index }) => index % 4 < 2);
    const beating = heartbeats.filter(({ index }) => index % 4 >= 2);
    for (let passedMs = 0; passedMs <= LONGEST_MS; passedMs += BEAT_MS) {
      await refreshAll(world, beating);
      await world.advance(BEAT_MS);
    }
    const inOrder = stopping.toSorted((a, b) => a.timeoutMs - b.timeoutMs);
    const expected = roomIds.map((_, room) =>
      inOrder.filter(({ index }) => index % roomIds.length === room).map(({ tokenId }) => tokenId),
    );
    assert.deepEqual(await firedIn(world, roomIds), expected);
    assert.deepEqual(await countByStatus(world), { pending: FUTURES / 2, sent: FUTURES / 2 });
  });
});

interface Heartbeat {
  readonly index: number;
  readonly tokenId: string;
  readonly timeoutMs: number;
}

const CONCURRENT = 20;

/** Refreshes all of them, a few at a time; each must be told that it lives. */
async function refreshAll(world: FutureWorld, heartbeats: readonly Heartbeat[]): Promise<void> {
  const waiting = heartbeats.values();
  const nowMs = world.clock.nowMs();
  const worker = async (): Promise<void> => {
    for (const { tokenId, timeoutMs } of waiting) {
      const managed = await refreshFuture(world.deps, { name: { tokenId }, ownerNid: undefined });
      assert.deepEqual(managed, { kind: 'done', sendTs: nowMs + timeoutMs });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
}

/** The names of the futures that have sent their events, in the order of each room. */
function firedIn(world: FutureWorld, roomIds: readonly RoomId[]): Promise<unknown[][]> {
  return Promise.all(roomIds.map((roomId) => world.bodies(roomId)));
}

async function countByStatus(world: FutureWorld): Promise<Record<string, number>> {
  const { rows } = await world.database.database.pool.query<{ status: string; count: number }>(
    'select status, count(*) as count from futures group by status order by status',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

/** Stores the futures, dealt out to the rooms in turn; each would say its own token id. */
async function insertHeartbeats(
  world: FutureWorld,
  owner: Requester,
  roomIds: readonly RoomId[],
): Promise<Heartbeat[]> {
  const heartbeats = Array.from({ length: FUTURES }, (_, index) => ({
    index,
    tokenId: `heartbeat ${index}`,
    timeoutMs: LONGEST_MS - Math.floor(index / roomIds.length),
  }));
  const texts = heartbeats.map(({ tokenId, timeoutMs }) => ({
    tokenId,
    delayId: `of ${tokenId}`,
    timeoutMs,
    text: tokenId,
  }));
  await storeFutures(world, owner, roomIds, texts);
  return heartbeats;
}
