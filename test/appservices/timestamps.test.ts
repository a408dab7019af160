import assert from 'node:assert/strict';
import { isJsonArray, isJsonObject, type JsonObject } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { AS_TOKEN, bridge, C, otherBridge, registerBridged, requestAs, succeedAs } from './bridge.ts';

const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';
const LONG_AGO = 1_000_000_000_000;
const TEXT = { msgtype: 'm.text', body: 'from IRC' };

describe('events of an application service', () => {
  let server: TestServer;
  let alice: string;
  let bob: TestUser;
  let room: string;

  before(async () => {
    server = await startTestServer({ config: { appservices: [bridge(), otherBridge()] } });
    alice = await registerBridged(server, 'irc_alice');
    bob = await registerUser(server, 'bob');
    const made = await succeedAs(server, alice, 'POST', `${C}/createRoom`, { preset: 'public_chat' });
    room = `${C}/rooms/${encodeURIComponent(textAt(made, 'room_id'))}`;
    await succeed(server, 'POST', `${room}/join`, { token: bob, body: {} });
  });
  after(() => server[Symbol.asyncDispose]());

  async function eventOf(sent: JsonObject): Promise<JsonObject> {
    return succeed(server, 'GET', `${room}/event/${encodeURIComponent(textAt(sent, 'event_id'))}`, {
      token: bob,
    });
  }

  async function newest(): Promise<JsonObject> {
    const { chunk } = await succeed(server, 'GET', `${room}/messages?dir=b&limit=1`, { token: bob });
    const event = isJsonArray(chunk) ? chunk[0] : undefined;
    assert.ok(isJsonObject(event));
    return event;
  }

  describe('have a time that the service gives to them, which', () => {
    it('is the time of the event, and moves it to no other place', async () => {
      const path = `${room}/send/m.room.message/t1?ts=${LONG_AGO}`;
      const sent = await succeedAs(server, alice, 'PUT', path, TEXT);
      const event = await newest();
      assert.equal(event['event_id'], sent['event_id']);
      assert.equal(event['origin_server_ts'], LONG_AGO);
      assert.equal(event['sender'], alice);
    });

    it('is that of state and of memberships that are set as state', async () => {
      const named = await succeedAs(server, alice, 'PUT', `${room}/state/m.room.name?ts=${LONG_AGO}`, {
        name: 'IRC',
      });
      assert.equal((await eventOf(named))['origin_server_ts'], LONG_AGO);
      const carol = await registerBridged(server, 'irc_carol');
      const path = `${room}/state/m.room.member/${encodeURIComponent(carol)}?ts=${LONG_AGO}`;
      const joined = await succeedAs(server, carol, 'PUT', path, { membership: 'join' });
      assert.equal((await eventOf(joined))['origin_server_ts'], LONG_AGO);
    });

    it('is refused when it is no time', async () => {
      for (const ts of ['yesterday', '-1', '1.5', '9999999999999999', '']) {
        const path = `${room}/send/m.room.message/t2?ts=${ts}`;
        const { status, body } = await requestAs(server, alice, 'PUT', path, TEXT);
        assert.deepEqual([ts, status, body['errcode']], [ts, 400, 'M_INVALID_PARAM']);
      }
    });

    it('means nothing from anybody else', async () => {
      for (const ts of [LONG_AGO, 'yesterday']) {
        const path = `${room}/send/m.room.message/${ts}?ts=${ts}`;
        const sent = await succeed(server, 'PUT', path, { token: bob, body: TEXT });
        assert.equal((await eventOf(sent))['origin_server_ts'], server.clock.nowMs());
      }
    });

    it('means nothing where no event is written out', async () => {
      const sent = await succeedAs(server, alice, 'PUT', `${room}/send/m.room.message/t3`, TEXT);
      const id = encodeURIComponent(textAt(sent, 'event_id'));
      const redacted = await succeedAs(server, alice, 'PUT', `${room}/redact/${id}/t4?ts=${LONG_AGO}`, {});
      assert.equal((await eventOf(redacted))['origin_server_ts'], server.clock.nowMs());
      await succeedAs(server, alice, 'POST', `${room}/kick?ts=${LONG_AGO}`, { user_id: bob.userId });
      await succeed(server, 'POST', `${room}/join`, { token: bob, body: {} });
      assert.equal((await newest())['origin_server_ts'], server.clock.nowMs());
    });
  });

  describe('that are delayed', () => {
    let scheduled = 0;
    const schedule = async (userId: string, query = ''): Promise<string> => {
      const path = `${room}/send/m.room.message/later${(scheduled += 1)}?org.matrix.msc4140.delay=60000${query}`;
      return textAt(await succeedAs(server, userId, 'PUT', path, TEXT), 'delay_id');
    };

    it('are sent as the user, with the time given to them, and end when they are sent', async () => {
      const delayId = await schedule(alice, `&ts=${LONG_AGO}`);
      server.clock.advance(60_000);
      await server.services.futureScheduler.idle();
      const event = await newest();
      assert.deepEqual([event['sender'], event['content']], [alice, TEXT]);
      const ended = await succeedAs(server, alice, 'GET', `${UNSTABLE}/delayed_events/${delayId}`);
      assert.equal(ended['finalised_ts'], server.clock.nowMs());
    });

    it('are managed by the service in whose namespace their owner is', async () => {
      const manage = (delayId: string, action: string, token: string) =>
        request(server, 'POST', `${UNSTABLE}/delayed_events/${delayId}/${action}`, { token });
      const delayId = await schedule(alice);
      for (const action of ['restart', 'cancel'])
        assert.equal((await manage(delayId, action, AS_TOKEN)).status, 200);
      const final = await schedule(alice);
      const path = `/_matrix/client/v1/delayed_events/${final}/send`;
      assert.equal((await requestAs(server, bridge().sender, 'POST', path)).status, 200);
    });

    it('are not managed by another service, nor are those of somebody else', async () => {
      const attempt = async (delayId: string, token: string | TestUser): Promise<unknown> => {
        const path = `${UNSTABLE}/delayed_events/${delayId}/cancel`;
        const { status, body } = await request(server, 'POST', path, { token });
        return [status, body['errcode']];
      };
      const bridged = await schedule(alice);
      const path = `${room}/send/m.room.message/later?org.matrix.msc4140.delay=60000`;
      const own = textAt(await succeed(server, 'PUT', path, { token: bob, body: TEXT }), 'delay_id');
      for (const [delayId, token] of [
        [bridged, 'slack'],
        [bridged, bob],
        [own, AS_TOKEN],
      ] as const)
        assert.deepEqual(await attempt(delayId, token), [404, 'M_NOT_FOUND']);
    });
  });
});
