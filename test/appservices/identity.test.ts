import assert from 'node:assert/strict';
import { registerUser, request, startTestServer, succeed, type TestServer } from '../support/server.ts';
import { AS_TOKEN, bridge, C, registerBridged, requestAs } from './bridge.ts';

const WHOAMI = `${C}/account/whoami`;

describe('the identity that an application service asserts', () => {
  let server: TestServer;

  before(async () => {
    server = await startTestServer({ config: { appservices: [bridge()] } });
    await registerBridged(server, 'irc_alice');
  });
  after(() => server[Symbol.asyncDispose]());

  it('is its own sender, who exists from the start, when it names nobody', async () => {
    assert.deepEqual(await succeed(server, 'GET', WHOAMI, { token: AS_TOKEN }), {
      user_id: '@irc_bot:localhost',
      is_guest: false,
    });
    assert.equal((await request(server, 'GET', `${WHOAMI}?access_token=${AS_TOKEN}`)).status, 200);
  });

  it('is a user in its namespace that it has registered', async () => {
    const reply = await requestAs(server, '@irc_alice:localhost', 'GET', WHOAMI);
    assert.deepEqual(reply.body, { user_id: '@irc_alice:localhost', is_guest: false });
  });

  for (const [userId, why] of [
    ['@irc_nobody:localhost', 'a user that it has not registered'],
    ['@bob:localhost', 'a user outside of its namespace'],
    ['@irc_alice:elsewhere.example', 'a user of another server'],
    ['irc_alice', 'what is no user id'],
  ] as const) {
    it(`is never ${why}`, async () => {
      if (userId === '@bob:localhost') await registerUser(server, 'bob');
      const { status, body } = await requestAs(server, userId, 'GET', WHOAMI);
      assert.deepEqual([status, body['errcode']], [403, 'M_FORBIDDEN']);
    });
  }

  it('is nothing that other tokens can assert', async () => {
    const carol = await registerUser(server, 'carol');
    const path = `${WHOAMI}?user_id=@irc_alice:localhost`;
    assert.equal((await succeed(server, 'GET', path, { token: carol }))['user_id'], carol.userId);
    const { status, body } = await request(server, 'GET', path, { token: 'no-token' });
    assert.deepEqual([status, body['errcode']], [401, 'M_UNKNOWN_TOKEN']);
  });

  it('may name a device of the user', async () => {
    await succeed(server, 'POST', `${C}/login`, {
      token: AS_TOKEN,
      body: {
        type: 'm.login.application_service',
        identifier: { type: 'm.id.user', user: 'irc_alice' },
        device_id: 'BRIDGE',
      },
    });
    for (const key of ['device_id', 'org.matrix.msc3202.device_id']) {
      const reply = await requestAs(server, '@irc_alice:localhost', 'GET', `${WHOAMI}?${key}=BRIDGE`);
      assert.equal(reply.body['device_id'], 'BRIDGE');
    }
    const { status, body } = await requestAs(
      server,
      '@irc_alice:localhost',
      'GET',
      `${WHOAMI}?device_id=OTHER`,
    );
    assert.deepEqual([status, body['errcode']], [400, 'M_UNKNOWN_DEVICE']);
  });

  it('without a device can upload no keys for one', async () => {
    const { status, body } = await requestAs(server, '@irc_alice:localhost', 'POST', `${C}/keys/upload`, {});
    assert.deepEqual([status, body['errcode']], [400, 'M_UNKNOWN_DEVICE']);
  });
});

describe('rate limits of an application service', () => {
  const asked = async (server: TestServer, userId: string): Promise<Set<number>> => {
    const statuses = new Set<number>();
    for (let count = 0; count < 60; count += 1) {
      const reply = await requestAs(server, userId, 'PUT', `${C}/profile/${userId}/displayname`, {
        displayname: `${count}`,
      });
      statuses.add(reply.status);
    }
    return statuses;
  };

  it('are off for its users where its registration says so', async () => {
    await using server = await startTestServer({ config: { rateLimits: true, appservices: [bridge()] } });
    await registerBridged(server, 'irc_alice');
    assert.deepEqual(await asked(server, '@irc_alice:localhost'), new Set([200]));
  });

  it('otherwise hold for its users, and never for its sender', async () => {
    const appservices = [bridge({ rateLimited: true })];
    await using server = await startTestServer({ config: { rateLimits: true, appservices } });
    await registerBridged(server, 'irc_alice');
    assert.deepEqual(await asked(server, '@irc_alice:localhost'), new Set([200, 429]));
    assert.deepEqual(await asked(server, '@irc_bot:localhost'), new Set([200]));
  });
});
