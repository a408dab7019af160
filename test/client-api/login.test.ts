import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { shareAccountServer, textIn, type Answer } from '../support/account-server.ts';

const LOGIN = '/_matrix/client/v3/login';
const WHOAMI = '/_matrix/client/v3/account/whoami';
const ALICE = { type: 'm.id.user', user: 'alice' };

describe('login and logout', () => {
  const server = shareAccountServer();
  const logIn = (more: JsonObject): Promise<Answer> =>
    server().ask('POST', LOGIN, { body: { type: 'm.login.password', password: 'secret', ...more } });
  const whoAmI = (token: string): Promise<Answer> => server().ask('GET', WHOAMI, { token });

  it('offer the password flow and that of tokens', async () => {
    const { json } = await server().ask('GET', LOGIN);
    const tokens = { type: 'm.login.token', get_login_token: true };
    assert.deepEqual(json, { flows: [{ type: 'm.login.password' }, tokens] });
  });

  it('take an identifier or the older `user`, and give a token that works', async () => {
    await server().register('alice');
    for (const named of [{ identifier: ALICE }, { user: '@alice:test' }]) {
      const { status, json } = await logIn({ ...named, device_id: 'DEV' });
      assert.deepEqual([status, json['user_id'], json['device_id']], [200, '@alice:test', 'DEV']);
      const who = await whoAmI(textIn(json, 'access_token'));
      assert.deepEqual(who.json, { user_id: '@alice:test', device_id: 'DEV', is_guest: false });
    }
  });

  it('refuse what is wrong with the right errcode', async () => {
    await server().register('alice');
    const refused: readonly (readonly [JsonObject, number, string])[] = [
      [{ identifier: ALICE, password: 'wrong' }, 403, 'M_FORBIDDEN'],
      [{ identifier: { type: 'm.id.user', user: 'nobody' } }, 403, 'M_FORBIDDEN'],
      [{ identifier: ALICE, type: 'm.login.sso' }, 400, 'M_UNKNOWN'],
      [{ identifier: { type: 'm.id.phone', user: 'alice' } }, 400, 'M_UNKNOWN'],
      [{}, 400, 'M_MISSING_PARAM'],
      [{ identifier: ALICE, password: 1 }, 400, 'M_BAD_JSON'],
    ];
    for (const [body, status, errcode] of refused) {
      const answer = await logIn(body);
      assert.deepEqual([answer.status, answer.json['errcode']], [status, errcode], JSON.stringify(body));
    }
    assert.equal((await server().ask('POST', LOGIN, { body: {} })).json['errcode'], 'M_MISSING_PARAM');
    const noPassword = { type: 'm.login.password', identifier: ALICE };
    assert.equal(
      (await server().ask('POST', LOGIN, { body: noPassword })).json['errcode'],
      'M_MISSING_PARAM',
    );
  });

  it('end a session, or all of them', async () => {
    const { token } = await server().register('alice');
    const [second, third] = [await logIn({ identifier: ALICE }), await logIn({ identifier: ALICE })];
    assert.deepEqual(await server().ask('POST', '/_matrix/client/v3/logout', { token }), {
      status: 200,
      json: {},
    });
    assert.equal((await whoAmI(token)).json['errcode'], 'M_UNKNOWN_TOKEN');
    const tokens = [second, third].map((answer) => textIn(answer.json, 'access_token'));
    for (const still of tokens) assert.equal((await whoAmI(still)).status, 200);
    const all = await server().ask('POST', '/_matrix/client/v3/logout/all', { token: tokens[0] ?? '' });
    assert.equal(all.status, 200);
    for (const ended of tokens) assert.equal((await whoAmI(ended)).status, 401);
  });

  it('want a token for logging out', async () => {
    const without = await server().ask('POST', '/_matrix/client/v3/logout');
    assert.deepEqual([without.status, without.json['errcode']], [401, 'M_MISSING_TOKEN']);
    const unknown = await server().ask('POST', '/_matrix/client/v3/logout', { token: 'x' });
    assert.deepEqual([unknown.status, unknown.json['errcode']], [401, 'M_UNKNOWN_TOKEN']);
  });

  it('refresh tokens', async () => {
    await server().register('alice');
    const { json } = await logIn({ identifier: ALICE, refresh_token: true });
    const body = { refresh_token: textIn(json, 'refresh_token') };
    const refreshed = await server().ask('POST', '/_matrix/client/v3/refresh', { body });
    assert.equal(refreshed.status, 200);
    const keys = ['access_token', 'expires_in_ms', 'refresh_token'];
    assert.deepEqual(Object.keys(refreshed.json).sort(), keys);
    assert.equal((await whoAmI(textIn(refreshed.json, 'access_token'))).status, 200);
    const again = await server().ask('POST', '/_matrix/client/v3/refresh', { body });
    assert.deepEqual([again.status, again.json['errcode']], [401, 'M_UNKNOWN_TOKEN']);
  });
});

