import assert from 'node:assert/strict';
import type { ManualClock } from '../../src/util/clock.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestServerOptions,
  type TestUser,
} from '../support/server.ts';

export const C = '/_matrix/client/v3';
export const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';

/** A whole server, spoken to over HTTP, with the verbs that stories about futures want. */
export class FutureServer implements AsyncDisposable {
  readonly server: TestServer;
  #txns = 0;

  constructor(server: TestServer) {
    this.server = server;
  }

  user(localpart: string): Promise<TestUser> {
    return registerUser(this.server, localpart);
  }

  /** A public room of the first user in which the others are, too. */
  async room(creator: TestUser, others: readonly TestUser[] = [], version?: string): Promise<string> {
    const body = { preset: 'public_chat', ...(version === undefined ? {} : { room_version: version }) };
    const made = await succeed(this.server, 'POST', `${C}/createRoom`, { token: creator, body });
    const roomId = textAt(made, 'room_id');
    for (const token of others)
      await succeed(this.server, 'POST', `${C}/join/${encodeURIComponent(roomId)}`, { token, body: {} });
    return roomId;
  }

  /** Lets the given users set state and redact; the creator stays as mighty as before. */
  async setPowers(roomId: string, creator: TestUser, users: readonly TestUser[]): Promise<void> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/state/m.room.power_levels/`;
    const before = await succeed(this.server, 'GET', path, { token: creator });
    const old = isJsonObject(before['users']) ? before['users'] : {};
    const creators = Object.fromEntries(Object.entries(old).filter(([userId]) => userId === creator.userId));
    const body = {
      ...before,
      users: { ...creators, ...Object.fromEntries(users.map((user) => [user.userId, 50])) },
    };
    await succeed(this.server, 'PUT', path, { token: creator, body });
  }

  ask(method: string, path: string, token?: TestUser | string, body?: unknown): Promise<TestReply> {
    return request(this.server, method, path, { token, body });
  }

  async get(path: string, token: TestUser): Promise<JsonObject> {
    return succeed(this.server, 'GET', path, { token });
  }

  /** Sends a state event. */
  async setState(
    roomId: string,
    user: TestUser,
    type: string,
    key: string,
    body: JsonObject,
  ): Promise<JsonObject> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/state/${type}/${encodeURIComponent(key)}`;
    return succeed(this.server, 'PUT', path, { token: user, body });
  }

  create(user: TestUser, roomId: string, body: unknown, txnId?: string): Promise<TestReply> {
    this.#txns += 1;
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/future/${txnId ?? `t${this.#txns}`}`;
    return this.ask('PUT', path, user, body);
  }

  /** The answer to the making of a future that must succeed. */
  async made(user: TestUser, roomId: string, body: unknown, txnId?: string): Promise<JsonObject> {
    const reply = await this.create(user, roomId, body, txnId);
    assert.equal(reply.status, 200, JSON.stringify(reply.json));
    return reply.body;
  }

  refresh(token: JsonValue | undefined): Promise<TestReply> {
    return this.ask('POST', `${C}/futures/refresh`, undefined, { future_token: token });
  }

  act(token: JsonValue | undefined, action: string): Promise<TestReply> {
    return this.ask('POST', `${C}/futures/action/${encodeURIComponent(action)}`, undefined, {
      future_token: token,
    });
  }

  cancel(token: JsonValue | undefined): Promise<TestReply> {
    return this.ask('POST', `${C}/futures/cancel`, undefined, { future_token: token });
  }

  async running(user: TestUser): Promise<JsonObject[]> {
    const { status, json } = await this.ask('GET', `${C}/futures`, user);
    assert.equal(status, 200);
    assert.ok(isJsonArray(json));
    return json.filter(isJsonObject);
  }

  /** The newest events of a room as a member sees them, oldest first. */
  async events(roomId: string, user: TestUser): Promise<JsonObject[]> {
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`;
    const { chunk } = await this.get(path, user);
    assert.ok(isJsonArray(chunk));
    return chunk.filter(isJsonObject).toReversed();
  }

  /** The bodies of the room's messages, oldest first. */
  async bodies(roomId: string, user: TestUser): Promise<unknown[]> {
    const events = await this.events(roomId, user);
    return events
      .filter((event) => event['type'] === 'm.room.message')
      .map((event) => (isJsonObject(event['content']) ? event['content']['body'] : undefined));
  }

  /** Moves the clock and waits until all that became due is handled. */
  async advance(byMs: number): Promise<void> {
    this.server.clock.advance(byMs);
    await this.server.services.futureScheduler.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

export async function startFutureServer(
  options: TestServerOptions & { readonly clock?: ManualClock } = {},
): Promise<FutureServer> {
  return new FutureServer(await startTestServer(options));
}

/** A refusal's status and errcode. */
export function refusalOf(reply: TestReply): [number, JsonValue | undefined] {
  return [reply.status, reply.body['errcode']];
}

/** An object within an answer. */
export function objectAt(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  assert.ok(isJsonObject(value), `${key} is no object in ${JSON.stringify(body)}`);
  return value;
}

/** A text within an answer. */
export function textIn(body: JsonObject | undefined, key: string): string {
  const value = body?.[key];
  assert.ok(typeof value === 'string', `${key} is no text in ${JSON.stringify(body)}`);
  return value;
}
