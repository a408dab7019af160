import assert from 'node:assert/strict';
import { deactivateAccount } from '../../src/accounts/deactivate.ts';
import { findUserNid } from '../../src/storage/users.ts';
import { userId } from '../support/accounts.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { until } from '../support/until.ts';

const client = '/_matrix/client/v3';

describe('POST /account/deactivate', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    server = await startTestServer();
    alice = await registerUser(server, 'alice');
    bob = await registerUser(server, 'bob');
    const room = { preset: 'public_chat', invite: [bob.userId] };
    roomId = textAt(
      await succeed(server, 'POST', `${client}/createRoom`, { token: alice, body: room }),
      'room_id',
    );
    await succeed(server, 'POST', `${client}/join/${encodeURIComponent(roomId)}`, { token: bob, body: {} });
  });
  after(() => server[Symbol.asyncDispose]());

  const deactivate = (password: string): ReturnType<typeof request> =>
    request(server, 'POST', `${client}/account/deactivate`, {
      token: bob,
      body: {
        auth: { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'bob' }, password },
      },
    });

  const membershipOf = async (user: TestUser): Promise<unknown> => {
    const path = `${client}/rooms/${encodeURIComponent(roomId)}/state/m.room.member/${encodeURIComponent(user.userId)}`;
    return (await succeed(server, 'GET', path, { token: alice }))['membership'];
  };

  it('changes nothing for who does not know the password', async () => {
    assert.equal((await deactivate('a guess')).status, 401);
    assert.equal(await membershipOf(bob), 'join');
  });

  it('ends the sessions, cancels what was scheduled and leaves all rooms', async () => {
    const path = `${client}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1?org.matrix.msc4140.delay=60000`;
    const body = { msgtype: 'm.text', body: 'from beyond' };
    const delayId = textAt(await succeed(server, 'PUT', path, { token: bob, body }), 'delay_id');
    assert.equal((await deactivate('the password of bob')).status, 200);
    assert.equal(await membershipOf(bob), 'leave');
    assert.equal((await request(server, 'GET', `${client}/account/whoami`, { token: bob })).status, 401);
    const send = `/_matrix/client/unstable/org.matrix.msc4140/delayed_events/${delayId}/send`;
    assert.equal((await request(server, 'POST', send)).status, 404);
  });

  it('lets a server that was killed meanwhile leave the rooms when it is back', async () => {
    const carol = await registerUser(server, 'carol');
    await succeed(server, 'POST', `${client}/join/${encodeURIComponent(roomId)}`, { token: carol, body: {} });
    const carolNid = await findUserNid(server.services.db, userId(carol.userId));
    assert.ok(carolNid !== undefined);
    await deactivateAccount(server.services, carolNid, false);
    assert.equal(await membershipOf(carol), 'join');
    await using next = await startTestServer({ database: server.database, clock: server.clock });
    await until('carol to leave', async () => (await membershipOf(carol)) === 'leave');
    assert.equal((await request(next, 'GET', `${client}/account/whoami`, { token: carol })).status, 401);
  });
});
