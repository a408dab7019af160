import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestUser } from '../support/server.ts';
import { call, message } from './future-world.ts';
import { C, refusalOf, startFutureServer, textIn, UNSTABLE, type FutureServer } from './future-server.ts';

describe('the token of a future', () => {
  let server: FutureServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  const body = {
    timeout: 10,
    send_on_timeout: message('late'),
    send_on_action: { a: message('a'), b: message('b') },
  };

  before(async () => {
    server = await startFutureServer();
    alice = await server.user('alice');
    bob = await server.user('bob');
    roomId = await server.room(alice, [bob]);
  });
  after(() => server[Symbol.asyncDispose]());

  it('refreshes by POST and by PUT, at both paths; other methods are refused (10)', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    for (const prefix of [C, UNSTABLE]) {
      for (const method of ['POST', 'PUT']) {
        const reply = await server.ask(method, `${prefix}/futures/refresh`, undefined, { future_token });
        assert.equal(reply.status, 200);
        assert.equal(reply.body['io.element.send_ts'], server.server.clock.nowMs() + 10_000);
      }
      for (const path of ['refresh', 'action/a', 'cancel']) {
        for (const method of ['GET', 'DELETE'])
          assert.deepEqual(refusalOf(await server.ask(method, `${prefix}/futures/${path}`)), [
            405,
            'M_UNRECOGNIZED',
          ]);
      }
    }
  });

  it('is enough by itself: a stale access token beside it does not matter (11)', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    const reply = await server.ask('POST', `${C}/futures/refresh`, 'stale', { future_token });
    assert.equal(reply.status, 200);
  });

  it('may be spelt with the unstable prefix, and only one way at a time', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    const refresh = (asked: object): ReturnType<FutureServer['ask']> =>
      server.ask('POST', `${C}/futures/refresh`, undefined, asked);
    assert.equal((await refresh({ 'io.element.future_token': future_token })).status, 200);
    const both = { future_token, 'io.element.future_token': 'other' };
    assert.deepEqual(refusalOf(await refresh(both)), [400, 'M_INVALID_PARAM']);
  });

  it('is refused when it is missing, no text, unknown or garbled (9)', async () => {
    const { future_token: good } = await server.made(bob, roomId, body);
    assert.ok(typeof good === 'string');
    assert.deepEqual(refusalOf(await server.refresh(undefined)), [400, 'M_MISSING_PARAM']);
    for (const token of [1, null, {}, []])
      assert.deepEqual(refusalOf(await server.refresh(token)), [400, 'M_INVALID_PARAM']);
    const flipped = `${good.startsWith('A') ? 'B' : 'A'}${good.slice(1)}`;
    for (const token of ['', 'x', flipped, `${good}=`, `${good} `, good.slice(0, -1), good.slice(0, 22)])
      assert.deepEqual(refusalOf(await server.refresh(token)), [404, 'M_NOT_FOUND'], token);
    assert.deepEqual(refusalOf(await server.act('x', 'a')), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await server.cancel('x')), [404, 'M_NOT_FOUND']);
  });

  it('is dead after the timeout (1), and says how the future ended', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    await server.advance(10_000);
    const reply = await server.refresh(future_token);
    assert.deepEqual(refusalOf(reply), [410, 'M_NOT_FOUND']);
    assert.equal(reply.body['outcome'], 'sent');
    assert.equal(reply.body['trigger'], 'timeout');
    assert.equal(reply.body['event_id'], (await server.events(roomId, bob)).at(-1)?.['event_id']);
    assert.equal(reply.body['finalised_ts'], server.server.clock.nowMs());
    assert.deepEqual(refusalOf(await server.act(future_token, 'a')), [410, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await server.cancel(future_token)), [410, 'M_NOT_FOUND']);
  });

  it('sends an action, the same event for who asks again (6), and no other one (7)', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    const first = await server.act(future_token, 'a');
    assert.equal(first.status, 200);
    assert.equal(first.body['event_id'], (await server.events(roomId, bob)).at(-1)?.['event_id']);
    assert.deepEqual((await server.act(future_token, 'a')).body, first.body);
    assert.deepEqual(refusalOf(await server.act(future_token, 'b')), [410, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await server.refresh(future_token)), [410, 'M_NOT_FOUND']);
  });

  it('leaves the timer alone when the action is unknown (60)', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    assert.deepEqual(refusalOf(await server.act(future_token, 'c')), [404, 'M_NOT_FOUND']);
    assert.equal((await server.refresh(future_token)).status, 200);
  });

  it('is dead after newer state, and says so (8)', async () => {
    const { future_token } = await server.made(alice, roomId, {
      timeout: 10,
      send_now: call('a', { in: true }),
      send_on_timeout: call('a', {}),
    });
    await server.setState(roomId, alice, 'org.example.call', 'a', { in: 'elsewhere' });
    const reply = await server.refresh(future_token);
    assert.deepEqual(refusalOf(reply), [410, 'M_NOT_FOUND']);
    assert.equal(reply.body['outcome'], 'superseded');
  });

  it('is told what the room has against an action, and may try again (35)', async () => {
    const { future_token } = await server.made(bob, roomId, {
      timeout: 10,
      send_on_timeout: call('b', {}),
      send_on_action: { a: call('b', { a: 1 }) },
    });
    assert.deepEqual(refusalOf(await server.act(future_token, 'a')), [403, 'M_FORBIDDEN']);
    await server.setPowers(roomId, alice, [bob]);
    assert.equal((await server.act(future_token, 'a')).status, 200);
    await server.setPowers(roomId, alice, []);
  });

  it('cancels, and agrees to that again', async () => {
    const { future_token } = await server.made(bob, roomId, body);
    assert.deepEqual((await server.cancel(future_token)).json, {});
    assert.equal((await server.cancel(future_token)).status, 200);
    const reply = await server.act(future_token, 'a');
    assert.deepEqual([reply.status, reply.body['outcome']], [410, 'cancelled']);
  });

  it('finds actions of any name through one decoding of the path (59)', async () => {
    const names = [
      'ünïcode',
      'e\u0301',
      'é',
      'with space',
      'a/b',
      'a%2Fb',
      'a?b#c',
      '..',
      '.',
      'a:b',
      'x'.repeat(255),
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '+',
      '%',
    ];
    const events = names.map((name, index) => [name, message(`action ${index}`)]);
    for (const [index, name] of names.entries()) {
      const made = await server.made(bob, roomId, {
        timeout: 10,
        send_on_timeout: message('late'),
        send_on_action: Object.fromEntries(events),
      });
      for (const other of names) assert.ok(Object.hasOwn(made, `m.send_on_action:${other}`), other);
      // Written by hand: fetch would take dots for a way upwards.
      const path = `${C}/futures/action/${[...Buffer.from(name)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`;
      const reply = await post(server.server.baseUrl, path, { future_token: made['future_token'] });
      assert.match(reply, /event_id/, name);
      assert.equal((await server.bodies(roomId, bob)).at(-1), `action ${index}`);
    }
  });

  it('is limited by itself, and guesses by address, which hurts nobody who has one (9, 85)', async () => {
    await using limited = await startFutureServer({ config: { rateLimits: true } });
    const user = await limited.user('alice');
    const room = await limited.room(user);
    const tokens: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      const made = await limited.made(user, room, { timeout: 10, send_on_timeout: message('late') });
      tokens.push(textIn(made, 'future_token'));
    }
    for (let round = 0; round < 10; round += 1) {
      for (const token of tokens) assert.equal((await limited.refresh(token)).status, 200);
      limited.server.clock.advance(4_000);
    }
    const guesses = await Promise.all(
      Array.from({ length: 60 }, (_, index) => limited.refresh(`guess ${index}`)),
    );
    const statuses = new Set(guesses.map((reply) => reply.status));
    assert.deepEqual(
      [...statuses].toSorted((a, b) => a - b),
      [404, 429],
    );
    for (const token of tokens) assert.equal((await limited.refresh(token)).status, 200);
    const eager = await Promise.all(Array.from({ length: 80 }, () => limited.refresh(tokens[0])));
    assert.ok(eager.some((reply) => reply.status === 429 && reply.headers.has('retry-after')));
    assert.equal((await limited.refresh(tokens[1])).status, 200);
  });
});

async function post(baseUrl: string, path: string, body: object): Promise<string> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, method: 'POST' }, (response) => resolve(text(response)));
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}
