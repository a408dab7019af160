import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { shareAccountServer, textIn, type AccountServer, type Answer } from '../support/account-server.ts';

const REGISTER = '/_matrix/client/v3/register';
const DUMMY = { type: 'm.login.dummy' };

describe('POST /register', () => {
  const server = shareAccountServer();
  const register = (body: JsonValue, query = ''): Promise<Answer> =>
    server().ask('POST', `${REGISTER}${query}`, { body });

  it('answers an empty body with flows and a session', async () => {
    const { status, json } = await register({});
    assert.equal(status, 401);
    assert.deepEqual(json['flows'], [{ stages: ['m.login.dummy'] }]);
    assert.equal(typeof json['session'], 'string');
    assert.equal(json['errcode'], undefined);
  });

  it('registers in one request, with the device asked for', async () => {
    const body = { auth: DUMMY, username: 'Alice', password: 'secret', device_id: 'my_device' };
    const { status, json } = await register(body);
    assert.equal(status, 200);
    assert.deepEqual([json['user_id'], json['device_id']], ['@alice:test', 'my_device']);
    assert.deepEqual(Object.keys(json).sort(), ['access_token', 'device_id', 'user_id']);
  });

  it('registers in two requests, the second with another body than the first', async () => {
    const first = await register({});
    const auth = { ...DUMMY, session: textIn(first.json, 'session') };
    const { status } = await register({ username: 'alice', password: 'übers3kr1t', auth });
    assert.equal(status, 200);
  });

  it('gives refresh tokens to clients that ask, and no tokens where login is inhibited', async () => {
    const body = { auth: DUMMY, password: 'secret' };
    const refreshable = await register({ ...body, username: 'alice', refresh_token: true });
    assert.equal(typeof refreshable.json['refresh_token'], 'string');
    assert.equal(refreshable.json['expires_in_ms'], 3_600_000);
    const { json } = await register({ ...body, username: 'bob', inhibit_login: true });
    assert.deepEqual(json, { user_id: '@bob:test' });
  });

  it('refuses names that are taken or malformed, and bodies of the wrong kind', async () => {
    await server().register('alice');
    const refused: readonly (readonly [JsonObject, string])[] = [
      [{ username: 'alice', auth: DUMMY }, 'M_USER_IN_USE'],
      [{ username: 'é', auth: DUMMY }, 'M_INVALID_USERNAME'],
      [{ username: 7 }, 'M_BAD_JSON'],
      [{ device_id: '' }, 'M_BAD_JSON'],
      [{ initial_device_display_name: 'a\0b' }, 'M_BAD_JSON'],
      [{ auth: 'text' }, 'M_BAD_JSON'],
    ];
    for (const [body, errcode] of refused) {
      const { status, json } = await register({ password: 'secret', ...body });
      assert.deepEqual([status, json['errcode']], [400, errcode], JSON.stringify(body));
    }
  });

  it('makes guests, who ignore all but the device’s name', async () => {
    const { status, json } = await register({ username: 'x', device_id: 'D', password: 'p' }, '?kind=guest');
    assert.equal(status, 200);
    assert.match(textIn(json, 'user_id'), /^@[0-9]+:test$/);
    assert.notEqual(json['device_id'], 'D');
    const token = textIn(json, 'access_token');
    const who = await server().ask('GET', '/_matrix/client/v3/account/whoami', { token });
    assert.equal(who.json['is_guest'], true);
    const logout = await server().ask('POST', '/_matrix/client/v3/logout', { token });
    assert.equal(logout.json['errcode'], 'M_GUEST_ACCESS_FORBIDDEN');
    assert.equal((await register({}, '?kind=admin')).json['errcode'], 'M_INVALID_PARAM');
  });

  it('has a sibling that says which names are free', async () => {
    await server().register('alice');
    const ask = (name: string): Promise<Answer> =>
      server().ask('GET', `${REGISTER}/available?username=${name}`);
    assert.deepEqual(await ask('bob'), { status: 200, json: { available: true } });
    assert.equal((await ask('alice')).json['errcode'], 'M_USER_IN_USE');
    assert.equal((await ask('a,b')).json['errcode'], 'M_INVALID_USERNAME');
  });

  it('has a sibling that judges registration tokens', async () => {
    const path = '/_matrix/client/v1/register/m.login.registration_token/validity';
    assert.deepEqual(await server().ask('GET', `${path}?token=x`), { status: 200, json: { valid: false } });
    assert.equal((await server().ask('GET', path)).json['errcode'], 'M_MISSING_PARAM');
  });
});

