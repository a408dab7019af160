import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  act,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
  textsOf,
} from './rooms-client.ts';
import { idsIn, searchFor, trySearch } from './search-client.ts';

describe('a search for messages', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeRoom(server, alice);
  });

  const number = async (howMany: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let i = 0; i < howMany; i++) ids.push(await say(server, alice, roomId, `Message number ${i}`));
    return ids;
  };

  it('finds a message by its words, however it was just sent', async () => {
    const eventId = await say(server, alice, roomId, 'Hello, world');
    await say(server, alice, roomId, 'Something else');
    const found = await searchFor(server, alice, 'HELLO', { keys: ['content.body'] });
    assert.equal(found['count'], 1);
    assert.deepEqual(found['highlights'], ['hello']);
    const [first = {}] = objectsAt(found, 'results');
    assert.ok(Number(first['rank']) > 0);
    const event = objectAt(first, 'result');
    assert.deepEqual(
      [event['event_id'], event['room_id'], event['type'], event['content']],
      [eventId, roomId, 'm.room.message', { msgtype: 'm.text', body: 'Hello, world' }],
    );
    assert.equal(first['context'], undefined);
    assert.equal(found['next_batch'], undefined);
  });

  it('finds names and topics, and keeps to the keys that are asked for', async () => {
    await putState(server, alice, roomId, 'm.room.name', { name: 'The walrus' });
    await putState(server, alice, roomId, 'm.room.topic', { topic: 'Of walrus and men' });
    await say(server, alice, roomId, 'I am the walrus');
    const typesFor = async (criteria: JsonObject): Promise<unknown[]> =>
      objectsAt(await searchFor(server, alice, 'walrus', { order_by: 'recent', ...criteria }), 'results').map(
        (result) => objectAt(result, 'result')['type'],
      );
    assert.deepEqual(await typesFor({}), ['m.room.message', 'm.room.topic', 'm.room.name']);
    assert.deepEqual(await typesFor({ keys: ['content.topic'] }), ['m.room.topic']);
    assert.deepEqual(await typesFor({ keys: ['content.name', 'content.body'] }), [
      'm.room.message',
      'm.room.name',
    ]);
    assert.deepEqual(await typesFor({ filter: { types: ['m.room.n*'] } }), ['m.room.name']);
    assert.deepEqual(await typesFor({ keys: [] }), []);
  });

  it('puts what fits best first, and of equals the oldest', async () => {
    const long = await say(server, alice, roomId, 'cheese is what this long, long sentence is about');
    const first = await say(server, alice, roomId, 'cheese before');
    const second = await say(server, alice, roomId, 'cheese after');
    const often = await say(server, alice, roomId, 'cheese cheese cheese');
    assert.deepEqual(idsIn(await searchFor(server, alice, 'cheese')), [often, first, second, long]);
  });

  it('pages back through the newest', async () => {
    const sent = await number(20);
    const criteria = { order_by: 'recent', filter: { limit: 10, rooms: [roomId] } };
    const first = await searchFor(server, alice, 'Message', criteria);
    assert.deepEqual([first['count'], idsIn(first)], [20, sent.slice(10).toReversed()]);
    const second = await searchFor(server, alice, 'Message', criteria, first['next_batch']);
    assert.deepEqual([second['count'], idsIn(second)], [20, sent.slice(0, 10).toReversed()]);
    const third = await searchFor(server, alice, 'Message', criteria, second['next_batch']);
    assert.deepEqual([third['count'], third['results']], [20, []]);
    assert.equal(third['next_batch'], undefined);
  });

  it('pages through what fits best', async () => {
    const sent = await number(5);
    const criteria = { filter: { limit: 2 } };
    const first = await searchFor(server, alice, 'message', criteria);
    const second = await searchFor(server, alice, 'message', criteria, first['next_batch']);
    const third = await searchFor(server, alice, 'message', criteria, second['next_batch']);
    assert.deepEqual([first, second, third].flatMap(idsIn), sent);
    assert.equal(third['next_batch'], undefined);
  });

  it('shows what surrounds a result, nearest first', async () => {
    await number(8);
    const found = await searchFor(server, alice, 'Message 4', {
      order_by: 'recent',
      filter: { limit: 1 },
      event_context: { before_limit: 2, after_limit: 2, include_profile: true },
    });
    assert.equal(found['count'], 1);
    const context = objectAt(objectsAt(found, 'results')[0] ?? {}, 'context');
    assert.deepEqual(textsOf(objectsAt(context, 'events_before')), ['Message number 3', 'Message number 2']);
    assert.deepEqual(textsOf(objectsAt(context, 'events_after')), ['Message number 5', 'Message number 6']);
    const localpart = alice.userId.slice(1, alice.userId.indexOf(':'));
    assert.deepEqual(context['profile_info'], { [alice.userId]: { displayname: localpart } });
    const messages = async (from: string, dir: string): Promise<unknown[]> => {
      const path = `${pathOf(roomId, 'messages')}?dir=${dir}&limit=1&from=${textAt(context, from)}`;
      return textsOf(objectsAt(await succeed(server, 'GET', path, { token: alice }), 'chunk'));
    };
    assert.deepEqual(await messages('start', 'b'), ['Message number 1']);
    assert.deepEqual(await messages('end', 'f'), ['Message number 7']);
  });

  it('shows five events on either side unless it is told how many', async () => {
    await number(15);
    const found = await searchFor(server, alice, '"number 7"', { event_context: {} });
    const context = objectAt(objectsAt(found, 'results')[0] ?? {}, 'context');
    assert.equal(objectsAt(context, 'events_before').length, 5);
    assert.equal(objectsAt(context, 'events_after').length, 5);
    assert.equal(context['profile_info'], undefined);
  });

  it('includes the state of the rooms when asked to', async () => {
    await say(server, alice, roomId, 'needle');
    const found = await searchFor(server, alice, 'needle', { include_state: true });
    const types = objectsAt(objectAt(found, 'state'), roomId).map((event) => event['type']);
    assert.ok(types.includes('m.room.create') && types.includes('m.room.member'));
    assert.equal((await searchFor(server, alice, 'needle'))['state'], undefined);
  });

  it('puts results into groups, which can be paged through on their own', async () => {
    const other = await makeSharedRoom(server, alice, bob);
    const ids = [
      await say(server, alice, roomId, 'needle 1'),
      await say(server, alice, roomId, 'needle 2'),
      await say(server, bob, other, 'needle 3'),
      await say(server, alice, other, 'needle 4'),
    ];
    const criteria = {
      order_by: 'recent',
      filter: { limit: 3 },
      groupings: { group_by: [{ key: 'room_id' }, { key: 'sender' }] },
    };
    const found = await searchFor(server, alice, 'needle', criteria);
    const groups = objectAt(found, 'groups');
    const [ofOther, ofRoom] = [other, roomId].map((id) => objectAt(objectAt(groups, 'room_id'), id));
    assert.deepEqual(
      [ofOther?.['order'], ofOther?.['results'], ofRoom?.['order'], ofRoom?.['results']],
      [0, [ids[3], ids[2]], 1, [ids[1]]],
    );
    const rest = await searchFor(server, alice, 'needle', criteria, ofRoom?.['next_batch']);
    assert.deepEqual([rest['count'], idsIn(rest)], [2, [ids[0]]]);
    const ofBob = objectAt(objectAt(groups, 'sender'), bob.userId);
    assert.deepEqual(ofBob['results'], [ids[2]]);
    const none = await searchFor(server, alice, 'needle', criteria, ofBob['next_batch']);
    assert.deepEqual([none['count'], idsIn(none)], [1, []]);
  });

  it('keeps to the group of its token on every further page', async () => {
    const other = await makeRoom(server, alice);
    const ids: string[] = [];
    for (const text of ['needle 1', 'needle 2', 'needle 3']) {
      ids.push(await say(server, alice, roomId, text));
      await say(server, alice, other, text);
    }
    const criteria = {
      order_by: 'recent',
      filter: { limit: 2 },
      groupings: { group_by: [{ key: 'room_id' }] },
    };
    const first = await searchFor(server, alice, 'needle', criteria);
    const group = objectAt(objectAt(objectAt(first, 'groups'), 'room_id'), roomId);
    const one = { ...criteria, filter: { limit: 1 } };
    const second = await searchFor(server, alice, 'needle', one, group['next_batch']);
    const third = await searchFor(server, alice, 'needle', one, second['next_batch']);
    assert.deepEqual([idsIn(second), idsIn(third)], [[ids[1]], [ids[0]]]);
    assert.deepEqual([second['count'], third['count']], [3, 3]);
  });

  it('looks into the rooms that a room has replaced', async () => {
    const before = await say(server, alice, roomId, 'Message before upgrade');
    const { body } = await act(server, alice, roomId, 'upgrade', { new_version: '11' });
    const replacement = textAt(body, 'replacement_room');
    const after = await say(server, alice, replacement, 'Message after upgrade');
    const both = await searchFor(server, alice, 'upgrade', { filter: { rooms: [roomId, replacement] } });
    assert.deepEqual([both['count'], idsIn(both)], [2, [before, after]]);
    const newer = await searchFor(server, alice, 'upgrade', { filter: { rooms: [replacement] } });
    assert.deepEqual(idsIn(newer), [before, after]);
    const older = await searchFor(server, alice, 'upgrade', { filter: { rooms: [roomId] } });
    assert.deepEqual(idsIn(older), [before]);
    const excluded = { rooms: [replacement], not_rooms: [roomId] };
    assert.deepEqual(idsIn(await searchFor(server, alice, 'upgrade', { filter: excluded })), [after]);
  });

  it('keeps to the rooms and senders of its filter', async () => {
    const other = await makeSharedRoom(server, alice, bob);
    const ids = [await say(server, alice, roomId, 'needle'), await say(server, bob, other, 'needle')];
    const with_ = async (filter: JsonObject): Promise<unknown[]> =>
      idsIn(await searchFor(server, alice, 'needle', { filter }));
    assert.deepEqual(await with_({ rooms: [other] }), [ids[1]]);
    assert.deepEqual(await with_({ not_rooms: [other] }), [ids[0]]);
    assert.deepEqual(await with_({ senders: [alice.userId] }), [ids[0]]);
    assert.deepEqual(await with_({ senders: ['@nobody:localhost'] }), []);
    assert.deepEqual(await with_({ not_senders: [alice.userId] }), [ids[1]]);
    assert.deepEqual(await with_({ rooms: [] }), []);
    assert.deepEqual(await with_({ contains_url: true }), []);
  });

  it('finds nothing for a term without words', async () => {
    await say(server, alice, roomId, 'anything');
    const found = await searchFor(server, alice, ' … ');
    assert.deepEqual(found, { count: 0, highlights: [], results: [] });
  });

  it('answers categories that are not asked for with none', async () => {
    const reply = await succeed(server, 'POST', '/_matrix/client/v3/search', {
      token: alice,
      body: { search_categories: {} },
    });
    assert.deepEqual(reply, { search_categories: {} });
  });

  it('is refused where it says nothing that can be searched for', async () => {
    const refused = async (criteria: JsonObject, nextBatch?: string): Promise<unknown> =>
      refusalOf(await trySearch(server, alice, criteria, nextBatch));
    assert.deepEqual(await refused({}), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await refused({ search_term: 1 }), [400, 'M_BAD_JSON']);
    const term = { search_term: 'x' };
    for (const wrong of [
      { keys: ['content.secret'] },
      { order_by: 'random' },
      { groupings: { group_by: [{ key: 'type' }] } },
      { event_context: { before_limit: -1 } },
      { filter: { limit: 'many' } },
    ])
      assert.equal(
        (await trySearch(server, alice, { ...term, ...wrong })).status,
        400,
        JSON.stringify(wrong),
      );
    assert.deepEqual(await refused(term, 'nonsense'), [400, 'M_INVALID_PARAM']);
    const body = refusalOf(
      await request(server, 'POST', '/_matrix/client/v3/search', { token: alice, body: {} }),
    );
    assert.deepEqual(body, [400, 'M_MISSING_PARAM']);
  });

  it('is refused when its token is of a search in another order', async () => {
    await number(2);
    const filter = { limit: 1 };
    const { next_batch: token } = await searchFor(server, alice, 'message', { filter });
    const reply = await trySearch(server, alice, { search_term: 'message', order_by: 'recent' }, token);
    assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM']);
  });

  it('is limited in how often it can be asked for', async () => {
    await using limited = await startTestServer({ config: { rateLimits: true } });
    const [carol] = await makeTwo(limited);
    const statuses: number[] = [];
    for (let i = 0; i < 31; i++)
      statuses.push((await trySearch(limited, carol, { search_term: 'x' })).status);
    assert.deepEqual(statuses, [...Array<number>(30).fill(200), 429]);
  });

  it('is not for guests and strangers', async () => {
    const guest = await makeGuest(server);
    assert.deepEqual(refusalOf(await trySearch(server, guest, { search_term: 'x' })), [
      403,
      'M_GUEST_ACCESS_FORBIDDEN',
    ]);
    const reply = await request(server, 'POST', '/_matrix/client/v3/search', { body: {} });
    assert.deepEqual(refusalOf(reply), [401, 'M_MISSING_TOKEN']);
  });
});
