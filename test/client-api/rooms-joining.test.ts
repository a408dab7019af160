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
  getState,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  memberEventOf,
  membershipOf,
  nameOf,
  pathOf,
  putState,
  refusalOf,
  say,
} from './rooms-client.ts';

describe('ways into a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
  });
  after(() => server[Symbol.asyncDispose]());

  const join = (user: TestUser, roomId: string, body?: JsonObject): Promise<TestReply> =>
    request(server, 'POST', pathOf(roomId, 'join'), { token: user, ...(body === undefined ? {} : { body }) });
  const memberEvent = (roomId: string, user: TestUser): Promise<JsonObject> =>
    memberEventOf(server, alice, roomId, user);
  const knock = (user: TestUser, roomId: string): Promise<TestReply> =>
    request(server, 'POST', `/_matrix/client/v3/knock/${encodeURIComponent(roomId)}`, {
      token: user,
      body: { reason: 'please' },
    });

  describe('joining', () => {
    it('takes anyone into a public room, with or without a body', async () => {
      const roomId = await makeRoom(server, alice);
      const reply = await join(bob, roomId);
      assert.deepEqual([reply.status, reply.body], [200, { room_id: roomId }]);
      assert.equal(await membershipOf(server, alice, roomId, bob), 'join');
    });

    it('names the room by id at /join as well', async () => {
      const roomId = await makeRoom(server, alice);
      const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?via=localhost`;
      assert.deepEqual(await succeed(server, 'POST', path, { token: bob, body: {} }), { room_id: roomId });
    });

    it('keeps the first event of who joins twice', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const first = await memberEvent(roomId, bob);
      assert.equal((await join(bob, roomId, { reason: 'again' })).status, 200);
      assert.equal((await memberEvent(roomId, bob))['event_id'], first['event_id']);
    });

    it('writes what the client says into the member event, but never another membership', async () => {
      const roomId = await makeRoom(server, alice);
      const body = { foo: 'bar', reason: 'curious', membership: 'ban', third_party_signed: {} };
      assert.equal((await join(bob, roomId, body)).status, 200);
      assert.deepEqual(await getState(server, alice, roomId, 'm.room.member', bob.userId), {
        displayname: nameOf(bob),
        foo: 'bar',
        reason: 'curious',
        membership: 'join',
      });
    });

    it('refuses who is not invited to a private room', async () => {
      const roomId = await makeRoom(server, alice, { preset: 'private_chat' });
      const reply = await join(bob, roomId);
      assert.deepEqual(refusalOf(reply), FORBIDDEN);
      assert.match(textAt(reply.body, 'error'), /not open to you/);
    });

    it('refuses who is banned, even from a public room', async () => {
      const roomId = await makeRoom(server, alice);
      assert.equal((await act(server, alice, roomId, 'ban', { user_id: bob.userId })).status, 200);
      assert.deepEqual(refusalOf(await join(bob, roomId)), FORBIDDEN);
    });

    it('answers 403 for a room that nobody knows, and 400 for what is no room', async () => {
      assert.deepEqual(refusalOf(await join(bob, '!nothing:localhost')), FORBIDDEN);
      assert.deepEqual(refusalOf(await join(bob, 'nothing')), [400, 'M_INVALID_PARAM']);
      const reply = await request(server, 'POST', '/_matrix/client/v3/join/nothing', { token: bob });
      assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM']);
    });

    it('lists the rooms that one is in', async () => {
      const [dave] = await makeUsers(server, 'dave');
      const [stays, leaves] = [await makeRoom(server, dave), await makeRoom(server, dave)];
      await act(server, dave, leaves, 'leave');
      const body = await succeed(server, 'GET', '/_matrix/client/v3/joined_rooms', { token: dave });
      assert.deepEqual(body, { joined_rooms: [stays] });
    });
  });

  describe('inviting', () => {
    it('lets the invitee join or say no', async () => {
      const roomId = await makeRoom(server, alice, { preset: 'private_chat' });
      assert.equal(
        (await act(server, alice, roomId, 'invite', { user_id: bob.userId, reason: 'hi' })).status,
        200,
      );
      assert.deepEqual(await getState(server, alice, roomId, 'm.room.member', bob.userId), {
        displayname: nameOf(bob),
        membership: 'invite',
        reason: 'hi',
      });
      assert.equal((await act(server, bob, roomId, 'leave')).status, 200);
      assert.equal(await membershipOf(server, alice, roomId, bob), 'leave');
      assert.equal((await act(server, alice, roomId, 'invite', { user_id: bob.userId })).status, 200);
      assert.equal((await join(bob, roomId)).status, 200);
    });

    it('refuses to invite members, oneself among them, and who is banned', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, alice, roomId, 'ban', { user_id: carol.userId });
      for (const user of [alice, bob, carol]) {
        assert.deepEqual(
          refusalOf(await act(server, alice, roomId, 'invite', { user_id: user.userId })),
          FORBIDDEN,
        );
      }
    });

    it('refuses who is not in the room or has too little power', async () => {
      const roomId = await makeSharedRoom(server, alice, bob, {
        power_level_content_override: { invite: 50 },
      });
      for (const inviter of [bob, carol]) {
        const reply = await act(server, inviter, roomId, 'invite', { user_id: '@new:localhost' });
        assert.deepEqual(refusalOf(reply), FORBIDDEN);
      }
    });

    it('refuses bad bodies, third parties and users of other servers, at /state as well', async () => {
      const roomId = await makeRoom(server, alice);
      const invite = (body: JsonObject): Promise<TestReply> => act(server, alice, roomId, 'invite', body);
      assert.deepEqual(refusalOf(await invite({})), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await invite({ user_id: 'bob' })), [400, 'M_BAD_JSON']);
      assert.deepEqual(refusalOf(await invite({ medium: 'email', address: 'a@b' })), [
        403,
        'M_THREEPID_DENIED',
      ]);
      assert.deepEqual(refusalOf(await invite({ user_id: '@a:elsewhere.test' })), FORBIDDEN);
      const written = await putState(
        server,
        alice,
        roomId,
        'm.room.member',
        { membership: 'invite' },
        '@a:elsewhere.test',
      );
      assert.deepEqual(refusalOf(written), FORBIDDEN);
    });
  });

  describe('knocking', () => {
    const knockable = { initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }] };

    it('waits for an invite, and can be taken back', async () => {
      const roomId = await makeRoom(server, alice, knockable);
      assert.deepEqual((await knock(bob, roomId)).body, { room_id: roomId });
      assert.equal(await membershipOf(server, alice, roomId, bob), 'knock');
      assert.deepEqual(refusalOf(await join(bob, roomId)), FORBIDDEN);
      await act(server, bob, roomId, 'leave');
      await knock(bob, roomId);
      await act(server, alice, roomId, 'invite', { user_id: bob.userId });
      assert.equal((await join(bob, roomId)).status, 200);
    });

    it('is refused where the join rule does not allow it, and for members and banned users', async () => {
      const closed = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await knock(bob, closed)), FORBIDDEN);
      const roomId = await makeRoom(server, alice, knockable);
      await act(server, alice, roomId, 'ban', { user_id: bob.userId });
      for (const user of [alice, bob]) assert.deepEqual(refusalOf(await knock(user, roomId)), FORBIDDEN);
    });
  });

  describe('guests', () => {
    it('join only where they are let in', async () => {
      const guest = await makeGuest(server);
      const closed = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await join(guest, closed)), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
      const content = { membership: 'join' };
      const written = await putState(server, guest, closed, 'm.room.member', content, guest.userId);
      assert.deepEqual(refusalOf(written), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
      const guests = { type: 'm.room.guest_access', content: { guest_access: 'can_join' } };
      const roomId = await makeRoom(server, alice, { initial_state: [guests] });
      assert.equal((await join(guest, roomId)).status, 200);
      await say(server, guest, roomId, 'hello');
      assert.equal((await act(server, guest, roomId, 'leave')).status, 200);
    });

    it('cannot make rooms, invite, kick or ban', async () => {
      const guest = await makeGuest(server);
      const roomId = await makeRoom(server, alice);
      const made = await request(server, 'POST', '/_matrix/client/v3/createRoom', { token: guest, body: {} });
      assert.deepEqual(refusalOf(made), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
      for (const action of ['invite', 'kick', 'ban', 'unban', 'forget']) {
        const reply = await act(server, guest, roomId, action, { user_id: bob.userId });
        assert.deepEqual(refusalOf(reply), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
      }
    });
  });
});
