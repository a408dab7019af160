import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { isJsonArray, isJsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  FORBIDDEN,
  act,
  getState,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  pathOf,
  putState,
  refusalOf,
} from './rooms-client.ts';

describe('room state', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const wholeState = async (user: TestUser, roomId: string): Promise<JsonObject[]> => {
    const reply = await request(server, 'GET', pathOf(roomId, 'state'), { token: user });
    assert.equal(reply.status, 200);
    assert.ok(isJsonArray(reply.json));
    return reply.json.filter(isJsonObject);
  };

  it('may be owned by a user, with a suffix, where the room version says so', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, {
      room_version: 'org.matrix.msc3757.10',
      power_level_content_override: { events: { 'm.x': 0 } },
    });
    const long = `${bob.userId}_${'x'.repeat(250)}`;
    for (const stateKey of [bob.userId, `${bob.userId}_one`, long]) {
      assert.equal((await putState(server, bob, roomId, 'm.x', { stateKey }, stateKey)).status, 200);
      assert.deepEqual(await getState(server, alice, roomId, 'm.x', stateKey), { stateKey });
      assert.equal((await putState(server, alice, roomId, 'm.x', {}, stateKey)).status, 200);
    }
    const mine = `${alice.userId}_one`;
    assert.deepEqual(refusalOf(await putState(server, bob, roomId, 'm.x', {}, mine)), FORBIDDEN);
    for (const stateKey of ['@oops', `${bob.userId}@one`, `${bob.userId}_${'x'.repeat(256)}`]) {
      const reply = await putState(server, alice, roomId, 'm.x', {}, stateKey);
      assert.deepEqual(refusalOf(reply), [400, 'M_BAD_JSON']);
    }
    const other = await makeRoom(server, bob, { room_version: '11' });
    assert.deepEqual(
      refusalOf(await putState(server, bob, other, 'm.x', {}, `${bob.userId}_one`)),
      FORBIDDEN,
    );
    assert.deepEqual(refusalOf(await putState(server, bob, other, 'm.x', {}, long)), [413, 'M_TOO_LARGE']);
  });

  it('is set and read with any state key, an empty one with and without the slash', async () => {
    const roomId = await makeRoom(server, alice);
    for (const path of [
      pathOf(roomId, 'state', 'm.x'),
      pathOf(roomId, 'state', 'm.x', ''),
      pathOf(roomId, 'state', 'm.x', 'a/b %'),
    ]) {
      const body = { path };
      const { event_id: eventId } = await succeed(server, 'PUT', path, { token: alice, body });
      assert.ok(typeof eventId === 'string' && eventId.startsWith('$'));
      assert.deepEqual(await succeed(server, 'GET', path, { token: alice }), body);
    }
    assert.deepEqual(await getState(server, alice, roomId, 'm.x'), {
      path: pathOf(roomId, 'state', 'm.x', ''),
    });
  });

  it('is served under the old prefix too', async () => {
    const roomId = await makeRoom(server, alice, { name: 'Old' });
    const path = pathOf(roomId, 'state', 'm.room.name').replace('/v3/', '/r0/');
    assert.deepEqual(await succeed(server, 'GET', path, { token: alice }), { name: 'Old' });
    assert.deepEqual(await succeed(server, 'GET', `${path}/`, { token: alice }), { name: 'Old' });
  });

  it('is given as a whole event when that is asked for', async () => {
    const roomId = await makeRoom(server, alice, { name: 'First' });
    const first = await succeed(server, 'GET', `${pathOf(roomId, 'state', 'm.room.name')}?format=event`, {
      token: alice,
    });
    await putState(server, alice, roomId, 'm.room.name', { name: 'Second' });
    const event = await succeed(server, 'GET', `${pathOf(roomId, 'state', 'm.room.name', '')}?format=event`, {
      token: alice,
    });
    assert.deepEqual(
      [event['type'], event['state_key'], event['room_id'], event['sender']],
      ['m.room.name', '', roomId, alice.userId],
    );
    assert.deepEqual(event['content'], { name: 'Second' });
    const { age, ...unsigned } = objectAt(event, 'unsigned');
    assert.equal(age, 0);
    assert.deepEqual(unsigned, {
      membership: 'join',
      replaces_state: first['event_id'],
      prev_content: { name: 'First' },
      prev_sender: alice.userId,
    });
  });

  it('keeps its event when the same is set again', async () => {
    const roomId = await makeRoom(server, alice);
    const first = await putState(server, alice, roomId, 'm.x', { a: 1 });
    const second = await putState(server, alice, roomId, 'm.x', { a: 1 });
    const third = await putState(server, alice, roomId, 'm.x', { a: 2 });
    assert.equal(second.body['event_id'], first.body['event_id']);
    assert.notEqual(third.body['event_id'], first.body['event_id']);
  });

  it('is given as a list of events', async () => {
    const roomId = await makeRoom(server, alice, { name: 'Listed' });
    const events = await wholeState(alice, roomId);
    assert.deepEqual(
      events.map((event) => textAt(event, 'type')).toSorted((a, b) => a.localeCompare(b)),
      [
        'm.room.create',
        'm.room.guest_access',
        'm.room.history_visibility',
        'm.room.join_rules',
        'm.room.member',
        'm.room.name',
        'm.room.power_levels',
      ],
    );
    assert.ok(events.every((event) => event['room_id'] === roomId));
  });

  it('stays for who leaves as it was when they left', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { name: 'Before' });
    await act(server, bob, roomId, 'leave');
    await putState(server, alice, roomId, 'm.room.name', { name: 'After' });
    assert.deepEqual(await getState(server, bob, roomId, 'm.room.name'), { name: 'Before' });
    const events = await wholeState(bob, roomId);
    const own = events.find((event) => event['state_key'] === bob.userId);
    assert.deepEqual(own?.['content'], { membership: 'leave' });
    assert.deepEqual(events.find((event) => event['type'] === 'm.room.name')?.['content'], {
      name: 'Before',
    });
  });

  it('stays for who was banned, or invited again, as it was at the end of their stay', async () => {
    const roomId = await makeSharedRoom(server, alice, bob, { name: 'Before' });
    await act(server, bob, roomId, 'leave');
    await putState(server, alice, roomId, 'm.room.name', { name: 'After' });
    await act(server, alice, roomId, 'ban', { user_id: bob.userId });
    assert.deepEqual(await getState(server, bob, roomId, 'm.room.name'), { name: 'Before' });
    await act(server, alice, roomId, 'unban', { user_id: bob.userId });
    await act(server, alice, roomId, 'invite', { user_id: bob.userId });
    assert.deepEqual(await getState(server, bob, roomId, 'm.room.name'), { name: 'Before' });
  });

  it('is hidden from strangers, invitees, and who turned an invite down', async () => {
    const roomId = await makeRoom(server, alice);
    const read = async (): Promise<unknown[]> => [
      refusalOf(await request(server, 'GET', pathOf(roomId, 'state'), { token: bob })),
      refusalOf(await request(server, 'GET', pathOf(roomId, 'state', 'm.room.create'), { token: bob })),
    ];
    assert.deepEqual(await read(), [FORBIDDEN, FORBIDDEN]);
    await act(server, alice, roomId, 'invite', { user_id: bob.userId });
    assert.deepEqual(await read(), [FORBIDDEN, FORBIDDEN]);
    await act(server, bob, roomId, 'leave');
    assert.deepEqual(await read(), [FORBIDDEN, FORBIDDEN]);
    const unknown = await request(server, 'GET', pathOf('!nothing:localhost', 'state'), { token: bob });
    assert.deepEqual(refusalOf(unknown), FORBIDDEN);
  });

  it('is open to all, guests too, while the history is world readable', async () => {
    const readable = { type: 'm.room.history_visibility', content: { history_visibility: 'world_readable' } };
    const roomId = await makeRoom(server, alice, { name: 'Open', initial_state: [readable] });
    const guest = await makeGuest(server);
    for (const user of [bob, guest]) {
      assert.deepEqual(await getState(server, user, roomId, 'm.room.name'), { name: 'Open' });
      assert.ok((await wholeState(user, roomId)).length > 5);
    }
    await putState(server, alice, roomId, 'm.room.history_visibility', { history_visibility: 'shared' });
    const reply = await request(server, 'GET', pathOf(roomId, 'state'), { token: guest });
    assert.deepEqual(refusalOf(reply), FORBIDDEN);
  });

  it('answers 404 for what was never set, and 400 for an unknown format', async () => {
    const roomId = await makeRoom(server, alice);
    const nothing = await request(server, 'GET', pathOf(roomId, 'state', 'm.nothing'), { token: alice });
    assert.deepEqual(refusalOf(nothing), [404, 'M_NOT_FOUND']);
    const path = `${pathOf(roomId, 'state', 'm.room.create')}?format=pdu`;
    assert.deepEqual(refusalOf(await request(server, 'GET', path, { token: alice })), [
      400,
      'M_INVALID_PARAM',
    ]);
  });

  describe('refuses', () => {
    it('who is not in the room, has too little power, or writes into the slot of another', async () => {
      const roomId = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await putState(server, bob, roomId, 'm.x', {})), FORBIDDEN);
      await act(server, bob, roomId, 'join');
      const weak = await putState(server, bob, roomId, 'm.x', {});
      assert.deepEqual(refusalOf(weak), FORBIDDEN);
      assert.match(textAt(weak.body, 'error'), /power level 0 .* 50/);
      assert.deepEqual(refusalOf(await putState(server, alice, roomId, 'm.x', {}, bob.userId)), FORBIDDEN);
      const unknown = await putState(server, alice, '!nothing:localhost', 'm.x', {});
      assert.deepEqual(refusalOf(unknown), FORBIDDEN);
    });

    it('power levels that name a creator or are no levels, as a bad request', async () => {
      const roomId = await makeRoom(server, alice);
      for (const content of [
        { users: { [alice.userId]: 100 } },
        { users: { [bob.userId]: '100' } },
        { ban: 1.5 },
        { users: { [bob.userId]: 2 ** 53 } },
      ]) {
        const reply = await putState(server, alice, roomId, 'm.room.power_levels', content);
        assert.deepEqual(refusalOf(reply), [400, 'M_BAD_JSON']);
      }
    });

    it('power levels beyond what the sender has, as forbidden', async () => {
      const levels = { users: { [alice.userId]: 100, [bob.userId]: 100 } };
      const roomId = await makeSharedRoom(server, alice, bob, {
        room_version: '11',
        power_level_content_override: levels,
      });
      const taken = await putState(server, bob, roomId, 'm.room.power_levels', {
        users: { [bob.userId]: 100 },
      });
      assert.deepEqual(refusalOf(taken), FORBIDDEN);
    });

    it('a second create event, nonsense in member events, and what is no object', async () => {
      const roomId = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await putState(server, alice, roomId, 'm.room.create', {})), [
        400,
        'M_BAD_JSON',
      ]);
      for (const [content, key] of [
        [{ membership: 'guest' }, bob.userId],
        [{}, bob.userId],
        [{ membership: 'join' }, 'bob'],
      ] as const) {
        const reply = await putState(server, alice, roomId, 'm.room.member', content, key);
        assert.deepEqual(refusalOf(reply), [400, 'M_BAD_JSON']);
      }
      const list = await request(server, 'PUT', pathOf(roomId, 'state', 'm.x'), { token: alice, body: [] });
      assert.deepEqual(refusalOf(list), [400, 'M_BAD_JSON']);
    });

    it('names that are too long or hold NUL', async () => {
      const roomId = await makeRoom(server, alice);
      const long = await putState(server, alice, roomId, 'x'.repeat(256), {});
      assert.deepEqual(refusalOf(long), [413, 'M_TOO_LARGE']);
      assert.deepEqual(refusalOf(await putState(server, alice, roomId, 'm.x', {}, '\0')), [
        400,
        'M_INVALID_PARAM',
      ]);
    });
  });

  describe('of a room with aliases', () => {
    it('names only aliases that lead to the room', async () => {
      const roomId = await makeRoom(server, alice, { room_alias_name: 'leads-here' });
      await makeRoom(server, alice, { room_alias_name: 'leads-there' });
      const set = async (content: JsonObject): Promise<unknown> => {
        const reply = await putState(server, alice, roomId, 'm.room.canonical_alias', content);
        return reply.status === 200 ? 200 : refusalOf(reply);
      };
      assert.equal(await set({ alt_aliases: ['#leads-here:localhost'] }), 200);
      assert.deepEqual(await set({ alias: '#leads-there:localhost' }), [400, 'M_BAD_ALIAS']);
      assert.deepEqual(await set({ alias: '#nowhere:elsewhere.test' }), [400, 'M_BAD_ALIAS']);
      assert.deepEqual(await set({ alt_aliases: ['#leads-here:localhost', '#none:localhost'] }), [
        400,
        'M_BAD_ALIAS',
      ]);
      assert.deepEqual(await set({ alias: 'none' }), [400, 'M_INVALID_PARAM']);
      assert.deepEqual(await set({ alt_aliases: 'none' }), [400, 'M_INVALID_PARAM']);
      assert.equal(await set({ alias: null }), 200);
      assert.equal(await set({}), 200);
    });
  });

  it('is not set at once when a delay is asked for', async () => {
    const roomId = await makeRoom(server, alice);
    const path = pathOf(roomId, 'state', 'm.x', 'later');
    const delay = 'org.matrix.msc4140.delay';
    const bad = await request(server, 'PUT', `${path}?${delay}=soon`, { token: alice, body: {} });
    assert.deepEqual(refusalOf(bad), [400, 'M_INVALID_PARAM']);
    const parent = `${path}?org.matrix.msc4140.parent_delay_id=x`;
    assert.deepEqual(refusalOf(await request(server, 'PUT', parent, { token: alice, body: {} })), [
      400,
      'M_INVALID_PARAM',
    ]);
    const body = await succeed(server, 'PUT', `${path}?${delay}=60000`, { token: alice, body: {} });
    assert.ok(textAt(body, 'delay_id').length > 10);
    const reply = await request(server, 'GET', path, { token: alice });
    assert.deepEqual(refusalOf(reply), [404, 'M_NOT_FOUND']);
  });
});
