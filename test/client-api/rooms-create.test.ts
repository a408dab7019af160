import assert from 'node:assert/strict';
import { ROOM_VERSIONS } from '../../src/matrix/room-version.ts';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  getState,
  makeRoom,
  makeTwo,
  makeUsers,
  membershipOf,
  nameOf,
  objectAt,
  pathOf,
  refusalOf,
} from './rooms-client.ts';

describe('POST /createRoom', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const create = (body: JsonObject, user = alice): Promise<TestReply> =>
    request(server, 'POST', '/_matrix/client/v3/createRoom', { token: user, body });
  const eventTypes = async (roomId: string): Promise<unknown[]> => {
    const page = await succeed(server, 'GET', `${pathOf(roomId, 'messages')}?dir=f&limit=50`, {
      token: alice,
    });
    const chunk = page['chunk'];
    assert.ok(Array.isArray(chunk));
    return chunk.map((event: JsonObject) => event['type']);
  };

  for (const version of ROOM_VERSIONS) {
    it(`makes rooms of version ${version}, in which both the maker and an invitee can speak`, async () => {
      const roomId = await makeRoom(server, alice, { room_version: version, invite: [bob.userId] });
      await succeed(server, 'POST', pathOf(roomId, 'join'), { token: bob });
      for (const user of [alice, bob]) {
        const body = { msgtype: 'm.text', body: 'hello' };
        await succeed(server, 'PUT', pathOf(roomId, 'send', 'm.room.message', 't'), { token: user, body });
      }
      const content = await getState(server, alice, roomId, 'm.room.create');
      assert.equal(content['room_version'], version);
      assert.equal(content['creator'], Number(version) <= 10 ? alice.userId : undefined);
    });
  }

  it('makes rooms of the configured version when none is named', async () => {
    const roomId = await makeRoom(server, alice);
    assert.equal((await getState(server, alice, roomId, 'm.room.create'))['room_version'], '12');
  });

  it('sends the events in the order of the specification', async () => {
    const roomId = await makeRoom(server, alice, {
      room_alias_name: 'in-order',
      name: 'A name',
      topic: 'A topic',
      invite: [bob.userId],
      initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
    });
    assert.deepEqual(await eventTypes(roomId), [
      'm.room.create',
      'm.room.member',
      'm.room.power_levels',
      'm.room.canonical_alias',
      'm.room.join_rules',
      'm.room.history_visibility',
      'm.room.guest_access',
      'm.room.encryption',
      'm.room.name',
      'm.room.topic',
      'm.room.member',
    ]);
  });

  const presets = {
    private_chat: ['invite', 'shared', 'can_join'],
    trusted_private_chat: ['invite', 'shared', 'can_join'],
    public_chat: ['public', 'shared', 'forbidden'],
  };
  for (const [preset, [joinRule, visibility, guests]] of Object.entries(presets)) {
    it(`sets join rule, history visibility and guest access of ${preset}`, async () => {
      const roomId = await makeRoom(server, alice, { preset });
      assert.equal((await getState(server, alice, roomId, 'm.room.join_rules'))['join_rule'], joinRule);
      const history = await getState(server, alice, roomId, 'm.room.history_visibility');
      assert.equal(history['history_visibility'], visibility);
      assert.equal((await getState(server, alice, roomId, 'm.room.guest_access'))['guest_access'], guests);
    });
  }

  it('takes the preset from the visibility when none is named', async () => {
    const created = await create({ visibility: 'public' });
    const open = await getState(server, alice, textAt(created.body, 'room_id'), 'm.room.join_rules');
    const hidden = await create({});
    const closed = await getState(server, alice, textAt(hidden.body, 'room_id'), 'm.room.join_rules');
    assert.deepEqual([open['join_rule'], closed['join_rule']], ['public', 'invite']);
  });

  it('lets initial_state override the preset, and name and topic override initial_state', async () => {
    const roomId = await makeRoom(server, alice, {
      topic: 'spoken',
      initial_state: [
        { type: 'm.room.join_rules', content: { join_rule: 'knock' } },
        { type: 'm.room.topic', content: { topic: 'written' } },
      ],
    });
    assert.equal((await getState(server, alice, roomId, 'm.room.join_rules'))['join_rule'], 'knock');
    const topic = await getState(server, alice, roomId, 'm.room.topic');
    assert.equal(topic['topic'], 'spoken');
    assert.deepEqual(topic['m.topic'], { 'm.text': [{ body: 'spoken', mimetype: 'text/plain' }] });
    assert.equal((await eventTypes(roomId)).filter((type) => type === 'm.room.topic').length, 1);
  });

  it('keeps creation content, but for the keys that the server writes', async () => {
    const roomId = await makeRoom(server, alice, {
      room_version: '10',
      creation_content: { 'm.federate': false, type: 'm.space', creator: bob.userId, room_version: 'mine' },
    });
    assert.deepEqual(await getState(server, alice, roomId, 'm.room.create'), {
      'm.federate': false,
      type: 'm.space',
      creator: alice.userId,
      room_version: '10',
    });
  });

  it('lays power_level_content_override over the default levels', async () => {
    const roomId = await makeRoom(server, alice, {
      room_version: '11',
      power_level_content_override: { invite: 70, users: { [alice.userId]: 100, [bob.userId]: 70 } },
    });
    const levels = await getState(server, alice, roomId, 'm.room.power_levels');
    assert.equal(levels['invite'], 70);
    assert.equal(levels['state_default'], 50);
    assert.deepEqual(levels['users'], { [alice.userId]: 100, [bob.userId]: 70 });
  });

  it('marks the invites of a direct chat', async () => {
    const roomId = await makeRoom(server, alice, { is_direct: true, invite: [bob.userId, bob.userId] });
    const content = await getState(server, alice, roomId, 'm.room.member', bob.userId);
    assert.deepEqual(content, { displayname: nameOf(bob), membership: 'invite', is_direct: true });
  });

  it('gives the invitees of a trusted chat the power of its maker', async () => {
    const roomId = await makeRoom(server, alice, {
      room_version: '11',
      preset: 'trusted_private_chat',
      invite: [bob.userId],
    });
    const levels = await getState(server, alice, roomId, 'm.room.power_levels');
    assert.deepEqual(levels['users'], { [alice.userId]: 100, [bob.userId]: 100 });
  });

  describe('since version 12', () => {
    it('lists no creator in the levels, and asks more than any state default for a tombstone', async () => {
      const roomId = await makeRoom(server, alice);
      const levels = await getState(server, alice, roomId, 'm.room.power_levels');
      assert.deepEqual(levels['users'], {});
      assert.equal(objectAt(levels, 'events')['m.room.tombstone'], 150);
    });

    it('keeps the tombstone above a raised state default, and when all event levels are replaced', async () => {
      const roomId = await makeRoom(server, alice, {
        power_level_content_override: { state_default: 200, events: { 'm.room.name': 10 } },
      });
      const levels = await getState(server, alice, roomId, 'm.room.power_levels');
      assert.deepEqual(levels['events'], { 'm.room.name': 10, 'm.room.tombstone': 201 });
    });

    it('adds the invitees of a trusted chat to the creators, each once', async () => {
      const [carol] = await makeUsers(server, 'carol');
      const roomId = await makeRoom(server, alice, {
        preset: 'trusted_private_chat',
        invite: [bob.userId],
        creation_content: { additional_creators: [carol.userId, bob.userId, alice.userId] },
      });
      const content = await getState(server, alice, roomId, 'm.room.create');
      assert.deepEqual(content['additional_creators'], [carol.userId, bob.userId]);
      assert.deepEqual((await getState(server, alice, roomId, 'm.room.power_levels'))['users'], {});
    });

    it('makes two different rooms of two equal requests in the same millisecond', async () => {
      assert.notEqual(await makeRoom(server, alice), await makeRoom(server, alice));
    });

    for (const creators of ['@a:b', [42], ['nobody'], ['@a:b', '@x:dom$ain$.com']]) {
      it(`refuses ${JSON.stringify(creators)} as additional_creators`, async () => {
        const reply = await create({ creation_content: { additional_creators: creators } });
        assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_ROOM_STATE']);
      });
    }

    it('refuses a level for a creator', async () => {
      const reply = await create({ power_level_content_override: { users: { [alice.userId]: 100 } } });
      assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_ROOM_STATE']);
    });
  });

  it('makes nothing when the levels forbid what was asked for', async () => {
    const before = await succeed(server, 'GET', '/_matrix/client/v3/joined_rooms', { token: alice });
    const reply = await create({
      room_version: '11',
      name: 'Mine',
      room_alias_name: 'never-made',
      power_level_content_override: { users: { [alice.userId]: 0 } },
    });
    assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_ROOM_STATE']);
    assert.deepEqual(
      await succeed(server, 'GET', '/_matrix/client/v3/joined_rooms', { token: alice }),
      before,
    );
    const alias = `/_matrix/client/v3/directory/room/${encodeURIComponent('#never-made:localhost')}`;
    assert.deepEqual(refusalOf(await request(server, 'GET', alias)), [404, 'M_NOT_FOUND']);
    assert.equal((await create({ room_alias_name: 'never-made' })).status, 200);
  });

  const refusals: [string, JsonObject, number, string][] = [
    ['an unknown room version', { room_version: '99' }, 400, 'M_UNSUPPORTED_ROOM_VERSION'],
    ['a number as room version', { room_version: 1 }, 400, 'M_BAD_JSON'],
    ['an unknown preset', { preset: 'secret_chat' }, 400, 'M_BAD_JSON'],
    ['an invitee who is no user id', { invite: ['bob'] }, 400, 'M_BAD_JSON'],
    ['an invitee of another server', { invite: ['@bob:elsewhere.test'] }, 403, 'M_FORBIDDEN'],
    [
      'initial state that invites a user of another server',
      {
        initial_state: [
          { type: 'm.room.member', state_key: '@bob:elsewhere.test', content: { membership: 'invite' } },
        ],
      },
      403,
      'M_FORBIDDEN',
    ],
    ['an invitation by e-mail', { invite_3pid: [{ medium: 'email' }] }, 403, 'M_THREEPID_DENIED'],
    ['an alias that is no localpart', { room_alias_name: 'a:b' }, 400, 'M_INVALID_PARAM'],
    ['initial state without content', { initial_state: [{ type: 'm.x' }] }, 400, 'M_MISSING_PARAM'],
    ['a second create event', { initial_state: [{ type: 'm.room.create', content: {} }] }, 400, 'M_BAD_JSON'],
    ['a float in the content', { initial_state: [{ type: 'm.x', content: { x: 0.5 } }] }, 400, 'M_BAD_JSON'],
    [
      'NUL in a state key',
      { initial_state: [{ type: 'm.x', state_key: '\0', content: {} }] },
      400,
      'M_BAD_JSON',
    ],
  ];
  for (const [what, body, status, errcode] of refusals) {
    it(`refuses ${what}`, async () => {
      assert.deepEqual(refusalOf(await create(body)), [status, errcode]);
    });
  }

  it('refuses an alias that is taken', async () => {
    assert.equal((await create({ room_alias_name: 'taken' })).status, 200);
    assert.deepEqual(refusalOf(await create({ room_alias_name: 'taken' })), [400, 'M_ROOM_IN_USE']);
  });

  it('gives an alias to one of two requests that race for it', async () => {
    const replies = await Promise.all([
      create({ room_alias_name: 'raced' }),
      create({ room_alias_name: 'raced' }),
    ]);
    assert.deepEqual(
      replies.map((reply) => reply.status).toSorted((a, b) => a - b),
      [200, 400],
    );
  });

  it('lets the maker join first and the invitee wait', async () => {
    const roomId = await makeRoom(server, alice, { invite: [bob.userId] });
    assert.equal(await membershipOf(server, alice, roomId, alice), 'join');
    assert.equal(await membershipOf(server, alice, roomId, bob), 'invite');
  });

  it('publishes only for administrators where the configuration says so', async () => {
    await using strict = await startTestServer({ config: { directoryPublishing: 'admins' } });
    const [user] = await makeTwo(strict);
    const path = '/_matrix/client/v3/createRoom';
    const open = await request(strict, 'POST', path, { token: user, body: { visibility: 'public' } });
    assert.deepEqual(refusalOf(open), [403, 'M_FORBIDDEN']);
    await makeRoom(strict, user);
  });
});
