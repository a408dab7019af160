import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { syncAs } from '../client-api/facts-client.ts';
import { makeSharedRoom, makeTwo, objectsAt, say } from '../client-api/rooms-client.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { startGateway, type Gateway } from './gateway.ts';

/** Two users in a room of a server, and a gateway that the pushers of one of them may lead to. */
export interface PushScene {
  readonly server: TestServer;
  readonly gateway: Gateway;
  readonly alice: TestUser;
  readonly bob: TestUser;
  readonly roomId: string;
  /** The event's id. */
  readonly aliceSays: (text: string) => Promise<string>;
  /** Resolves when gateways have heard all that there is to say by now. */
  readonly settled: () => Promise<void>;
  /** A pusher that leads to the gateway, but for what is said here. */
  readonly pusher: (more?: JsonObject, data?: JsonObject) => JsonObject;
  readonly set: (user: TestUser, body: JsonObject) => Promise<TestReply>;
  /** Sets a {@link pusher} with success. */
  readonly mustSet: (user: TestUser, more?: JsonObject, data?: JsonObject) => Promise<void>;
  readonly list: (user: TestUser) => Promise<JsonObject[]>;
  /** The pushkeys of a user. */
  readonly keys: (user: TestUser) => Promise<(JsonValue | undefined)[]>;
}

/** One server for all tests of a describe block, with new users, a new room and a new gateway for each. */
export function sharePushServer(): () => PushScene {
  let server: TestServer;
  let current: PushScene | undefined;
  const scene = (): PushScene => {
    assert.ok(current, 'the scene is there while tests run');
    return current;
  };
  before(async () => {
    server = await startTestServer({ config: { allowPrivateIps: true } });
  });
  beforeEach(async () => {
    current = await makePushScene(server);
  });
  afterEach(async () => {
    await scene().settled();
    await scene().gateway[Symbol.asyncDispose]();
  });
  after(() => server[Symbol.asyncDispose]());
  return scene;
}

/** A pusher that leads to a URL, but for what is said here. */
export function pusherTo(url: string, more: JsonObject = {}): JsonObject {
  return {
    kind: 'http',
    app_id: 'org.example.app',
    pushkey: 'key',
    app_display_name: 'App',
    device_display_name: 'Phone',
    lang: 'en',
    data: { url },
    ...more,
  };
}

async function makePushScene(server: TestServer): Promise<PushScene> {
  const gateway = await startGateway();
  const [alice, bob] = await makeTwo(server);
  const roomId = await makeSharedRoom(server, alice, bob, { name: 'Mission Control' });
  const scene: PushScene = {
    server,
    gateway,
    alice,
    bob,
    roomId,
    aliceSays: (text) => say(server, alice, roomId, text),
    async settled() {
      await syncAs(server, bob);
      await server.services.pushSender.idle();
    },
    pusher: (more, data = {}) => pusherTo(gateway.url, { data: { url: gateway.url, ...data }, ...more }),
    set: (user, body) => request(server, 'POST', '/_matrix/client/v3/pushers/set', { token: user, body }),
    async mustSet(user, more, data) {
      const reply = await scene.set(user, scene.pusher(more, data));
      assert.deepEqual([reply.status, reply.json], [200, {}]);
    },
    async list(user) {
      const body = await succeed(server, 'GET', '/_matrix/client/v3/pushers', { token: user });
      return objectsAt(body, 'pushers');
    },
    keys: async (user) => (await scene.list(user)).map((one) => one['pushkey']),
  };
  // What making the room has led to is nothing that a new pusher hears of.
  await scene.settled();
  return scene;
}
