import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import type { TestUser } from '../support/server.ts';
import { message } from './future-world.ts';
import { objectAt, refusalOf, startFutureServer, type FutureServer } from './future-server.ts';

const VARIABLE = '$m.send_now.event_id';

describe('the variable for the id of send_now', () => {
  let server: FutureServer;
  let alice: TestUser;
  let roomId: string;

  before(async () => {
    server = await startFutureServer();
    alice = await server.user('alice');
    roomId = await server.room(alice);
  });
  after(() => server[Symbol.asyncDispose]());

  /** The content that a timeout of this content became, and the id of its send_now. */
  const sentFor = async (content: JsonObject, type = 'org.example.event'): Promise<[JsonObject, unknown]> => {
    const made = await server.made(alice, roomId, {
      timeout: 10,
      send_now: message('now'),
      send_on_timeout: { type, content },
    });
    await server.advance(10_000);
    const last = (await server.events(roomId, alice)).at(-1);
    return [objectAt(last ?? {}, 'content'), objectAt(made, 'm.send_now')['event_id']];
  };

  for (const version of ['1', '2', '3', '10', '11', '12']) {
    it(`makes a message that destroys itself, in a room of version ${version} (68)`, async () => {
      const room = await server.room(alice, [], version);
      for (const redaction of [
        { type: 'm.room.redaction', content: { redacts: VARIABLE } },
        { type: 'm.room.redaction', content: { reason: 'time is up' }, redacts: VARIABLE },
      ]) {
        await server.made(alice, room, {
          timeout: 10,
          send_now: message('secret'),
          send_on_timeout: redaction,
        });
        assert.deepEqual(
          await server.bodies(room, alice),
          redaction.redacts ? [undefined, 'secret'] : ['secret'],
        );
        await server.advance(10_000);
        assert.deepEqual(
          await server.bodies(room, alice),
          redaction.redacts ? [undefined, undefined] : [undefined],
        );
      }
    });
  }

  it('is filled in as a whole value at any depth, in both spellings (69, 71)', async () => {
    const [content, eventId] = await sentFor({
      'm.relates_to': { rel_type: 'm.reference', event_id: VARIABLE },
      list: [VARIABLE, { deep: [[VARIABLE]] }, 1, null, true],
      unstable: '$io.element.send_now.event_id',
    });
    assert.deepEqual(content, {
      'm.relates_to': { rel_type: 'm.reference', event_id: eventId },
      list: [eventId, { deep: [[eventId]] }, 1, null, true],
      unstable: eventId,
    });
  });

  it('is left alone in keys, types, state keys and sentences (69, 74)', async () => {
    const content = { [VARIABLE]: 1, body: `I wrote ${VARIABLE}, you know`, other: `${VARIABLE} ` };
    assert.deepEqual((await sentFor(content))[0], content);
    await server.made(alice, roomId, {
      timeout: 10,
      send_now: message('now'),
      send_on_timeout: { type: VARIABLE, state_key: VARIABLE, content: {} },
    });
    await server.advance(10_000);
    const last = (await server.events(roomId, alice)).at(-1);
    assert.deepEqual([last?.['type'], last?.['state_key']], [VARIABLE, VARIABLE]);
  });

  it('is refused in send_now itself, and where there is no send_now (70)', async () => {
    const using = { type: 'org.example.event', content: { a: [VARIABLE] } };
    const redaction = { type: 'm.room.redaction', content: {}, redacts: VARIABLE };
    for (const event of [using, redaction]) {
      for (const body of [
        { timeout: 10, send_on_timeout: event },
        { timeout: 10, send_on_timeout: message('late'), send_on_action: { a: event } },
        { timeout: 10, send_on_timeout: message('late'), send_now: event },
      ])
        assert.deepEqual(refusalOf(await server.create(alice, roomId, body)), [400, 'M_INVALID_PARAM']);
    }
  });

  it('counts with the length of the id when the size is checked', async () => {
    const many = Array.from({ length: 2_500 }, () => VARIABLE);
    const reply = await server.create(alice, roomId, {
      timeout: 10,
      send_now: message('now'),
      send_on_timeout: { type: 'org.example.event', content: { many } },
    });
    assert.deepEqual(refusalOf(reply), [413, 'M_TOO_LARGE']);
  });

  it('does not reach into ciphertext, which is sent as it was stored (73)', async () => {
    const content = {
      algorithm: 'm.megolm.v1.aes-sha2',
      ciphertext: `AwgA${VARIABLE}`,
      session_id: 's',
      device_id: 'D',
    };
    const made = await server.made(alice, roomId, {
      timeout: 10,
      send_now: message('now'),
      send_on_timeout: { type: 'm.room.encrypted', content },
    });
    const listed = (await server.running(alice)).find(
      (future) => future['future_token'] === made['future_token'],
    );
    assert.deepEqual(objectAt(objectAt(listed ?? {}, 'm.send_on_timeout'), 'content'), content);
    await server.advance(10_000);
    assert.deepEqual((await server.events(roomId, alice)).at(-1)?.['content'], content);
  });
});
