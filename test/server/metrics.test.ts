import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { currentPosition } from '../../src/storage/database.ts';
import { interruptDatabase } from '../futures/outage.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { until } from '../support/until.ts';

const C = '/_matrix/client/v3';
const SEND = `${C}/rooms/{roomId}/send/{eventType}/{txnId}`;
const METRICS_LISTEN = { host: '127.0.0.1', port: 0 };

/** What a server says of itself: the samples by name and labels, as they are written. */
class Reading {
  readonly text: string;
  readonly #values: ReadonlyMap<string, number>;

  constructor(text: string) {
    this.text = text;
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    this.#values = new Map(
      samples.map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  /** 0 for what was never counted. */
  value(sample: string): number {
    return this.#values.get(sample) ?? 0;
  }

  get samples(): readonly string[] {
    return [...this.#values.keys()];
  }
}

describe('the metrics', () => {
  let server: TestServer;
  let alice: TestUser;
  let roomId: string;
  let txn = 0;

  before(async () => {
    server = await startTestServer({ config: { metricsListen: METRICS_LISTEN } });
    alice = await registerUser(server, 'alice');
    const room = await succeed(server, 'POST', `${C}/createRoom`, { token: alice, body: {} });
    roomId = textAt(room, 'room_id');
  });
  after(() => server[Symbol.asyncDispose]());

  const read = async (): Promise<Reading> => {
    const { metricsUrl } = server.server;
    assert.ok(metricsUrl !== undefined);
    const response = await fetch(metricsUrl);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    return new Reading(await response.text());
  };
  /** How much samples grew by what `work` does. */
  const growth = async (work: () => Promise<unknown>, ...samples: string[]): Promise<number[]> => {
    const earlier = await read();
    await work();
    const later = await read();
    return samples.map((sample) => later.value(sample) - earlier.value(sample));
  };
  const inRoom = (path: string): string => `${C}/rooms/${encodeURIComponent(roomId)}/${path}`;
  const send = (): Promise<string> =>
    succeed(server, 'PUT', inRoom(`send/m.room.message/t${txn++}`), {
      token: alice,
      body: { msgtype: 'm.text', body: 'counted' },
    }).then((sent) => textAt(sent, 'event_id'));
  const makeFuture = (event: unknown): Promise<string> =>
    succeed(server, 'PUT', inRoom(`send/future/t${txn++}`), {
      token: alice,
      body: { timeout_ms: 10_000, send_on_timeout: event },
    }).then((made) => textAt(made, 'future_token'));
  const fire = async (lateMs: number): Promise<void> => {
    server.clock.advance(10_000 + lateMs);
    await server.services.futureScheduler.drain();
  };

  it('are not served anywhere unless they are asked for', async () => {
    await using plain = await startTestServer();
    assert.equal(plain.server.metricsUrl, undefined);
    assert.equal((await request(plain, 'GET', '/metrics')).status, 404);
    assert.equal((await request(server, 'GET', '/metrics')).status, 404);
  });

  it('are all that is served at their address', async () => {
    const url = server.server.metricsUrl ?? '';
    assert.equal((await fetch(new URL('/_matrix/client/versions', url))).status, 404);
    assert.equal((await fetch(url, { method: 'POST' })).status, 405);
  });

  it('end with the server', async () => {
    const other = await startTestServer({ config: { metricsListen: METRICS_LISTEN } });
    const url = other.server.metricsUrl ?? '';
    assert.equal((await fetch(url)).status, 200);
    await other[Symbol.asyncDispose]();
    await assert.rejects(fetch(url), TypeError);
  });

  it('count requests by route, and name no room, user or path', async () => {
    const sent = `morrow_http_requests_total{method="PUT",route="${SEND}",code="200"}`;
    const timed = `morrow_http_request_duration_seconds_count{method="PUT",route="${SEND}"}`;
    const refused = `morrow_http_requests_total{method="PUT",route="${SEND}",code="401"}`;
    const unknown = 'morrow_http_requests_total{method="GET",route="unmatched",code="404"}';
    const made = await growth(
      async () => {
        await send();
        await send();
        await request(server, 'PUT', inRoom('send/m.room.message/t'), { body: {} });
        await request(server, 'GET', `/${roomId}`);
      },
      sent,
      timed,
      refused,
      unknown,
    );
    assert.deepEqual(made, [2, 3, 1, 1]);
    const { text } = await read();
    assert.ok(!text.includes(alice.userId) && !text.includes(roomId));
  });

  it('have one label for all methods that are made up', async () => {
    const other = 'morrow_http_requests_total{method="other",route="unmatched",code="404"}';
    assert.deepEqual(await growth(() => request(server, 'PROPFIND', '/'), other), [1]);
  });

  it('measure how long a request takes', async () => {
    const since = textAt(
      await succeed(server, 'GET', `${C}/sync?set_presence=offline`, { token: alice }),
      'next_batch',
    );
    const route = `method="GET",route="${C}/sync"`;
    const [sum] = await growth(async () => {
      const waiting = succeed(server, 'GET', `${C}/sync?timeout=4000&since=${since}&set_presence=offline`, {
        token: alice,
      });
      await until('the wait', async () => (await read()).value('morrow_sync_waiters') === 1);
      server.clock.advance(4_000);
      await waiting;
    }, `morrow_http_request_duration_seconds_sum{${route}}`);
    assert.equal(sum, 4);
  });

  it('say how many wait for news, and how many requests are in flight', async () => {
    const since = textAt(
      await succeed(server, 'GET', `${C}/sync?set_presence=offline`, { token: alice }),
      'next_batch',
    );
    const waiting = [1, 2].map(() =>
      succeed(server, 'GET', `${C}/sync?timeout=60000&since=${since}&set_presence=offline`, { token: alice }),
    );
    await until('both to wait', async () => (await read()).value('morrow_sync_waiters') === 2);
    assert.equal((await read()).value('morrow_http_requests_in_flight'), 2);
    await send();
    await Promise.all(waiting);
    const later = await read();
    assert.equal(later.value('morrow_sync_waiters'), 0);
    await until('the end', async () => (await read()).value('morrow_http_requests_in_flight') === 0);
  });

  it('count transactions, the rooms that share one, and events', async () => {
    const made = await growth(
      () => send(),
      'morrow_commit_batch_duration_seconds_count',
      'morrow_commit_batch_rooms_sum',
      'morrow_commit_rooms_total{outcome="committed"}',
      'morrow_events_committed_total',
    );
    assert.deepEqual(made, [1, 1, 1, 1]);
  });

  it('show what is waiting while something holds up the database', async () => {
    const { pool } = server.database.database;
    const holder = await pool.connect();
    try {
      await holder.query('begin');
      await holder.query('update stream set position = position');
      const sending = [send()];
      await until('the commit', async () => (await read()).value('morrow_rooms_busy') === 1);
      sending.push(send(), send());
      await until('a queue', async () => (await read()).value('morrow_proposals_waiting') === 2);
      const making = succeed(server, 'POST', `${C}/createRoom`, { token: alice, body: {} });
      await until('another room', async () => (await read()).value('morrow_commit_rooms_waiting') === 1);
      await until('a busy connection', async () => {
        return (await read()).value('morrow_database_connections{state="busy"}') >= 1;
      });
      await holder.query('rollback');
      await Promise.all([...sending, making]);
    } finally {
      holder.release();
    }
    await until('the end of all', async () => (await read()).value('morrow_rooms_busy') === 0);
    const quiet = await read();
    assert.equal(quiet.value('morrow_proposals_waiting'), 0);
    assert.equal(quiet.value('morrow_commit_rooms_waiting'), 0);
  });

  it('show who waits for a connection, though the reading itself gets none', async () => {
    const { pool } = server.services.database;
    await server.services.pushMover.catchUp(await currentPosition(server.services.db));
    const held: { release: () => void }[] = [];
    try {
      for (let count = 0; count < pool.options.max; count += 1) held.push(await pool.connect());
      const asking = pool.query('select 1');
      const given: Reading[] = [];
      const reading = read().then((meanwhile) => given.push(meanwhile));
      await until('the reading to do without', () => {
        server.clock.advance(1_000);
        return given.length > 0;
      });
      await reading;
      const [meanwhile] = given;
      assert.ok(meanwhile !== undefined);
      assert.ok(meanwhile.value('morrow_database_waiters') >= 2);
      assert.equal(meanwhile.value('morrow_database_connections{state="busy"}'), held.length);
      assert.equal(meanwhile.value('morrow_database_connections_max'), held.length);
      for (const connection of held.splice(0)) connection.release();
      await asking;
    } finally {
      for (const connection of held) connection.release();
    }
    assert.equal((await read()).value('morrow_database_waiters'), 0);
  });

  it('observe how late a future was sent', async () => {
    await makeFuture({ type: 'm.room.message', content: { msgtype: 'm.text', body: 'late' } });
    assert.equal((await read()).value('morrow_futures_pending'), 1);
    const made = await growth(
      () => fire(3_000),
      'morrow_futures_fired_total{outcome="sent"}',
      'morrow_future_lag_seconds_count',
      'morrow_futures_pending',
    );
    assert.deepEqual(made, [1, 1, -1]);
  });

  it('count a future that cannot be sent as failed', async () => {
    const bob = await registerUser(server, 'bob');
    await succeed(server, 'POST', inRoom('invite'), { token: alice, body: { user_id: bob.userId } });
    await succeed(server, 'POST', inRoom('join'), { token: bob, body: {} });
    await succeed(server, 'PUT', inRoom(`send/future/t${txn++}`), {
      token: bob,
      body: {
        timeout_ms: 10_000,
        send_on_timeout: { type: 'm.room.message', content: { msgtype: 'm.text', body: 'never' } },
      },
    });
    await succeed(server, 'POST', inRoom('ban'), { token: alice, body: { user_id: bob.userId } });
    const made = await growth(
      () => fire(0),
      'morrow_futures_fired_total{outcome="failed"}',
      'morrow_futures_fired_total{outcome="sent"}',
      'morrow_future_lag_seconds_count',
    );
    assert.deepEqual(made, [1, 0, 0]);
  });

  it('tell hits of a cache from misses', async () => {
    const misses = 'morrow_cache_misses_total{cache="sessions"}';
    const hits = 'morrow_cache_hits_total{cache="sessions"}';
    const ask = (token: TestUser): Promise<unknown> =>
      succeed(server, 'GET', `${C}/account/whoami`, { token });
    const carol = await registerUser(server, 'carol');
    assert.deepEqual(await growth(() => ask(carol), hits, misses), [0, 1]);
    assert.deepEqual(await growth(() => ask(carol), hits, misses), [1, 0]);
    const { samples } = await read();
    for (const cache of ['memberships', 'room_snapshots', 'state_keys', 'state_nodes', 'users'])
      assert.ok(samples.includes(`morrow_cache_hits_total{cache="${cache}"}`), cache);
  });

  it('say that the database is away, and how long futures are overdue meanwhile', async () => {
    await makeFuture({ type: 'm.room.message', content: { msgtype: 'm.text', body: 'overdue' } });
    const earlier = await read();
    assert.equal(earlier.value('morrow_database_up'), 1);
    assert.equal(earlier.value('morrow_bus_listening'), 1);
    assert.equal(earlier.value('morrow_futures_overdue_seconds'), 0);
    const bringBack = await interruptDatabase(server.database);
    try {
      server.clock.advance(25_000);
      const meanwhile = await read();
      assert.equal(meanwhile.value('morrow_database_up'), 0);
      assert.equal(meanwhile.value('morrow_futures_overdue_seconds'), 15);
      await until('the timer', async () => {
        return (await read()).value('morrow_future_interruptions_total{cause="database"}') > 0;
      });
      await until('the bus', async () => (await read()).value('morrow_bus_listening') === 0);
    } finally {
      await bringBack();
    }
    await until('the future to be sent', async () => {
      server.clock.advance(1_000);
      return (await read()).value('morrow_futures_pending') === 0;
    });
    await until('the bus', async () => {
      server.clock.advance(1_000);
      return (await read()).value('morrow_bus_listening') === 1;
    });
  });

  it('tell of the process', async () => {
    const reading = await read();
    assert.ok(reading.value('morrow_process_resident_memory_bytes') > 20_000_000);
    assert.ok(reading.value('morrow_process_cpu_seconds_total') > 0);
    assert.ok(reading.samples.includes('morrow_event_loop_delay_seconds'));
  });

  it('are those that the manual describes', async () => {
    const manual = readFileSync('docs/metrics.md', 'utf8');
    const described = [...manual.matchAll(/^\| `(morrow_[a-z_]+)`(?: \{([a-z, ]+)\})? \| (\w+) \|/gm)];
    const { text, samples } = await read();
    const exposed = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => {
      const of = samples.find(
        (sample) => sample.replace(/\{.*/, '').replace(/_(?:bucket|sum|count)$/, '') === name,
      );
      const labels = [...(of ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label);
      return `${name} ${type} ${labels.filter((label) => label !== 'le').join(', ')}`;
    });
    assert.deepEqual(
      described.map(([, name, labels = '', type]) => `${name} ${type} ${labels}`).toSorted(),
      exposed.toSorted(),
    );
  });
});
