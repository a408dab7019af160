import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath, syncAs } from '../client-api/facts-client.ts';
import {
  act,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
} from '../client-api/rooms-client.ts';
import { startGateway, type Gateway } from './gateway.ts';

const HTTPS_URL = 'https://push.example.org/_matrix/push/v1/notify';

describe('pushers', () => {
  let server: TestServer;
  let gateway: Gateway;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    server = await startTestServer({ config: { allowPrivateIps: true } });
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    gateway = await startGateway();
    [alice, bob] = await makeTwo(server);
    roomId = await makeSharedRoom(server, alice, bob, { name: 'Mission Control' });
    // What making the room has led to is nothing that a new pusher hears of.
    await settled();
  });
  afterEach(async () => {
    await settled();
    await gateway[Symbol.asyncDispose]();
  });

  const settled = async (): Promise<void> => {
    await syncAs(server, bob);
    await server.services.pushSender.idle();
  };
  const set = (user: TestUser, body: JsonObject): Promise<TestReply> =>
    request(server, 'POST', '/_matrix/client/v3/pushers/set', { token: user, body });
  const pusher = (more: JsonObject = {}, data: JsonObject = {}): JsonObject => ({
    kind: 'http',
    app_id: 'org.example.app',
    pushkey: 'key',
    app_display_name: 'App',
    device_display_name: 'Phone',
    lang: 'en',
    data: { url: gateway.url, ...data },
    ...more,
  });
  const mustSet = async (user: TestUser, more: JsonObject = {}, data: JsonObject = {}): Promise<void> => {
    const reply = await set(user, pusher(more, data));
    assert.deepEqual([reply.status, reply.json], [200, {}]);
  };
  const list = async (user: TestUser): Promise<JsonObject[]> =>
    objectsAt(await succeed(server, 'GET', '/_matrix/client/v3/pushers', { token: user }), 'pushers');
  const keys = async (user: TestUser): Promise<(JsonValue | undefined)[]> =>
    (await list(user)).map((one) => one['pushkey']);

  describe('are set', () => {
    it('and listed as they were set', async () => {
      await mustSet(bob, { profile_tag: 'tag' }, { format: 'event_id_only', 'org.example': 1 });
      const expected = pusher({ profile_tag: 'tag' }, { format: 'event_id_only', 'org.example': 1 });
      assert.deepEqual(await list(bob), [expected]);
      await mustSet(bob, { lang: 'de' });
      assert.deepEqual(await list(bob), [pusher({ lang: 'de' })]);
      assert.deepEqual(await list(alice), []);
    });

    it('to nothing, whether they were there or not', async () => {
      await mustSet(bob);
      for (let time = 0; time < 2; time++) {
        const reply = await set(bob, { kind: null, app_id: 'org.example.app', pushkey: 'key' });
        assert.deepEqual([reply.status, reply.json], [200, {}]);
        assert.deepEqual(await list(bob), []);
      }
    });

    it('in place of those that other users have with the key, unless they are to be kept', async () => {
      await mustSet(alice);
      await mustSet(bob, { append: true });
      assert.deepEqual([await keys(alice), await keys(bob)], [['key'], ['key']]);
      await mustSet(bob, { app_id: 'org.example.other' });
      assert.deepEqual(await keys(alice), ['key']);
      await mustSet(bob);
      assert.deepEqual(await keys(alice), []);
    });

    it('with all that they need, or not at all', async () => {
      const refusals: readonly (readonly [JsonObject, string])[] = [
        [{ kind: 'http' }, 'M_MISSING_PARAM'],
        [{ ...pusher(), kind: 1 }, 'M_BAD_JSON'],
        [{ ...pusher(), app_id: 'x'.repeat(65) }, 'M_BAD_JSON'],
        [{ ...pusher(), pushkey: 'ü'.repeat(257) }, 'M_BAD_JSON'],
        [{ ...pusher(), kind: 'pigeon' }, 'M_INVALID_PARAM'],
        [{ ...pusher(), data: {} }, 'M_MISSING_PARAM'],
        [{ ...pusher(), data: 'x' }, 'M_BAD_JSON'],
        [pusher({}, { url: HTTPS_URL, format: 7 }), 'M_BAD_JSON'],
        [{ kind: 'http', app_id: 'a', pushkey: 'b', data: { url: HTTPS_URL } }, 'M_MISSING_PARAM'],
      ];
      for (const [body, errcode] of refusals) {
        assert.deepEqual(refusalOf(await set(bob, body)), [400, errcode], JSON.stringify(body));
      }
      const bare = { kind: 'http', app_id: 'a', pushkey: 'b' };
      const { body } = await set(bob, bare);
      assert.equal(
        body['error'],
        'Missing parameters: app_display_name, device_display_name, lang, data, data.url',
      );
      assert.deepEqual(await list(bob), []);
    });

    it('to no e-mail address, since nothing here sends e-mail', async () => {
      const email = { ...pusher(), kind: 'email', app_id: 'm.email', pushkey: 'bob@example.org', data: {} };
      const { status, body } = await set(bob, email);
      assert.deepEqual([status, body['errcode']], [400, 'M_INVALID_PARAM']);
      assert.equal(body['error'], 'There are no pushers of kind "email" here');
      assert.deepEqual(await list(bob), []);
    });

    it('to HTTPS URLs of the right path, and to plain ones on this machine where that is allowed', async () => {
      const local = 'http://localhost:1/_matrix/push/v1/notify';
      for (const url of [HTTPS_URL, `${HTTPS_URL}?x=1`, local, 'http://[::1]/_matrix/push/v1/notify'])
        assert.equal((await set(bob, pusher({}, { url }))).status, 200, url);
      for (const url of [
        'http://push.example.org/_matrix/push/v1/notify',
        'http://127.0.0.1.example.org/_matrix/push/v1/notify',
        'https://push.example.org/',
        'https://push.example.org/_matrix/push/v1/notify/',
        'https://push.example.org/x/_matrix/push/v1/notify',
        'https://user:secret@push.example.org/_matrix/push/v1/notify',
        'ftp://push.example.org/_matrix/push/v1/notify',
        '/_matrix/push/v1/notify',
        '',
        7,
      ])
        assert.deepEqual(
          refusalOf(await set(bob, pusher({}, { url }))),
          [400, 'M_INVALID_PARAM'],
          String(url),
        );
    });

    it('to no plain URL where private addresses are not allowed', async () => {
      await using strict = await startTestServer();
      const user = await registerUser(strict, 'strict');
      const asked = (url: string): Promise<TestReply> =>
        request(strict, 'POST', '/_matrix/client/v3/pushers/set', { token: user, body: pusher({}, { url }) });
      assert.deepEqual(refusalOf(await asked(gateway.url)), [400, 'M_INVALID_PARAM']);
      assert.equal((await asked(HTTPS_URL)).status, 200);
    });
  });

  describe('tell a gateway', () => {
    it('all that there is to say of an event', async () => {
      await mustSet(bob, {}, { 'org.example': 'kept' });
      await putState(
        server,
        alice,
        roomId,
        'm.room.member',
        { membership: 'join', displayname: 'Alice' },
        alice.userId,
      );
      const eventId = await say(server, alice, roomId, 'hello');
      assert.deepEqual(await gateway.next(), {
        event_id: eventId,
        room_id: roomId,
        type: 'm.room.message',
        sender: alice.userId,
        sender_display_name: 'Alice',
        room_name: 'Mission Control',
        prio: 'high',
        content: { msgtype: 'm.text', body: 'hello' },
        counts: { unread: 1 },
        devices: [
          {
            app_id: 'org.example.app',
            pushkey: 'key',
            pushkey_ts: Math.floor(server.clock.nowMs() / 1_000),
            data: { 'org.example': 'kept' },
            tweaks: { sound: 'default' },
          },
        ],
      });
      assert.deepEqual(gateway.paths, ['/_matrix/push/v1/notify']);
    });

    it('ids alone where that is the format', async () => {
      await mustSet(bob, {}, { format: 'event_id_only' });
      const eventId = await say(server, alice, roomId, 'secret');
      const told = await gateway.next();
      assert.deepEqual(Object.keys(told).toSorted(), ['counts', 'devices', 'event_id', 'prio', 'room_id']);
      assert.deepEqual([told['event_id'], told['room_id']], [eventId, roomId]);
      assert.deepEqual(objectAt(objectsAt(told, 'devices')[0] ?? {}, 'data'), { format: 'event_id_only' });
    });

    it('of an invite, that its user is meant', async () => {
      await mustSet(bob);
      const other = await makeRoom(server, alice);
      await act(server, alice, other, 'invite', { user_id: bob.userId });
      const told = await gateway.next();
      assert.deepEqual(
        [told['type'], told['user_is_target'], told['room_id']],
        ['m.room.member', true, other],
      );
    });

    it('of highlights, as tweaks', async () => {
      await mustSet(bob);
      const content = { msgtype: 'm.text', body: 'x', 'm.mentions': { user_ids: [bob.userId] } };
      await succeed(server, 'PUT', pathOf(roomId, 'send', 'm.room.message', 'mention'), {
        token: alice,
        body: content,
      });
      const [device] = objectsAt(await gateway.next(), 'devices');
      assert.deepEqual(device?.['tweaks'], { sound: 'default', highlight: true });
    });

    it('everything in order, and nothing of what their user sent or the rules keep quiet', async () => {
      await mustSet(bob);
      const sent: string[] = [];
      for (const text of ['a', 'b', 'c']) sent.push(await say(server, alice, roomId, text));
      await putState(server, alice, roomId, 'm.room.topic', { topic: 'quiet' });
      const told = [await gateway.next(), await gateway.next(), await gateway.next()];
      assert.deepEqual(
        told.map((one) => one['event_id']),
        sent,
      );
      await say(server, bob, roomId, 'my own');
      // The badge of who has answered.
      assert.deepEqual((await gateway.next())['counts'], { unread: 0 });
      await settled();
      assert.deepEqual(gateway.arrived, []);
    });

    it('the new number of unread notifications once some are read', async () => {
      await mustSet(bob);
      const one = await say(server, alice, roomId, 'one');
      assert.deepEqual((await gateway.next())['counts'], { unread: 1 });
      await say(server, alice, roomId, 'two');
      assert.deepEqual((await gateway.next())['counts'], { unread: 2 });
      await succeed(server, 'POST', pathOf(roomId, 'receipt', 'm.read', one), { token: bob, body: {} });
      const badge = await gateway.next();
      assert.deepEqual([badge['counts'], badge['event_id']], [{ unread: 1 }, undefined]);
      assert.deepEqual(
        objectsAt(badge, 'devices').map((device) => device['pushkey']),
        ['key'],
      );
    });

    it('nothing of what was there before them', async () => {
      await say(server, alice, roomId, 'before');
      await settled();
      await mustSet(bob);
      const after = await say(server, alice, roomId, 'after');
      const told = await gateway.next();
      assert.deepEqual([told['event_id'], told['counts']], [after, { unread: 2 }]);
    });

    it('each of them, whatever the others do', async () => {
      await using slow = await startGateway();
      slow.answer = () => ({ status: 500, body: {} });
      await mustSet(bob, { pushkey: 'slow' }, { url: slow.url });
      await mustSet(bob, { pushkey: 'quick' });
      await say(server, alice, roomId, 'hello');
      assert.equal(objectsAt(await gateway.next(), 'devices')[0]?.['pushkey'], 'quick');
      assert.equal(objectsAt(await slow.next(), 'devices')[0]?.['pushkey'], 'slow');
      await settled();
      await set(bob, { kind: null, app_id: 'org.example.app', pushkey: 'slow' });
    });

    it('from one process alone', async () => {
      await using second = await startTestServer({
        database: server.database,
        clock: server.clock,
        config: { allowPrivateIps: true },
      });
      await mustSet(bob);
      const sent: string[] = [];
      for (let round = 0; round < 5; round++) {
        sent.push(await say(server, alice, roomId, 'here'), await say(second, alice, roomId, 'there'));
      }
      const told: (JsonValue | undefined)[] = [];
      while (told.length < sent.length) told.push((await gateway.next())['event_id']);
      assert.deepEqual(told, sent);
      await settled();
      await second.services.pushSender.idle();
      assert.deepEqual(gateway.arrived, []);
    });
  });

  describe('whose gateway', () => {
    it('fails try again, later and later, until it takes the message', async () => {
      let failures = 0;
      gateway.answer = () => ({ status: failures < 3 ? 502 : 200, body: { rejected: [] } });
      await mustSet(bob);
      const eventId = await say(server, alice, roomId, 'hello');
      for (failures = 0; failures < 4; failures++) {
        assert.equal((await gateway.next())['event_id'], eventId);
        await settled();
        assert.deepEqual(gateway.arrived, []);
        server.clock.advance(2_000 * 2 ** failures);
      }
      await settled();
      assert.deepEqual(gateway.arrived, []);
    });

    it('is away lose nothing while it is', async () => {
      const { url } = gateway;
      gateway.answer = () => ({ status: 503, body: {} });
      await mustSet(bob, {}, { url });
      const one = await say(server, alice, roomId, 'one');
      await gateway.next();
      await settled();
      const two = await say(server, alice, roomId, 'two');
      await settled();
      assert.deepEqual(gateway.arrived, [], 'a new event is no reason to try sooner');
      gateway.answer = () => ({ status: 200, body: { rejected: [] } });
      server.clock.advance(2_000);
      assert.deepEqual([(await gateway.next())['event_id'], (await gateway.next())['event_id']], [one, two]);
    });

    it('fails for a day drop what waits, and try again with what comes', async () => {
      gateway.answer = () => ({ status: 500, body: {} });
      await mustSet(bob);
      await say(server, alice, roomId, 'old');
      await gateway.next();
      for (let hours = 0; hours < 26; hours++) {
        await settled();
        server.clock.advance(3_600_000);
      }
      await settled();
      gateway.arrived.length = 0;
      gateway.answer = () => ({ status: 200, body: { rejected: [] } });
      const fresh = await say(server, alice, roomId, 'new');
      assert.equal((await gateway.next())['event_id'], fresh);
    });

    it('rejects the key are removed', async () => {
      gateway.answer = (told) => ({
        status: 200,
        body: { rejected: objectsAt(told, 'devices').map((device) => device['pushkey']) },
      });
      await mustSet(bob, { pushkey: 'dead' });
      await say(server, alice, roomId, 'hello');
      await gateway.next();
      await settled();
      assert.deepEqual(await keys(bob), []);
    });

    it('answers with anything else than JSON have delivered all the same', async () => {
      gateway.answer = () => ({ status: 200, body: 'fine' });
      await mustSet(bob);
      await say(server, alice, roomId, 'hello');
      await gateway.next();
      await settled();
      server.clock.advance(60_000);
      await settled();
      assert.deepEqual(gateway.arrived, []);
    });

    it('redirects are not led astray', async () => {
      await using elsewhere = await startGateway();
      gateway.answer = () => ({ status: 307, body: {}, location: elsewhere.url });
      await mustSet(bob);
      await say(server, alice, roomId, 'hello');
      await gateway.next();
      await settled();
      assert.deepEqual(elsewhere.paths, []);
    });
  });

  describe('end', () => {
    const logIn = async (user: TestUser): Promise<TestUser> => {
      const localpart = user.userId.slice(1, user.userId.indexOf(':'));
      const body = await succeed(server, 'POST', '/_matrix/client/v3/login', {
        body: {
          type: 'm.login.password',
          identifier: { type: 'm.id.user', user: localpart },
          password: `the password of ${localpart}`,
        },
      });
      return {
        userId: user.userId,
        accessToken: textAt(body, 'access_token'),
        deviceId: textAt(body, 'device_id'),
      };
    };

    it('with the device that set them', async () => {
      const phone = await logIn(bob);
      await mustSet(phone, { pushkey: 'phone' });
      await mustSet(bob, { pushkey: 'desk' });
      assert.deepEqual(await keys(bob), ['phone', 'desk']);
      await succeed(server, 'POST', '/_matrix/client/v3/logout', { token: phone });
      assert.deepEqual(await keys(bob), ['desk']);
    });

    it('with a new password, but for the ones of the device that set it', async () => {
      const phone = await logIn(bob);
      await mustSet(phone, { pushkey: 'phone' });
      await mustSet(bob, { pushkey: 'desk' });
      const localpart = bob.userId.slice(1, bob.userId.indexOf(':'));
      await succeed(server, 'POST', clientPath('account', 'password'), {
        token: bob,
        body: {
          new_password: 'another one',
          auth: {
            type: 'm.login.password',
            identifier: { type: 'm.id.user', user: localpart },
            password: `the password of ${localpart}`,
          },
        },
      });
      assert.deepEqual(await keys(bob), ['desk']);
    });
  });
});

describe('a gateway at a private address', () => {
  it('is not connected to, whatever name leads there', async () => {
    await using gateway = await startGateway();
    await using server = await startTestServer();
    const [alice, bob] = await makeTwo(server);
    const roomId = await makeSharedRoom(server, alice, bob);
    const port = new URL(gateway.url).port;
    for (const [index, host] of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '10.0.0.1'].entries()) {
      await succeed(server, 'POST', '/_matrix/client/v3/pushers/set', {
        token: bob,
        body: {
          kind: 'http',
          app_id: 'org.example.app',
          pushkey: `key${index}`,
          app_display_name: 'App',
          device_display_name: 'Phone',
          lang: 'en',
          data: { url: `https://${host}:${port}/_matrix/push/v1/notify` },
        },
      });
    }
    let connections = 0;
    gateway.onConnection(() => {
      connections += 1;
    });
    await say(server, alice, roomId, 'hello');
    await syncAs(server, bob);
    await server.services.pushSender.idle();
    assert.equal(connections, 0);
    const { rows } = await server.database.database.pool.query<{ failures: number }>(
      'select failures from pushers',
    );
    assert.deepEqual(
      rows.map((row) => row.failures),
      [1, 1, 1, 1],
    );
  });
});
