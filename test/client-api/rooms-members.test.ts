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
  FORBIDDEN,
  act,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  nameOf,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
} from './rooms-client.ts';

describe('the members of a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
  });
  after(() => server[Symbol.asyncDispose]());

  /** Membership by user, without the sigil and the server. */
  const members = async (user: TestUser, roomId: string, query = ''): Promise<JsonObject> => {
    const body = await succeed(server, 'GET', `${pathOf(roomId, 'members')}?${query}`, { token: user });
    const chunk = objectsAt(body, 'chunk');
    assert.ok(chunk.every((event) => event['type'] === 'm.room.member' && event['room_id'] === roomId));
    return Object.fromEntries(
      chunk.map((event) => [textAt(event, 'state_key'), objectAt(event, 'content')['membership'] ?? null]),
    );
  };

  it('are listed with what they are in it', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await act(server, alice, roomId, 'invite', { user_id: carol.userId });
    const all = { [alice.userId]: 'join', [bob.userId]: 'join', [carol.userId]: 'invite' };
    assert.deepEqual(await members(alice, roomId), all);
  });

  it('are filtered by membership, by what it is not, or by either', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await act(server, bob, roomId, 'leave');
    await act(server, alice, roomId, 'invite', { user_id: carol.userId });
    const [a, b, c] = [alice.userId, bob.userId, carol.userId];
    assert.deepEqual(await members(alice, roomId, 'membership=join'), { [a]: 'join' });
    assert.deepEqual(await members(alice, roomId, 'not_membership=leave'), { [a]: 'join', [c]: 'invite' });
    const either = await members(alice, roomId, 'membership=leave&not_membership=join');
    assert.deepEqual(either, { [b]: 'leave', [c]: 'invite' });
  });

  it('are given as of a token', async () => {
    const roomId = await makeRoom(server, alice);
    await say(server, alice, roomId, 'alone');
    const page = await succeed(server, 'GET', `${pathOf(roomId, 'messages')}?limit=1`, { token: alice });
    await act(server, bob, roomId, 'join');
    assert.deepEqual(await members(alice, roomId, `at=${textAt(page, 'start')}`), { [alice.userId]: 'join' });
    assert.deepEqual(await members(alice, roomId, 'at=s0'), { [alice.userId]: 'join' });
  });

  it('stay for who left as they were then, whatever token they give', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await act(server, bob, roomId, 'leave');
    await act(server, carol, roomId, 'join');
    const then = { [alice.userId]: 'join', [bob.userId]: 'leave' };
    assert.deepEqual(await members(bob, roomId), then);
    assert.deepEqual(await members(bob, roomId, 'at=s999999'), then);
    await act(server, alice, roomId, 'ban', { user_id: bob.userId });
    assert.deepEqual(await members(bob, roomId), then);
  });

  it('are hidden from strangers, and open to guests who may look in', async () => {
    const roomId = await makeRoom(server, alice);
    const guest = await makeGuest(server);
    for (const user of [bob, guest]) {
      assert.deepEqual(
        refusalOf(await request(server, 'GET', pathOf(roomId, 'members'), { token: user })),
        FORBIDDEN,
      );
    }
    await putState(server, alice, roomId, 'm.room.history_visibility', {
      history_visibility: 'world_readable',
    });
    assert.deepEqual(await members(guest, roomId), { [alice.userId]: 'join' });
  });

  it('cannot be asked for by what is no token or no membership', async () => {
    const roomId = await makeRoom(server, alice);
    for (const query of ['at=yesterday', 'membership=guest', 'not_membership=']) {
      const reply = await request(server, 'GET', `${pathOf(roomId, 'members')}?${query}`, { token: alice });
      assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM']);
    }
  });

  describe('who are in it', () => {
    it('are listed with their names there', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, alice, roomId, 'invite', { user_id: '@invited:localhost' });
      const silent = carol.userId;
      await act(server, carol, roomId, 'join');
      await putState(server, carol, roomId, 'm.room.member', { membership: 'join' }, silent);
      const named = { membership: 'join', displayname: 'Bobby', avatar_url: 'mxc://a/b' };
      await putState(server, bob, roomId, 'm.room.member', named, bob.userId);
      const body = await succeed(server, 'GET', pathOf(roomId, 'joined_members'), { token: alice });
      assert.deepEqual(body, {
        joined: {
          [alice.userId]: { display_name: nameOf(alice), avatar_url: '' },
          [silent]: { display_name: '', avatar_url: '' },
          [bob.userId]: { display_name: 'Bobby', avatar_url: 'mxc://a/b' },
        },
      });
    });

    it('are shown to nobody else', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, bob, roomId, 'leave');
      for (const user of [bob, carol]) {
        const reply = await request(server, 'GET', pathOf(roomId, 'joined_members'), { token: user });
        assert.deepEqual(refusalOf(reply), FORBIDDEN);
      }
    });
  });
});