describe('/_synapse/admin/v1/register', () => {
  const PATH = '/_synapse/admin/v1/register';
  const server = shareAccountServer({ registration: 'closed', registrationSharedSecret: 'complement' });

  it('registers users and administrators for who knows the secret', async () => {
    const plain = await registerSigned(server(), { username: 'User-UPPER', admin: false });
    assert.deepEqual([plain.status, plain.json['user_id']], [200, '@user-upper:test']);
    const admin = await registerSigned(server(), { username: 'root', admin: true });
    const token = textIn(admin.json, 'access_token');
    const requester = await server().world.authenticator.authenticate(token, { ip: '::1', userAgent: 'x' });
    assert.equal(requester.isAdmin, true);
  });

  it('refuses a wrong signature, and one for a user as one for an administrator', async () => {
    for (const forged of [{ mac: 'ab'.repeat(20) }, { mac: '' }, { admin: true }]) {
      const { status, json } = await registerSigned(server(), { username: 'eve', admin: false }, forged);
      assert.deepEqual([status, json['errcode']], [403, 'M_FORBIDDEN']);
    }
  });

  it('takes a nonce once, within a minute', async () => {
    const nonce = await askNonce(server());
    assert.equal((await registerSigned(server(), { username: 'a', admin: false, nonce })).status, 200);
    const again = await registerSigned(server(), { username: 'b', admin: false, nonce });
    assert.deepEqual([again.status, again.json['errcode']], [400, 'M_UNKNOWN']);
    const late = await askNonce(server());
    server().world.clock.advance(60_000);
    assert.equal((await registerSigned(server(), { username: 'c', admin: false, nonce: late })).status, 400);
  });

  it('refuses malformed names', async () => {
    const { json } = await registerSigned(server(), { username: 'us,er', admin: false });
    assert.equal(json['errcode'], 'M_INVALID_USERNAME');
  });

  it('leaves registration closed to all others', async () => {
    const body = { username: 'alice', password: 'secret', auth: DUMMY };
    for (const query of ['', '?kind=guest']) {
      assert.equal((await server().ask('POST', `${REGISTER}${query}`, { body })).status, 403);
    }
  });

  describe('without a secret', () => {
    const bare = shareAccountServer();

    it('is not there', async () => {
      const body = { nonce: 'n', username: 'a', password: 'p', mac: 'm' };
      for (const answer of [await bare().ask('GET', PATH), await bare().ask('POST', PATH, { body })]) {
        assert.deepEqual([answer.status, answer.json['errcode']], [404, 'M_UNRECOGNIZED']);
      }
    });
  });

  async function askNonce(from: AccountServer): Promise<string> {
    return textIn((await from.ask('GET', PATH)).json, 'nonce');
  }

  async function registerSigned(
    from: AccountServer,
    user: { readonly username: string; readonly admin: boolean; readonly nonce?: string },
    forged: JsonObject = {},
  ): Promise<Answer> {
    const nonce = user.nonce ?? (await askNonce(from));
    const role = user.admin ? 'admin' : 'notadmin';
    const signed = [nonce, user.username, 'secret', role].join('\0');
    const mac = createHmac('sha1', 'complement').update(signed).digest('hex');
    const body = { nonce, username: user.username, password: 'secret', admin: user.admin, mac, ...forged };
    return from.ask('POST', PATH, { body });
  }
});
