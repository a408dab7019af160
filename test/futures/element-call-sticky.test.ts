import assert from 'node:assert/strict';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import type { TestReply, TestUser } from '../support/server.ts';
import { C, refusalOf, startFutureServer, textIn, UNSTABLE, type FutureServer } from './future-server.ts';

const TYPE = 'org.matrix.msc4143.rtc.member';
const HOUR = 3_600_000;
const LEAVE_AFTER_MS = 8_000;
const RESTART_EVERY_MS = 5_000;
const FEW = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 3 } } }));

function objectIn(value: JsonValue | undefined, ...path: readonly string[]): JsonObject {
  const inner = path.reduce<JsonValue | undefined>(
    (at, key) => (isJsonObject(at) ? at[key] : undefined),
    value,
  );
  return isJsonObject(inner) ? inner : {};
}

function eventsIn(value: JsonObject): JsonObject[] {
  return isJsonArray(value['events']) ? value['events'].filter(isJsonObject) : [];
}

/**
 * A device that is in a call by sticky events: it has its leave sent for later, says that it is there, and puts the
 * leave off again and again. These are the requests of matrix-js-sdk 42.
 */
class Caller {
  readonly user: TestUser;
  readonly #server: FutureServer;
  readonly #roomId: string;
  delayId = '';
  #txns = 0;

  constructor(server: FutureServer, user: TestUser, roomId: string) {
    this.#server = server;
    this.user = user;
    this.#roomId = roomId;
  }

  async join(): Promise<void> {
    const key = { msc4354_sticky_key: this.user.deviceId };
    const scheduled = await this.#send(key, `&org.matrix.msc4140.delay=${LEAVE_AFTER_MS}`);
    this.delayId = textIn(scheduled.body, 'delay_id');
    await this.renew();
  }

  async renew(): Promise<void> {
    const { userId, deviceId } = this.user;
    const joined = await this.#send({
      msc4354_sticky_key: deviceId,
      application: { type: 'm.call' },
      slot_id: 'm.call#ROOM',
      rtc_transports: [{ type: 'livekit', livekit_service_url: 'https://call.example.org' }],
      member: { device_id: deviceId, user_id: userId, id: deviceId },
      versions: [],
    });
    assert.equal(joined.status, 200);
  }

  restart = () => this.#manage('restart');
  leave = () => this.#manage('send');

  #send(content: JsonObject, more = ''): Promise<TestReply> {
    this.#txns += 1;
    const path = `${C}/rooms/${encodeURIComponent(this.#roomId)}/send/${TYPE}/t${this.#txns}`;
    const query = `?org.matrix.msc4354.sticky_duration_ms=${HOUR}${more}`;
    return this.#server.ask('PUT', path + query, this.user, content);
  }

  #manage(action: string): Promise<TestReply> {
    return this.#server.ask('POST', `${UNSTABLE}/delayed_events/${this.delayId}/${action}`, this.user);
  }
}

/** Somebody who keeps the map of who is in the call, as clients do: by sender and key, what expires last wins. */
class Watcher {
  readonly user: TestUser;
  readonly #server: FutureServer;
  readonly #roomId: string;
  readonly #members = new Map<string, { readonly event: JsonObject; readonly expiresTs: number }>();
  #since: string | undefined;

  constructor(server: FutureServer, user: TestUser, roomId: string) {
    this.#server = server;
    this.user = user;
    this.#roomId = roomId;
  }

  /** The users who are in the call, in no order. */
  async callers(): Promise<string[]> {
    await this.#sync();
    const nowMs = this.#server.server.clock.nowMs();
    return [...this.#members.values()]
      .filter(({ event, expiresTs }) => expiresTs > nowMs && isThere(event))
      .map(({ event }) => textIn(event, 'sender'));
  }

  async #sync(): Promise<void> {
    const since = this.#since === undefined ? '' : `&since=${this.#since}`;
    const answer = await this.#server.get(`${C}/sync?timeout=0&filter=${FEW}${since}`, this.user);
    this.#since = textIn(answer, 'next_batch');
    const room = objectIn(answer, 'rooms', 'join', this.#roomId);
    const events = [...eventsIn(objectIn(room, 'timeline')), ...eventsIn(objectIn(room, 'msc4354_sticky'))];
    for (const event of events) if (event['type'] === TYPE) this.#note(event);
  }

  #note(event: JsonObject): void {
    const ttlMs = objectIn(event, 'unsigned')['msc4354_sticky_duration_ttl_ms'];
    if (typeof ttlMs !== 'number') return;
    const expiresTs = this.#server.server.clock.nowMs() + ttlMs;
    const name = `${textIn(event, 'sender')} ${textIn(objectIn(event, 'content'), 'msc4354_sticky_key')}`;
    const before = this.#members.get(name);
    if (before === undefined || isLater(event, before.event)) this.#members.set(name, { event, expiresTs });
  }
}

