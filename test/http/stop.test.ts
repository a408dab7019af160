import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { endpoint, type Endpoint } from '../../src/http/endpoint.ts';
import { startApp } from './app-under-test.ts';

/** A long poll that answers empty when it is ended, or throws the reason. */
function longPoll(
  name: string,
  onEnd: (signal: AbortSignal) => void,
): Endpoint<{ readonly begun: () => void }> {
  return endpoint({
    name,
    method: 'GET',
    path: `/${name}`,
    auth: 'none',
    rateLimit: 'none',
    handle: async ({ begun }: { readonly begun: () => void }, { live: { signal } }) => {
      begun();
      await once(signal, 'abort');
      onEnd(signal);
      return { body: { ended: true } };
    },
  });
}

describe('stopping', () => {
  const polite = longPoll('polite', () => undefined);
  const throwing = longPoll('throwing', (signal) => signal.throwIfAborted());

  it('ends long polls at once, with their own reply or with 503', async () => {
    const [begun, twoBegun] = counter(2);
    await using app = await startApp([polite, throwing].map((row) => bind(row, { begun })));
    const asked = [app.ask('GET', '/polite'), app.ask('GET', '/throwing')];
    await twoBegun;
    await app.server.stop();
    const [own, refused] = await Promise.all(asked);
    assert.deepEqual([own?.status, own?.json], [200, { ended: true }]);
    assert.deepEqual([refused?.status, refused?.json['errcode']], [503, 'M_UNKNOWN']);
    assert.equal(own?.headers.get('Connection'), 'close');
    assert.equal(app.clock.pendingTimers, 0);
    assert.equal(app.logged.filter(({ level }) => level === 'error').length, 0);
  });

  it('accepts nothing new, closes idle connections, and lets other requests finish', async () => {
    const [finish, finished] = counter(1);
    const [begun, oneBegun] = counter(1);
    const slow = endpoint({
      name: 'slow',
      method: 'PUT',
      path: '/slow',
      auth: 'none',
      rateLimit: 'none',
      handle: async (_deps: object) => {
        begun();
        await finished;
        return { body: { done: true } };
      },
    });
    await using app = await startApp([slow]);
    const idle = connect(app.port, '127.0.0.1');
    idle.write('GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const unused = connect(app.port, '127.0.0.1').on('error', () => undefined);
    await once(unused, 'connect');
    const asked = app.ask('PUT', '/slow');
    await oneBegun;
    const stopped = app.server.stop();
    await Promise.all([once(idle, 'close'), once(unused, 'close')]);
    await assert.rejects(fetch(app.url));
    finish();
    assert.deepEqual((await asked).json, { done: true });
    await stopped;
    assert.equal(app.server.stop(), stopped);
  });

  it('cuts what is not finished after the grace', async () => {
    const [begun, oneBegun] = counter(1);
    const stuck = endpoint({
      name: 'stuck',
      method: 'GET',
      path: '/stuck',
      auth: 'none',
      rateLimit: 'none',
      handle: async (_deps: object) => {
        begun();
        return new Promise(() => undefined);
      },
    });
    await using app = await startApp([stuck], { limits: { stopGraceMs: 3000 } });
    const asked = assert.rejects(app.ask('GET', '/stuck'));
    await oneBegun;
    const stopped = app.server.stop();
    app.clock.advance(3000);
    await stopped;
    await asked;
  });

  it('refuses a request that comes on an old connection', async () => {
    const [begun, oneBegun] = counter(1);
    await using app = await startApp([bind(polite, { begun })]);
    const socket = connect(app.port, '127.0.0.1');
    const request = 'GET /polite HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write(request);
    await oneBegun;
    const stopped = app.server.stop();
    const [data] = await once(socket, 'data');
    assert.match(String(data), /^HTTP\/1\.1 200 .*connection: close/is);
    await stopped;
  });
});

describe('listening', () => {
  it('fails for an address that is taken, and may be done at several', async () => {
    await using app = await startApp([]);
    await assert.rejects(app.server.listen({ host: '127.0.0.1', port: app.port }), { code: 'EADDRINUSE' });
    const { port } = await app.server.listen({ host: '127.0.0.1', port: 0 });
    assert.notEqual(port, app.port);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
  });
});

describe('a call whose client goes away', () => {
  it('is aborted, and its outcome is dropped without a fault in the log', async () => {
    const ended: unknown[] = [];
    const [begun, oneBegun] = counter(1);
    const poll = longPoll('poll', (signal) => {
      ended.push(signal.reason);
      signal.throwIfAborted();
    });
    await using app = await startApp([bind(poll, { begun })]);
    const client = new AbortController();
    const asked = assert.rejects(app.ask('GET', '/poll', { signal: client.signal }));
    await oneBegun;
    client.abort();
    await asked;
    while (app.logged.every(({ msg }) => msg !== 'request'))
      await new Promise((resolve) => setImmediate(resolve));
    assert.match(String(ended), /ClientGone/);
    const [line] = app.logged.filter(({ msg }) => msg === 'request');
    assert.deepEqual([line?.['status'], line?.['endpoint']], [499, 'poll']);
    assert.ok(app.logged.every(({ level }) => level !== 'error' && level !== 'warn'));
  });

  it('is not aborted when it was answered', async () => {
    const signals: AbortSignal[] = [];
    const quick = endpoint({
      name: 'quick',
      method: 'GET',
      path: '/quick',
      auth: 'none',
      rateLimit: 'none',
      handle: (_deps: object, { live: { signal } }) => {
        signals.push(signal);
        return { body: {} };
      },
    });
    {
      await using app = await startApp([quick]);
      await app.ask('GET', '/quick');
    }
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [false],
    );
  });
});

function bind<Deps>(row: Endpoint<Deps>, deps: Deps): Endpoint<object> {
  return { ...row, run: (_deps, call) => row.run(deps, call) };
}

/** A function, and a promise that is kept once it was called `times` times. */
function counter(times: number): readonly [() => void, Promise<void>] {
  const calls = new EventEmitter();
  let left = times;
  const done = once(calls, 'reached').then(() => undefined);
  return [() => (--left === 0 ? calls.emit('reached') : undefined), done];
}
