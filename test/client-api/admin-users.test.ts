import assert from 'node:assert/strict';
import { registerAdmin, restrict } from '../support/moderation.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { makeGuest, makeTwo, objectAt, refusalOf } from './rooms-client.ts';

const V1 = '/_matrix/client/v1/admin';
const UNSTABLE = '/_matrix/client/unstable/uk.timedout.msc4323/admin';

const states = [
  { path: (userId: string) => `${V1}/suspend/${encodeURIComponent(userId)}`, key: 'suspended' },
  { path: (userId: string) => `${V1}/lock/${encodeURIComponent(userId)}`, key: 'locked' },
  { path: (userId: string) => `${UNSTABLE}/suspend/${encodeURIComponent(userId)}`, key: 'suspended' },
  { path: (userId: string) => `${UNSTABLE}/lock/${encodeURIComponent(userId)}`, key: 'locked' },
];

describe('administrators', () => {
  let server: TestServer;
  let admin: TestUser;
  let other: TestUser;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    admin = await registerAdmin(server, 'admin');
    other = await registerAdmin(server, 'other-admin');
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = (method: string, path: string, token?: TestUser, body?: unknown): Promise<TestReply> =>
    request(server, method, path, { token, body });

  for (const { path, key } of states) {
    const example = path('@user:server').replace('%40user%3Aserver', '{userId}');

    it(`set, see and lift what ${example} restricts, once and again`, async () => {
      const at = path(alice.userId);
      assert.deepEqual((await ask('GET', at, admin)).body, { [key]: false });
      for (const value of [true, true, false, false]) {
        assert.deepEqual((await ask('PUT', at, admin, { [key]: value })).body, { [key]: value });
        assert.deepEqual((await ask('GET', at, admin)).body, { [key]: value });
      }
      assert.deepEqual((await ask('GET', path(bob.userId), admin)).body, { [key]: false });
    });

    it(`alone may use ${example}, and nobody else learns who is here`, async () => {
      const guest = await makeGuest(server);
      for (const userId of [alice.userId, '@nobody:localhost', '@someone:elsewhere.example'])
        for (const [method, body] of [['GET'], ['PUT', { [key]: true }]] as const) {
          assert.deepEqual(refusalOf(await ask(method, path(userId), bob, body)), [403, 'M_FORBIDDEN']);
          assert.deepEqual(refusalOf(await ask(method, path(userId), undefined, body)), [
            401,
            'M_MISSING_TOKEN',
          ]);
          assert.equal((await ask(method, path(userId), guest, body)).status, 403);
        }
    });

    it(`cannot use ${example} on themselves, each other, strangers and accounts that are gone`, async () => {
      const put = async (userId: string): Promise<unknown> =>
        refusalOf(await ask('PUT', path(userId), admin, { [key]: true }));
      assert.deepEqual(await put(admin.userId), [403, 'M_FORBIDDEN']);
      assert.deepEqual((await ask('GET', path(admin.userId), admin)).body, { [key]: false });
      await succeed(server, 'POST', '/_matrix/client/v3/account/deactivate', {
        token: alice,
        body: { auth: { type: 'm.login.password', user: alice.userId, password: passwordOf(alice) } },
      });
      const refused = [
        [other.userId, 403, 'M_FORBIDDEN'],
        ['@nobody:localhost', 404, 'M_NOT_FOUND'],
        [alice.userId, 404, 'M_NOT_FOUND'],
        ['@someone:elsewhere.example', 400, 'M_INVALID_PARAM'],
        ['nobody', 400, 'M_INVALID_PARAM'],
      ] as const;
      for (const [userId, ...refusal] of refused) {
        assert.deepEqual(await put(userId), refusal, userId);
        assert.deepEqual(refusalOf(await ask('GET', path(userId), admin)), refusal, userId);
      }
    });

    it(`must send ${example} a boolean`, async () => {
      const at = path(alice.userId);
      assert.deepEqual(refusalOf(await ask('PUT', at, admin, {})), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await ask('PUT', at, admin, { [key]: 'yes' })), [400, 'M_BAD_JSON']);
      assert.deepEqual(refusalOf(await ask('PUT', at, admin)), [400, 'M_NOT_JSON']);
    });
  }

  it('restrict in one way without touching the others', async () => {
    await restrict(server, admin, alice, 'lock');
    await restrict(server, admin, alice, 'suspend');
    await restrict(server, admin, alice, 'shadow_ban');
    await restrict(server, admin, alice, 'lock', false);
    const id = encodeURIComponent(alice.userId);
    assert.deepEqual((await ask('GET', `${V1}/lock/${id}`, admin)).body, { locked: false });
    assert.deepEqual((await ask('GET', `${V1}/suspend/${id}`, admin)).body, { suspended: true });
    const shadow = `/_synapse/admin/v1/users/${id}/shadow_ban`;
    assert.deepEqual((await ask('GET', shadow, admin)).body, { shadow_banned: true });
  });

  it('alone set and lift shadow bans, of others than administrators', async () => {
    const path = (userId: string): string =>
      `/_synapse/admin/v1/users/${encodeURIComponent(userId)}/shadow_ban`;
    for (const method of ['POST', 'DELETE', 'GET']) {
      assert.deepEqual(refusalOf(await ask(method, path(alice.userId), bob)), [403, 'M_FORBIDDEN']);
      assert.deepEqual(refusalOf(await ask(method, path(other.userId), admin)), [403, 'M_FORBIDDEN']);
      assert.deepEqual(refusalOf(await ask(method, path('@nobody:localhost'), admin)), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await ask(method, path('@a:elsewhere.example'), admin)), [
        400,
        'M_INVALID_PARAM',
      ]);
    }
    assert.deepEqual((await ask('POST', path(alice.userId), admin)).body, {});
    assert.deepEqual((await ask('DELETE', path(alice.userId), admin, {})).body, {});
    assert.deepEqual((await ask('GET', path(alice.userId), admin)).body, { shadow_banned: false });
  });

  it('are told by the server that they can moderate accounts, and nobody else is', async () => {
    const capabilitiesOf = async (token: TestUser): Promise<unknown> => {
      const body = await succeed(server, 'GET', '/_matrix/client/v3/capabilities', { token });
      const capabilities = objectAt(body, 'capabilities');
      return [capabilities['m.account_moderation'], capabilities['uk.timedout.msc4323']];
    };
    const able = { suspend: true, lock: true };
    assert.deepEqual(await capabilitiesOf(admin), [able, able]);
    assert.deepEqual(await capabilitiesOf(alice), [undefined, undefined]);
    const versions = await succeed(server, 'GET', '/_matrix/client/versions');
    assert.equal(objectAt(versions, 'unstable_features')['uk.timedout.msc4323'], true);
  });

  it('and the user themself see where the user was last seen', async () => {
    const id = encodeURIComponent(alice.userId);
    for (const path of [
      `/_matrix/client/v3/admin/whois/${id}`,
      `/_matrix/client/r0/admin/whois/${id}`,
      `/_synapse/admin/v1/whois/${id}`,
    ]) {
      for (const token of [admin, alice]) {
        const body = await succeed(server, 'GET', path, { token });
        assert.equal(body['user_id'], alice.userId);
        assert.deepEqual(body['devices'], {
          [alice.deviceId]: {
            sessions: [
              { connections: [{ ip: '127.0.0.1', last_seen: server.clock.nowMs(), user_agent: 'node' }] },
            ],
          },
        });
      }
      assert.deepEqual(refusalOf(await ask('GET', path, bob)), [403, 'M_FORBIDDEN']);
      assert.deepEqual(refusalOf(await ask('GET', path)), [401, 'M_MISSING_TOKEN']);
    }
    const whois = (userId: string): Promise<TestReply> =>
      ask('GET', `/_matrix/client/v3/admin/whois/${encodeURIComponent(userId)}`, admin);
    assert.deepEqual(refusalOf(await whois('@nobody:localhost')), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await whois('@a:elsewhere.example')), [400, 'M_INVALID_PARAM']);
  });
});

function passwordOf(user: TestUser): string {
  return `the password of ${user.userId.slice(1, user.userId.indexOf(':'))}`;
}
