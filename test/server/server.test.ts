import assert from 'node:assert/strict';
import { registerUser, request, startTestServer, succeed, type TestServer } from '../support/server.ts';

describe('a running server', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());

  it('registers a user, and knows who holds the token', async () => {
    const alice = await registerUser(server, 'alice');
    const whoami = await succeed(server, 'GET', '/_matrix/client/v3/account/whoami', { token: alice });
    assert.equal(whoami['user_id'], alice.userId);
    assert.equal(whoami['device_id'], alice.deviceId);
  });

  it('answers an unknown path with 404 M_UNRECOGNIZED and a wrong method with 405', async () => {
    const unknown = await request(server, 'GET', '/_matrix/client/v3/nothing');
    assert.deepEqual([unknown.status, unknown.body['errcode']], [404, 'M_UNRECOGNIZED']);
    const wrong = await request(server, 'DELETE', '/_matrix/client/versions');
    assert.deepEqual([wrong.status, wrong.body['errcode']], [405, 'M_UNRECOGNIZED']);
  });

  it('keeps accounts over a restart', async () => {
    const bob = await registerUser(server, 'bob');
    const second = await startTestServer({ database: server.database, clock: server.clock });
    try {
      const whoami = await succeed(second, 'GET', '/_matrix/client/v3/account/whoami', { token: bob });
      assert.equal(whoami['user_id'], bob.userId);
    } finally {
      await second[Symbol.asyncDispose]();
    }
  });
});
