import assert from 'node:assert/strict';
import { makeGuest } from '../client-api/rooms-client.ts';
import { passwordOf } from '../support/logins.ts';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { succeed, type TestUser } from '../support/server.ts';
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

describe('what is seen of futures', () => {
  let server: FutureServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;

  before(async () => {
    server = await startFutureServer();
  });
  let count = 0;
  beforeEach(async () => {
    count += 1;
    alice = await server.user(`alice${count}`);
    bob = await server.user(`bob${count}`);
    roomId = await server.room(alice, [bob]);
  });
  after(() => server[Symbol.asyncDispose]());

  const eventPath = (eventId: unknown): string =>
    `${C}/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(String(eventId))}`;

  it('its owner lists the running ones by deadline, with the events as they will be', async () => {
    const late = await server.made(alice, roomId, { timeout: 20, send_on_timeout: message('late') });
    const soon = await server.made(alice, roomId, {
      timeout: 10,
      send_now: call('a', { in: true }),
      send_on_timeout: call('a', { now: '$m.send_now.event_id' }),
      send_on_action: { go: message('go') },
    });
    const [first, second, ...more] = await server.running(alice);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [first?.['future_token'], second?.['future_token']],
      [soon['future_token'], late['future_token']],
    );
    const now = objectAt(first ?? {}, 'm.send_now');
    assert.equal(now['event_id'], objectAt(soon, 'm.send_now')['event_id']);
    assert.equal(now['origin_server_ts'], server.server.clock.nowMs());
    assert.deepEqual(first?.['m.send_on_timeout'], {
      type: 'org.example.call',
      state_key: 'a',
      content: { now: now['event_id'] },
      room_id: roomId,
      sender: alice.userId,
    });
    assert.deepEqual(objectAt(first ?? {}, 'send_on_action')['go'], first?.['m.send_on_action:go']);
    assert.equal(first?.['io.element.timeout_ms'], 10_000);
    assert.equal(first?.['io.element.send_ts'], server.server.clock.nowMs() + 10_000);
    assert.equal(first?.['room_id'], roomId);
    assert.deepEqual(await server.running(bob), []);
    await server.advance(10_000);
    assert.equal((await server.running(alice)).length, 1);
  });

  it('others see nothing of it before it is sent: neither in /sync nor in /messages (75)', async () => {
    await server.made(alice, roomId, { timeout: 10, send_on_timeout: message('not yet') });
    for (const user of [alice, bob]) {
      const sync = await server.get(`${C}/sync?timeout=0`, user);
      assert.equal(JSON.stringify(sync).includes('not yet'), false);
      assert.deepEqual(await server.bodies(roomId, user), []);
    }
  });

  it('firing wakes a /sync that waits (78)', async () => {
    await server.made(alice, roomId, { timeout: 10, send_on_timeout: message('woken') });
    const since = textIn(await server.get(`${C}/sync?timeout=0`, bob), 'next_batch');
    const waiting = server.get(`${C}/sync?timeout=30000&since=${since}`, bob);
    await server.advance(10_000);
    assert.ok(JSON.stringify(await waiting).includes('woken'));
  });

  it('a placeholder leads its owner, and nobody else, to the event once it is sent', async () => {
    const made = await server.made(bob, roomId, {
      timeout: 10,
      send_on_timeout: message('late'),
      send_on_action: { a: message('a') },
    });
    const timeout = objectAt(made, 'm.send_on_timeout')['event_id'];
    const action = objectAt(made, 'm.send_on_action:a')['event_id'];
    assert.deepEqual(refusalOf(await server.ask('GET', eventPath(timeout), bob)), [404, 'M_NOT_FOUND']);
    await server.advance(10_000);
    const found = await server.get(eventPath(timeout), bob);
    assert.equal(found['event_id'], (await server.events(roomId, bob)).at(-1)?.['event_id']);
    assert.deepEqual(refusalOf(await server.ask('GET', eventPath(action), bob)), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await server.ask('GET', eventPath(timeout), alice)), [404, 'M_NOT_FOUND']);
  });

  for (const version of ['1', '2']) {
    it(`ids are real from the start in room version ${version}`, async () => {
      roomId = await server.room(alice, [], version);
      const made = await server.made(alice, roomId, {
        timeout: 10,
        send_on_timeout: message('late'),
        send_on_action: { a: message('a') },
      });
      const { event_id: eventId, 'io.element.provisional': isProvisional } = objectAt(
        made,
        'm.send_on_timeout',
      );
      assert.equal(isProvisional, undefined);
      await server.advance(10_000);
      assert.equal((await server.get(eventPath(eventId), alice))['event_id'], eventId);
    });
  }

  it('only its sender is told which delayed event an event was, and no transaction id (76)', async () => {
    const made = await server.made(bob, roomId, { timeout: 10, send_on_timeout: message('late') });
    await server.advance(10_000);
    const delayId = textIn(objectAt(made, 'm.send_on_timeout'), 'delay_id');
    const eventId = (await server.events(roomId, bob)).at(-1)?.['event_id'];
    const views = async (user: TestUser): Promise<JsonObject[]> => {
      const sync = await server.get(`${C}/sync?timeout=0`, user);
      const joined = objectAt(objectAt(objectAt(objectAt(sync, 'rooms'), 'join'), roomId), 'timeline');
      const events = Array.isArray(joined['events']) ? joined['events'].filter(isJsonObject) : [];
      const fromSync = events.find((event) => event['event_id'] === eventId);
      const fromMessages = (await server.events(roomId, user)).at(-1);
      assert.ok(fromSync !== undefined && fromMessages !== undefined);
      return [fromSync, fromMessages, await server.get(eventPath(eventId), user)];
    };
    for (const view of await views(bob)) {
      const unsigned = objectAt(view, 'unsigned');
      assert.equal(unsigned['delay_id'], delayId);
      assert.equal(unsigned['org.matrix.msc4140.delay_id'], delayId);
      assert.equal(unsigned['transaction_id'], undefined);
    }
    for (const view of await views(alice)) assert.equal(JSON.stringify(view).includes(delayId), false);
  });

  it('every alternative is listed as a delayed event, and cancelling one ends the future (87)', async () => {
    const made = await server.made(bob, roomId, {
      timeout: 10,
      send_on_timeout: message('late'),
      send_on_action: { a: message('a') },
    });
    const timeout = textIn(objectAt(made, 'm.send_on_timeout'), 'delay_id');
    const action = objectAt(made, 'm.send_on_action:a')['delay_id'];
    const { delayed_events: listed } = await server.get(`${UNSTABLE}/delayed_events`, bob);
    assert.ok(Array.isArray(listed));
    const items = listed.filter(isJsonObject);
    assert.deepEqual(
      items.map((item) => item['delay_id']),
      [timeout, action],
    );
    assert.deepEqual(
      items.map((item) => item['io.element.linked_delay_ids']),
      [[action], [timeout]],
    );
    assert.deepEqual(
      items.map((item) => item['io.element.trigger']),
      ['timeout', 'action:a'],
    );
    const cancelled = await server.ask('POST', `${UNSTABLE}/delayed_events/${timeout}/cancel`);
    assert.equal(cancelled.status, 200);
    const reply = await server.act(made['future_token'], 'a');
    assert.deepEqual([reply.status, reply.body['outcome']], [410, 'cancelled']);
  });

  it('all endpoints are open to guests, who are users of the room (43)', async () => {
    const user = await makeGuest(server.server);
    await server.setState(roomId, alice, 'm.room.guest_access', '', { guest_access: 'can_join' });
    await succeed(server.server, 'POST', `${C}/rooms/${encodeURIComponent(roomId)}/join`, {
      token: user,
      body: {},
    });
    await server.made(user, roomId, { timeout: 10, send_on_timeout: message('of a guest') });
    assert.equal((await server.running(user)).length, 1);
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/delayed_event/m.room.message/g1`;
    const put = await server.ask('PUT', path, user, {
      delay_ms: 5_000,
      content: message('delayed')['content'],
    });
    assert.equal(put.status, 200);
    const { delayed_events: listed } = await server.get(`${UNSTABLE}/delayed_events`, user);
    assert.ok(Array.isArray(listed) && listed.length === 2);
    await server.advance(10_000);
    assert.deepEqual(await server.bodies(roomId, alice), ['delayed', 'of a guest']);
  });

  it('fires after its owner has logged out: that is what it is for (39)', async () => {
    await server.made(bob, roomId, { timeout: 10, send_on_timeout: message('last will') });
    await succeed(server.server, 'POST', `${C}/logout/all`, { token: bob, body: {} });
    await server.advance(10_000);
    assert.deepEqual(await server.bodies(roomId, alice), ['last will']);
    assert.equal((await server.events(roomId, alice)).at(-1)?.['unsigned'] === undefined, false);
    assert.equal(
      JSON.stringify((await server.events(roomId, alice)).at(-1)).includes('transaction_id'),
      false,
    );
  });

  it('ends with the account of its owner, and what it would have said is forgotten (38)', async () => {
    const made = await server.made(bob, roomId, { timeout: 10, send_on_timeout: message('forget me') });
    const { session } = (await server.ask('POST', `${C}/account/deactivate`, bob, {})).body;
    await succeed(server.server, 'POST', `${C}/account/deactivate`, {
      token: bob,
      body: {
        auth: { ...passwordOf(bob), session },
      },
    });
    const reply = await server.refresh(made['future_token']);
    assert.deepEqual([reply.status, reply.body['outcome']], [410, 'cancelled']);
    const { rows } = await server.server.database.database.pool.query<{ count: number }>(
      `select count(*) as count from future_alternatives where content like '%forget me%'`,
    );
    assert.equal(rows[0]?.count, 0);
    await server.advance(10_000);
    assert.deepEqual(await server.bodies(roomId, alice), []);
  });
});
