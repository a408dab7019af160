import assert from 'node:assert/strict';
import { currentPosition } from '../../src/storage/database.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { registerAdmin } from '../support/moderation.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath, syncAs } from './facts-client.ts';
import {
  act,
  makeRoom,
  makeTwo,
  membershipOf,
  objectAt,
  objectsAt,
  putState,
  refusalOf,
} from './rooms-client.ts';

const BLOCKED = [403, 'M_INVITE_BLOCKED'];
const STABLE = 'm.invite_permission_config';
const FILTERS = 'org.matrix.msc4155.invite_permission_config';

describe('who may invite', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeRoom(server, bob);
  });
  after(() => server[Symbol.asyncDispose]());

  const configure = (type: string, body: JsonObject): Promise<JsonObject> =>
    succeed(server, 'PUT', clientPath('user', alice.userId, 'account_data', type), { token: alice, body });
  const invite = (): Promise<TestReply> => act(server, bob, roomId, 'invite', { user_id: alice.userId });
  const invited = async (): Promise<string[]> =>
    Object.keys(objectAt(objectAt((await syncAs(server, alice)).body, 'rooms'), 'invite'));
  const create = (body: JsonObject): Promise<TestReply> =>
    request(server, 'POST', '/_matrix/client/v3/createRoom', { token: bob, body });
  const notifications = async (): Promise<JsonObject[]> => {
    await server.services.catchUpPush(await currentPosition(server.services.db));
    const body = await succeed(server, 'GET', clientPath('notifications'), { token: alice });
    return objectsAt(body, 'notifications');
  };

  for (const [type, content] of [
    [STABLE, { default_action: 'block' }],
    [FILTERS, { blocked_servers: ['*'] }],
  ] as const)
    it(`is nobody by ${JSON.stringify(content)}, whichever way they take`, async () => {
      await configure(type, content);
      const member = { membership: 'invite' };
      const wish = { type: 'm.room.member', state_key: alice.userId, content: member };
      for (const reply of [
        await invite(),
        await putState(server, bob, roomId, 'm.room.member', member, alice.userId),
        await create({ invite: [alice.userId] }),
        await create({ preset: 'trusted_private_chat', invite: [alice.userId], is_direct: true }),
        await create({ initial_state: [wish] }),
      ])
        assert.deepEqual(refusalOf(reply), BLOCKED);
      assert.deepEqual(await invited(), []);
      await configure(type, {});
      assert.equal((await invite()).status, 200);
      assert.deepEqual(await invited(), [roomId]);
    });

  it('hides the invites that are there already, and shows them again', async () => {
    assert.equal((await invite()).status, 200);
    const { next } = await syncAs(server, alice);
    await configure(STABLE, { default_action: 'block' });
    assert.deepEqual(await invited(), []);
    assert.equal((await act(server, alice, roomId, 'join')).status, 200);
    assert.deepEqual(
      Object.keys(objectAt(objectAt((await syncAs(server, alice, { since: next })).body, 'rooms'), 'join')),
      [roomId],
    );
  });

  it('may be ignored, and then nobody is told: neither who invites nor who is invited', async () => {
    await configure(FILTERS, { ignored_users: [bob.userId] });
    const { next } = await syncAs(server, alice);
    assert.equal((await invite()).status, 200);
    assert.equal(await membershipOf(server, bob, roomId, alice), 'invite');
    assert.deepEqual(await invited(), []);
    assert.deepEqual(objectAt((await syncAs(server, alice, { since: next })).body, 'rooms'), {});
    assert.deepEqual(await notifications(), []);
  });

  it('is told by a notification when it is allowed', async () => {
    await configure(FILTERS, { allowed_users: [bob.userId], blocked_servers: ['*'] });
    assert.equal((await invite()).status, 200);
    assert.deepEqual(await invited(), [roomId]);
    assert.equal((await notifications()).length, 1);
  });

  it('is always the server itself', async () => {
    const admin = await registerAdmin(server, 'admin');
    await configure(STABLE, { default_action: 'block' });
    await configure(FILTERS, { ignored_servers: ['*'] });
    await succeed(server, 'POST', '/_synapse/admin/v1/send_server_notice', {
      token: admin,
      body: { user_id: alice.userId, content: { msgtype: 'm.server_notice', body: 'Hello' } },
    });
    assert.equal((await invited()).length, 1);
  });
});
