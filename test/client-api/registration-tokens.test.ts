import assert from 'node:assert/strict';
import { parseUserId } from '../../src/matrix/identifiers.ts';
import { createUser } from '../../src/accounts/register.ts';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { ORIGIN } from '../support/accounts.ts';
import { shareAccountServer, type Answer } from '../support/account-server.ts';

const PATH = '/_synapse/admin/v1/registration_tokens';
const VALIDITY = '/_matrix/client/v1/register/m.login.registration_token/validity';

describe('the administration of registration tokens', () => {
  const server = shareAccountServer({ registration: 'token' });
  let root: string;
  let plain: string;
  beforeEach(async () => {
    [root, plain] = [await logIn('@root:test', true), await logIn('@plain:test', false)];
  });

  async function logIn(id: string, isAdmin: boolean): Promise<string> {
    const userId = parseUserId(id);
    assert.ok(userId);
    const session = { deviceId: undefined, displayName: undefined, refreshable: false };
    const user = { userId, password: 'secret', isAdmin };
    const { login } = await createUser(server().world, user, session, ORIGIN);
    assert.ok(login);
    return login.accessToken;
  }

  const ask = (method: string, path = '', body?: JsonValue, token = root): Promise<Answer> =>
    server().ask(method, `${PATH}${path}`, { token, ...(body === undefined ? {} : { body }) });
  const make = async (body: JsonObject): Promise<JsonObject> => {
    const { status, json } = await ask('POST', '/new', body);
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  };
  const register = (username: string, token: string): Promise<Answer> => {
    const auth = { type: 'm.login.registration_token', token };
    const body = { username, password: 'secret', auth };
    return server().ask('POST', '/_matrix/client/v3/register', { body });
  };
  const isValid = async (token: string): Promise<unknown> =>
    (await server().ask('GET', `${VALIDITY}?token=${token}`)).json['valid'];
  const refused = async (...args: Parameters<typeof ask>): Promise<unknown> => {
    const { status, json } = await ask(...args);
    return [status, json['errcode']];
  };

  it('makes a token that people register with, and counts them', async () => {
    const fresh = { token: 'abcd', uses_allowed: 1, pending: 0, completed: 0, expiry_time: null };
    assert.deepEqual(await make({ token: 'abcd', uses_allowed: 1 }), fresh);
    assert.equal(await isValid('abcd'), true);
    assert.equal((await register('alice', 'abcd')).status, 200);
    assert.deepEqual((await ask('GET', '/abcd')).json, { ...fresh, completed: 1 });
    assert.equal(await isValid('abcd'), false);
    assert.equal((await register('bob', 'abcd')).status, 401);
  });

  it('makes random tokens, of 16 characters unless told otherwise', async () => {
    const tokens = [await make({}), await make({ length: 64 }), await make({ length: 1 })];
    const lengths = tokens.map(({ token }) => (typeof token === 'string' ? token.length : undefined));
    assert.deepEqual(lengths, [16, 64, 1]);
    assert.deepEqual([tokens[0]?.['uses_allowed'], tokens[0]?.['expiry_time']], [null, null]);
  });

  it('lists tokens: all, or those that are good, or those that are not', async () => {
    const soon = server().world.clock.nowMs() + 1000;
    await make({ token: 'used', uses_allowed: 0 });
    await make({ token: 'good', uses_allowed: null });
    await make({ token: 'late', expiry_time: soon });
    const list = async (query = ''): Promise<unknown> => {
      const { registration_tokens: tokens } = (await ask('GET', query)).json;
      return JSON.stringify(tokens).match(/(?<="token":")[a-z]+/g);
    };
    assert.deepEqual(await list(), ['good', 'late', 'used']);
    assert.deepEqual(await list('?valid=true'), ['good', 'late']);
    server().world.clock.advance(1000);
    assert.deepEqual(await list('?valid=true'), ['good']);
    assert.deepEqual(await list('?valid=false'), ['late', 'used']);
    assert.deepEqual(await refused('GET', '?valid=perhaps'), [400, 'M_INVALID_PARAM']);
  });

  it('changes what is named, and leaves the rest', async () => {
    const later = server().world.clock.nowMs() + 1000;
    await make({ token: 'abcd', uses_allowed: 3 });
    const dated = { token: 'abcd', uses_allowed: 3, pending: 0, completed: 0, expiry_time: later };
    assert.deepEqual((await ask('PUT', '/abcd', { expiry_time: later })).json, dated);
    assert.deepEqual((await ask('PUT', '/abcd', {})).json, dated);
    assert.deepEqual((await ask('PUT', '/abcd', { uses_allowed: 0 })).json, { ...dated, uses_allowed: 0 });
    assert.equal(await isValid('abcd'), false);
    const free = { ...dated, uses_allowed: null, expiry_time: null };
    assert.deepEqual((await ask('PUT', '/abcd', { uses_allowed: null, expiry_time: null })).json, free);
    assert.equal(await isValid('abcd'), true);
  });

  it('takes a token away', async () => {
    await make({ token: 'abcd' });
    assert.deepEqual(await ask('DELETE', '/abcd'), { status: 200, json: {} });
    assert.equal((await register('alice', 'abcd')).status, 401);
    for (const [method, body] of [['GET'], ['DELETE'], ['PUT', {}]] as const)
      assert.deepEqual(await refused(method, '/abcd', body), [404, 'M_NOT_FOUND'], method);
  });

  it('counts registrations under way', async () => {
    await make({ token: 'abcd' });
    await server().world.test.database.pool.query(
      `insert into uia_sessions (session_id, action, completed, registration_token, expires_ts)
       values ('s', 'register', '{m.login.registration_token}', 'abcd', $1)`,
      [server().world.clock.nowMs() + 1000],
    );
    assert.equal((await ask('GET', '/abcd')).json['pending'], 1);
    server().world.clock.advance(1000);
    assert.equal((await ask('GET', '/abcd')).json['pending'], 0);
  });

  it('refuses tokens and bounds that make no sense', async () => {
    await make({ token: 'taken' });
    const past = server().world.clock.nowMs() - 1;
    const faults: readonly (readonly [JsonObject, string])[] = [
      [{ token: 'taken' }, 'M_INVALID_PARAM'],
      [{ token: 'a/b' }, 'M_INVALID_PARAM'],
      [{ token: '' }, 'M_INVALID_PARAM'],
      [{ token: 'x'.repeat(65) }, 'M_INVALID_PARAM'],
      [{ token: 1 }, 'M_BAD_JSON'],
      [{ length: 0 }, 'M_INVALID_PARAM'],
      [{ length: 65 }, 'M_INVALID_PARAM'],
      [{ uses_allowed: -1 }, 'M_INVALID_PARAM'],
      [{ uses_allowed: 2 ** 31 }, 'M_INVALID_PARAM'],
      [{ uses_allowed: '3' }, 'M_BAD_JSON'],
      [{ expiry_time: past }, 'M_INVALID_PARAM'],
      [{ expiry_time: 1e300 }, 'M_INVALID_PARAM'],
    ];
    for (const [body, errcode] of faults)
      assert.deepEqual(await refused('POST', '/new', body), [400, errcode], JSON.stringify(body));
    assert.deepEqual(await refused('PUT', '/taken', { expiry_time: past }), [400, 'M_INVALID_PARAM']);
  });

  it('is for administrators', async () => {
    await make({ token: 'abcd' });
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['POST', '/new', {}],
      ['GET', '/abcd', undefined],
      ['PUT', '/abcd', {}],
      ['DELETE', '/abcd', undefined],
    ] as const) {
      assert.deepEqual(await refused(method, path, body, plain), [403, 'M_FORBIDDEN'], `${method} ${path}`);
      assert.equal((await server().ask(method, `${PATH}${path}`)).status, 401);
    }
  });
});
