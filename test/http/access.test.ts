import assert from 'node:assert/strict';
import { endpoint, type AuthKind, type Endpoint } from '../../src/http/endpoint.ts';
import { bearer, startApp, type Answer, type AppUnderTest } from './app-under-test.ts';

/** One row for each auth kind; it answers with who asks. */
function whoami(auth: AuthKind): Endpoint<object> {
  return endpoint({
    name: `whoami-${auth}`,
    method: 'GET',
    path: `/${auth}`,
    auth,
    rateLimit: 'none',
    handle: (_deps: object, { requester }) => ({ body: { who: requester?.userId ?? null } }),
  });
}

const seen = ({ status, json }: Answer): unknown[] => [status, json['who'] ?? json['errcode'] ?? null];

const kinds: readonly AuthKind[] = ['none', 'optional', 'user', 'guest-ok', 'admin'];

describe('access', () => {
  let app: AppUnderTest;
  before(async () => (app = await startApp(kinds.map(whoami))));
  after(() => app.server.stop());

  const table: readonly (readonly [AuthKind, string | undefined, number, string | null])[] = [
    ['none', undefined, 200, null],
    ['none', 'alice', 200, null],
    ['none', 'bad', 200, null],
    ['optional', undefined, 200, null],
    ['optional', 'alice', 200, '@alice:x'],
    ['optional', 'guest1', 200, '@guest1:x'],
    ['optional', 'bad', 401, 'M_UNKNOWN_TOKEN'],
    ['user', undefined, 401, 'M_MISSING_TOKEN'],
    ['user', 'alice', 200, '@alice:x'],
    ['user', 'guest1', 403, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['user', 'bad', 401, 'M_UNKNOWN_TOKEN'],
    ['guest-ok', undefined, 401, 'M_MISSING_TOKEN'],
    ['guest-ok', 'alice', 200, '@alice:x'],
    ['guest-ok', 'guest1', 200, '@guest1:x'],
    ['guest-ok', 'bad', 401, 'M_UNKNOWN_TOKEN'],
    ['admin', undefined, 401, 'M_MISSING_TOKEN'],
    ['admin', 'alice', 403, 'M_FORBIDDEN'],
    ['admin', 'guest1', 403, 'M_GUEST_ACCESS_FORBIDDEN'],
    ['admin', 'admin1', 200, '@admin1:x'],
    ['admin', 'bad', 401, 'M_UNKNOWN_TOKEN'],
  ];
  for (const [auth, token, status, outcome] of table) {
    it(`of kind ${auth} with ${token ?? 'no token'} ends in ${status} ${outcome ?? ''}`, async () => {
      const answer = await app.ask('GET', `/${auth}`, token === undefined ? {} : bearer(token));
      assert.deepEqual(seen(answer), [status, outcome]);
    });
  }

  it('takes the token from the query, and the header before it', async () => {
    assert.deepEqual(seen(await app.ask('GET', '/user?access_token=alice')), [200, '@alice:x']);
    assert.deepEqual(seen(await app.ask('GET', '/user?access_token=bad', bearer('alice'))), [
      200,
      '@alice:x',
    ]);
    assert.deepEqual(seen(await app.ask('GET', '/user?access_token=')), [401, 'M_MISSING_TOKEN']);
  });

  const using = (Authorization: string) => app.ask('GET', '/user', { headers: { Authorization } });

  it('takes the scheme in any case, and no other scheme', async () => {
    assert.deepEqual(seen(await using('bEARER alice')), [200, '@alice:x']);
    assert.deepEqual(seen(await using('Basic alice')), [401, 'M_MISSING_TOKEN']);
    assert.deepEqual(seen(await using('Bearer')), [401, 'M_MISSING_TOKEN']);
  });

  it('passes the extra fields of a refused token on', async () => {
    assert.equal((await app.ask('GET', '/user', bearer('bad'))).json['soft_logout'], true);
  });

  it('keeps tokens and paths out of the log', async () => {
    await app.ask('GET', '/user?access_token=sesame');
    await app.ask('GET', '/nowhere/sesame');
    const lines = app.logged.map((line) => JSON.stringify(line));
    assert.ok(!lines.some((line) => line.includes('access_token') || line.includes('/nowhere')));
    const [known, unknown] = app.logged.slice(-2);
    assert.equal(known?.['endpoint'], 'whoami-user');
    assert.equal(known?.['userId'], '@sesame:x');
    assert.deepEqual([known?.['status'], known?.['method'], known?.['ms']], [200, 'GET', 0]);
    assert.deepEqual([unknown?.['status'], unknown?.['endpoint']], [404, undefined]);
  });
});

describe('access of restricted accounts', () => {
  const rules = [
    { path: '/plain', auth: 'user' },
    { path: '/refused', auth: 'user', whileSuspended: 'refused' },
    { path: '/by-event', auth: 'user', whileSuspended: 'by-event' },
    { path: '/logout', auth: 'user', allowedWhileLocked: true },
    { path: '/optional', auth: 'optional', whileSuspended: 'refused' },
    { path: '/none', auth: 'none', whileSuspended: 'refused' },
  ] as const;
  let app: AppUnderTest;
  before(async () => {
    const rows = rules.map((rule) =>
      endpoint({
        ...rule,
        name: rule.path,
        method: 'GET',
        rateLimit: 'none',
        handle: (_deps: object) => ({ body: {} }),
      }),
    );
    app = await startApp(rows);
  });
  after(() => app.server.stop());

  const table: readonly (readonly [string, string, number, string | null])[] = [
    ['/plain', 'suspended1', 200, null],
    ['/refused', 'suspended1', 403, 'M_USER_SUSPENDED'],
    ['/by-event', 'suspended1', 200, null],
    ['/optional', 'suspended1', 403, 'M_USER_SUSPENDED'],
    ['/none', 'suspended1', 200, null],
    ['/refused', 'alice', 200, null],
    ['/plain', 'locked1', 401, 'M_USER_LOCKED'],
    ['/refused', 'locked1', 401, 'M_USER_LOCKED'],
    ['/optional', 'locked1', 401, 'M_USER_LOCKED'],
    ['/none', 'locked1', 200, null],
    ['/logout', 'locked1', 200, null],
  ];
  for (const [path, token, status, outcome] of table) {
    it(`to ${path} with the token ${token} ends in ${status} ${outcome ?? ''}`, async () => {
      const answer = await app.ask('GET', path, bearer(token));
      assert.deepEqual([answer.status, answer.json['errcode'] ?? null], [status, outcome]);
      assert.equal(answer.json['soft_logout'], status === 401 ? true : undefined);
    });
  }
});
