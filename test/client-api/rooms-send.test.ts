import assert from 'node:assert/strict';
import { logInAgain } from '../support/logins.ts';
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
import {
  FORBIDDEN,
  act,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  objectsAt,
  pathOf,
  refusalOf,
  say,
} from './rooms-client.ts';

const TEXT = { msgtype: 'm.text', body: 'hello' };

describe('sending to a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const send = (
    user: TestUser,
    roomId: string,
    txnId: string,
    body?: unknown,
    type = 'm.room.message',
  ): Promise<TestReply> => request(server, 'PUT', pathOf(roomId, 'send', type, txnId), { token: user, body });
  const read = (user: TestUser, roomId: string, eventId: string): Promise<JsonObject> =>
    succeed(server, 'GET', pathOf(roomId, 'event', eventId), { token: user });
  const countMessages = async (roomId: string): Promise<number> => {
    const page = await succeed(server, 'GET', `${pathOf(roomId, 'messages')}?limit=100`, { token: alice });
    return objectsAt(page, 'chunk').filter((event) => event['type'] === 'm.room.message').length;
  };

  const redact = (
    user: TestUser,
    roomId: string,
    eventId: string,
    txnId: string,
    body?: JsonObject,
  ): Promise<TestReply> =>
    request(server, 'PUT', pathOf(roomId, 'redact', eventId, txnId), { token: user, body });

  describe('with a transaction id', () => {
    it('answers a repeat as the first time, whatever its body, and sends nothing more', async () => {
      const roomId = await makeRoom(server, alice);
      const first = await send(alice, roomId, 'once', TEXT);
      for (const body of [TEXT, { msgtype: 'm.text', body: 'other' }, {}, undefined]) {
        const again = await send(alice, roomId, 'once', body);
        assert.deepEqual([again.status, again.body], [200, first.body]);
      }
      assert.equal(await countMessages(roomId), 1);
    });

    it('sends once for many equal requests at the same moment', async () => {
      const roomId = await makeRoom(server, alice);
      for (let round = 0; round < 5; round += 1) {
        const replies = await Promise.all([1, 2, 3, 4].map(() => send(alice, roomId, `race ${round}`, TEXT)));
        assert.equal(new Set(replies.map((reply) => reply.body['event_id'])).size, 1);
      }
      assert.equal(await countMessages(roomId), 5);
    });

    it('tells devices, rooms and event types apart', async () => {
      const roomId = await makeRoom(server, alice);
      const other = await makeRoom(server, alice);
      const replies = [
        await send(alice, roomId, 'same', TEXT),
        await send(await logInAgain(server, alice), roomId, 'same', TEXT),
        await send(alice, other, 'same', TEXT),
        await send(alice, roomId, 'same', TEXT, 'm.sticker'),
      ];
      assert.equal(new Set(replies.map((reply) => reply.body['event_id'])).size, 4);
    });

    it('knows nothing of a device that is gone, also under the same name', async () => {
      const roomId = await makeRoom(server, alice);
      const phone = await logInAgain(server, alice, 'PHONE');
      const before = await send(phone, roomId, 'first', TEXT);
      await succeed(server, 'POST', '/_matrix/client/v3/logout', { token: phone, body: {} });
      const anew = await logInAgain(server, alice, 'PHONE');
      const after = await send(anew, roomId, 'first', TEXT);
      assert.notEqual(after.body['event_id'], before.body['event_id']);
      assert.deepEqual((await send(anew, roomId, 'first', TEXT)).body, after.body);
    });

    it('spends no transaction on a refusal', async () => {
      const roomId = await makeRoom(server, alice);
      assert.deepEqual(refusalOf(await send(bob, roomId, 'retry', TEXT)), FORBIDDEN);
      await act(server, bob, roomId, 'join');
      assert.equal((await send(bob, roomId, 'retry', TEXT)).status, 200);
    });

    it('shows the id to the device that sent it, also after a new login', async () => {
      const roomId = await makeRoom(server, alice);
      const eventId = textAt((await send(alice, roomId, 'again', TEXT)).body, 'event_id');
      const again = await logInAgain(server, alice, alice.deviceId);
      const seen = objectAt(await read(again, roomId, eventId), 'unsigned')['transaction_id'];
      assert.equal(seen, 'again');
      assert.equal(
        (await request(server, 'GET', '/_matrix/client/v3/account/whoami', { token: alice })).status,
        401,
      );
      alice = again;
    });

    it('shows the id to the session that sent it and to nobody else', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const eventId = textAt((await send(alice, roomId, 'mine', TEXT)).body, 'event_id');
      const seen = async (user: TestUser): Promise<unknown> =>
        objectAt(await read(user, roomId, eventId), 'unsigned')['transaction_id'];
      assert.deepEqual(
        [await seen(alice), await seen(await logInAgain(server, alice)), await seen(bob)],
        ['mine', undefined, undefined],
      );
    });
  });

  describe('is refused', () => {
    it('to strangers, invitees, who has left and who is banned', async () => {
      const roomId = await makeRoom(server, alice);
      const refused = async (): Promise<void> => {
        const reply = await send(bob, roomId, 'no', TEXT);
        assert.deepEqual(refusalOf(reply), FORBIDDEN);
      };
      await refused();
      await act(server, alice, roomId, 'invite', { user_id: bob.userId });
      await refused();
      await act(server, bob, roomId, 'join');
      await act(server, bob, roomId, 'leave');
      await refused();
      await act(server, alice, roomId, 'ban', { user_id: bob.userId });
      await refused();
      assert.deepEqual(refusalOf(await send(bob, '!nothing:localhost', 'no', TEXT)), [403, 'M_FORBIDDEN']);
    });

    it('without the power that the type asks for, with the rule in words', async () => {
      const roomId = await makeSharedRoom(server, alice, bob, {
        power_level_content_override: { events_default: 10 },
      });
      const reply = await send(bob, roomId, 'weak', TEXT);
      assert.deepEqual(refusalOf(reply), FORBIDDEN);
      assert.match(textAt(reply.body, 'error'), /power level 0 is below the 10/);
      assert.equal((await send(alice, roomId, 'strong', TEXT)).status, 200);
    });

    it('for what is no event', async () => {
      const roomId = await makeRoom(server, alice);
      const tooLong = 'x'.repeat(70_000);
      const cases: [unknown, number, string][] = [
        [undefined, 400, 'M_NOT_JSON'],
        [[], 400, 'M_BAD_JSON'],
        [{}, 400, 'M_BAD_JSON'],
        [{ msgtype: 'm.text' }, 400, 'M_BAD_JSON'],
        [{ msgtype: 'm.text', body: 1 }, 400, 'M_BAD_JSON'],
        [{ ...TEXT, level: 0.5 }, 400, 'M_BAD_JSON'],
        [{ msgtype: 'm.text', body: tooLong }, 413, 'M_TOO_LARGE'],
      ];
      for (const [body, status, errcode] of cases) {
        assert.deepEqual(refusalOf(await send(alice, roomId, 'bad', body)), [status, errcode]);
      }
      assert.deepEqual(refusalOf(await send(alice, roomId, 'bad', {}, 'x'.repeat(256))), [
        413,
        'M_TOO_LARGE',
      ]);
      assert.deepEqual(refusalOf(await send(alice, roomId, 'bad\0', TEXT)), [400, 'M_INVALID_PARAM']);
    });
  });

  it('carries any type and any content that canonical JSON can hold', async () => {
    const roomId = await makeRoom(server, alice);
    const content = { text: '\u0000 \ud83d\ude00', list: [1, null, { deep: true }], ['__proto__']: 'x' };
    const eventId = textAt((await send(alice, roomId, 'any', content, 'org.example.any')).body, 'event_id');
    const event = await read(alice, roomId, eventId);
    assert.equal(JSON.stringify(objectAt(event, 'content')['list']), JSON.stringify(content.list));
    assert.equal(objectAt(event, 'content')['text'], content.text);
  });

  it('schedules instead when a delay is asked for, and a repeat needs no body', async () => {
    const roomId = await makeRoom(server, alice);
    const path = `${pathOf(roomId, 'send', 'm.room.message', 'later')}?org.matrix.msc4140.delay=1000`;
    const first = await succeed(server, 'PUT', path, { token: alice, body: TEXT });
    assert.deepEqual(await succeed(server, 'PUT', path, { token: alice }), first);
    assert.equal(await countMessages(roomId), 0);
    for (const query of ['org.matrix.msc4140.delay=', 'org.matrix.msc4140.parent_delay_id=x']) {
      const bad = `${pathOf(roomId, 'send', 'm.room.message', 'bad')}?${query}`;
      assert.deepEqual(refusalOf(await request(server, 'PUT', bad, { token: alice, body: TEXT })), [
        400,
        'M_INVALID_PARAM',
      ]);
    }
    assert.equal(await countMessages(roomId), 0);
  });

  describe('a redaction', () => {
    for (const version of ['1', '10', '12']) {
      it(`takes the content away and says why, in version ${version}`, async () => {
        const roomId = await makeSharedRoom(server, alice, bob, { room_version: version });
        const eventId = await say(server, bob, roomId, 'oops');
        const reply = await redact(bob, roomId, eventId, 'r', { reason: 'typo' });
        const redactionId = textAt(reply.body, 'event_id');
        assert.deepEqual((await redact(bob, roomId, eventId, 'r')).body, reply.body);
        const event = await read(alice, roomId, eventId);
        assert.deepEqual(event['content'], {});
        const because = objectAt(objectAt(event, 'unsigned'), 'redacted_because');
        assert.equal(because['event_id'], redactionId);
        assert.deepEqual(because['content'], { reason: 'typo', redacts: eventId });
        const redaction = await read(alice, roomId, redactionId);
        assert.equal(redaction['redacts'], eventId);
      });
    }

    it('may be sent like any other event too', async () => {
      const roomId = await makeRoom(server, alice, { room_version: '10' });
      const eventId = await say(server, alice, roomId, 'oops');
      const reply = await send(alice, roomId, 'r', { redacts: eventId }, 'm.room.redaction');
      assert.equal(reply.status, 200);
      assert.deepEqual((await read(alice, roomId, eventId))['content'], {});
    });

    it('is refused to who has no power over the event, and for bad bodies', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const eventId = await say(server, alice, roomId, 'stays');
      assert.deepEqual(refusalOf(await redact(bob, roomId, eventId, 'r', {})), FORBIDDEN);
      assert.deepEqual(refusalOf(await redact(alice, roomId, eventId, 'r')), [400, 'M_NOT_JSON']);
      assert.deepEqual(refusalOf(await redact(alice, roomId, eventId, 'r', { reason: 1 })), [
        400,
        'M_BAD_JSON',
      ]);
      assert.deepEqual(refusalOf(await redact(alice, roomId, 'no event', 'r', {})), [400, 'M_INVALID_PARAM']);
      assert.deepEqual(objectAt(await read(alice, roomId, eventId), 'content')['body'], 'stays');
      assert.deepEqual(refusalOf(await send(alice, roomId, 'r', {}, 'm.room.redaction')), [
        400,
        'M_INVALID_PARAM',
      ]);
    });

    it('keeps in state what redaction keeps, in prev_content as well', async () => {
      const roomId = await makeRoom(server, alice);
      const path = pathOf(roomId, 'state', 'm.room.topic');
      const first = await succeed(server, 'PUT', path, { token: alice, body: { topic: 'rude' } });
      await redact(alice, roomId, textAt(first, 'event_id'), 'r', {});
      assert.deepEqual(await succeed(server, 'GET', path, { token: alice }), {});
      const second = await succeed(server, 'PUT', path, { token: alice, body: { topic: 'kind' } });
      const event = await read(alice, roomId, textAt(second, 'event_id'));
      assert.deepEqual(objectAt(event, 'unsigned')['prev_content'], {});
    });
  });
});
