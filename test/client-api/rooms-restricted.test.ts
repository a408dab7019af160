import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { startTestServer, type TestReply, type TestServer, type TestUser } from '../support/server.ts';
import {
  FORBIDDEN,
  act,
  getState,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  nameOf,
  putState,
  refusalOf,
} from './rooms-client.ts';

describe('a restricted room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const join = (roomId: string, body?: JsonObject): Promise<TestReply> =>
    act(server, bob, roomId, 'join', body);
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

  for (const room_version of ['8', '10', '12']) {
    it(`lets members of an allowed room in, and names who does (version ${room_version})`, async () => {
      const space = await makeSharedRoom(server, alice, bob);
      const roomId = await makeRestricted(space, { room_version });
      assert.equal((await join(roomId)).status, 200);
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
    assert.deepEqual(refusalOf(await join(roomId)), FORBIDDEN);
    assert.deepEqual(refusalOf(await join(roomId, named)), FORBIDDEN);
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
    assert.deepEqual(refusalOf(await join(roomId)), FORBIDDEN);
  });

  it('asks an invitee for no other room', async () => {
    const roomId = await makeRestricted('!elsewhere:localhost');
    await act(server, alice, roomId, 'invite', { user_id: bob.userId });
    assert.equal((await join(roomId)).status, 200);
  });

  it('lets members change their member event without being let in again', async () => {
    const space = await makeSharedRoom(server, alice, bob);
    const roomId = await makeRestricted(space);
    await join(roomId);
    await act(server, bob, space, 'leave');
    const renamed = { membership: 'join', displayname: 'Bobby' };
    assert.equal((await putState(server, bob, roomId, 'm.room.member', renamed, bob.userId)).status, 200);
    assert.deepEqual(await getState(server, alice, roomId, 'm.room.member', bob.userId), renamed);
  });
});
