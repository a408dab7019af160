import assert from 'node:assert/strict';
import { endpoint } from '../../src/http/endpoint.ts';
import { conflict } from '../../src/matrix/errors.ts';
import { startApp, type AppUnderTest } from './app-under-test.ts';

const failures: Readonly<Record<string, () => unknown>> = {
  refusal: () => conflict('Already sent', { outcome: 'sent' }),
  bug: () => new TypeError('secret detail', { cause: new Error('deeper') }),
  text: () => 'thrown text',
  refused: () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  shutdown: () => Object.assign(new Error('terminating connection'), { code: '57P01' }),
  starting: () => Object.assign(new Error('starting up'), { code: '57P03' }),
  noSocket: () =>
    Object.assign(new Error('connect ENOENT /run/.s.PGSQL.5432'), { code: 'ENOENT', syscall: 'connect' }),
  noFile: () =>
    Object.assign(new Error("ENOENT: no such file, open 'x'"), { code: 'ENOENT', syscall: 'open' }),
  silent: () => new Error('Query read timeout'),
  closed: () => new Error('Client was closed and is not queryable'),
  idle: () => Object.assign(new Error('terminating connection'), { code: '25P03' }),
  protocol: () => Object.assign(new Error('gone'), { code: '08006' }),
  cut: () => new Error('Connection terminated unexpectedly'),
  wrapped: () => new Error('query failed', { cause: new Error('Connection terminated') }),
  unique: () => Object.assign(new Error('duplicate key'), { code: '23505' }),
  nul: () => Object.assign(new Error('invalid byte sequence'), { code: '22021' }),
};

const failing = endpoint({
  name: 'failing',
  method: 'GET',
  path: '/fail/{how}',
  auth: 'none',
  rateLimit: 'none',
  handle: (_deps: object, { params }) => {
    throw failures[params.how]?.();
  },
});

const created = endpoint({
  name: 'created',
  method: 'POST',
  path: '/created',
  auth: 'none',
  rateLimit: 'none',
  handle: (_deps: object) => ({ status: 201, headers: { 'Cache-Control': 'no-store' }, body: [1, 'é'] }),
});

const cyclic = endpoint({
  name: 'cyclic',
  method: 'GET',
  path: '/cyclic',
  auth: 'none',
  rateLimit: 'none',
  handle: (_deps: object) => {
    const list: string[][] = [];
    Object.assign(list, [list]);
    return { body: list };
  },
});

describe('a reply', () => {
  let app: AppUnderTest;
  beforeEach(async () => (app = await startApp([failing, created, cyclic])));
  afterEach(() => app.server.stop());

  it('has the status, headers and JSON that the handler gave', async () => {
    const response = await fetch(`${app.url}/created`, { method: 'POST', headers: { Accept: 'text/html' } });
    const { status, headers } = response;
    const text = await response.text();
    assert.deepEqual([status, text], [201, '[1,"é"]']);
    assert.equal(headers.get('Content-Type'), 'application/json');
    assert.equal(headers.get('Cache-Control'), 'no-store');
  });

  it('to a refusal is its errcode, sentence and fields, and no fault in the log', async () => {
    const { status, json } = await app.ask('GET', '/fail/refusal');
    assert.deepEqual([status, json], [409, { errcode: 'M_UNKNOWN', error: 'Already sent', outcome: 'sent' }]);
    assert.deepEqual(
      app.logged.map(({ level }) => level),
      ['info'],
    );
  });

  it('to a bug is 500 without detail, and one line in the log with its cause and the id of the request', async () => {
    const { status, json, headers, text } = await app.ask('GET', '/fail/bug');
    assert.deepEqual([status, json['errcode']], [500, 'M_UNKNOWN']);
    assert.doesNotMatch(text, /secret|deeper/);
    const faults = app.logged.filter(({ level }) => level === 'error');
    assert.equal(faults.length, 1);
    assert.match(JSON.stringify(faults[0]), /secret detail.*deeper/);
    assert.equal(faults[0]?.['requestId'], headers.get('X-Request-Id'));
    assert.equal(faults[0]?.['endpoint'], 'failing');
  });

  it('to anything else that is thrown, or cannot be written as JSON, is a 500 as well', async () => {
    for (const path of ['/fail/text', '/fail/nothing', '/fail/unique', '/cyclic']) {
      const { status, json, headers } = await app.ask('GET', path);
      assert.deepEqual([status, json['errcode']], [500, 'M_UNKNOWN'], path);
      assert.equal(headers.get('Access-Control-Allow-Origin'), '*');
    }
  });

  it('while the database is away is 503 and says when to come back', async () => {
    const ways = ['refused', 'shutdown', 'starting', 'noSocket', 'silent', 'closed', 'idle', 'protocol'];
    for (const how of [...ways, 'cut', 'wrapped']) {
      const { status, json, headers } = await app.ask('GET', `/fail/${how}`);
      assert.deepEqual([status, json['errcode']], [503, 'M_UNKNOWN'], how);
      assert.equal(headers.get('Retry-After'), '2');
      assert.equal(json['retry_after_ms'], 2000);
    }
    assert.equal(app.logged.filter(({ level }) => level === 'error').length, 0);
  });

  it('to a file that is missing is no excuse', async () => {
    assert.equal((await app.ask('GET', '/fail/noFile')).status, 500);
  });

  it('to text that the database cannot hold is a refusal', async () => {
    const { status, json } = await app.ask('GET', '/fail/nul');
    assert.deepEqual([status, json['errcode']], [400, 'M_INVALID_PARAM']);
  });
});
