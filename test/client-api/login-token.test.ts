import assert from 'node:assert/strict';
import { shareAccountServer, textIn } from '../support/account-server.ts';

const GET_TOKEN = '/_matrix/client/v1/login/get_token';
const LOGIN = '/_matrix/client/v3/login';

describe('POST /login/get_token', () => {
  const server = shareAccountServer();

  it('gives a token for m.login.token after the password was given', async () => {
    const { token } = await server().register('alice');
    const challenge = await server().ask('POST', GET_TOKEN, { token, body: {} });
    assert.equal(challenge.status, 401);
    assert.deepEqual(challenge.json['flows'], [{ stages: ['m.login.password'] }]);
    const auth = {
      type: 'm.login.password',
      session: textIn(challenge.json, 'session'),
      identifier: { type: 'm.id.user', user: 'alice' },
      password: 'secret',
    };
    const { status, json } = await server().ask('POST', GET_TOKEN, { token, body: { auth } });
    assert.deepEqual([status, json['expires_in_ms']], [200, 120_000]);
    const body = { type: 'm.login.token', token: textIn(json, 'login_token'), device_id: 'OTHER' };
    const login = await server().ask('POST', LOGIN, { body });
    assert.deepEqual(
      [login.status, login.json['user_id'], login.json['device_id']],
      [200, '@alice:test', 'OTHER'],
    );
    const again = await server().ask('POST', LOGIN, { body });
    assert.deepEqual([again.status, again.json['errcode']], [403, 'M_FORBIDDEN']);
  });

  it('is announced in the capabilities', async () => {
    const { token } = await server().register('alice');
    const { json } = await server().ask('GET', '/_matrix/client/v3/capabilities', { token });
    assert.match(JSON.stringify(json), /"m.get_login_token":\{"enabled":true\}/);
  });

  it('is for users who are logged in, and no guests', async () => {
    const guest = await server().ask('POST', '/_matrix/client/v3/register?kind=guest', { body: {} });
    const token = textIn(guest.json, 'access_token');
    const refused = await server().ask('POST', GET_TOKEN, { token, body: {} });
    assert.deepEqual([refused.status, refused.json['errcode']], [403, 'M_GUEST_ACCESS_FORBIDDEN']);
    assert.equal((await server().ask('POST', GET_TOKEN, { body: {} })).json['errcode'], 'M_MISSING_TOKEN');
  });

  it('leads to a login that says what is wrong with it', async () => {
    const login = (more: object): ReturnType<ReturnType<typeof server>['ask']> =>
      server().ask('POST', LOGIN, { body: { type: 'm.login.token', ...more } });
    assert.deepEqual((await login({})).json['errcode'], 'M_MISSING_PARAM');
    assert.deepEqual((await login({ token: 1 })).json['errcode'], 'M_BAD_JSON');
    const unknown = await login({ token: 'unknown' });
    assert.deepEqual([unknown.status, unknown.json['errcode']], [403, 'M_FORBIDDEN']);
  });
});