function isThere(event: JsonObject): boolean {
  return 'application' in objectIn(event, 'content');
}

function isLater(a: JsonObject, b: JsonObject): boolean {
  const [at, bt] = [Number(a['origin_server_ts']), Number(b['origin_server_ts'])];
  return at === bt ? textIn(a, 'event_id') > textIn(b, 'event_id') : at > bt;
}

describe('a caller whose membership is a sticky event (82)', () => {
  let server: FutureServer;
  let roomId: string;
  let caller: Caller;
  let watcher: Watcher;
  let count = 0;
  before(async () => {
    server = await startFutureServer();
  });
  beforeEach(async () => {
    count += 1;
    const [user, other] = [await server.user(`caller${count}`), await server.user(`watcher${count}`)];
    roomId = await server.room(user, [other]);
    caller = new Caller(server, user, roomId);
    watcher = new Watcher(server, other, roomId);
    assert.deepEqual(await watcher.callers(), []);
    await caller.join();
  });
  after(() => server[Symbol.asyncDispose]());

  const stayFor = async (restarts: number): Promise<void> => {
    for (let done = 0; done < restarts; done += 1) {
      assert.equal((await caller.restart()).status, 200);
      await server.advance(RESTART_EVERY_MS);
    }
  };
  const chat = async (user: TestUser): Promise<void> => {
    for (let index = 0; index < 5; index += 1) {
      const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/chat${(count += 1)}`;
      await server.ask('PUT', path, user, { msgtype: 'm.text', body: 'chat' });
    }
  };

  it('finds that announced', async () => {
    const { body } = await server.ask('GET', '/_matrix/client/versions');
    assert.equal(objectIn(body, 'unstable_features')['org.matrix.msc4354'], true);
  });

  it('is seen by who was away while others talked, and by who comes into the room later', async () => {
    await chat(watcher.user);
    assert.deepEqual(await watcher.callers(), [caller.user.userId]);
    await server.setState(roomId, caller.user, 'm.room.history_visibility', '', {
      history_visibility: 'joined',
    });
    const late = await server.user(`late${count}`);
    await server.ask('POST', `${C}/join/${encodeURIComponent(roomId)}`, late, {});
    assert.deepEqual(await new Watcher(server, late, roomId).callers(), [caller.user.userId]);
  });

  it('stays as long as it says so', async () => {
    await stayFor(20);
    assert.deepEqual(await watcher.callers(), [caller.user.userId]);
  });

  it('has left when it crashes, as late as it had said before, and everyone gets to know', async () => {
    await stayFor(3);
    await server.advance(LEAVE_AFTER_MS - RESTART_EVERY_MS - 1);
    assert.deepEqual(await watcher.callers(), [caller.user.userId]);
    await server.advance(1);
    await chat(caller.user);
    assert.deepEqual(await watcher.callers(), []);
    const late = await server.user(`late${count}`);
    await server.ask('POST', `${C}/join/${encodeURIComponent(roomId)}`, late, {});
    assert.deepEqual(await new Watcher(server, late, roomId).callers(), []);
  });

  it('leaves at once when it says so, and is told so again', async () => {
    await stayFor(1);
    assert.equal((await caller.leave()).status, 200);
    assert.deepEqual(await watcher.callers(), []);
    assert.equal((await caller.leave()).status, 200);
    assert.deepEqual(refusalOf(await caller.restart()), [404, 'M_NOT_FOUND']);
  });

  it('comes back after its leave was sent behind its back', async () => {
    await server.advance(LEAVE_AFTER_MS);
    assert.deepEqual(await watcher.callers(), []);
    assert.deepEqual(refusalOf(await caller.restart()), [404, 'M_NOT_FOUND']);
    // Of two events of one millisecond their ids would say which counts.
    await server.advance(1);
    await caller.join();
    await stayFor(2);
    assert.deepEqual(await watcher.callers(), [caller.user.userId]);
  });

  it('is there for an hour after it has said so, and longer when it says so again', async () => {
    const cancel = `${UNSTABLE}/delayed_events/${caller.delayId}/cancel`;
    assert.equal((await server.ask('POST', cancel)).status, 200);
    await server.advance(HOUR - 60_000);
    await caller.renew();
    await server.advance(HOUR - 1);
    assert.deepEqual(await watcher.callers(), [caller.user.userId]);
    await server.advance(1);
    assert.deepEqual(await watcher.callers(), []);
  });
});