describe('account management', () => {
  const server = shareAccountServer();
  const post = (path: string, token: string, body: JsonValue): Promise<Answer> =>
    server().ask('POST', `/_matrix/client/v3/account/${path}`, { token, body });
  const auth = { type: 'm.login.password', identifier: ALICE, password: 'secret' };
  const logIn = async (password: string): Promise<Answer> =>
    server().ask('POST', LOGIN, { body: { type: 'm.login.password', identifier: ALICE, password } });

  it('changes the password and logs other devices out, but not this one', async () => {
    const { token } = await server().register('alice');
    const other = textIn((await logIn('secret')).json, 'access_token');
    assert.equal((await post('password', token, { new_password: 'new' })).status, 401);
    assert.deepEqual(await post('password', token, { new_password: 'new', auth }), { status: 200, json: {} });
    assert.equal((await logIn('secret')).status, 403);
    assert.equal((await logIn('new')).status, 200);
    assert.equal((await server().ask('GET', WHOAMI, { token })).status, 200);
    assert.equal((await server().ask('GET', WHOAMI, { token: other })).status, 401);
  });

  it('keeps other devices if so asked', async () => {
    const { token } = await server().register('alice');
    const other = textIn((await logIn('secret')).json, 'access_token');
    await post('password', token, { new_password: 'new', logout_devices: false, auth });
    assert.equal((await server().ask('GET', WHOAMI, { token: other })).status, 200);
  });

  it('changes nothing by a wrong password, or to an empty one', async () => {
    const { token } = await server().register('alice');
    const wrong = await post('password', token, {
      new_password: 'new',
      auth: { ...auth, password: 'wrong' },
    });
    assert.deepEqual([wrong.status, wrong.json['errcode']], [401, 'M_FORBIDDEN']);
    const empty = await post('password', token, { new_password: '', auth });
    assert.deepEqual([empty.status, empty.json['errcode']], [400, 'M_WEAK_PASSWORD']);
    assert.equal((await post('password', token, { auth })).json['errcode'], 'M_MISSING_PARAM');
    assert.equal((await logIn('secret')).status, 200);
  });

  it('deactivates an account by its password', async () => {
    const { token } = await server().register('alice');
    const asked = await post('deactivate', token, {});
    assert.deepEqual([asked.status, asked.json['flows']], [401, [{ stages: ['m.login.password'] }]]);
    const wrong = await post('deactivate', token, { auth: { ...auth, password: 'wrong' } });
    assert.deepEqual([wrong.status, wrong.json['errcode']], [401, 'M_FORBIDDEN']);
    const done = await post('deactivate', token, { auth, erase: true });
    assert.deepEqual(done, { status: 200, json: { id_server_unbind_result: 'success' } });
    assert.equal((await server().ask('GET', WHOAMI, { token })).status, 401);
    assert.equal((await logIn('secret')).json['errcode'], 'M_USER_DEACTIVATED');
  });
});
