import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { makeTwo } from '../client-api/rooms-client.ts';
import type { TestReply, TestUser } from '../support/server.ts';
import { C, startFutureServer, textIn, UNSTABLE, type FutureServer } from './future-server.ts';

export const STABLE = '/_matrix/client/v1';
export const DELAY = 'org.matrix.msc4140.delay';
export const CONTENT = { msgtype: 'm.text', body: 'delayed' };

/** Where one is managed before the proposal is stable. */
export function unstable(delayId: string, action: string): string {
  return `${UNSTABLE}/delayed_events/${delayId}/${action}`;
}

/** Where one is managed from then on. */
export function stable(delayId: string, action: string): string {
  return `${STABLE}/delayed_events/${delayId}/${action}`;
}

/** A room of Alice in which Bob schedules events, up to 100 seconds ahead. */
export interface DelayedScene {
  readonly server: FutureServer;
  readonly alice: TestUser;
  readonly bob: TestUser;
  readonly roomId: string;
  /** `/rooms/{roomId}` */
  readonly roomPath: string;
  /** One that was not used before. */
  readonly newTxnId: () => string;
  /** Sends a message of Bob with the query parameter. */
  readonly sendDelayed: (delay: string, body?: unknown, extraQuery?: string) => Promise<TestReply>;
  /** The delay id of a message of Bob. */
  readonly delayed: (delayMs?: number) => Promise<string>;
  readonly manage: (path: string, token?: TestUser, body?: unknown) => Promise<TestReply>;
  /** The list of Bob, or of somebody else. */
  readonly list: (query?: string, user?: TestUser) => Promise<JsonObject[]>;
}

/** One server for all tests of a describe block, with new users and a new room for each. */
export function shareDelayedServer(): () => DelayedScene {
  let server: FutureServer;
  let current: DelayedScene | undefined;
  before(async () => {
    server = await startFutureServer({ config: { maxDelayMs: 100_000 } });
  });
  beforeEach(async () => {
    current = await makeDelayedScene(server);
  });
  after(() => server[Symbol.asyncDispose]());
  return () => {
    assert.ok(current, 'the scene is there while tests run');
    return current;
  };
}

async function makeDelayedScene(server: FutureServer): Promise<DelayedScene> {
  const [alice, bob] = await makeTwo(server.server);
  const roomId = await server.room(alice, [bob]);
  let txns = 0;
  const scene: DelayedScene = {
    server,
    alice,
    bob,
    roomId,
    roomPath: `/rooms/${encodeURIComponent(roomId)}`,
    newTxnId: () => `t${(txns += 1)}`,
    sendDelayed: (delay, body = CONTENT, extraQuery = '') => {
      const path = `${C}${scene.roomPath}/send/m.room.message/${scene.newTxnId()}`;
      return server.ask('PUT', `${path}?${DELAY}=${delay}${extraQuery}`, bob, body);
    },
    async delayed(delayMs = 10_000) {
      const reply = await scene.sendDelayed(String(delayMs));
      assert.equal(reply.status, 200, JSON.stringify(reply.json));
      return textIn(reply.body, 'delay_id');
    },
    manage: (path, token, body) => server.ask('POST', path, token, body),
    async list(query = '', user = bob) {
      const { delayed_events: listed } = await server.get(`${UNSTABLE}/delayed_events${query}`, user);
      assert.ok(Array.isArray(listed));
      return listed.filter(isJsonObject);
    },
  };
  return scene;
}
