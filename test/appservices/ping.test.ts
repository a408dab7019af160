import assert from 'node:assert/strict';
import { CALL_TIMEOUT_MS } from '../../src/appservices/call.ts';
import { registerUser, request, startTestServer, type TestServer } from '../support/server.ts';
import { AS_TOKEN, bridge, HS_TOKEN, otherBridge } from './bridge.ts';
import { OK, startListener, type Listener } from './listener.ts';

const PING = '/_matrix/client/v1/appservice/irc/ping';

describe('a ping to an application service', () => {
  let server: TestServer;
  let listener: Listener;

  before(async () => {
    listener = await startListener();
    const appservices = [bridge({ url: `${listener.url}/under/a/path` }), otherBridge()];
    server = await startTestServer({ config: { appservices } });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await listener[Symbol.asyncDispose]();
  });

  it('reaches it with the token of the homeserver, and says how long that took', async () => {
    const body = { transaction_id: 'mine' };
    const reply = await request(server, 'POST', PING, { token: AS_TOKEN, body });
    assert.deepEqual([reply.status, reply.body], [200, { duration_ms: 0 }]);
    assert.deepEqual(await listener.next(), {
      method: 'POST',
      path: '/under/a/path/_matrix/app/v1/ping',
      authorization: `Bearer ${HS_TOKEN}`,
      body,
    });
    assert.equal((await request(server, 'POST', PING, { token: AS_TOKEN })).status, 200);
    assert.deepEqual((await listener.next()).body, {});
  });

  it('tells what was answered that is no success', async () => {
    listener.answer = () => ({ status: 403, body: { errcode: 'M_FORBIDDEN' } });
    const { status, body } = await request(server, 'POST', PING, { token: AS_TOKEN, body: {} });
    assert.equal(status, 502);
    assert.deepEqual(
      [body['errcode'], body['status'], body['body']],
      ['M_BAD_STATUS', 403, '{"errcode":"M_FORBIDDEN"}'],
    );
    listener.answer = () => OK;
  });

  it('ends when there is no answer in time', async () => {
    listener.heard.length = 0;
    listener.answer = () => new Promise(() => undefined);
    const pinging = request(server, 'POST', PING, { token: AS_TOKEN, body: {} });
    await listener.next();
    server.clock.advance(CALL_TIMEOUT_MS);
    const { status, body } = await pinging;
    assert.deepEqual([status, body['errcode']], [504, 'M_CONNECTION_TIMEOUT']);
    listener.answer = () => OK;
  });

  it('is for the service itself, which must have a URL', async () => {
    const bob = await registerUser(server, 'bob');
    const attempts = [
      await request(server, 'POST', PING, { token: bob, body: {} }),
      await request(server, 'POST', PING, { token: 'slack', body: {} }),
      await request(server, 'POST', PING.replace('irc', 'slack'), { token: 'slack', body: {} }),
    ];
    assert.deepEqual(
      attempts.map(({ status, body }) => [status, body['errcode']]),
      [
        [403, 'M_FORBIDDEN'],
        [403, 'M_FORBIDDEN'],
        [400, 'M_URL_NOT_SET'],
      ],
    );
  });

  it('fails when nobody listens', async () => {
    const silent = await startListener();
    await silent[Symbol.asyncDispose]();
    await using alone = await startTestServer({ config: { appservices: [bridge({ url: silent.url })] } });
    const { status, body } = await request(alone, 'POST', PING, { token: AS_TOKEN, body: {} });
    assert.deepEqual([status, body['errcode']], [502, 'M_CONNECTION_FAILED']);
  });
});
