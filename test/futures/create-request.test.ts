import assert from 'node:assert/strict';
import type { TestUser } from '../support/server.ts';
import { checkedFetch } from '../support/spec-check.ts';
import { call, message } from './future-world.ts';
import {
  C,
  objectAt,
  refusalOf,
  startFutureServer,
  textIn,
  UNSTABLE,
  type FutureServer,
} from './future-server.ts';

const LATE = message('late');
const forged = (extra: object): object => ({ timeout: 10, send_on_timeout: { ...LATE, ...extra } });
const plain = (timeout: number): object => ({ timeout, send_on_timeout: LATE });

describe('a request to make a future', () => {
  let server: FutureServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;

  before(async () => {
    server = await startFutureServer({ config: { maxDelayMs: 1_000_000, maxDelayedEvents: 1_000 } });
    alice = await server.user('alice');
    bob = await server.user('bob');
    roomId = await server.room(alice, [bob]);
  });
  after(() => server[Symbol.asyncDispose]());

  const refuses = async (body: unknown, status: number, errcode: string): Promise<void> => {
    const before = (await server.running(bob)).length;
    assert.deepEqual(
      refusalOf(await server.create(bob, roomId, body)),
      [status, errcode],
      JSON.stringify(body),
    );
    assert.equal((await server.running(bob)).length, before);
  };

  const raw = async (body: string): Promise<unknown> => {
    const path = `${server.server.baseUrl}${C}/rooms/${encodeURIComponent(roomId)}/send/future/raw${body.length}`;
    const headers = { authorization: `Bearer ${bob.accessToken}` };
    const reply: unknown = await (await checkedFetch(path, { method: 'PUT', headers, body })).json();
    return reply;
  };

  it('answers the token, the ids of all events, the timeout and when it will be sent', async () => {
    const answer = await server.made(alice, roomId, {
      'm.timeout': 10,
      'm.send_on_timeout': LATE,
      'm.send_on_action:leave': call('a', {}),
      'm.send_now': call('a', { in: true }),
    });
    assert.equal(answer['io.element.timeout_ms'], 10_000);
    assert.equal(answer['io.element.send_ts'], server.server.clock.nowMs() + 10_000);
    assert.match(textIn(answer, 'future_token'), /^[A-Za-z0-9_-]{43}$/);
    const now = objectAt(answer, 'm.send_now');
    assert.match(textIn(now, 'event_id'), /^\$[A-Za-z0-9_-]{43}$/);
    assert.equal(now['eventId'], now['event_id']);
    const timeout = objectAt(answer, 'm.send_on_timeout');
    assert.match(textIn(timeout, 'event_id'), /^\$future\.[A-Za-z0-9_-]+\.timeout:/);
    assert.equal(timeout['eventId'], timeout['event_id']);
    assert.equal(timeout['io.element.provisional'], true);
    assert.match(textIn(timeout, 'delay_id'), /^[A-Za-z0-9_-]{22,}$/);
    const action = objectAt(answer, 'm.send_on_action:leave');
    assert.match(textIn(action, 'event_id'), /^\$future\.[A-Za-z0-9_-]+\.action1:/);
    assert.notEqual(action['delay_id'], timeout['delay_id']);
  });

  it('is answered in its own spelling besides the documented one', async () => {
    const bare = await server.made(bob, roomId, {
      timeout: 10,
      send_on_timeout: LATE,
      send_on_action: { go: LATE },
      send_now: message('now'),
    });
    for (const key of ['send_now', 'send_on_timeout']) assert.deepEqual(bare[key], bare[`m.${key}`]);
    assert.deepEqual(objectAt(bare, 'send_on_action')['go'], bare['m.send_on_action:go']);
    assert.equal(bare['io.element.send_now'], undefined);

    const unstable = await server.made(bob, roomId, {
      'io.element.timeout': 10,
      'io.element.send_on_timeout': LATE,
      'io.element.send_on_action:go': LATE,
    });
    assert.deepEqual(unstable['io.element.send_on_timeout'], unstable['m.send_on_timeout']);
    assert.deepEqual(unstable['io.element.send_on_action:go'], unstable['m.send_on_action:go']);
    assert.equal(unstable['send_on_timeout'], undefined);
  });

  it('takes a plain timeout for seconds, fractions too, and one with _ms for milliseconds', async () => {
    for (const [timeout, expected] of [
      [{ timeout: 10 }, 10_000],
      [{ timeout: 0.25 }, 250],
      [{ 'm.timeout': 1 }, 1_000],
      [{ timeout_ms: 10 }, 10],
      [{ 'm.timeout_ms': 7 }, 7],
      [{ 'io.element.timeout_ms': 8 }, 8],
      [{ timeout: 10, 'm.timeout': 10 }, 10_000],
      [{ timeout: 10, timeout_ms: 10_000 }, 10_000],
    ] as const) {
      const answer = await server.made(bob, roomId, { ...timeout, send_on_timeout: LATE });
      assert.equal(answer['io.element.timeout_ms'], expected);
    }
  });

  it('counts a plain timeout in milliseconds where the operator wants that', async () => {
    const config = {
      futures: { unsuffixedUnit: 'milliseconds', cancelOnOthersState: false, restartGraceMs: 0 },
    } as const;
    await using other = await startFutureServer({ config });
    const user = await other.user('alice');
    const answer = await other.made(user, await other.room(user), { timeout: 250, send_on_timeout: LATE });
    assert.equal(answer['io.element.timeout_ms'], 250);
  });

  it('is refused when its timeout is no duration (56)', async () => {
    for (const timeout of [0, -1, '10', null, true, [], {}, 0.0001])
      await refuses({ timeout, send_on_timeout: LATE }, 400, 'M_INVALID_PARAM');
    await refuses({ timeout_ms: 1.5, send_on_timeout: LATE }, 400, 'M_INVALID_PARAM');
    const infinite = await raw(`{"timeout":1e999,"send_on_timeout":${JSON.stringify(LATE)}}`);
    assert.ok(JSON.stringify(infinite).includes('M_INVALID_PARAM'));
    for (const body of ['{"timeout":NaN}', '{"timeout":10*60}', '{"timeout":1 "a":2}'])
      assert.ok(JSON.stringify(await raw(body)).includes('M_NOT_JSON'), body);
  });

  it('is refused with the maximum when its timeout is too long; the maximum itself is not (56)', async () => {
    for (const timeout of [1_000.001, 2 ** 53]) {
      const reply = await server.create(bob, roomId, { timeout, send_on_timeout: LATE });
      assert.deepEqual(refusalOf(reply), [400, 'M_FUTURE_MAX_TIMEOUT_EXCEEDED']);
      assert.equal(reply.body['max_timeout_ms'], 1_000_000);
    }
    await server.made(bob, roomId, { timeout: 1_000, send_on_timeout: LATE });
  });

  it('is refused when two spellings contradict each other (57)', async () => {
    await refuses({ timeout: 10, 'm.timeout': 11, send_on_timeout: LATE }, 400, 'M_INVALID_PARAM');
    await refuses({ timeout: 10, timeout_ms: 10, send_on_timeout: LATE }, 400, 'M_INVALID_PARAM');
    const other = message('other');
    await refuses({ timeout: 10, send_on_timeout: LATE, 'm.send_on_timeout': other }, 400, 'M_INVALID_PARAM');
    await refuses(
      { timeout: 10, send_on_timeout: LATE, send_on_action: { a: LATE }, 'm.send_on_action:a': other },
      400,
      'M_INVALID_PARAM',
    );
  });

  it('is refused without timeout or timeout event (58), and so is a plain event called future (67)', async () => {
    await refuses({ send_on_timeout: LATE }, 400, 'M_MISSING_PARAM');
    await refuses({ timeout: 10 }, 400, 'M_MISSING_PARAM');
    await refuses(
      { timeout: 10, send_on_action: { a: LATE }, send_now: message('now') },
      400,
      'M_MISSING_PARAM',
    );
    await refuses({ body: 'a message' }, 400, 'M_MISSING_PARAM');
    const types = (await server.events(roomId, bob)).map((event) => event['type']);
    assert.equal(types.includes('future'), false);
  });

  it('is refused with actions that have no name, a name too long, or more than 64 of them (59)', async () => {
    const withActions = (send_on_action: object): object => ({
      timeout: 10,
      send_on_timeout: LATE,
      send_on_action,
    });
    await refuses(withActions({ '': LATE }), 400, 'M_INVALID_PARAM');
    await refuses(withActions({ ['x'.repeat(256)]: LATE }), 400, 'M_INVALID_PARAM');
    await refuses(withActions({ 'a\u0000b': LATE }), 400, 'M_INVALID_PARAM');
    await refuses({ timeout: 10, send_on_timeout: LATE, 'm.send_on_action:': LATE }, 400, 'M_INVALID_PARAM');
    await refuses(withActions([]), 400, 'M_INVALID_PARAM');
    const many = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, LATE]));
    await refuses(withActions(many(65)), 400, 'M_INVALID_PARAM');
    await server.made(bob, roomId, withActions(many(64)));
  });

  it('is refused when an event is of another room or sender; what only servers say is passed over (61)', async () => {
    await refuses(forged({ sender: alice.userId }), 403, 'M_FORBIDDEN');
    await refuses(forged({ room_id: '!other:localhost' }), 400, 'M_INVALID_PARAM');
    await server.made(bob, roomId, {
      timeout_ms: 1,
      send_on_timeout: {
        ...message('forged'),
        sender: bob.userId,
        room_id: roomId,
        event_id: '$forged',
        signatures: { localhost: { 'ed25519:x': 'y' } },
        hashes: {},
        prev_events: ['$x'],
        auth_events: [],
        depth: 1,
        origin_server_ts: 1,
        unsigned: { age: 1 },
      },
    });
    await server.advance(1);
    const sent = (await server.events(roomId, bob)).at(-1);
    assert.deepEqual(sent?.['content'], { msgtype: 'm.text', body: 'forged' });
    assert.notEqual(sent?.['event_id'], '$forged');
    assert.equal(sent?.['origin_server_ts'], server.server.clock.nowMs());
  });

  it('is refused for an event that no room would ever take (62, 64)', async () => {
    const member = { type: 'm.room.member', state_key: bob.userId };
    for (const event of [
      { type: 'm.room.create', state_key: '', content: {} },
      { ...member, content: {} },
      { ...member, content: { membership: 'x' } },
      { type: 'x'.repeat(256), content: {} },
      { type: '', content: {} },
      { type: 'a\u0000b', content: {} },
      { type: 'a', state_key: 'b\u0000', content: {} },
      { type: 'a', state_key: 'x'.repeat(256), content: {} },
      { type: 'a', state_key: 1, content: {} },
      { type: 'a' },
      { content: {} },
      { type: 'a', content: [] },
      { type: 'a', content: null },
      { type: 'a', content: { float: 0.5 } },
      { type: 'a', content: { big: 2 ** 53 } },
      { type: 'a', content: { half: '\ud800' } },
      'text',
      null,
      [],
    ]) {
      await refuses({ timeout: 10, send_on_timeout: event }, 400, 'M_BAD_JSON');
      await refuses({ timeout: 10, send_on_timeout: LATE, send_on_action: { a: event } }, 400, 'M_BAD_JSON');
      await refuses({ timeout: 10, send_on_timeout: LATE, send_now: event }, 400, 'M_BAD_JSON');
    }
  });

  it('is refused for an event that would be too large (63)', async () => {
    const large = { type: 'org.example.large', content: { x: 'x'.repeat(64_000) } };
    await refuses({ timeout: 10, send_on_timeout: large }, 413, 'M_TOO_LARGE');
    await server.made(bob, roomId, {
      timeout: 10,
      send_on_timeout: { type: 'org.example.large', content: { x: 'x'.repeat(63_000) } },
    });
  });

  it('keeps content in any language, and keys that are special in JavaScript (65, 59)', async () => {
    const content = {
      msgtype: 'm.text',
      body: 'Grüße 🌍 \u0000 "',
      ['__proto__']: { a: 1 },
      constructor: 'x',
    };
    await server.made(bob, roomId, {
      timeout_ms: 1,
      send_on_timeout: { type: 'm.room.message', content: JSON.parse(JSON.stringify(content)) },
    });
    await server.advance(1);
    assert.equal(JSON.stringify((await server.bodies(roomId, bob)).at(-1)), JSON.stringify(content.body));
    const last = (await server.events(roomId, bob)).at(-1);
    assert.deepEqual(
      Object.keys(objectAt(last ?? {}, 'content')).toSorted(),
      Object.keys(content).toSorted(),
    );
  });

  it('is refused for rooms that are malformed, unknown or not joined (66)', async () => {
    const body = { timeout: 10, send_on_timeout: LATE };
    const carol = await server.user('carol');
    assert.deepEqual(refusalOf(await server.create(carol, roomId, body)), [403, 'M_FORBIDDEN']);
    assert.deepEqual(refusalOf(await server.create(bob, '!unknown:localhost', body)), [403, 'M_FORBIDDEN']);
    assert.deepEqual(refusalOf(await server.create(bob, 'room', body)), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(await server.running(carol), []);
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/future/t`;
    assert.deepEqual(refusalOf(await server.ask('PUT', path, undefined, body)), [401, 'M_MISSING_TOKEN']);
  });

  it('stores nothing when send_now is forbidden, and may be repeated once it is not (12)', async () => {
    const body = { timeout: 10, send_now: call('b', { in: true }), send_on_timeout: LATE };
    const before = (await server.running(bob)).length;
    assert.deepEqual(refusalOf(await server.create(bob, roomId, body, 'again')), [403, 'M_FORBIDDEN']);
    assert.equal((await server.running(bob)).length, before);
    await server.setPowers(roomId, alice, [bob]);
    const answer = await server.made(bob, roomId, body, 'again');
    assert.ok(answer['m.send_now']);
    await server.setPowers(roomId, alice, []);
  });

  it('works at its collision-free path as well; older prefixes send a plain event', async () => {
    const room = encodeURIComponent(roomId);
    const body = { timeout: 10, send_on_timeout: LATE };
    const unstable = await server.ask('PUT', `${UNSTABLE}/rooms/${room}/send/future/u1`, bob, body);
    assert.equal(unstable.status, 200);
    assert.ok(unstable.body['future_token']);
    const plain = await server.ask('PUT', `/_matrix/client/r0/rooms/${room}/send/future/u2`, bob, body);
    assert.equal(plain.status, 200);
    assert.equal(plain.body['future_token'], undefined);
  });

  it('is limited in number: 429 with the time until the next is due; what has ended does not count (86)', async () => {
    await using other = await startFutureServer({ config: { maxDelayedEvents: 3 } });
    const user = await other.user('alice');
    const room = await other.room(user);
    const first = await other.made(user, room, plain(100.5));
    await other.made(user, room, plain(300));
    await other.made(user, room, plain(200));
    const reply = await other.create(user, room, plain(10));
    assert.deepEqual(refusalOf(reply), [429, 'M_LIMIT_EXCEEDED']);
    assert.equal(reply.headers.get('retry-after'), '101');
    assert.equal(reply.body['retry_after_ms'], 100_500);
    await other.cancel(first['future_token']);
    await other.made(user, room, plain(10));
  });

  it('is refused where the operator allows none', async () => {
    await using other = await startFutureServer({ config: { maxDelayedEvents: 0 } });
    const user = await other.user('alice');
    const reply = await other.create(user, await other.room(user), { timeout: 1, send_on_timeout: LATE });
    assert.deepEqual(refusalOf(reply), [403, 'M_FORBIDDEN']);
  });
});
