import assert from 'node:assert/strict';
import { endpoint, type Endpoint } from '../../src/http/endpoint.ts';
import { mountEndpoints } from '../../src/http/route-table.ts';
import { startApp, type AppUnderTest } from './app-under-test.ts';

/** A row that answers with its name and its parameters. */
function row(
  method: Endpoint<object>['method'],
  path: string,
  name: string,
  alsoAt: string[] = [],
): Endpoint<object> {
  return {
    ...endpoint({
      name,
      method,
      path,
      auth: 'none',
      rateLimit: 'none',
      handle: (_deps: object) => ({ body: {} }),
    }),
    alsoAt,
    run: async (_deps, call) => ({ body: { name, params: call.params } }),
  };
}

const C = '/_matrix/client/v3';
const rows = [
  row('PUT', `${C}/rooms/{roomId}/send/{eventType}/{txnId}`, 'send'),
  row('PUT', `${C}/rooms/{roomId}/send/future/{txnId}`, 'future'),
  row('GET', `${C}/rooms/{roomId}/state/{eventType}/{stateKey}`, 'stateWithKey'),
  row('PUT', `${C}/rooms/{roomId}/state/{eventType}/{stateKey}`, 'putStateWithKey'),
  row('GET', `${C}/rooms/{roomId}/state/{eventType}`, 'state', [`${C}/rooms/{roomId}/state/{eventType}/`]),
  row('GET', `${C}/rooms/{roomId}/state`, 'allState'),
  row('GET', `${C}/delayed/{delayId}`, 'delayed', [
    '/_matrix/client/unstable/org.matrix.msc4140/delayed/{delayId}',
  ]),
  row('GET', '/_matrix/client/versions', 'versions'),
  row('GET', '/.well-known/matrix/client', 'wellKnown'),
];

