import assert from 'node:assert/strict';
import { registerUser, request, startTestServer, succeed, type TestServer } from '../support/server.ts';
import { AS_TOKEN, bridge, C, namespace, otherBridge, registerBridged, requestAs } from './bridge.ts';

const TYPE = 'm.login.application_service';

describe('users of an application service', () => {
  let server: TestServer;

  before(async () => {
    const appservices = [
      bridge(),
      otherBridge({
        namespaces: {
          users: [namespace('@slack_', false), namespace('@irc_slack_', false)],
          aliases: [],
          rooms: [],
        },
      }),
    ];
    server = await startTestServer({ config: { registration: 'closed', appservices } });
  });
  after(() => server[Symbol.asyncDispose]());

  const register = (body: object, token: string | undefined = AS_TOKEN) =>
    request(server, 'POST', `${C}/register`, { token, body: { type: TYPE, ...body } });

  it('are registered where registration is closed, with a login unless it is not wanted', async () => {
    const quiet = await register({ username: 'irc_alice', inhibit_login: true });
    assert.deepEqual([quiet.status, quiet.body], [200, { user_id: '@irc_alice:localhost' }]);
    const loud = await register({ username: 'irc_bob', device_id: 'PHONE' });
    assert.deepEqual([loud.status, loud.body['device_id']], [200, 'PHONE']);
    assert.equal(typeof loud.body['access_token'], 'string');
  });

  it('are registered even when the request already speaks in their name', async () => {
    const reply = await requestAs(server, '@irc_early:localhost', 'POST', `${C}/register`, {
      type: TYPE,
      username: 'irc_early',
      inhibit_login: true,
    });
    assert.equal(reply.status, 200);
  });

  it('must be in its namespaces, and in none that another keeps to itself', async () => {
    for (const [username, token] of [
      ['zoe', AS_TOKEN],
      ['irc_slack_zoe', 'slack'],
    ] as const) {
      const { status, body } = await register({ username }, token);
      assert.deepEqual([username, status, body['errcode']], [username, 400, 'M_EXCLUSIVE']);
    }
    assert.equal((await register({ username: 'slack_zoe' }, 'slack')).status, 200);
  });

  it('are registered once, with a name, and by a service only', async () => {
    await registerBridged(server, 'irc_twice');
    const results = [
      await register({ username: 'irc_twice' }),
      await register({}),
      await register({ username: 'irc_thrice' }, 'no-token'),
      await request(server, 'POST', `${C}/register`, { body: { type: TYPE, username: 'irc_thrice' } }),
    ];
    assert.deepEqual(
      results.map(({ status, body }) => [status, body['errcode']]),
      [
        [400, 'M_USER_IN_USE'],
        [400, 'M_MISSING_PARAM'],
        [403, 'M_FORBIDDEN'],
        [403, 'M_FORBIDDEN'],
      ],
    );
  });

  it('are logged in by the service, if they are its own and registered', async () => {
    await registerBridged(server, 'irc_dora');
    const logIn = (user: string, token?: string) =>
      request(server, 'POST', `${C}/login`, {
        token,
        body: { type: TYPE, identifier: { type: 'm.id.user', user } },
      });
    const { status, body } = await logIn('@irc_dora:localhost', AS_TOKEN);
    assert.deepEqual([status, body['user_id']], [200, '@irc_dora:localhost']);
    const refused = [
      await logIn('irc_dora'),
      await logIn('irc_dora', 'no-token'),
      await logIn('irc_nobody', AS_TOKEN),
      await logIn('zoe', AS_TOKEN),
    ];
    assert.deepEqual(
      refused.map((reply) => [reply.status, reply.body['errcode']]),
      [
        [403, 'M_FORBIDDEN'],
        [403, 'M_FORBIDDEN'],
        [403, 'M_FORBIDDEN'],
        [400, 'M_EXCLUSIVE'],
      ],
    );
  });
});

describe('what an application service keeps to itself', () => {
  it('is no name for anybody else', async () => {
    await using server = await startTestServer({ config: { appservices: [bridge()] } });
    const body = { username: 'irc_zoe', password: 'a long password', auth: { type: 'm.login.dummy' } };
    const results = [
      await request(server, 'POST', `${C}/register`, { body }),
      await request(server, 'GET', `${C}/register/available?username=irc_zoe`),
    ];
    for (const reply of results)
      assert.deepEqual([reply.status, reply.body['errcode']], [400, 'M_EXCLUSIVE']);
    await registerUser(server, 'zoe');
  });

  it('is offered as a way to log in, where there is a service', async () => {
    const flowsOf = async (server: TestServer): Promise<string> =>
      JSON.stringify(await succeed(server, 'GET', `${C}/login`));
    await using bridged = await startTestServer({ config: { appservices: [bridge()] } });
    await using plain = await startTestServer();
    assert.ok((await flowsOf(bridged)).includes(TYPE));
    assert.ok(!(await flowsOf(plain)).includes(TYPE));
  });
});
