import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import type { TestReply, TestUser } from '../support/server.ts';
import {
  C,
  objectAt,
  refusalOf,
  startFutureServer,
  textIn,
  UNSTABLE,
  type FutureServer,
} from './future-server.ts';

const STABLE = '/_matrix/client/v1';
const DELAY = 'org.matrix.msc4140.delay';
const CONTENT = { msgtype: 'm.text', body: 'delayed' };

const unstable = (delayId: string, action: string): string =>
  `${UNSTABLE}/delayed_events/${delayId}/${action}`;
const stable = (delayId: string, action: string): string => `${STABLE}/delayed_events/${delayId}/${action}`;

describe('delayed events', () => {
  let server: FutureServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  let rooms: string;
  let users = 0;
  let txns = 0;

  before(async () => {
    server = await startFutureServer({ config: { maxDelayMs: 100_000 } });
  });
  beforeEach(async () => {
    users += 1;
    alice = await server.user(`alice${users}`);
    bob = await server.user(`bob${users}`);
    roomId = await server.room(alice, [bob]);
    rooms = `/rooms/${encodeURIComponent(roomId)}`;
  });
  after(() => server[Symbol.asyncDispose]());

  const sendDelayed = (delay: string, body: unknown = CONTENT, extra = ''): Promise<TestReply> => {
    txns += 1;
    return server.ask(
      'PUT',
      `${C}${rooms}/send/m.room.message/t${txns}?${DELAY}=${delay}${extra}`,
      bob,
      body,
    );
  };
  const delayed = async (delayMs = 10_000): Promise<string> => {
    const reply = await sendDelayed(String(delayMs));
    assert.equal(reply.status, 200, JSON.stringify(reply.json));
    return textIn(reply.body, 'delay_id');
  };
  const manage = (path: string, token?: TestUser, body?: unknown): Promise<TestReply> =>
    server.ask('POST', path, token, body);

  const list = async (query = '', token = bob): Promise<JsonObject[]> => {
    const { delayed_events: listed } = await server.get(`${UNSTABLE}/delayed_events${query}`, token);
    assert.ok(Array.isArray(listed));
    return listed.filter(isJsonObject);
  };

  describe('are scheduled', () => {
    it('by a query parameter of a plain send and of state, with and without a state key', async () => {
      await server.setPowers(roomId, alice, [bob]);
      const type = 'org.example.state';
      const sent = await Promise.all([
        sendDelayed('1000'),
        server.ask('PUT', `${C}${rooms}/state/${type}/key?${DELAY}=1000`, bob, { key: 'key' }),
        server.ask('PUT', `${C}${rooms}/state/${type}/?${DELAY}=1000`, bob, { key: 'none' }),
        server.ask('PUT', `${C}${rooms}/state/${type}.other?${DELAY}=1000`, bob, { key: 'absent' }),
      ]);
      for (const reply of sent)
        assert.deepEqual(Object.keys(reply.body), ['delay_id'], JSON.stringify(reply.json));
      assert.deepEqual(await server.bodies(roomId, bob), []);
      await server.advance(1_000);
      assert.deepEqual(await server.bodies(roomId, bob), ['delayed']);
      assert.deepEqual(await server.get(`${C}${rooms}/state/${type}/key`, bob), { key: 'key' });
      assert.deepEqual(await server.get(`${C}${rooms}/state/${type}/`, bob), { key: 'none' });
      assert.deepEqual(await server.get(`${C}${rooms}/state/${type}.other`, bob), { key: 'absent' });
    });

    it('by an endpoint of their own, with both names of the delay', async () => {
      const bodies = [{ delay_ms: 700 }, { delay: 800 }, { delay: 900, delay_ms: 900 }];
      for (const prefix of [C, UNSTABLE]) {
        for (const delay of bodies) {
          txns += 1;
          const path = `${prefix}${rooms}/delayed_event/m.room.message/t${txns}`;
          const reply = await server.ask('PUT', path, bob, { ...delay, content: CONTENT });
          assert.deepEqual(Object.keys(reply.body), ['delay_id'], JSON.stringify(reply.json));
        }
      }
      await server.advance(700);
      assert.equal((await server.bodies(roomId, bob)).length, 2);
      await server.advance(200);
      assert.equal((await server.bodies(roomId, bob)).length, 6);
    });

    it('as state when there is a state key', async () => {
      await server.setPowers(roomId, alice, [bob]);
      const path = `${C}${rooms}/delayed_event/org.example.state/s1`;
      await server.ask('PUT', path, bob, { delay_ms: 1_000, state_key: 'k', content: { a: 1 } });
      await server.advance(1_000);
      assert.deepEqual(await server.get(`${C}${rooms}/state/org.example.state/k`, bob), { a: 1 });
    });

    it('once for one transaction id, even when the repeat has no body', async () => {
      for (const path of [
        `${C}${rooms}/delayed_event/m.room.message/same`,
        `${UNSTABLE}${rooms}/delayed_event/m.room.message/same2`,
        `${C}${rooms}/send/m.room.message/same?${DELAY}=1000`,
      ]) {
        const body = path.includes('?') ? CONTENT : { delay_ms: 1_000, content: CONTENT };
        const first = await server.ask('PUT', path, bob, body);
        assert.equal(first.status, 200, JSON.stringify(first.json));
        assert.deepEqual((await server.ask('PUT', path, bob)).json, first.json);
      }
      await server.advance(1_000);
      assert.equal((await server.bodies(roomId, bob)).length, 3);
    });

    it('never at once when the parameter makes no sense', async () => {
      for (const delay of ['', '0', '-1', '1.5', 'soon', '1e3', 'Infinity'])
        assert.deepEqual(refusalOf(await sendDelayed(delay)), [400, 'M_INVALID_PARAM'], delay);
      const parent = await sendDelayed('1000', CONTENT, '&org.matrix.msc4140.parent_delay_id=x');
      assert.deepEqual(refusalOf(parent), [400, 'M_INVALID_PARAM']);
      const only = `${C}${rooms}/send/m.room.message/p?org.matrix.msc4140.parent_delay_id=x`;
      assert.deepEqual(refusalOf(await server.ask('PUT', only, bob, CONTENT)), [400, 'M_INVALID_PARAM']);
      assert.deepEqual(await server.bodies(roomId, bob), []);
    });

    it('with a body that says what is missing or wrong', async () => {
      for (const [body, errcode] of [
        [{ content: CONTENT }, 'M_MISSING_PARAM'],
        [{ delay_ms: 1_000 }, 'M_MISSING_PARAM'],
        [{ delay_ms: 0, content: CONTENT }, 'M_INVALID_PARAM'],
        [{ delay_ms: '1000', content: CONTENT }, 'M_INVALID_PARAM'],
        [{ delay_ms: 1, delay: 2, content: CONTENT }, 'M_INVALID_PARAM'],
        [{ delay_ms: 1_000, content: [] }, 'M_BAD_JSON'],
        [{ delay_ms: 1_000, content: CONTENT, state_key: 1 }, 'M_BAD_JSON'],
        [{ delay_ms: 1_000, content: {} }, 'M_BAD_JSON'],
      ] as const) {
        txns += 1;
        const reply = await server.ask(
          'PUT',
          `${C}${rooms}/delayed_event/m.room.message/t${txns}`,
          bob,
          body,
        );
        assert.deepEqual(refusalOf(reply), [400, errcode], JSON.stringify(body));
      }
    });

    it('up to the maximum: beyond it each path says so in its own words (79)', async () => {
      const query = await sendDelayed('100001');
      assert.deepEqual(refusalOf(query), [400, 'M_UNKNOWN']);
      assert.equal(query.body['org.matrix.msc4140.errcode'], 'M_MAX_DELAY_EXCEEDED');
      assert.equal(query.body['org.matrix.msc4140.max_delay'], 100_000);
      for (const [prefix, errcode] of [
        [C, 'M_DELAY_TOO_LARGE'],
        [UNSTABLE, 'ORG.MATRIX.MSC4140_DELAY_TOO_LARGE'],
      ] as const) {
        const path = `${prefix}${rooms}/delayed_event/m.room.message/long`;
        const reply = await server.ask('PUT', path, bob, { delay_ms: 100_001, content: CONTENT });
        assert.deepEqual(refusalOf(reply), [400, errcode]);
        assert.equal(reply.body['org.matrix.msc4140.max_delay'], 100_000);
      }
      assert.equal((await sendDelayed('100000')).status, 200);
    });

    it('only by who is in the room', async () => {
      const carol = await server.user(`carol${users}`);
      const path = `${C}${rooms}/delayed_event/m.room.message/c`;
      const reply = await server.ask('PUT', path, carol, { delay_ms: 1_000, content: CONTENT });
      assert.deepEqual(refusalOf(reply), [403, 'M_FORBIDDEN']);
      const query = `${C}${rooms}/send/m.room.message/c?${DELAY}=1000`;
      assert.deepEqual(refusalOf(await server.ask('PUT', query, carol, CONTENT)), [403, 'M_FORBIDDEN']);
    });

    it('as capabilities and versions announce', async () => {
      const { capabilities } = await server.get(`${C}/capabilities`, bob);
      assert.ok(isJsonObject(capabilities));
      for (const key of ['m.delayed_events', 'org.matrix.msc4140.delayed_events'])
        assert.deepEqual(capabilities[key], { max_delay_ms: 100_000, max_scheduled: 100 });
      const { unstable_features: features } = await server.get('/_matrix/client/versions', bob);
      assert.ok(isJsonObject(features));
      assert.equal(features['org.matrix.msc4140'], true);
      assert.equal(features['org.matrix.msc4140.stable'], true);
    });
  });

  describe('are managed', () => {
    it('without a token, with no body, an empty one, or the action in it (81, 83)', async () => {
      for (const ask of [
        (id: string) => manage(unstable(id, 'restart')),
        (id: string) => manage(unstable(id, 'restart'), undefined, {}),
        (id: string) => manage(`${UNSTABLE}/delayed_events/${id}`, undefined, { action: 'restart' }),
        (id: string) => manage(unstable(id, 'restart'), bob),
        (id: string) => manage(`${UNSTABLE}/delayed_events/${id}`, bob, { action: 'restart' }),
        (id: string) => manage(stable(id, 'restart'), bob),
      ]) {
        const before = (await server.bodies(roomId, bob)).length;
        const id = await delayed();
        await server.advance(9_000);
        assert.equal((await ask(id)).status, 200);
        await server.advance(9_999);
        assert.equal((await server.bodies(roomId, bob)).length, before);
        await server.advance(1);
        assert.equal((await server.bodies(roomId, bob)).length, before + 1);
      }
    });

    it('sent early, and cancelled', async () => {
      const sent = await manage(unstable(await delayed(), 'send'));
      assert.equal(sent.status, 200);
      assert.equal(sent.body['event_id'], (await server.events(roomId, bob)).at(-1)?.['event_id']);
      assert.equal((await manage(unstable(await delayed(), 'cancel'))).status, 200);
      await server.advance(20_000);
      assert.deepEqual(await server.bodies(roomId, bob), ['delayed']);
    });

    it('agreeing with what has happened, and conflicting as each path has it (80)', async () => {
      const sent = await delayed();
      const cancelled = await delayed();
      await manage(unstable(sent, 'send'));
      await manage(unstable(cancelled, 'cancel'));
      for (const path of [unstable, stable]) {
        const token = path === stable ? bob : undefined;
        assert.equal((await manage(path(sent, 'send'), token)).status, 200);
        assert.equal((await manage(path(cancelled, 'cancel'), token)).status, 200);
        const expected = path === stable ? [409, 'M_UNKNOWN'] : [404, 'M_NOT_FOUND'];
        for (const [id, action] of [
          [sent, 'cancel'],
          [sent, 'restart'],
          [cancelled, 'send'],
          [cancelled, 'restart'],
        ] as const)
          assert.deepEqual(refusalOf(await manage(path(id, action), token)), expected, action);
      }
      assert.deepEqual(await server.bodies(roomId, bob), ['delayed']);
    });

    it('by their owner only where there is a token, and always on the final paths (45)', async () => {
      const id = await delayed();
      for (const action of ['restart', 'send', 'cancel']) {
        assert.deepEqual(refusalOf(await manage(unstable(id, action), alice)), [404, 'M_NOT_FOUND']);
        assert.deepEqual(refusalOf(await manage(stable(id, action), alice)), [404, 'M_NOT_FOUND']);
        assert.deepEqual(refusalOf(await manage(stable(id, action))), [401, 'M_MISSING_TOKEN']);
      }
      for (const prefix of [UNSTABLE, STABLE]) {
        const path = `${prefix}/delayed_events/${id}`;
        assert.deepEqual(refusalOf(await server.ask('GET', path, alice)), [404, 'M_NOT_FOUND']);
        assert.deepEqual(refusalOf(await server.ask('GET', path)), [401, 'M_MISSING_TOKEN']);
      }
      assert.equal((await manage(unstable(id, 'send'))).status, 200);
    });

    it('telling an unknown id from an unknown action (81)', async () => {
      const id = await delayed();
      for (const prefix of [UNSTABLE, STABLE]) {
        const token = prefix === STABLE ? bob : undefined;
        const path = `${prefix}/delayed_events`;
        assert.deepEqual(refusalOf(await manage(`${path}/unknown/send`, token)), [404, 'M_NOT_FOUND']);
        assert.deepEqual(refusalOf(await manage(`${path}/${id}/refresh`, token)), [404, 'M_UNRECOGNIZED']);
      }
      const byBody = `${UNSTABLE}/delayed_events/${id}`;
      assert.deepEqual(refusalOf(await manage(byBody, undefined, {})), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await manage(byBody, undefined, { action: 'x' })), [400, 'M_INVALID_PARAM']);
      assert.deepEqual(refusalOf(await manage(byBody, undefined, { action: 1 })), [400, 'M_INVALID_PARAM']);
    });

    it('without MSC4195, whose probe finds nothing here (84)', async () => {
      const path = '/_matrix/client/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave';
      assert.deepEqual(refusalOf(await manage(path, undefined, {})), [404, 'M_UNRECOGNIZED']);
      assert.deepEqual(refusalOf(await manage(path)), [404, 'M_UNRECOGNIZED']);
    });

    it('staying scheduled when the room refuses to send them early', async () => {
      const path = `${C}${rooms}/state/org.example.state/k?${DELAY}=10000`;
      const id = textIn((await server.ask('PUT', path, bob, { a: 1 })).body, 'delay_id');
      assert.deepEqual(refusalOf(await manage(stable(id, 'send'), bob)), [403, 'M_FORBIDDEN']);
      await server.setPowers(roomId, alice, [bob]);
      await server.advance(10_000);
      assert.deepEqual(await server.get(`${C}${rooms}/state/org.example.state/k`, bob), { a: 1 });
    });

    it('by twenty callers behind one address without one refusal (85)', async () => {
      await using limited = await startFutureServer({ config: { rateLimits: true } });
      const user = await limited.user('alice');
      const room = await limited.room(user);
      const ids: string[] = [];
      for (let count = 0; count < 20; count += 1) {
        const path = `${C}/rooms/${encodeURIComponent(room)}/send/m.room.message/t${count}?${DELAY}=10000`;
        ids.push(textIn((await limited.ask('PUT', path, user, CONTENT)).body, 'delay_id'));
      }
      for (let round = 0; round < 10; round += 1) {
        for (const id of ids) assert.equal((await limited.ask('POST', unstable(id, 'restart'))).status, 200);
        limited.server.clock.advance(4_000);
      }
      const guesses = await Promise.all(
        Array.from({ length: 60 }, (_, index) => limited.ask('POST', unstable(`guess${index}`, 'restart'))),
      );
      assert.ok(guesses.some((reply) => reply.status === 429 && reply.headers.has('retry-after')));
      assert.equal((await limited.ask('POST', unstable(ids[0] ?? '', 'restart'))).status, 200);
    });
  });

  describe('are listed', () => {
    it('for their owner by the time at which they will be sent, in the words of all drafts', async () => {
      const late = await delayed(20_000);
      const soon = await delayed(10_000);
      const items = await list();
      assert.deepEqual(
        items.map((item) => item['delay_id']),
        [soon, late],
      );
      const since = server.server.clock.nowMs();
      assert.deepEqual(items[0], {
        delay_id: soon,
        room_id: roomId,
        type: 'm.room.message',
        content: CONTENT,
        delay: 10_000,
        delay_ms: 10_000,
        running_since: since,
        delayed_since_ts: since,
      });
      assert.deepEqual(await list('', alice), []);
      assert.deepEqual(refusalOf(await server.ask('GET', `${UNSTABLE}/delayed_events`)), [
        401,
        'M_MISSING_TOKEN',
      ]);
      for (const prefix of [UNSTABLE, STABLE])
        assert.deepEqual(await server.get(`${prefix}/delayed_events/${soon}`, bob), items[0]);
    });

    it('with how they ended, when that is asked for', async () => {
      const sent = await delayed(1_000);
      const cancelled = await delayed(2_000);
      await manage(unstable(cancelled, 'cancel'));
      await server.advance(1_000);
      const failed = textIn(
        (await server.ask('PUT', `${C}${rooms}/state/org.example.state/k?${DELAY}=3000`, bob, {})).body,
        'delay_id',
      );
      await server.advance(3_000);
      const scheduled = await delayed(60_000);
      assert.deepEqual(
        (await list()).map((item) => item['delay_id']),
        [scheduled],
      );
      const finalised = await list('?status=finalised');
      assert.deepEqual(
        finalised.map((item) => item['delay_id']),
        [sent, cancelled, failed],
      );
      const eventId = (await server.events(roomId, bob)).at(-1)?.['event_id'];
      const end = objectAt(finalised[0] ?? {}, 'finalised');
      assert.equal(end['event_id'], eventId);
      assert.deepEqual(Object.keys(objectAt(finalised[1] ?? {}, 'finalised')), ['finalised_ts']);
      const error = objectAt(objectAt(finalised[2] ?? {}, 'finalised'), 'error');
      assert.equal(error['errcode'], 'M_FORBIDDEN');
      assert.ok(error['error']);
      for (const [status, expected] of [
        ['scheduled', [scheduled]],
        ['sent', [sent]],
        ['cancelled', [cancelled]],
        ['failed', [failed]],
        ['error', [failed]],
      ] as const)
        assert.deepEqual(
          (await list(`?status=${status}`)).map((item) => item['delay_id']),
          expected,
          status,
        );
      const { finalised: older } = await server.get(`${UNSTABLE}/delayed_events?status=finalised`, bob);
      assert.ok(Array.isArray(older));
      const described = older.filter(isJsonObject).map((item) => [item['outcome'], item['reason']]);
      assert.deepEqual(described, [
        ['send', 'delay'],
        ['cancel', 'action'],
        ['cancel', 'error'],
      ]);
    });

    it('narrowed by room, type and time, in either direction, page by page', async () => {
      const other = await server.room(bob);
      const ids: string[] = [];
      for (let count = 1; count <= 3; count += 1) ids.push(await delayed(count * 1_000));
      const path = `${C}/rooms/${encodeURIComponent(other)}/send/org.example.other/o1?${DELAY}=4000`;
      ids.push(textIn((await server.ask('PUT', path, bob, {})).body, 'delay_id'));
      const now = server.server.clock.nowMs();
      const found = async (query: string): Promise<number[]> =>
        (await list(query)).map((item) => ids.indexOf(textIn(item, 'delay_id')));
      assert.deepEqual(await found(`?room_id=${encodeURIComponent(other)}`), [3]);
      assert.deepEqual(await found('?type=m.room.message'), [0, 1, 2]);
      assert.deepEqual(await found('?dir=b'), [3, 2, 1, 0]);
      assert.deepEqual(await found(`?from_ts=${now + 2_000}&to_ts=${now + 3_000}`), [1, 2]);
      for (const bad of ['status=x', 'dir=x', 'from=x', 'from_ts=x', 'room_id=x'])
        assert.deepEqual(
          refusalOf(await server.ask('GET', `${UNSTABLE}/delayed_events?${bad}`, bob)),
          [400, 'M_INVALID_PARAM'],
          bad,
        );
    });

    it('in pages', async () => {
      await using large = await startFutureServer({ config: { maxDelayedEvents: 1_000 } });
      const user = await large.user('alice');
      const room = encodeURIComponent(await large.room(user));
      for (let count = 0; count < 120; count += 1)
        await large.ask(
          'PUT',
          `${C}/rooms/${room}/send/m.room.message/t${count}?${DELAY}=1000`,
          user,
          CONTENT,
        );
      const seen = new Set<string>();
      let next: string | undefined = '';
      const sizes: number[] = [];
      while (next !== undefined) {
        const query: string = next === '' ? '' : `?from=${next}`;
        const page = await large.get(`${UNSTABLE}/delayed_events${query}`, user);
        assert.ok(Array.isArray(page['delayed_events']));
        const items = page['delayed_events'].filter(isJsonObject);
        sizes.push(items.length);
        for (const item of items) seen.add(textIn(item, 'delay_id'));
        next = page['next_batch'] === undefined ? undefined : textIn(page, 'next_batch');
      }
      assert.deepEqual(sizes, [100, 20]);
      assert.equal(seen.size, 120);
    });
  });

  it('are not cancelled by state of others, unless the operator wants that (31)', async () => {
    for (const isWanted of [false, true]) {
      const config = {
        futures: { unsuffixedUnit: 'seconds', cancelOnOthersState: isWanted, restartGraceMs: 0 },
      } as const;
      await using other = await startFutureServer({ config });
      const owner = await other.user('alice');
      const member = await other.user('bob');
      const room = await other.room(owner, [member]);
      await other.setPowers(room, owner, [member]);
      const path = `${C}/rooms/${encodeURIComponent(room)}/state/org.example.call/k`;
      const id = textIn(
        (await other.ask('PUT', `${path}?${DELAY}=10000`, member, { left: true })).body,
        'delay_id',
      );
      await other.setState(room, member, 'org.example.call', 'k', { by: 'its owner' });
      assert.equal((await other.ask('POST', unstable(id, 'restart'))).status, 200);
      await other.setState(room, owner, 'org.example.call', 'k', { by: 'somebody else' });
      await other.advance(10_000);
      const expected = isWanted ? { by: 'somebody else' } : { left: true };
      assert.deepEqual(await other.get(path, member), expected);
      if (!isWanted) continue;
      const item = await other.get(`${UNSTABLE}/delayed_events/${id}`, member);
      assert.equal(objectAt(item, 'error')['errcode'], 'M_CANCELLED_BY_STATE_UPDATE');
    }
  });
});
