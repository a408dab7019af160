import assert from 'node:assert/strict';
import { SearchIndex } from '../../src/search/search-index.ts';
import { parseSearchTerm, tsQueryOf } from '../../src/search/search-term.ts';
import { SEARCH_KEYS } from '../../src/search/searchable-text.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { listHits } from '../../src/storage/search.ts';
import type { StreamChange } from '../../src/storage/stream-hub.ts';
import { createLog } from '../../src/util/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, type TestPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const ALICE = localUser('alice');

describe('the search index', () => {
  let test: TestDatabase;
  let world: TestPipeline;
  let roomId: RoomId;
  let listeners: Set<(change: StreamChange) => void>;
  let indices: SearchIndex[];
  beforeEach(async () => {
    test = await createTestDatabase();
    listeners = new Set();
    indices = [];
    world = makePipeline(test, {
      onCommitted: ({ roomNid, position = 0 }) => {
        for (const listener of listeners) listener({ position, roomNids: [roomNid], userNids: [] });
      },
    });
    roomId = await world.createRoom(ALICE);
  });
  afterEach(async () => {
    for (const index of indices) await index[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
  });

  const makeIndex = (): SearchIndex => {
    const hub = {
      subscribe: (listener: (change: StreamChange) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const log = createLog({ level: 'silent' });
    const index = new SearchIndex({ db: test.database.db, hub, clock: world.clock, log });
    indices.push(index);
    return index;
  };
  const say = (howMany: number): Promise<unknown> =>
    Promise.all(Array.from({ length: howMany }, (_, i) => world.send(roomId, ALICE, `needle ${i}`)));
  const countNeedles = async (): Promise<number> => {
    const { rows } = await test.database.pool.query<{ room_nid: number }>('select room_nid from rooms');
    const query = {
      ranks: tsQueryOf(parseSearchTerm('needle')),
      fits: tsQueryOf(parseSearchTerm('needle')),
      roomNids: rows.map((row) => row.room_nid),
      senderNids: undefined,
      keys: SEARCH_KEYS,
      order: 'rank' as const,
    };
    return (await listHits(test.database.db, query, undefined, 10_000)).length;
  };

  it('has everything that was committed before it is asked to catch up', async () => {
    await say(1_203);
    assert.equal(await countNeedles(), 0);
    await makeIndex().catchUp();
    assert.equal(await countNeedles(), 1_203);
  });

  it('is filled once, however many processes fill it at the same time', async () => {
    await say(1_100);
    const [one, other] = [makeIndex(), makeIndex()];
    await Promise.all([one.catchUp(), other.catchUp(), one.catchUp(), other.catchUp()]);
    assert.equal(await countNeedles(), 1_100);
    await say(3);
    await other.catchUp();
    await one.catchUp();
    assert.equal(await countNeedles(), 1_103);
  });

  it('misses nothing that is sent while it is filled', async () => {
    const index = makeIndex();
    for (let round = 1; round <= 10; round++) {
      const sending = say(20);
      const filling = index.catchUp();
      await sending;
      await index.catchUp();
      assert.equal(await countNeedles(), round * 20);
      await filling;
    }
  });

  it('follows the stream a while after something has happened', async () => {
    await say(1);
    makeIndex().start();
    world.clock.advance(5_000);
    await until('the index to follow', async () => (await countNeedles()) === 1);
    await say(2);
    world.clock.advance(4_000);
    assert.equal(await countNeedles(), 1);
    world.clock.advance(1_000);
    await until('the index to follow', async () => (await countNeedles()) === 3);
  });

  it('has what was backfilled, at whatever time that came', async () => {
    const { pool } = test.database;
    await say(4);
    const backfill = (position: number): Promise<unknown> =>
      pool.query(
        `update events set position = $1 where event_nid = (
           select max(event_nid) from events where type = 'm.room.message' and position > 0)`,
        [position],
      );
    await backfill(-1);
    const index = makeIndex();
    await index.catchUp();
    assert.equal(await countNeedles(), 4);
    await pool.query('delete from searchable_texts');
    await backfill(-2);
    await backfill(-3);
    await index.catchUp();
    assert.equal(await countNeedles(), 2);
  });

  it('gives up when nobody waits any more', async () => {
    await say(1);
    await makeIndex().catchUp(AbortSignal.abort());
    assert.equal(await countNeedles(), 0);
  });
});
