import assert from 'node:assert/strict';
import { isJsonArray, isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { registerUser, startTestServer, succeed, textAt } from '../support/server.ts';
import type { TestServer, TestUser } from '../support/server.ts';
import { AS_TOKEN, bridge, C, registerBridged, succeedAs } from './bridge.ts';
import { startListener, type Listener } from './listener.ts';

const ALICE = '@irc_alice:localhost';

/** The next of these that an application service hears of. */
async function hear(listener: Listener, type: string): Promise<JsonObject> {
  for (;;) {
    const { body } = await listener.next();
    assert.ok(isJsonObject(body));
    assert.deepEqual(body['ephemeral'], body['de.sorunome.msc2409.ephemeral']);
    const ephemeral = isJsonArray(body['ephemeral']) ? body['ephemeral'] : [];
    const found = ephemeral.filter((event) => isJsonObject(event)).find((event) => event['type'] === type);
    if (found !== undefined) return found;
  }
}

describe('ephemeral data for an application service', () => {
  let server: TestServer;
  let listener: Listener;
  let bob: TestUser;
  let roomId: string;
  let elsewhere: string;

  before(async () => {
    listener = await startListener();
    const appservices = [bridge({ url: listener.url, receivesEphemeral: true })];
    server = await startTestServer({ config: { appservices } });
    await registerBridged(server, 'irc_alice');
    bob = await registerUser(server, 'bob');
    const make = async (): Promise<string> =>
      textAt(
        await succeed(server, 'POST', `${C}/createRoom`, { token: bob, body: { preset: 'public_chat' } }),
        'room_id',
      );
    [roomId, elsewhere] = [await make(), await make()];
    await succeedAs(server, ALICE, 'POST', `${C}/join/${encodeURIComponent(roomId)}`, {});
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await listener[Symbol.asyncDispose]();
  });

  const pathIn = (room: string, rest: string): string => `${C}/rooms/${encodeURIComponent(room)}/${rest}`;
  const type = (room: string) =>
    succeed(server, 'PUT', pathIn(room, `typing/${encodeURIComponent(bob.userId)}`), {
      token: bob,
      body: { typing: true, timeout: 10_000 },
    });

  it('says who types in rooms of its users, and in no others', async () => {
    await type(elsewhere);
    await type(roomId);
    assert.deepEqual(await hear(listener, 'm.typing'), {
      type: 'm.typing',
      room_id: roomId,
      content: { user_ids: [bob.userId] },
    });
  });

  it('says who has read how far, in private only of its own users', async () => {
    const sent = await succeed(server, 'PUT', pathIn(roomId, 'send/m.room.message/t1'), {
      token: bob,
      body: { msgtype: 'm.text', body: 'read me' },
    });
    const eventId = textAt(sent, 'event_id');
    const read = pathIn(roomId, `receipt/m.read.private/${encodeURIComponent(eventId)}`);
    await succeed(server, 'POST', read, { token: bob, body: {} });
    await succeedAs(server, ALICE, 'POST', read, {});
    const { room_id: room, content } = await hear(listener, 'm.receipt');
    const ts = server.clock.nowMs();
    assert.equal(room, roomId);
    assert.deepEqual(content, { [eventId]: { 'm.read.private': { [ALICE]: { ts } } } });
  });

  it('says who is there', async () => {
    await succeed(server, 'PUT', `${C}/presence/${encodeURIComponent(bob.userId)}/status`, {
      token: bob,
      body: { presence: 'online', status_msg: 'here' },
    });
    for (;;) {
      const { sender, content } = await hear(listener, 'm.presence');
      if (!isJsonObject(content) || content['status_msg'] === undefined) continue;
      assert.deepEqual([sender, content['presence'], content['status_msg']], [bob.userId, 'online', 'here']);
      break;
    }
  });

  it('is kept from services that have not asked for it', async () => {
    await using quiet = await startListener();
    await using other = await startTestServer({ config: { appservices: [bridge({ url: quiet.url })] } });
    const carol = await registerUser(other, 'carol');
    const made = await succeed(other, 'POST', `${C}/createRoom`, {
      token: carol,
      body: { preset: 'public_chat' },
    });
    const room = textAt(made, 'room_id');
    await succeed(other, 'POST', `${C}/join/${encodeURIComponent(room)}`, { token: AS_TOKEN, body: {} });
    await succeed(other, 'PUT', pathIn(room, `typing/${encodeURIComponent(carol.userId)}`), {
      token: carol,
      body: { typing: true },
    });
    await other.services.appserviceSender.idle();
    assert.deepEqual(
      quiet.heard.map(({ body }) => (isJsonObject(body) ? Object.keys(body) : body)),
      [['events']],
    );
  });
});
