import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { ROOM_VERSIONS } from '../../src/matrix/room-version.ts';
import { clientIntent } from '../../src/rooms/client-intent.ts';
import type { Outcome } from '../../src/rooms/intent.ts';
import { deviceId } from '../support/accounts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, SERVER_NAME, type TestPipeline } from '../support/pipeline.ts';

const alice = localUser('alice');
const bob = localUser('bob');

describe('the pipeline', () => {
  let database: TestDatabase;
  let test: TestPipeline;

  before(async () => {
    database = await createTestDatabase();
    test = makePipeline(database);
  });
  after(async () => {
    await test[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  for (const version of ROOM_VERSIONS) {
    it(`makes a room of version ${version} and takes messages and state in it`, async () => {
      const roomId = await test.createRoom(alice, version);
      await test.setState(roomId, bob, 'm.room.member', bob, { membership: 'join' });
      const first = await test.send(roomId, alice, 'one');
      const second = await test.send(roomId, bob, 'two');
      assert.deepEqual(second.event.prevEvents, [first.event.eventId]);
      assert.equal(second.event.depth, first.event.depth + 1);
      assert.ok(
        second.position !== undefined && first.position !== undefined && second.position > first.position,
      );
    });
  }

  it('refuses what the auth rules refuse, in words', async () => {
    const roomId = await test.createRoom(alice);
    const outcome = await test.propose(roomId, bob, {
      type: 'm.room.message',
      content: { msgtype: 'm.text', body: 'let me in' },
    });
    assert.equal(outcome.kind, 'refused');
    assert.ok(
      outcome.kind === 'refused' && outcome.error.status === 403 && outcome.error.message.length > 10,
    );
  });

  it('answers an unknown room with 403, as one that is closed', async () => {
    const roomId = await test.createRoom(alice, '11');
    const outcome = await test.propose(`${roomId}x` as typeof roomId, alice, {
      type: 'm.room.message',
      content: { msgtype: 'm.text', body: '' },
    });
    assert.ok(outcome.kind === 'refused' && outcome.error.errcode === 'M_FORBIDDEN');
  });

  describe('remembers the request of a session in its event', () => {
    const send = (roomId: RoomId, txnId: string, device = 'GONE'): Promise<Outcome> => {
      const { clock, random } = test;
      clock.advance(1);
      const event = { type: 'm.room.message', stateKey: undefined, content: { body: device } };
      // No such session is stored.
      const session = { sessionNid: 77, txnId };
      const intent = clientIntent({ clock, random, serverName: SERVER_NAME }, alice, event, { session });
      const key = { userNid: 1, deviceId: deviceId(device), endpoint: 'send', txnId };
      return test.pipeline.submit({ roomId, intents: [intent], transaction: { key } });
    };
    const eventIdOf = (outcome: Outcome): unknown =>
      outcome.kind === 'repeated'
        ? outcome.response['event_id']
        : outcome.kind === 'committed' && outcome.events[0]?.event.eventId;

    it('and answers a repeat with that, also when the session is gone', async () => {
      const roomId = await test.createRoom(alice);
      const first = await send(roomId, 'once');
      const [repeat, other] = await Promise.all([send(roomId, 'once'), test.send(roomId, alice, 'other')]);
      assert.deepEqual([first.kind, repeat.kind], ['committed', 'repeated']);
      assert.equal(eventIdOf(repeat), eventIdOf(first));
      assert.deepEqual(other.event.prevEvents, [eventIdOf(first)]);
    });

    it('and holds up nobody where several look the same', async () => {
      const [one, two] = [await test.createRoom(alice), await test.createRoom(alice)];
      for (let round = 0; round < 10; round += 1) {
        // The same number for two rooms, and in one of them for what seems to be another device.
        const [others, ...same] = await Promise.all([
          Promise.all([one, two].map((roomId) => test.send(roomId, alice, 'other'))),
          send(one, `${round}`),
          send(two, `${round}`),
          send(one, `${round}`, 'OTHER'),
        ]);
        assert.equal(others.length, 2);
        assert.equal(same.filter((outcome) => outcome.kind === 'committed').length, 1);
        assert.equal(new Set(same.map(eventIdOf)).size, 1);
      }
    });
  });

  it('makes no new event of state that is so already', async () => {
    const roomId = await test.createRoom(alice);
    const first = await test.setState(roomId, alice, 'm.room.topic', '', { topic: 'tomorrow' });
    const again = await test.setState(roomId, alice, 'm.room.topic', '', { topic: 'tomorrow' });
    assert.equal(again.verdict, 'unchanged');
    assert.equal(again.event.eventId, first.event.eventId);
  });

  it('gives many senders at once one line of events, each on top of the one before', async () => {
    const roomId = await test.createRoom(alice);
    const events = await Promise.all(
      Array.from({ length: 300 }, (_, n) => test.send(roomId, alice, `message ${n}`)),
    );
    const byPosition = events.toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0));
    for (const [index, event] of byPosition.entries()) {
      if (index > 0) assert.deepEqual(event.event.prevEvents, [byPosition[index - 1]?.event.eventId]);
    }
    const { rows } = await sql<{ count: number }>`
      select cardinality(extremities) as count from rooms where room_id = ${roomId}`.execute(
      database.database.db,
    );
    assert.equal(rows[0]?.count, 1);
  });

  it('keeps in memory no more of the rooms that rest than it may, and goes on with them all the same', async () => {
    await using small = makePipeline(database, { mostSlotsAtHand: 100, seed: 'small' });
    const [one, two] = [await small.createRoom(alice), await small.createRoom(alice)];
    const fill = async (roomId: RoomId, count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) await small.setState(roomId, alice, 'test.state', `key ${n}`, { n });
    };
    const isAtHand = async (roomId: RoomId): Promise<boolean> => {
      const { hits } = small.pipeline.snapshotUse;
      // A room rests from the next turn on.
      await nextTurn();
      await small.send(roomId, alice, 'is it?');
      return small.pipeline.snapshotUse.hits > hits;
    };
    await fill(one, 30);
    await fill(two, 30);
    assert.deepEqual([await isAtHand(one), await isAtHand(two)], [true, true]);
    await fill(two, 80);
    assert.deepEqual([await isAtHand(two), await isAtHand(one)], [true, false]);
  });

  it('keeps the flat current state equal to the state under the room root', async () => {
    const roomId = await test.createRoom(alice);
    await Promise.all(
      Array.from({ length: 120 }, (_, n) => test.setState(roomId, alice, 'test.state', `key ${n}`, { n })),
    );
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        test.setState(roomId, alice, 'test.state', `key ${n * 2}`, { n: -n }),
      ),
    );
    const { rows } = await sql<{ state_root: Buffer; room_nid: number }>`
      select state_root, room_nid from rooms where room_id = ${roomId}`.execute(database.database.db);
    const room = rows[0];
    assert.ok(room !== undefined);
    const flat = await sql<{ state_key_nid: number; event_nid: number }>`
      select state_key_nid, event_nid from current_state where room_nid = ${room.room_nid}`.execute(
      database.database.db,
    );
    const fresh = makePipeline(database);
    const trie = await fresh.pipeline.trie.listEntries(room.state_root.toString('hex') as never);
    assert.deepEqual(
      new Map([...trie].toSorted(([a], [b]) => a - b)),
      new Map(
        flat.rows.map((row) => [row.state_key_nid, row.event_nid] as const).toSorted(([a], [b]) => a - b),
      ),
    );
    assert.equal(flat.rows.length, 124);
  });

  it('goes on where another pipeline has left off: the guard notices, nothing is lost', async () => {
    const other = makePipeline(database, { seed: 'other process' });
    const roomId = await test.createRoom(alice);
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? test : other).send(roomId, alice, `from ${n}`)),
    );
    const { rows } = await sql<{ count: number; depths: number }>`
      select count(*) as count, count(distinct depth) as depths from events e join rooms r using (room_nid)
      where r.room_id = ${roomId} and e.type = 'm.room.message'`.execute(database.database.db);
    assert.deepEqual(rows[0], { count: 100, depths: 100 });
    await other[Symbol.asyncDispose]();
  });
});
