import assert from 'node:assert/strict';
import type { EventId, RoomId } from '../../src/matrix/identifiers.ts';
import type { HitPlace, HitQuery } from '../../src/storage/search.ts';
import { localUser } from '../support/pipeline.ts';
import { makeSearchWorld, type SearchWorld } from './search-world.ts';

const ALICE = localUser('alice');
const BOB = localUser('bob');

describe('the texts that fit a search', () => {
  let world: SearchWorld;
  let one: RoomId;
  let other: RoomId;
  beforeEach(async () => {
    world = await makeSearchWorld();
    one = await world.pipeline.createRoom(ALICE);
    other = await world.pipeline.createRoom(ALICE);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const say = async (roomId: RoomId, body: string, sender = ALICE): Promise<EventId> =>
    (await world.pipeline.send(roomId, sender, body)).event.eventId;
  const nidOf = async (table: 'rooms' | 'users', id: string): Promise<number> => {
    const column = table === 'rooms' ? 'room' : 'user';
    const { rows } = await world.test.database.pool.query<{ nid: number }>(
      `select ${column}_nid as nid from ${table} where ${column}_id = $1`,
      [id],
    );
    return rows[0]?.nid ?? assert.fail(`${id} is not there`);
  };
  const countTexts = async (): Promise<number | null> =>
    (await world.test.database.pool.query('select from searchable_texts')).rowCount;

  it('are of the rooms that are asked for, by the index or by a look at each', async () => {
    const here = await say(one, 'needle');
    const there = await say(other, 'needle');
    const [oneNid, otherNid] = [await nidOf('rooms', one), await nidOf('rooms', other)];
    for (const roomsInIndex of [true, false]) {
      const findIn = (...roomNids: number[]): Promise<readonly string[]> =>
        world.find('needle', { roomNids, roomsInIndex });
      assert.deepEqual(await findIn(oneNid), [here]);
      assert.deepEqual(await findIn(otherNid, 1_000_000), [there]);
      assert.deepEqual(await findIn(otherNid, oneNid), [here, there]);
      assert.deepEqual(await findIn(1_000_000), []);
    }
  });

  it('are of the senders that are asked for, in either order', async () => {
    await world.pipeline.setState(one, BOB, 'm.room.member', BOB, { membership: 'join' });
    const first = await say(one, 'needle');
    const second = await say(one, 'needle', BOB);
    const edited = await say(one, 'nodle', BOB);
    await world.edit(one, BOB, edited, 'needle');
    const senderNids = [await nidOf('users', BOB)];
    assert.deepEqual(await world.find('needle', { senderNids }), [second, edited]);
    assert.deepEqual(await world.find('needle', { senderNids, order: 'recent' }), [edited, second]);
    assert.deepEqual(await world.find('needle', { senderNids: [await nidOf('users', ALICE)] }), [first]);
  });

  it('are at the keys that are asked for', async () => {
    const { event: name } = await world.pipeline.setState(one, ALICE, 'm.room.name', '', {
      name: 'needle',
    });
    const { event: topic } = await world.pipeline.setState(one, ALICE, 'm.room.topic', '', {
      topic: 'needle',
    });
    const body = await say(one, 'needle');
    assert.deepEqual(await world.find('needle', { keys: ['content.body'] }), [body]);
    assert.deepEqual(await world.find('needle', { keys: ['content.topic', 'content.name'] }), [
      name.eventId,
      topic.eventId,
    ]);
  });

  it('have words side by side where that is asked for, in either order', async () => {
    await say(one, 'the stack of hay that has a needle');
    const found = await say(one, 'needle stack');
    for (const order of ['rank', 'recent'] as const) {
      assert.deepEqual(await world.find('"needle stack"', { order }), [found]);
      assert.deepEqual(await world.find('"stack needle"', { order }), []);
    }
  });

  it('rank by how near the words are, how often they are there and how long the text is', async () => {
    const long = await say(one, `needle stack ${'hay '.repeat(40)}`);
    const far = await say(one, 'stack of hay that has a needle');
    const near = await say(one, 'needle stack of hay in a barn');
    const often = await say(one, 'needle stack, stack, needle stack');
    assert.deepEqual(await world.find('stack needle'), [often, near, long, far]);
  });

  it('go on from any place, with nothing twice and nothing left out', async () => {
    for (let round = 0; round < 5; round++) {
      const edited = await say(one, `needle ${'hay '.repeat(round % 3)}`);
      await say(other, 'needle');
      await world.edit(one, ALICE, edited, 'needle');
      await world.edit(one, ALICE, edited, 'needle hay');
    }
    const hitsIn = async (order: HitQuery['order'], pageSize: number): Promise<string[]> => {
      const seen: string[] = [];
      let after: HitPlace | undefined;
      for (;;) {
        const page = await world.hits('needle', { order }, after, pageSize);
        seen.push(...page.map((hit) => `${hit.shownNid} by ${hit.eventNid}`));
        after = page.at(-1);
        if (after === undefined) return seen;
      }
    };
    for (const order of ['rank', 'recent'] as const) {
      const all = await hitsIn(order, 1_000);
      assert.equal(new Set(all).size, 20);
      for (const pageSize of [1, 3]) assert.deepEqual(await hitsIn(order, pageSize), all);
    }
  });

  it('are gone once the event is redacted that holds them, or that they edit', async () => {
    const kept = await say(one, 'needle');
    const gone = await say(one, 'needle');
    const edited = await say(one, 'needle');
    await world.edit(one, ALICE, gone, 'needle again');
    const edit = await world.edit(one, ALICE, edited, 'needle again');
    assert.equal((await world.hits('needle')).length, 5);
    await world.redact(one, ALICE, gone);
    await world.redact(one, ALICE, edit);
    assert.deepEqual(await world.find('needle'), [kept, edited]);
    assert.equal(await countTexts(), 2);
  });

  it('are none where there are no words', async () => {
    await say(one, '!!! …');
    await world.index.catchUp();
    assert.equal(await countTexts(), 0);
  });
});
