import assert from 'node:assert/strict';
import { listEventsById } from '../../src/storage/events.ts';
import { ALICE, BOB, createSyncWorld, member, named, untilWaiting } from './sync-world.ts';
import { countQueries } from '../support/count-queries.ts';
import { localUser } from '../support/pipeline.ts';

const READERS = Array.from({ length: 12 }, (_, index) => localUser(`reader${index}`));
/** Of its own each may ask for its memberships, relations, and what is like them. */
const MOST_QUERIES_EACH = 6;
const MOST_SHARED = 20;

describe('readers who are woken by one change', () => {
  it('share what they read alike', async () => {
    await using world = await createSyncWorld();
    const roomId = await world.test.createRoom(ALICE, '12', 'public');
    for (const reader of READERS) await member(world, roomId, reader, reader, 'join');
    const since = new Map<(typeof READERS)[number], string>();
    for (const reader of READERS) {
      const { next } = await world.sync(reader);
      since.set(reader, (await world.sync(reader, { since: next })).next);
    }
    const waiting = READERS.map((reader) =>
      world.sync(reader, { since: since.get(reader), timeoutMs: 30_000 }),
    );
    await untilWaiting(world, READERS.length);
    const queries = await countQueries(world.database.database, async () => {
      await world.test.send(roomId, ALICE, 'to all');
      for (const answer of await Promise.all(waiting))
        assert.deepEqual(named(answer.room('join', roomId)?.timeline), ['to all']);
    });
    assert.ok(queries <= READERS.length * MOST_QUERIES_EACH + MOST_SHARED, `${queries} queries`);
  });

  it('see what became of an event since another read it', async () => {
    await using world = await createSyncWorld();
    const roomId = await world.test.createRoom(ALICE, '12', 'public');
    await member(world, roomId, BOB, BOB, 'join');
    const since = (await world.sync(BOB)).next;
    const sent = await world.test.send(roomId, ALICE, 'a slip');
    const first = await world.sync(BOB, { since });
    assert.deepEqual(named(first.room('join', roomId)?.timeline), ['a slip']);
    await world.test.setState(roomId, ALICE, 'm.room.topic', '', { topic: 'x' });
    await world.test.propose(roomId, ALICE, {
      type: 'm.room.redaction',
      content: { redacts: sent.event.eventId },
    });
    const again = await world.sync(BOB, { since });
    assert.deepEqual(again.room('join', roomId)?.timeline[0]?.['content'], {});
    const [stored] = await listEventsById(world.deps.db, [sent.event.eventId]);
    assert.ok(stored?.redactedByNid !== undefined);
  });

  it('read again what could not be read', async () => {
    await using world = await createSyncWorld();
    const roomId = await world.test.createRoom(ALICE);
    const since = (await world.sync(ALICE)).next;
    await world.test.send(roomId, ALICE, 'hello');
    const { pool } = world.database.database;
    const connect = pool.connect.bind(pool);
    const away = (): never => {
      throw new Error('the database is away');
    };
    await world.deps.syncFeed.catchUp();
    Object.assign(pool, { connect: away });
    await assert.rejects(world.sync(ALICE, { since }));
    Object.assign(pool, { connect });
    assert.deepEqual(named((await world.sync(ALICE, { since })).room('join', roomId)?.timeline), ['hello']);
  });
});
