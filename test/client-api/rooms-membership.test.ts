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
  act,
  getState,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  membershipOf,
  nameOf,
  pathOf,
  putState,
  refusalOf,
  say,
} from './rooms-client.ts';

const FORBIDDEN = [403, 'M_FORBIDDEN'];

describe('room membership', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  before(async () => {
    server = await startTestServer();
    const users = await makeUsers(server, 'alice', 'bob', 'carol');
    assert.ok(users[0] !== undefined && users[1] !== undefined && users[2] !== undefined);
    [alice, bob, carol] = [users[0], users[1], users[2]];
  });
  after(() => server[Symbol.asyncDispose]());

  const join = (user: TestUser, roomId: string, body?: JsonObject): Promise<TestReply> =>
    request(server, 'POST', pathOf(roomId, 'join'), { token: user, ...(body === undefined ? {} : { body }) });
  const memberEvent = (roomId: string, user: TestUser): Promise<JsonObject> =>
    succeed(server, 'GET', `${pathOf(roomId, 'state', 'm.room.member', user.userId)}?format=event`, {
      token: alice,
    });

  const knock = (user: TestUser, roomId: string): Promise<TestReply> =>
    request(server, 'POST', `/_matrix/client/v3/knock/${encodeURIComponent(roomId)}`, {
      token: user,
      body: { reason: 'please' },
    });
  const makeRestricted = (spaceId: string, wishes: JsonObject = {}): Promise<string> =>
    makeRoom(server, alice, {
      ...wishes,
      initial_state: [
        {
          type: 'm.room.join_rules',
          content: {
            join_rule: 'restricted',
            allow: [{ type: 'm.unknown' }, 'nonsense', { type: 'm.room_membership', room_id: spaceId }],
          },
        },
      ],
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
      assert.ok(dave !== undefined);
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
      assert.equal((await join(bob, roomId)).status, 200);
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
      assert.equal((await join(bob, roomId)).status, 200);
      await succeed(server, 'GET', pathOf(roomId, 'messages'), { token: bob });
    });

    it('refuses members, invitees and who was never there', async () => {
      const roomId = await makeRoom(server, alice, { invite: [bob.userId] });
      for (const user of [alice, bob, carol]) {
        assert.deepEqual(refusalOf(await act(server, user, roomId, 'forget')), [400, 'M_UNKNOWN']);
      }
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

  describe('restricted rooms', () => {
    for (const room_version of ['8', '10', '12']) {
      it(`lets members of an allowed room in, and names who does (version ${room_version})`, async () => {
        const space = await makeSharedRoom(server, alice, bob);
        const roomId = await makeRestricted(space, { room_version });
        assert.equal((await join(bob, roomId)).status, 200);
        const content = await getState(server, alice, roomId, 'm.room.member', bob.userId);
        assert.deepEqual(content, {
          displayname: nameOf(bob),
          membership: 'join',
          join_authorised_via_users_server: alice.userId,
        });
      });
    }

    it('refuses everybody else, whomever they name', async () => {
      const space = await makeRoom(server, alice);
      const roomId = await makeRestricted(space);
      const named = { join_authorised_via_users_server: alice.userId };
      assert.deepEqual(refusalOf(await join(bob, roomId)), FORBIDDEN);
      assert.deepEqual(refusalOf(await join(bob, roomId, named)), FORBIDDEN);
      const content = { membership: 'join', ...named };
      const written = await putState(server, bob, roomId, 'm.room.member', content, bob.userId);
      assert.deepEqual(refusalOf(written), FORBIDDEN);
    });

    it('refuses when nobody in the room may invite', async () => {
      const space = await makeSharedRoom(server, alice, bob);
      const levels = { users: { [alice.userId]: 100 }, invite: 101 };
      const roomId = await makeRestricted(space, {
        room_version: '11',
        power_level_content_override: levels,
      });
      assert.deepEqual(refusalOf(await join(bob, roomId)), FORBIDDEN);
    });

    it('asks an invitee for no other room', async () => {
      const roomId = await makeRestricted('!elsewhere:localhost');
      await act(server, alice, roomId, 'invite', { user_id: bob.userId });
      assert.equal((await join(bob, roomId)).status, 200);
    });

    it('lets members change their member event without being let in again', async () => {
      const space = await makeSharedRoom(server, alice, bob);
      const roomId = await makeRestricted(space);
      await join(bob, roomId);
      await act(server, bob, space, 'leave');
      const renamed = { membership: 'join', displayname: 'Bobby' };
      assert.equal((await putState(server, bob, roomId, 'm.room.member', renamed, bob.userId)).status, 200);
      assert.deepEqual(await getState(server, alice, roomId, 'm.room.member', bob.userId), renamed);
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
