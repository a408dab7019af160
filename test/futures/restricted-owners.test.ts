import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { registerAdmin, restrict } from '../support/moderation.ts';
import { request, type TestReply, type TestUser } from '../support/server.ts';
import {
  C,
  objectAt,
  refusalOf,
  startFutureServer,
  textIn,
  UNSTABLE,
  type FutureServer,
} from './future-server.ts';

const TEXT = { msgtype: 'm.text', body: 'later' };
const SUSPENDED = [403, 'M_USER_SUSPENDED'];
const CALL = 'org.matrix.msc3401.call.member';

const later = { type: 'm.room.message', content: TEXT };
const leave = (user: TestUser): JsonObject => ({
  type: 'm.room.member',
  state_key: user.userId,
  content: { membership: 'leave' },
});

describe('futures of a restricted user', () => {
  let server: FutureServer;
  let admin: TestUser;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  let rooms: string;
  let count = 0;

  before(async () => {
    server = await startFutureServer();
    admin = await registerAdmin(server.server, 'admin');
  });
  beforeEach(async () => {
    count += 1;
    alice = await server.user(`alice${count}`);
    bob = await server.user(`bob${count}`);
    roomId = await server.room(alice, [bob]);
    rooms = `${C}/rooms/${encodeURIComponent(roomId)}`;
  });
  after(() => server[Symbol.asyncDispose]());

  const set = (restriction: 'lock' | 'suspend' | 'shadow_ban', isOn = true): Promise<void> =>
    restrict(server.server, admin, bob, restriction, isOn);
  const put = (path: string, body: unknown): Promise<TestReply> =>
    request(server.server, 'PUT', `${rooms}/${path}`, { token: bob, body });
  const delay = (body: unknown = TEXT): Promise<TestReply> =>
    put(`send/m.room.message/d${(count += 1)}?org.matrix.msc4140.delay=10000`, body);
  const delayed = async (reply: TestReply): Promise<string> => textIn(reply.body, 'delay_id');
  const delayedState = async (type: string, key: string, content: JsonObject): Promise<string> =>
    delayed(await put(`state/${type}/${encodeURIComponent(key)}?org.matrix.msc4140.delay=10000`, content));
  /** The delayed event as its owner sees it in the list of those that have ended. */
  const listed = async (delayId: string): Promise<JsonObject> => {
    const path = `${UNSTABLE}/delayed_events?status=finalised`;
    const { delayed_events: all } = await server.get(path, bob);
    assert.ok(Array.isArray(all));
    const found = all.filter(isJsonObject).find((item) => item['delay_id'] === delayId);
    assert.ok(found, `${delayId} has not ended`);
    return found;
  };
  const errorOf = async (delayId: string): Promise<unknown> =>
    objectAt(await listed(delayId), 'error')['errcode'];
  const membershipOf = async (): Promise<unknown> =>
    (await server.get(`${rooms}/state/m.room.member/${encodeURIComponent(bob.userId)}`, alice))['membership'];

  describe('who is suspended', () => {
    it('fail with M_USER_SUSPENDED when they are due, and their owner sees why', async () => {
      const delayId = await delayed(await delay());
      await set('suspend');
      await server.advance(10_000);
      assert.deepEqual(await server.bodies(roomId, alice), []);
      assert.equal(await errorOf(delayId), 'M_USER_SUSPENDED');
    });

    it('are sent when the suspension is over in time', async () => {
      await delayed(await delay());
      await set('suspend');
      await server.advance(9_999);
      await set('suspend', false);
      await server.advance(1);
      assert.deepEqual(await server.bodies(roomId, alice), ['later']);
    });

    it('leave and redact what the user sent, as the user may at once', async () => {
      const said = textIn((await put('send/m.room.message/own', TEXT)).body, 'event_id');
      const redaction = await put(`redact/${encodeURIComponent(said)}/r?org.matrix.msc4140.delay=9000`, {});
      assert.equal(redaction.status, 200);
      await delayedState('m.room.member', bob.userId, { membership: 'leave' });
      await set('suspend');
      await server.advance(10_000);
      const events = await server.events(roomId, alice);
      assert.deepEqual(events.find((event) => event['event_id'] === said)?.['content'], {});
      assert.equal(await membershipOf(), 'leave');
    });

    it('do not end a call for the user, who could not do so at once either', async () => {
      await server.setPowers(roomId, alice, [bob]);
      const key = `_${bob.userId}_${bob.deviceId}`;
      await server.setState(roomId, bob, CALL, key, { application: 'm.call' });
      const delayId = await delayedState(CALL, key, {});
      await set('suspend');
      assert.deepEqual(refusalOf(await put(`state/${CALL}/${encodeURIComponent(key)}`, {})), SUSPENDED);
      await server.advance(10_000);
      assert.equal(await errorOf(delayId), 'M_USER_SUSPENDED');
    });

    it('are not made but of what the user may send at once', async () => {
      const others = textIn(
        await request(server.server, 'PUT', `${rooms}/send/m.room.message/a`, {
          token: alice,
          body: TEXT,
        }).then(({ body }) => body),
        'event_id',
      );
      const own = textIn((await put('send/m.room.message/own', TEXT)).body, 'event_id');
      await set('suspend');
      assert.deepEqual(refusalOf(await delay()), SUSPENDED);
      assert.deepEqual(
        refusalOf(await put('state/m.room.topic/?org.matrix.msc4140.delay=1000', {})),
        SUSPENDED,
      );
      assert.deepEqual(
        refusalOf(await put('delayed_event/m.room.message/x', { delay_ms: 1000, content: TEXT })),
        SUSPENDED,
      );
      const redact = (eventId: string): Promise<TestReply> =>
        put(`redact/${encodeURIComponent(eventId)}/r?org.matrix.msc4140.delay=1000`, {});
      assert.deepEqual(refusalOf(await redact(others)), SUSPENDED);
      assert.equal((await redact(own)).status, 200);
      const leaving = { delay_ms: 1000, state_key: bob.userId, content: { membership: 'leave' } };
      assert.equal((await put('delayed_event/m.room.member/y', leaving)).status, 200);
    });

    it('are not made if any of their events could not be sent at once', async () => {
      await set('suspend');
      const refused = [
        { timeout: 10, send_on_timeout: later },
        { timeout: 10, send_on_timeout: leave(bob), send_on_action: { a: later } },
        { timeout: 10, send_on_timeout: leave(bob), send_now: later },
        { timeout: 10, send_on_timeout: leave(alice) },
      ];
      for (const body of refused)
        assert.deepEqual(refusalOf(await server.create(bob, roomId, body)), SUSPENDED);
      assert.deepEqual(await server.running(bob), []);
      await server.made(bob, roomId, { timeout: 10, send_on_timeout: leave(bob) });
    });

    it('may be refreshed and cancelled; an action is refused and the future runs on', async () => {
      const body = { timeout: 10, send_on_timeout: leave(bob), send_on_action: { a: later } };
      const { future_token: token } = await server.made(bob, roomId, body);
      await set('suspend');
      assert.equal((await server.refresh(token)).status, 200);
      assert.deepEqual(refusalOf(await server.act(token, 'a')), SUSPENDED);
      assert.equal((await server.running(bob)).length, 1);
      await set('suspend', false);
      assert.equal((await server.act(token, 'a')).status, 200);
      assert.deepEqual(await server.bodies(roomId, alice), ['later']);
    });

    it('answer a repeated request as before', async () => {
      const body = { timeout: 10, send_on_timeout: later };
      const first = await server.made(bob, roomId, body, 'repeated');
      await set('suspend');
      assert.deepEqual(await server.made(bob, roomId, body, 'repeated'), first);
    });
  });

  describe('who is locked', () => {
    it('fail with M_USER_LOCKED when they are due, even those that leave', async () => {
      const delayIds = [
        await delayed(await delay()),
        await delayedState('m.room.member', bob.userId, { membership: 'leave' }),
      ];
      await set('lock');
      await server.advance(10_000);
      await set('lock', false);
      for (const delayId of delayIds) assert.equal(await errorOf(delayId), 'M_USER_LOCKED');
      assert.deepEqual(await server.bodies(roomId, alice), []);
      assert.equal(await membershipOf(), 'join');
    });

    it('can be managed by who has the capability, and send nothing', async () => {
      const delayId = await delayed(await delay());
      await set('lock');
      const manage = (action: string, token?: TestUser): Promise<TestReply> =>
        server.ask('POST', `${UNSTABLE}/delayed_events/${delayId}/${action}`, token);
      assert.deepEqual(refusalOf(await manage('send')), [401, 'M_USER_LOCKED']);
      assert.deepEqual(refusalOf(await manage('restart', bob)), [401, 'M_USER_LOCKED']);
      assert.equal((await manage('restart')).status, 200);
      assert.equal((await manage('cancel')).status, 200);
    });

    it('are not made', async () => {
      await set('lock');
      assert.deepEqual(refusalOf(await delay()), [401, 'M_USER_LOCKED']);
      const body = { timeout: 10, send_on_timeout: leave(bob) };
      assert.deepEqual(refusalOf(await server.create(bob, roomId, body)), [401, 'M_USER_LOCKED']);
    });
  });

  describe('who is shadow-banned', () => {
    it('end as if they had been sent, and nothing enters the room', async () => {
      const before = await delayed(await delay());
      await set('shadow_ban');
      const since = await delayed(await delay());
      await server.advance(10_000);
      for (const delayId of [before, since]) {
        const item = await listed(delayId);
        assert.match(textIn(item, 'event_id'), /^\$[A-Za-z0-9_-]{43}$/);
        assert.equal(item['error'], undefined);
      }
      assert.deepEqual(await server.bodies(roomId, alice), []);
    });

    it('answer an action with an event that is nowhere, and the same again', async () => {
      await set('shadow_ban');
      const body = { timeout: 10, send_on_timeout: later, send_on_action: { a: later } };
      const { future_token: token } = await server.made(bob, roomId, body);
      const sent = await server.act(token, 'a');
      const eventId = textIn(sent.body, 'event_id');
      assert.deepEqual((await server.act(token, 'a')).body, sent.body);
      assert.equal(
        (await server.ask('GET', `${rooms}/event/${encodeURIComponent(eventId)}`, alice)).status,
        404,
      );
      await server.advance(10_000);
      assert.deepEqual(await server.bodies(roomId, alice), []);
    });

    it('are not overtaken by the state that was only pretended to be set', async () => {
      await server.setPowers(roomId, alice, [bob]);
      await set('shadow_ban');
      const state = { type: 'org.example.state', state_key: '', content: { a: 1 } };
      const body = { timeout: 10, send_now: state, send_on_timeout: { ...state, content: { a: 2 } } };
      const made = await server.made(bob, roomId, body);
      textIn(objectAt(made, 'm.send_now'), 'event_id');
      assert.equal((await server.running(bob)).length, 1);
      await server.advance(10_000);
      const gone = await server.act(made['future_token'], 'a');
      assert.deepEqual([gone.status, gone.body['outcome']], [410, 'sent']);
      const path = `${rooms}/state/org.example.state/`;
      assert.equal((await server.ask('GET', path, alice)).status, 404);
    });

    it('leave when they are due, as the user may at once', async () => {
      await delayedState('m.room.member', bob.userId, { membership: 'leave', reason: 'spam' });
      await set('shadow_ban');
      await server.advance(10_000);
      const member = await server.get(
        `${rooms}/state/m.room.member/${encodeURIComponent(bob.userId)}`,
        alice,
      );
      assert.deepEqual(member, { membership: 'leave' });
    });

    it('are refused what the room refuses', async () => {
      const delayId = await delayedState('m.room.topic', '', { topic: 'x' });
      await set('shadow_ban');
      await server.advance(10_000);
      assert.equal(await errorOf(delayId), 'M_FORBIDDEN');
    });
  });
});
