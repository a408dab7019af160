import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { makeRoom, makeTwo } from './rooms-client.ts';

const STICKY = 'org.matrix.msc4354.sticky_duration_ms';
const DELAY = 'org.matrix.msc4140.delay';
const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';
const TEXT = { msgtype: 'm.text', body: 'sticky' };

describe('sending sticky events', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  let txns = 0;
  before(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeRoom(server, alice);
  });
  after(() => server[Symbol.asyncDispose]());

  const rooms = (): string => `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;
  const ask = (path: string, body: unknown, token = alice): Promise<TestReply> =>
    request(server, 'PUT', `${rooms()}${path}`, { token, body });
  const send = (query: string, body: unknown = TEXT): Promise<TestReply> =>
    ask(`/send/m.room.message/t${(txns += 1)}?${query}`, body);
  const eventOf = (reply: TestReply): Promise<JsonObject> =>
    succeed(server, 'GET', `${rooms()}/event/${encodeURIComponent(textAt(reply.body, 'event_id'))}`, {
      token: alice,
    });
  const newest = async (): Promise<JsonObject> => {
    const { chunk } = await succeed(server, 'GET', `${rooms()}/messages?dir=b&limit=1`, { token: alice });
    return (chunk as JsonObject[])[0] ?? {};
  };

  it('is announced', async () => {
    const { unstable_features: features } = await succeed(server, 'GET', '/_matrix/client/versions');
    assert.equal((features as JsonObject)['org.matrix.msc4354'], true);
  });

  for (const parameter of [STICKY, 'sticky_duration_ms']) {
    it(`makes a message and a piece of state sticky by ${parameter}, beside their content`, async () => {
      const message = await eventOf(await send(`${parameter}=300000`));
      assert.deepEqual(message['content'], TEXT);
      assert.deepEqual(message['msc4354_sticky'], { duration_ms: 300_000 });
      const state = await eventOf(await ask(`/state/org.example.flag/a?${parameter}=60000`, { on: true }));
      assert.deepEqual(state['msc4354_sticky'], { duration_ms: 60_000 });
      const empty = await eventOf(await ask(`/state/org.example.flag?${parameter}=0`, {}));
      assert.deepEqual(empty['msc4354_sticky'], { duration_ms: 0 });
    });
  }

  it('says how long the event is sticky still', async () => {
    const sent = await send(`${STICKY}=3600000`);
    server.clock.advance(600_000);
    const { unsigned } = await eventOf(sent);
    assert.equal((unsigned as JsonObject)['msc4354_sticky_duration_ttl_ms'], 3_000_000);
    server.clock.advance(3_000_000);
    const later = (await eventOf(sent))['unsigned'] as JsonObject;
    assert.equal('msc4354_sticky_duration_ttl_ms' in later, false);
  });

  for (const duration of ['3600001', '-1', '1.5', '', 'soon', '1e3', '99999999999999999999'])
    it(`is refused for the duration ${JSON.stringify(duration)}, and sends nothing`, async () => {
      const before = await newest();
      for (const reply of [
        await send(`${STICKY}=${duration}`),
        await send(`${STICKY}=${duration}&${DELAY}=1000`),
        await ask(`/state/org.example.flag/a?${STICKY}=${duration}`, {}),
      ])
        assert.deepEqual([reply.status, reply.body['errcode']], [400, 'M_INVALID_PARAM']);
      assert.deepEqual(await newest(), before);
    });

  it('is refused for two durations, and for a membership', async () => {
    const twice = await send(`${STICKY}=1000&sticky_duration_ms=2000`);
    assert.deepEqual([twice.status, twice.body['errcode']], [400, 'M_INVALID_PARAM']);
    const path = `/state/m.room.member/${encodeURIComponent(bob.userId)}?${STICKY}=1000`;
    const member = await ask(path, { membership: 'invite' });
    assert.deepEqual([member.status, member.body['errcode']], [400, 'M_INVALID_PARAM']);
  });

  it('is for those who may send there', async () => {
    const reply = await ask(`/send/m.room.message/x?${STICKY}=1000`, TEXT, bob);
    assert.deepEqual([reply.status, reply.body['errcode']], [403, 'M_FORBIDDEN']);
  });

  it('answers a repeat with the first event', async () => {
    const path = `/send/m.room.message/same?${STICKY}=1000`;
    const first = await ask(path, TEXT);
    assert.deepEqual((await ask(path, TEXT)).body, first.body);
  });

  it('makes the same state sticky anew, where without stickiness nothing new is made', async () => {
    const path = '/state/org.example.flag/a';
    const first = await ask(`${path}?${STICKY}=1000`, { on: true });
    assert.deepEqual((await ask(path, { on: true })).body, first.body);
    const again = await ask(`${path}?${STICKY}=1000`, { on: true });
    assert.notEqual(again.body['event_id'], first.body['event_id']);
  });

  it('begins, for a delayed event, when that is sent', async () => {
    const scheduled = await send(`${STICKY}=60000&${DELAY}=5000`);
    const delayId = textAt(scheduled.body, 'delay_id');
    const listed = await succeed(server, 'GET', `${UNSTABLE}/delayed_events/${delayId}`, { token: alice });
    assert.deepEqual([listed[STICKY], listed['sticky_duration_ms']], [60_000, 60_000]);
    server.clock.advance(5_000);
    await server.services.futureScheduler.drain();
    server.clock.advance(10_000);
    const sent = await newest();
    assert.deepEqual(sent['msc4354_sticky'], { duration_ms: 60_000 });
    assert.equal((sent['unsigned'] as JsonObject)['msc4354_sticky_duration_ttl_ms'], 50_000);
  });

  it('begins, for a delayed event that is sent early, then', async () => {
    const scheduled = await ask(`/state/org.example.flag/b?${STICKY}=60000&${DELAY}=5000`, { on: true });
    const delayId = textAt(scheduled.body, 'delay_id');
    server.clock.advance(1_000);
    await succeed(server, 'POST', `${UNSTABLE}/delayed_events/${delayId}/send`);
    const sent = await newest();
    assert.equal(sent['state_key'], 'b');
    assert.equal((sent['unsigned'] as JsonObject)['msc4354_sticky_duration_ttl_ms'], 60_000);
  });

  it('is asked for at the endpoint of delayed events in its query or its body', async () => {
    const put = (query: string, body: object, txn: string): Promise<TestReply> =>
      request(
        server,
        'PUT',
        `${UNSTABLE}/rooms/${encodeURIComponent(roomId)}/delayed_event/m.room.message/${txn}${query}`,
        { token: alice, body: { delay_ms: 1_000, content: TEXT, ...body } },
      );
    const durationOf = async (reply: TestReply): Promise<unknown> => {
      const path = `${UNSTABLE}/delayed_events/${textAt(reply.body, 'delay_id')}`;
      return (await succeed(server, 'GET', path, { token: alice }))[STICKY];
    };
    assert.equal(await durationOf(await put(`?${STICKY}=1000`, {}, 'a')), 1_000);
    assert.equal(await durationOf(await put('', { [STICKY]: 2_000 }, 'b')), 2_000);
    assert.equal(await durationOf(await put('', { sticky_duration_ms: 3_000 }, 'c')), 3_000);
    assert.equal(await durationOf(await put('', {}, 'd')), undefined);
    for (const wrong of [3_600_001, -1, 1.5, '1000', null]) {
      const reply = await put('', { sticky_duration_ms: wrong }, 'e');
      assert.deepEqual([reply.status, reply.body['errcode']], [400, 'M_INVALID_PARAM']);
    }
    const twice = await put(`?${STICKY}=1000`, { sticky_duration_ms: 2_000 }, 'e');
    assert.deepEqual([twice.status, twice.body['errcode']], [400, 'M_INVALID_PARAM']);
  });

  it('goes with the events of a future', async () => {
    const sticky = { msc4354_sticky: { duration_ms: 60_000 } };
    const message = (body: string): object => ({
      type: 'm.room.message',
      content: { msgtype: 'm.text', body },
      ...sticky,
    });
    const made = await ask('/send/future/f', {
      timeout_ms: 1_000,
      send_now: message('now'),
      send_on_timeout: message('later'),
    });
    assert.equal(made.status, 200);
    assert.deepEqual((await newest())['msc4354_sticky'], { duration_ms: 60_000 });
    const list = await request(server, 'GET', '/_matrix/client/v3/futures', { token: alice });
    const [future = {}] = list.json as JsonObject[];
    const later = future['m.send_on_timeout'] as JsonObject;
    assert.deepEqual(later['msc4354_sticky'], { duration_ms: 60_000 });
    server.clock.advance(1_000);
    await server.services.futureScheduler.drain();
    const sent = await newest();
    assert.equal((sent['content'] as JsonObject)['body'], 'later');
    assert.deepEqual(sent['msc4354_sticky'], { duration_ms: 60_000 });
    const wrong = await ask('/send/future/g', {
      timeout_ms: 1_000,
      send_on_timeout: { ...message('never'), msc4354_sticky: { duration_ms: 'long' } },
    });
    assert.deepEqual([wrong.status, wrong.body['errcode']], [400, 'M_BAD_JSON']);
  });
});
