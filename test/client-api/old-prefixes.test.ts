import assert from 'node:assert/strict';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  type TestServer,
  textAt,
} from '../support/server.ts';

const R0 = '/_matrix/client/r0';

describe('clients from before v1.1', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());

  it('register, log in, look at their devices and log out where the API was then', async () => {
    const user = { username: 'old', password: 'the password of old' };
    await succeed(server, 'POST', `${R0}/register`, { body: { ...user, auth: { type: 'm.login.dummy' } } });
    const login = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'old' },
      password: user.password,
    };
    const { access_token: token } = await succeed(server, 'POST', `${R0}/login`, { body: login });
    assert.ok(typeof token === 'string');
    const { user_id: userId } = await succeed(server, 'GET', `${R0}/account/whoami`, { token });
    assert.equal(userId, '@old:localhost');
    assert.equal((await request(server, 'GET', `${R0}/devices`, { token })).status, 200);
    assert.equal((await request(server, 'POST', `${R0}/logout`, { token, body: {} })).status, 200);
    assert.equal((await request(server, 'GET', `${R0}/account/whoami`, { token })).status, 401);
  });

  it('find filters, capabilities and messages to devices there too', async () => {
    const alice = await registerUser(server, 'alice');
    const made = await succeed(server, 'POST', `${R0}/user/${alice.userId}/filter`, {
      token: alice,
      body: { event_format: 'client' },
    });
    const id = textAt(made, 'filter_id');
    const filter = await succeed(server, 'GET', `${R0}/user/${alice.userId}/filter/${id}`, {
      token: alice,
    });
    assert.deepEqual(filter, { event_format: 'client' });
    assert.equal((await request(server, 'GET', `${R0}/capabilities`, { token: alice })).status, 200);
    const sent = await request(server, 'PUT', `${R0}/sendToDevice/m.dummy/1`, {
      token: alice,
      body: { messages: {} },
    });
    assert.equal(sent.status, 200);
  });
});
