import assert from 'node:assert/strict';
import { endpoint, type AuthKind, type Endpoint, type RateLimitClass } from '../../src/http/endpoint.ts';
import { createRateLimiter, type RateLimiter } from '../../src/http/rate-limit.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { bearer, startApp } from './app-under-test.ts';

const budgets = { write: { perSecond: 2, burst: 3 } };

describe('a rate limiter', () => {
  it('lets a burst through and then refuses with both hints', () => {
    const limiter = limiterAt(new ManualClock());
    for (let i = 0; i < 3; i++) limiter.consume('write', 'alice');
    const refusal = refusalOf(() => limiter.consume('write', 'alice'));
    assert.deepEqual([refusal.status, refusal.errcode], [429, 'M_LIMIT_EXCEEDED']);
    assert.equal(refusal.fields['retry_after_ms'], 500);
    assert.equal(refusal.headers['Retry-After'], '1');
  });

  it('keeps its word: after the wait that it named there is room for one request', () => {
    const clock = new ManualClock();
    const limiter = limiterAt(clock);
    for (let i = 0; i < 3; i++) limiter.consume('write', 'alice');
    const waitMs = Number(refusalOf(() => limiter.consume('write', 'alice')).fields['retry_after_ms']);
    clock.advance(waitMs - 1);
    refusalOf(() => limiter.consume('write', 'alice'));
    clock.advance(1);
    limiter.consume('write', 'alice');
    refusalOf(() => limiter.consume('write', 'alice'));
  });

  it('never saves up more than the burst', () => {
    const clock = new ManualClock();
    const limiter = limiterAt(clock);
    limiter.consume('write', 'alice');
    clock.advance(3_600_000);
    for (let i = 0; i < 3; i++) limiter.consume('write', 'alice');
    refusalOf(() => limiter.consume('write', 'alice'));
  });

  it('counts keys and classes apart', () => {
    const limiter = limiterAt(new ManualClock());
    for (let i = 0; i < 3; i++) limiter.consume('write', 'alice');
    limiter.consume('write', 'bob');
    limiter.consume('read', 'alice');
  });

  it('is not confused by a clock that was set back', () => {
    const clock = new ManualClock();
    const limiter = limiterAt(clock);
    for (let i = 0; i < 3; i++) limiter.consume('write', 'alice');
    clock.set(clock.nowMs() - 3_600_000);
    refusalOf(() => limiter.consume('write', 'alice'));
    clock.advance(500);
    limiter.consume('write', 'alice');
  });

  it('refuses nothing when switched off, nor ever in the class none', () => {
    const clock = new ManualClock();
    const off = createRateLimiter({ enabled: false, clock, budgets });
    for (let i = 0; i < 100; i++) off.consume('write', 'alice');
    for (let i = 0; i < 1000; i++) limiterAt(clock).consume('none', 'alice');
  });

  it('has room by default for a call that restarts its delayed event every 4 s', () => {
    const clock = new ManualClock();
    const limiter = createRateLimiter({ enabled: true, clock });
    for (let i = 0; i < 500; i++) {
      limiter.consume('delayed-event-management', 'alice');
      clock.advance(4_000);
    }
  });
});

describe('rate limits of endpoints', () => {
  const rows = [
    row('optional', 'delayed-event-management'),
    row('none', 'login'),
    row('none', 'future-token'),
    row('none', 'none'),
  ];
  const start = async () => {
    const small = { perSecond: 10, burst: 5 };
    const budgets = { login: small, 'delayed-event-management': small, 'future-token': small };
    const rateLimiter = createRateLimiter({ enabled: true, clock: new ManualClock(), budgets });
    return startApp(rows, { rateLimiter, trustProxy: true });
  };

  it('give each of twenty users behind one address the whole budget', async () => {
    await using app = await start();
    for (let user = 0; user < 20; user++) {
      const asked = Array.from({ length: 5 }, () =>
        app.ask('POST', '/optional/delayed-event-management', bearer(`user${user}`)),
      );
      for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
    }
    const refused = await app.ask('POST', '/optional/delayed-event-management', bearer('user7'));
    assert.deepEqual([refused.status, refused.json['errcode']], [429, 'M_LIMIT_EXCEEDED']);
    assert.equal(refused.json['retry_after_ms'], 100);
    assert.equal(refused.headers.get('Retry-After'), '1');
    assert.equal(refused.headers.get('Access-Control-Allow-Origin'), '*');
  });

  it('count anonymous requests by their address', async () => {
    await using app = await start();
    const login = async (ip: string) =>
      (await app.ask('POST', '/none/login', { headers: { 'X-Forwarded-For': ip } })).status;
    for (let i = 0; i < 5; i++) assert.equal(await login('192.0.2.1'), 200);
    assert.equal(await login('192.0.2.1'), 429);
    assert.equal(await login('1.1.1.1, 192.0.2.1'), 429);
    assert.equal(await login('192.0.2.2'), 200);
  });

  it('leave future tokens to their handler and the class none alone', async () => {
    await using app = await start();
    for (const path of ['/none/future-token', '/none/none']) {
      for (let i = 0; i < 10; i++) assert.equal((await app.ask('POST', path)).status, 200);
    }
  });
});

function limiterAt(clock: ManualClock): RateLimiter {
  return createRateLimiter({ enabled: true, clock, budgets });
}

function row(auth: AuthKind, rateLimit: RateLimitClass): Endpoint<object> {
  return endpoint({
    name: `${auth}-${rateLimit}`,
    method: 'POST',
    path: `/${auth}/${rateLimit}`,
    auth,
    rateLimit,
    handle: (_deps: object) => ({ body: {} }),
  });
}

function refusalOf(run: () => void): MatrixError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof MatrixError);
    return error;
  }
  throw new Error('the limiter let it through');
}
