import assert from 'node:assert/strict';
import { isJsonArray, isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { AS_TOKEN, bridge, C, HS_TOKEN, namespace, registerBridged, succeedAs } from './bridge.ts';
import { OK, startListener, type HeardRequest, type Listener } from './listener.ts';

const TEXT = { msgtype: 'm.text', body: 'hello' };
const ALICE = '@irc_alice:localhost';

function eventsIn(heard: HeardRequest): JsonObject[] {
  assert.ok(isJsonObject(heard.body) && isJsonArray(heard.body['events']), JSON.stringify(heard));
  return heard.body['events'].filter((event) => isJsonObject(event));
}

/** Takes requests until an event passes; all events up to it, and the ids of their transactions. */
async function hearUntil(listener: Listener, isLast: (event: JsonObject) => boolean): Promise<JsonObject[]> {
  const events: JsonObject[] = [];
  while (!events.some(isLast)) events.push(...eventsIn(await listener.next()));
  return events;
}

const isText = (body: string) => (event: JsonObject) =>
  isJsonObject(event['content']) && event['content']['body'] === body;

class World implements AsyncDisposable {
  readonly server: TestServer;
  readonly listener: Listener;
  readonly bob: TestUser;

  constructor(server: TestServer, listener: Listener, bob: TestUser) {
    this.server = server;
    this.listener = listener;
    this.bob = bob;
  }

  async makeRoom(token: TestUser, body: object = {}): Promise<string> {
    const options = { token, body: { preset: 'public_chat', ...body } };
    return textAt(await succeed(this.server, 'POST', `${C}/createRoom`, options), 'room_id');
  }

  async say(roomId: string, body: string): Promise<string> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${encodeURIComponent(body)}`;
    const options = { token: this.bob, body: { ...TEXT, body } };
    return textAt(await succeed(this.server, 'PUT', path, options), 'event_id');
  }

  async joinAs(userId: string, roomId: string): Promise<void> {
    await succeedAs(this.server, userId, 'POST', `${C}/join/${encodeURIComponent(roomId)}`, {});
  }

  async leaveAs(userId: string, roomId: string): Promise<void> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/leave`;
    await succeedAs(this.server, userId, 'POST', path, {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.listener[Symbol.asyncDispose]();
  }
}

describe('transactions to an application service', () => {
  let world: World;

  before(async () => {
    const listener = await startListener();
    const rooms = bridge().namespaces;
    const appservices = [
      bridge({ url: listener.url, namespaces: { ...rooms, aliases: [namespace('#watched', false)] } }),
    ];
    const server = await startTestServer({ config: { appservices } });
    await registerBridged(server, 'irc_alice');
    world = new World(server, listener, await registerUser(server, 'bob'));
  });
  beforeEach(() => {
    world.listener.heard.length = 0;
    world.listener.answer = () => OK;
  });
  after(() => world[Symbol.asyncDispose]());

  it('hold what happens in rooms of its users, from when they join until they leave', async () => {
    const { listener, bob } = world;
    const roomId = await world.makeRoom(bob);
    await world.say(roomId, 'too early');
    await world.joinAs(ALICE, roomId);
    const eventId = await world.say(roomId, 'heard');
    await world.leaveAs(ALICE, roomId);
    await world.say(roomId, 'too late');
    await world.joinAs(ALICE, roomId);
    const isSecondJoin = (event: JsonObject): boolean =>
      event['replaces_state'] !== undefined ||
      (isJsonObject(event['unsigned']) && event['unsigned']['replaces_state'] !== undefined);
    const events: JsonObject[] = [];
    while (events.filter(isSecondJoin).length < 2) events.push(...eventsIn(await listener.next()));
    assert.deepEqual(
      events.map((event) =>
        isJsonObject(event['content']) ? (event['content']['body'] ?? event['content']['membership']) : '',
      ),
      ['join', 'heard', 'leave', 'join'],
    );
    const heard = events[1];
    assert.deepEqual(
      [heard?.['event_id'], heard?.['room_id'], heard?.['sender'], heard?.['content'], heard?.['type']],
      [eventId, roomId, bob.userId, { ...TEXT, body: 'heard' }, 'm.room.message'],
    );
  });

  it('have increasing ids, and the token of the homeserver', async () => {
    const { listener, bob } = world;
    const roomId = await world.makeRoom(bob);
    await world.joinAs(ALICE, roomId);
    const first = await listener.next();
    await world.say(roomId, 'more');
    const second = await listener.next();
    assert.equal(first.authorization, `Bearer ${HS_TOKEN}`);
    const numberOf = ({ method, path }: HeardRequest): number => {
      assert.equal(method, 'PUT');
      return Number(/^\/_matrix\/app\/v1\/transactions\/([0-9]+)$/.exec(path)?.[1]);
    };
    assert.equal(numberOf(second), numberOf(first) + 1);
  });

  it('hold everything in rooms that an alias of its namespaces leads to', async () => {
    const { listener, bob } = world;
    const roomId = await world.makeRoom(bob, { room_alias_name: 'watched' });
    await world.say(roomId, 'watched');
    await hearUntil(listener, isText('watched'));
    assert.equal(listener.heard.length, 0);
  });

  it('come again, the same, until the service takes them', async () => {
    const { listener, server, bob } = world;
    const roomId = await world.makeRoom(bob);
    await world.joinAs(ALICE, roomId);
    await listener.next();
    await server.services.appserviceSender.idle();
    listener.answer = () => ({ status: 500, body: {} });
    await world.say(roomId, 'stubborn');
    const first = await listener.next();
    await server.services.appserviceSender.idle();
    await world.say(roomId, 'after that');
    await server.services.appserviceSender.idle();
    assert.equal(listener.heard.length, 0, 'it is tried again after a while only');
    server.clock.advance(1_000);
    assert.deepEqual(await listener.next(), first);
    await server.services.appserviceSender.idle();
    listener.answer = () => OK;
    server.clock.advance(2_000);
    assert.deepEqual(await listener.next(), first);
    const events = await hearUntil(listener, isText('after that'));
    assert.equal(events.length, 1);
  });

  it('go to the older path when the service does not know the other', async () => {
    const { listener, server, bob } = world;
    const roomId = await world.makeRoom(bob);
    await world.joinAs(ALICE, roomId);
    await server.services.appserviceSender.idle();
    listener.heard.length = 0;
    listener.answer = ({ path }) => (path.startsWith('/_matrix/') ? { status: 404, body: {} } : OK);
    await world.say(roomId, 'old');
    const [first, second] = [await listener.next(), await listener.next()];
    assert.equal(second.path, first.path.replace('/_matrix/app/v1', ''));
    assert.deepEqual(second.body, first.body);
  });

  it('are preceded by a question for a user whom it has not made yet', async () => {
    const { listener, server, bob } = world;
    const roomId = await world.makeRoom(bob);
    listener.answer = async ({ path }) => {
      if (path.includes('/users/')) await registerBridged(server, 'irc_new');
      return OK;
    };
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/invite`;
    await succeed(server, 'POST', path, { token: bob, body: { user_id: '@irc_new:localhost' } });
    assert.equal((await listener.next()).path, '/_matrix/app/v1/users/%40irc_new%3Alocalhost');
    const [invite] = eventsIn(await listener.next());
    assert.equal(invite?.['state_key'], '@irc_new:localhost');
    await world.joinAs('@irc_new:localhost', roomId);
  });

  it('are not what asks for a room alias: that is asked for when somebody looks for it', async () => {
    const { listener, server, bob } = world;
    listener.answer = async ({ path }) => {
      if (!path.includes('/rooms/')) return OK;
      if (!path.includes('watched_new')) return { status: 404, body: {} };
      const body = { room_alias_name: 'watched_new', preset: 'public_chat' };
      await succeed(server, 'POST', `${C}/createRoom`, { token: AS_TOKEN, body });
      return OK;
    };
    const join = (alias: string) =>
      request(server, 'POST', `${C}/join/${encodeURIComponent(alias)}`, { token: bob, body: {} });
    assert.equal((await join('#watched_new:localhost')).status, 200);
    assert.equal((await join('#watched_other:localhost')).status, 404);
    assert.equal((await join('#elsewhere:localhost')).status, 404);
    await server.services.appserviceSender.idle();
    const asked = listener.heard.filter(({ path }) => path.includes('/_matrix/app/v1/rooms/'));
    assert.deepEqual(
      asked.map(({ path }) => path),
      [
        '/_matrix/app/v1/rooms/%23watched_new%3Alocalhost',
        '/_matrix/app/v1/rooms/%23watched_other%3Alocalhost',
      ],
    );
  });
});

describe('a transaction that an application service has not taken', () => {
  it('is sent again, the same, after a restart, and what happened meanwhile after it', async () => {
    await using database = await createTestDatabase();
    await using listener = await startListener();
    const config = { appservices: [bridge({ url: listener.url })] };
    const first = await startTestServer({ database, config });
    await registerBridged(first, 'irc_alice');
    const world = new World(first, listener, await registerUser(first, 'bob'));
    const roomId = await world.makeRoom(world.bob);
    await world.joinAs(ALICE, roomId);
    await listener.next();
    listener.answer = () => ({ status: 502, body: {} });
    await world.say(roomId, 'before');
    const heard = await listener.next();
    await world.say(roomId, 'after');
    await first[Symbol.asyncDispose]();

    listener.answer = () => OK;
    listener.heard.length = 0;
    await using second = await startTestServer({ database, config });
    second.clock.advance(60_000);
    assert.deepEqual(await listener.next(), heard);
    const [after] = eventsIn(await listener.next());
    assert.ok(after !== undefined && isText('after')(after));
    await second.services.appserviceSender.idle();
    assert.equal(listener.heard.length, 0);
  });

  it('is sent by one process at a time, and taken once', async () => {
    await using database = await createTestDatabase();
    await using listener = await startListener();
    const config = { appservices: [bridge({ url: listener.url })] };
    await using one = await startTestServer({ database, config });
    await using two = await startTestServer({ database, config });
    await registerBridged(one, 'irc_alice');
    const world = new World(one, listener, await registerUser(one, 'bob'));
    const roomId = await world.makeRoom(world.bob);
    await world.joinAs(ALICE, roomId);
    for (let count = 0; count < 20; count += 1) await world.say(roomId, `number ${count}`);
    const events = await hearUntil(listener, isText('number 19'));
    await one.services.appserviceSender.idle();
    await two.services.appserviceSender.idle();
    const ids = events.map((event) => event['event_id']);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(ids.length, 21);
    assert.equal(listener.heard.length, 0);
  });
});
