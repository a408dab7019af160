import assert from 'node:assert/strict';
import { passwordOf } from '../support/logins.ts';
import { registerAdmin, restrict } from '../support/moderation.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { until } from '../support/until.ts';
import { makeSharedRoom, makeTwo, pathOf, refusalOf, say } from './rooms-client.ts';

const C = '/_matrix/client/v3';

describe('a locked user', () => {
  let server: TestServer;
  let admin: TestUser;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    admin = await registerAdmin(server, 'admin');
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const logIn = (user: TestUser): ReturnType<typeof request> =>
    request(server, 'POST', `${C}/login`, {
      body: { ...passwordOf(user), refresh_token: true },
    });

  it('is refused everywhere, with the advice to keep the session', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await restrict(server, admin, bob, 'lock');
    const calls = [
      ['GET', `${C}/sync`],
      ['GET', `${C}/account/whoami`],
      ['GET', `${C}/devices`],
      ['GET', `${C}/capabilities`],
      ['GET', '/_matrix/client/versions'],
      ['PUT', pathOf(roomId, 'send', 'm.room.message', 't1'), { msgtype: 'm.text', body: 'no' }],
      ['POST', pathOf(roomId, 'leave'), {}],
      ['POST', `${C}/keys/query`, { device_keys: {} }],
      ['POST', `${C}/account/deactivate`, {}],
      ['GET', '/_matrix/client/v1/delayed_events'],
    ] as const;
    for (const [method, path, body] of calls) {
      const reply = await request(server, method, path, { token: bob, body });
      assert.deepEqual(refusalOf(reply), [401, 'M_USER_LOCKED'], path);
      assert.equal(reply.body['soft_logout'], true);
    }
  });

  it('is as before once the lock is lifted, with the same session', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await restrict(server, admin, bob, 'lock');
    await restrict(server, admin, bob, 'lock', false);
    await say(server, bob, roomId, 'back');
  });

  it('may log out, here and everywhere', async () => {
    const second = textAt((await logIn(bob)).body, 'access_token');
    await restrict(server, admin, bob, 'lock');
    await succeed(server, 'POST', `${C}/logout`, { token: second });
    assert.deepEqual(refusalOf(await request(server, 'GET', `${C}/sync`, { token: second })), [
      401,
      'M_UNKNOWN_TOKEN',
    ]);
    await succeed(server, 'POST', `${C}/logout/all`, { token: bob });
    await restrict(server, admin, bob, 'lock', false);
    assert.deepEqual(refusalOf(await request(server, 'GET', `${C}/sync`, { token: bob })), [
      401,
      'M_UNKNOWN_TOKEN',
    ]);
  });

  it('neither logs in nor gets new tokens, and nobody learns of the lock without the password', async () => {
    const refreshToken = textAt((await logIn(bob)).body, 'refresh_token');
    await restrict(server, admin, bob, 'lock');
    const login = await logIn(bob);
    assert.deepEqual([...refusalOf(login), login.body['soft_logout']], [401, 'M_USER_LOCKED', true]);
    const body = { refresh_token: refreshToken };
    assert.deepEqual(refusalOf(await request(server, 'POST', `${C}/refresh`, { body })), [
      401,
      'M_USER_LOCKED',
    ]);
    const guess = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: bob.userId },
      password: 'x',
    };
    assert.deepEqual(refusalOf(await request(server, 'POST', `${C}/login`, { body: guess })), [
      403,
      'M_FORBIDDEN',
    ]);
    await restrict(server, admin, bob, 'lock', false);
    assert.equal((await request(server, 'POST', `${C}/refresh`, { body })).status, 200);
  });

  it('is told while waiting for news', async () => {
    const since = textAt(await succeed(server, 'GET', `${C}/sync`, { token: bob }), 'next_batch');
    const waiting = request(server, 'GET', `${C}/sync?since=${since}&timeout=30000`, { token: bob });
    await until('bob to wait', () => server.services.syncFeed.waiters.waiting === 1);
    await restrict(server, admin, bob, 'lock');
    assert.deepEqual(refusalOf(await waiting), [401, 'M_USER_LOCKED']);
  });

  it('goes on waiting when it is only suspended', async () => {
    const since = textAt(await succeed(server, 'GET', `${C}/sync`, { token: bob }), 'next_batch');
    const waiting = request(server, 'GET', `${C}/sync?since=${since}&timeout=30000`, { token: bob });
    await until('bob to wait', () => server.services.syncFeed.waiters.waiting === 1);
    await restrict(server, admin, bob, 'suspend');
    await until('bob to wait', () => server.services.syncFeed.waiters.waiting === 1);
    server.clock.advance(30_000);
    assert.equal((await waiting).status, 200);
  });
});
