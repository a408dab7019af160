import assert from 'node:assert/strict';
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
  FORBIDDEN,
  act,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
} from './rooms-client.ts';

const NOT_FOUND = [404, 'M_NOT_FOUND'];

describe('finding rooms', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const invitation = { preset: 'private_chat' };
  const restrictedTo = (roomId: string): JsonObject => ({
    initial_state: [
      {
        type: 'm.room.join_rules',
        content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: roomId }] },
      },
    ],
  });

  describe('by their summary', () => {
    const summarise = (name: string, user?: TestUser): Promise<TestReply> =>
      request(server, 'GET', `/_matrix/client/v1/room_summary/${encodeURIComponent(name)}`, { token: user });

    it('says what a room is, by id and by alias', async () => {
      const roomId = await makeRoom(server, alice, {
        name: 'Monkeys',
        topic: 'bananas',
        room_alias_name: 'monkeys',
        creation_content: { type: 'm.space' },
        initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
      });
      const expected = {
        room_id: roomId,
        name: 'Monkeys',
        topic: 'bananas',
        canonical_alias: '#monkeys:localhost',
        num_joined_members: 1,
        world_readable: false,
        guest_can_join: false,
        join_rule: 'public',
        room_type: 'm.space',
        room_version: '12',
        encryption: 'm.megolm.v1.aes-sha2',
      };
      assert.deepEqual((await summarise(roomId)).body, expected);
      assert.deepEqual((await summarise('#monkeys:localhost', alice)).body, {
        ...expected,
        membership: 'join',
      });
      assert.deepEqual((await summarise(roomId, bob)).body, { ...expected, membership: 'leave' });
      const unstable = `/_matrix/client/unstable/im.nheko.summary/rooms/${encodeURIComponent(roomId)}/summary`;
      assert.deepEqual(await succeed(server, 'GET', unstable), expected);
    });

    it('says nothing of rooms that are none of the reader’s business', async () => {
      const roomId = await makeRoom(server, alice, invitation);
      assert.deepEqual(refusalOf(await summarise(roomId)), NOT_FOUND);
      assert.deepEqual(refusalOf(await summarise(roomId, bob)), NOT_FOUND);
      assert.deepEqual(refusalOf(await summarise('!nothing:localhost', bob)), NOT_FOUND);
      assert.deepEqual(refusalOf(await summarise('#nothing:localhost', bob)), NOT_FOUND);
      assert.deepEqual(refusalOf(await summarise('nothing', bob)), [400, 'M_INVALID_PARAM']);
      await act(server, alice, roomId, 'invite', { user_id: bob.userId });
      assert.equal((await summarise(roomId, bob)).body['membership'], 'invite');
      const banned = await makeRoom(server, alice);
      await act(server, alice, banned, 'ban', { user_id: bob.userId });
      assert.deepEqual(refusalOf(await summarise(banned, bob)), NOT_FOUND);
    });

    it('lets those see a restricted room who could join it', async () => {
      const club = await makeRoom(server, alice);
      const roomId = await makeRoom(server, alice, restrictedTo(club));
      assert.deepEqual(refusalOf(await summarise(roomId, bob)), NOT_FOUND);
      await act(server, bob, club, 'join');
      const { body } = await summarise(roomId, bob);
      assert.deepEqual([body['join_rule'], body['allowed_room_ids']], ['restricted', [club]]);
    });
  });

  describe('in a space', () => {
    const makeSpace = (wishes: JsonObject = {}): Promise<string> =>
      makeRoom(server, alice, { ...wishes, creation_content: { type: 'm.space' } });
    const adopt = async (space: string, child: string, content: JsonObject = {}): Promise<void> => {
      const full = { via: ['localhost'], ...content };
      // Children of the same moment would be in the order of their ids, which are random.
      server.clock.advance(1);
      assert.equal((await putState(server, alice, space, 'm.space.child', full, child)).status, 200);
    };
    const hierarchy = (user: TestUser, space: string, query = ''): Promise<TestReply> =>
      request(server, 'GET', `${pathOf(space, 'hierarchy').replace('/v3/', '/v1/')}?${query}`, {
        token: user,
      });
    const idsOf = (body: JsonObject): unknown[] => objectsAt(body, 'rooms').map((room) => room['room_id']);

    it('walks depth first, in the order of the space, and never in circles', async () => {
      const [space, inner] = [await makeSpace(), await makeSpace()];
      const [a, b, c, d] = [
        await makeRoom(server, alice),
        await makeRoom(server, alice),
        await makeRoom(server, alice),
        await makeRoom(server, alice),
      ];
      await adopt(space, a, { order: 'm' });
      await adopt(space, inner, { order: 'b' });
      await adopt(space, b);
      server.clock.advance(1_000);
      await adopt(space, c, { order: 'not\tan order' });
      await adopt(inner, d);
      await adopt(inner, space);
      await adopt(inner, a);
      await adopt(space, await makeRoom(server, alice), { via: [] });
      const { body } = await hierarchy(bob, space);
      assert.deepEqual(idsOf(body), [space, inner, d, a, b, c]);
      const [root, , leaf] = objectsAt(body, 'rooms');
      const children = objectsAt(root ?? {}, 'children_state');
      assert.deepEqual(
        children.map((child) => child['state_key']),
        [inner, a, b, c],
      );
      assert.deepEqual(Object.keys(children[0] ?? {}).toSorted(), [
        'content',
        'origin_server_ts',
        'sender',
        'state_key',
        'type',
      ]);
      assert.deepEqual(leaf?.['children_state'], []);
    });

    it('stops at the depth asked for, and at what is suggested', async () => {
      const [space, inner, deep] = [await makeSpace(), await makeSpace(), await makeRoom(server, alice)];
      await adopt(space, inner, { suggested: true, order: 'a' });
      await adopt(space, deep, { order: 'b' });
      await adopt(inner, deep);
      assert.deepEqual(idsOf((await hierarchy(bob, space, 'max_depth=0')).body), [space]);
      assert.deepEqual(idsOf((await hierarchy(bob, space, 'max_depth=1')).body), [space, inner, deep]);
      const suggested = await hierarchy(bob, space, 'suggested_only=true');
      assert.deepEqual(idsOf(suggested.body), [space, inner]);
    });

    it('comes in pages that are bound to what was asked', async () => {
      const space = await makeSpace();
      const expected = [space];
      for (let index = 0; index < 4; index += 1) {
        const child = await makeRoom(server, alice);
        await adopt(space, child, { order: String(index) });
        expected.push(child);
      }
      const first = (await hierarchy(bob, space, 'limit=2')).body;
      const from = textAt(first, 'next_batch');
      const second = (await hierarchy(bob, space, `limit=3&from=${from}`)).body;
      assert.deepEqual([...idsOf(first), ...idsOf(second)], expected);
      assert.equal(second['next_batch'], undefined);
      for (const query of ['suggested_only=true', 'max_depth=3']) {
        const reply = await hierarchy(bob, space, `from=${from}&${query}`);
        assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM'], query);
      }
      for (const query of ['from=x', 'limit=x', 'max_depth=-1'])
        assert.deepEqual(refusalOf(await hierarchy(bob, space, query)), [400, 'M_INVALID_PARAM'], query);
    });

    it('leaves out rooms that the reader may not know of', async () => {
      const space = await makeSpace();
      const hidden = await makeRoom(server, alice, invitation);
      const forMembers = await makeRoom(server, alice, restrictedTo(space));
      await adopt(space, hidden);
      await adopt(space, forMembers);
      assert.deepEqual(idsOf((await hierarchy(alice, space)).body), [space, hidden, forMembers]);
      assert.deepEqual(idsOf((await hierarchy(bob, space)).body), [space]);
      await act(server, bob, space, 'join');
      assert.deepEqual(idsOf((await hierarchy(bob, space)).body), [space, forMembers]);
      assert.deepEqual(refusalOf(await hierarchy(bob, hidden)), FORBIDDEN);
      assert.deepEqual(refusalOf(await hierarchy(bob, '!nothing:localhost')), FORBIDDEN);
    });
  });

  describe('by time', () => {
    const find = (user: TestUser, roomId: string, query: string): Promise<TestReply> =>
      request(server, 'GET', `${pathOf(roomId, 'timestamp_to_event').replace('/v3/', '/v1/')}?${query}`, {
        token: user,
      });

    it('finds the nearest event on either side', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      server.clock.advance(10_000);
      const first = await say(server, alice, roomId, 'first');
      const firstTs = server.clock.nowMs();
      server.clock.advance(10_000);
      const second = await say(server, alice, roomId, 'second');
      const between = firstTs + 5_000;
      assert.deepEqual((await find(bob, roomId, `dir=f&ts=${between}`)).body, {
        event_id: second,
        origin_server_ts: firstTs + 10_000,
      });
      assert.equal((await find(bob, roomId, `dir=b&ts=${between}`)).body['event_id'], first);
      assert.equal((await find(bob, roomId, `dir=f&ts=${firstTs}`)).body['event_id'], first);
      const after = await find(bob, roomId, `dir=f&ts=${firstTs + 20_000}`);
      assert.deepEqual(refusalOf(after), NOT_FOUND);
    });

    it('finds it among many of the same minutes', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const sent: { readonly eventId: string; readonly ts: number }[] = [];
      for (let count = 0; count < 12; count++) {
        server.clock.advance(17_000);
        const eventId = await say(server, alice, roomId, `${count}`);
        // Of two at once the first is nearer from before, and the second from behind.
        const twin = await say(server, alice, roomId, `${count} again`);
        const ts = server.clock.nowMs();
        sent.push({ eventId, ts });
        assert.equal((await find(bob, roomId, `dir=b&ts=${ts}`)).body['event_id'], twin);
      }
      for (const [index, { eventId, ts }] of sent.entries()) {
        for (const from of [ts - 16_999, ts])
          assert.equal((await find(bob, roomId, `dir=f&ts=${from}`)).body['event_id'], eventId);
        const before = await find(bob, roomId, `dir=b&ts=${ts - 1}`);
        if (index > 0) assert.equal(before.body['origin_server_ts'], sent[index - 1]?.ts);
      }
    });

    it('finds nothing that the reader may not see', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      server.clock.advance(10_000);
      await act(server, bob, roomId, 'leave');
      const left = server.clock.nowMs();
      server.clock.advance(10_000);
      await say(server, alice, roomId, 'behind your back');
      assert.deepEqual(refusalOf(await find(bob, roomId, `dir=f&ts=${left + 1}`)), NOT_FOUND);
      const stranger = await makeRoom(server, alice, invitation);
      assert.deepEqual(refusalOf(await find(bob, stranger, 'dir=f&ts=0')), FORBIDDEN);
    });

    it('refuses what is malformed', async () => {
      const roomId = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await find(alice, roomId, 'ts=0')), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await find(alice, roomId, 'dir=f')), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await find(alice, roomId, 'dir=up&ts=0')), [400, 'M_INVALID_PARAM']);
      assert.deepEqual(refusalOf(await find(alice, roomId, 'dir=f&ts=now')), [400, 'M_INVALID_PARAM']);
    });
  });
});