describe('dispatch', () => {
  let app: AppUnderTest;
  before(async () => (app = await startApp(rows)));
  after(() => app.server.stop());

  const finds = async (method: string, path: string, name: string, params: object): Promise<void> => {
    const { status, json } = await app.ask(method, path);
    assert.deepEqual([status, json], [200, { name, params }]);
  };

  it('gives a literal segment precedence over a parameter, whatever the order of the rows', async () => {
    await finds('PUT', `${C}/rooms/!r:x/send/future/1`, 'future', { roomId: '!r:x', txnId: '1' });
    await finds('PUT', `${C}/rooms/!r:x/send/futures/1`, 'send', {
      roomId: '!r:x',
      eventType: 'futures',
      txnId: '1',
    });
  });

  it('decodes each parameter exactly once', async () => {
    const path = `${C}/rooms/%21r%3Ax/state/a%2Fb%3F%23/%2525%20%C3%A9+%2B`;
    await finds('GET', path, 'stateWithKey', { roomId: '!r:x', eventType: 'a/b?#', stateKey: '%25 é++' });
  });

  it('lets an empty last parameter in only where a path says so', async () => {
    await finds('GET', `${C}/rooms/!r:x/state/m.room.name/`, 'state', {
      roomId: '!r:x',
      eventType: 'm.room.name',
    });
    await finds('GET', `${C}/rooms/!r:x/state/m.room.name`, 'state', {
      roomId: '!r:x',
      eventType: 'm.room.name',
    });
    assert.equal((await app.ask('PUT', `${C}/rooms/!r:x/send/m.room.message/`)).status, 404);
    assert.equal((await app.ask('GET', `${C}/rooms//state`)).status, 404);
  });

  it('finds a row at its other paths', async () => {
    await finds('GET', '/_matrix/client/unstable/org.matrix.msc4140/delayed/d', 'delayed', { delayId: 'd' });
  });

  it('takes parameters of any length', async () => {
    const stateKey = 'k'.repeat(5000);
    const path = `${C}/rooms/!r:x/state/t/${stateKey}`;
    await finds('GET', path, 'stateWithKey', { roomId: '!r:x', eventType: 't', stateKey });
  });

  it('refuses a broken percent-encoding as M_INVALID_PARAM', async () => {
    for (const broken of ['%', '%zz', '%E0%A4%A', '%FF', 'a%C3']) {
      const { status, json } = await app.ask('GET', `${C}/delayed/${broken}`);
      assert.deepEqual([status, json['errcode']], [400, 'M_INVALID_PARAM'], broken);
    }
  });

  it('answers an unknown path with 404 M_UNRECOGNIZED; case and trailing slashes matter', async () => {
    for (const path of [
      '/',
      '/_matrix/client/v3/nope',
      '/_Matrix/client/versions',
      '/_matrix/client/versions/',
    ]) {
      const { status, json } = await app.ask('GET', path);
      assert.deepEqual([status, json['errcode']], [404, 'M_UNRECOGNIZED'], path);
    }
  });

  it('answers a wrong method with 405 M_UNRECOGNIZED and says which are right', async () => {
    const { status, json, headers } = await app.ask('POST', `${C}/rooms/!r:x/state/t/k`);
    assert.deepEqual([status, json['errcode']], [405, 'M_UNRECOGNIZED']);
    assert.equal(headers.get('Allow'), 'GET, PUT, HEAD, OPTIONS');
    assert.equal((await app.ask('PATCH', '/_matrix/client/versions')).status, 405);
  });

  it('answers HEAD as GET without a body', async () => {
    const { status, headers, text } = await app.ask('HEAD', '/_matrix/client/versions');
    assert.deepEqual([status, text], [200, '']);
    assert.equal(headers.get('Content-Type'), 'application/json');
    assert.equal(
      headers.get('Content-Length'),
      String(JSON.stringify({ name: 'versions', params: {} }).length),
    );
    assert.equal((await app.ask('HEAD', `${C}/rooms/!r:x/send/t/1`)).status, 405);
  });

  it('answers OPTIONS for any path without reaching an endpoint', async () => {
    for (const path of ['/_matrix/client/versions', '/nowhere', `${C}/delayed/%zz`]) {
      const { status, text, headers } = await app.ask('OPTIONS', path);
      assert.deepEqual([status, text], [204, '']);
      assert.match(headers.get('Access-Control-Allow-Methods') ?? '', /PUT/);
      assert.match(headers.get('Access-Control-Allow-Headers') ?? '', /Authorization/);
    }
  });

  it('puts the CORS headers and an id on every response, and JSON in every body', async () => {
    const asked = [
      await app.ask('GET', '/_matrix/client/versions'),
      await app.ask('GET', '/nowhere'),
      await app.ask('DELETE', '/_matrix/client/versions'),
      await app.ask('GET', `${C}/delayed/%zz`),
    ];
    for (const { headers } of asked) {
      assert.equal(headers.get('Access-Control-Allow-Origin'), '*');
      assert.match(headers.get('Access-Control-Expose-Headers') ?? '', /Retry-After/);
      assert.equal(headers.get('Content-Type'), 'application/json');
    }
    assert.equal(new Set(asked.map(({ headers }) => headers.get('X-Request-Id'))).size, asked.length);
  });
});

function mount(...mounted: Endpoint<object>[]): void {
  mountEndpoints(mounted, () => async () => undefined);
}

describe('mounting', () => {
  it('refuses two rows at one method and path, also under other parameter names', () => {
    assert.throws(
      () => mount(row('GET', '/a/{one}', 'first'), row('GET', '/a/{two}', 'second')),
      /first and second/,
    );
    assert.throws(
      () => mount(row('GET', '/a', 'first'), row('GET', '/b', 'second', ['/a'])),
      /first and second/,
    );
    mount(row('GET', '/a', 'first'), row('PUT', '/a', 'second'));
  });

  it('refuses another path without the parameters of the first', () => {
    assert.throws(
      () => mount(row('GET', '/a/{one}', 'first', ['/b'])),
      /first: \/b must have the parameters/,
    );
  });

  it('refuses templates that would be patterns of a router', () => {
    for (const path of ['/a/:b', '/a/*', '/a/x{b}', '/{a', 'a', '/(a)']) {
      assert.throws(() => mount(row('GET', path, 'odd')), /not a path template/, path);
    }
  });
});
