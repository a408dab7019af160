import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  FORBIDDEN,
  act,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  memberEventOf,
  membershipOf,
  pathOf,
  refusalOf,
  say,
} from './rooms-client.ts';

describe('ways out of a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
  });
  after(() => server[Symbol.asyncDispose]());

  const memberEvent = (roomId: string, user: TestUser): Promise<JsonObject> =>
    memberEventOf(server, alice, roomId, user);

  describe('leaving, kicking, banning', () => {
    it('leaves once, however often it is asked for', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      assert.deepEqual((await act(server, bob, roomId, 'leave', { reason: 'bye' })).body, {});
      const left = await memberEvent(roomId, bob);
      assert.deepEqual(left['content'], { membership: 'leave', reason: 'bye' });
      assert.equal((await act(server, bob, roomId, 'leave')).status, 200);
      assert.equal((await memberEvent(roomId, bob))['event_id'], left['event_id']);
    });

    it('refuses to leave a room that one is not in, or that nobody knows', async () => {
      const roomId = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await act(server, bob, roomId, 'leave')), FORBIDDEN);
      assert.deepEqual(refusalOf(await act(server, bob, '!nothing:localhost', 'leave')), FORBIDDEN);
    });

    it('kicks members and takes invites back', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, alice, roomId, 'invite', { user_id: carol.userId });
      for (const user of [bob, carol]) {
        const reply = await act(server, alice, roomId, 'kick', { user_id: user.userId, reason: 'rude' });
        assert.deepEqual([reply.status, reply.body], [200, {}]);
        assert.deepEqual((await memberEvent(roomId, user))['content'], {
          membership: 'leave',
          reason: 'rude',
        });
      }
    });

    it('takes null for no reason', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const kick = await act(server, alice, roomId, 'kick', { user_id: bob.userId, reason: null });
      assert.equal(kick.status, 200);
      assert.deepEqual((await memberEvent(roomId, bob))['content'], { membership: 'leave' });
    });

    it('refuses to kick who was never there, has left or is banned', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const kick = (user: TestUser): Promise<TestReply> =>
        act(server, alice, roomId, 'kick', { user_id: user.userId });
      assert.deepEqual(refusalOf(await kick(carol)), FORBIDDEN);
      await act(server, bob, roomId, 'leave');
      assert.deepEqual(refusalOf(await kick(bob)), FORBIDDEN);
      await act(server, alice, roomId, 'ban', { user_id: bob.userId });
      assert.deepEqual(refusalOf(await kick(bob)), FORBIDDEN);
      assert.equal(await membershipOf(server, alice, roomId, bob), 'ban');
    });

    it('refuses kicks, bans and unbans by who has no power or is not in the room', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, alice, roomId, 'ban', { user_id: '@banned:localhost' });
      for (const user of [bob, carol]) {
        assert.deepEqual(
          refusalOf(await act(server, user, roomId, 'kick', { user_id: alice.userId })),
          FORBIDDEN,
        );
        assert.deepEqual(
          refusalOf(await act(server, user, roomId, 'ban', { user_id: alice.userId })),
          FORBIDDEN,
        );
        const unban = await act(server, user, roomId, 'unban', { user_id: '@banned:localhost' });
        assert.deepEqual(refusalOf(unban), FORBIDDEN);
      }
    });

    it('bans a member, who cannot speak or come back until the ban is lifted', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, alice, roomId, 'ban', { user_id: bob.userId, reason: 'spam' });
      assert.deepEqual((await memberEvent(roomId, bob))['content'], { membership: 'ban', reason: 'spam' });
      await assert.rejects(say(server, bob, roomId, 'hello?'), /403/);
      assert.deepEqual(refusalOf(await act(server, bob, roomId, 'leave')), FORBIDDEN);
      assert.equal((await act(server, alice, roomId, 'unban', { user_id: bob.userId })).status, 200);
      assert.equal((await act(server, bob, roomId, 'join')).status, 200);
    });

    it('refuses to unban who is not banned', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      for (const user of [bob, carol]) {
        assert.deepEqual(
          refusalOf(await act(server, alice, roomId, 'unban', { user_id: user.userId })),
          FORBIDDEN,
        );
      }
      assert.equal(await membershipOf(server, alice, roomId, bob), 'join');
    });

    it('refuses bodies without a user', async () => {
      const roomId = await makeRoom(server, alice);
      for (const action of ['kick', 'ban', 'unban']) {
        assert.deepEqual(refusalOf(await act(server, alice, roomId, action)), [400, 'M_MISSING_PARAM']);
        assert.deepEqual(refusalOf(await act(server, alice, roomId, action, { user_id: 1 })), [
          400,
          'M_BAD_JSON',
        ]);
      }
    });
  });

  describe('forgetting', () => {
    it('closes a room that one has left to reading', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, bob, roomId, 'leave');
      await succeed(server, 'GET', pathOf(roomId, 'messages'), { token: bob });
      assert.deepEqual((await act(server, bob, roomId, 'forget')).body, {});
      const reply = await request(server, 'GET', pathOf(roomId, 'messages'), { token: bob });
      assert.deepEqual(refusalOf(reply), FORBIDDEN);
      assert.equal((await act(server, bob, roomId, 'join')).status, 200);
      await succeed(server, 'GET', pathOf(roomId, 'messages'), { token: bob });
    });

    it('refuses members, invitees and who was never there', async () => {
      const roomId = await makeRoom(server, alice, { invite: [bob.userId] });
      for (const user of [alice, bob, carol]) {
        assert.deepEqual(refusalOf(await act(server, user, roomId, 'forget')), [400, 'M_UNKNOWN']);
      }
    });
  });
});
