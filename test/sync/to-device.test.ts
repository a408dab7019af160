import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { allotPositions, inTransaction } from '../../src/storage/database.ts';
import { insertToDeviceMessages } from '../../src/storage/to-device.ts';
import { makeAccount } from './sync-accounts.ts';
import {
  ALICE,
  BOB,
  createSyncWorld,
  eventsIn,
  named,
  objectAt,
  type Synced,
  type SyncWorld,
} from './sync-world.ts';

function numbers(synced: Synced): unknown[] {
  return (eventsIn(synced.body['to_device']) ?? []).map((event) => objectAt(event, 'content')['number']);
}

describe('to-device messages in /sync', () => {
  let world: SyncWorld;
  beforeEach(async () => {
    world = await createSyncWorld();
    const { deviceId } = await world.viewer(BOB);
    await makeAccount(world.deps.db, BOB, deviceId);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function send(count: number, from = 0): Promise<void> {
    const { deviceId } = await world.viewer(BOB);
    for (let number = from; number < from + count; number += 1) {
      await inTransaction(world.deps.db, async (tx) => {
        const position = await allotPositions(tx, 1);
        const message = { userId: BOB, deviceId, content: JSON.stringify({ number }) };
        await insertToDeviceMessages(tx, position, { sender: ALICE, type: 'm.test' }, [message]);
      });
    }
  }

  async function waiting(): Promise<number> {
    const { rows } = await sql<{ count: number }>`select count(*) from to_device_messages`.execute(
      world.deps.db,
    );
    return rows[0]?.count ?? 0;
  }

  it('come until a token past them comes back, and are gone then', async () => {
    await send(2);
    const first = await world.sync(BOB);
    assert.deepEqual(numbers(first), [0, 1]);
    assert.deepEqual(numbers(await world.sync(BOB)), [0, 1]);
    assert.equal(await waiting(), 2);
    await send(1, 2);
    const second = await world.sync(BOB, { since: first.next });
    assert.deepEqual(numbers(second), [2]);
    assert.deepEqual(numbers(await world.sync(BOB, { since: first.next })), [2]);
    assert.equal(await waiting(), 1);
    await world.sync(BOB, { since: second.next });
    assert.deepEqual([await waiting(), numbers(await world.sync(BOB))], [0, []]);
  });

  it('are not acknowledged by a token that was never handed out', async () => {
    await send(1);
    await world.sync(BOB, { since: 's99999999' });
    assert.equal(await waiting(), 1);
  });

  it('are no news while there are none', async () => {
    assert.equal((await world.sync(BOB)).body['to_device'], undefined);
  });

  it('come a hundred at a time, and nothing overtakes or is lost', async () => {
    const before = await world.test.createRoom(BOB);
    await send(150);
    const after = await world.test.createRoom(BOB);
    await send(60, 150);
    await world.test.send(before, BOB, 'last');
    const seen: unknown[] = [];
    const timeline: string[] = [];
    const rooms: string[][] = [];
    let next: string | undefined;
    for (let round = 0; round < 4; round += 1) {
      const synced: Synced = await world.sync(BOB, { since: next });
      seen.push(...numbers(synced));
      timeline.push(...(named(synced.room('join', before)?.timeline) ?? []));
      rooms.push(synced.rooms('join'));
      next = synced.next;
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 210 }, (_, number) => number),
    );
    assert.deepEqual(rooms, [[before], [after], [before], []]);
    assert.equal(timeline.filter((body) => body === 'last').length, 1);
    assert.equal(timeline.length, 5);
  });
});
