import assert from 'node:assert/strict';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { textAt, type TestUser } from '../support/server.ts';
import type { Ask, Fleet } from './fleet.ts';

const C = '/_matrix/client/v3';

/** What a client knows of a room. */
export interface RoomView {
  /** Event ids from the room's beginning on. */
  readonly timeline: string[];
  /** What each event says, by its id: the text of a message, the number of other events of these tests. */
  readonly sayings: Map<string, JsonValue>;
  /** The ids of the events that say something. */
  readonly saying: Map<JsonValue, string[]>;
  /** Event ids by type and state key. */
  readonly state: Map<string, string>;
  /** Up to which event each user has read. */
  readonly receipts: Map<string, string>;
  readonly accountData: Map<string, JsonValue>;
}

/**
 * What one client knows from /sync alone. It fills gaps by /messages, and takes a token for its own only when the
 * answer that brought it has come in whole: so it may be told something again that it was told by half an answer.
 */
export class SyncedView {
  readonly rooms = new Map<string, RoomView>();
  readonly accountData = new Map<string, JsonValue>();
  /** The numbers of to-device messages, in order of arrival. */
  readonly notes: JsonValue[] = [];
  readonly #fleet: Fleet;
  readonly #client: number;
  readonly #user: TestUser;
  readonly #limit: number;
  #since: string | undefined;

  /** `limit`: how many events of a room an answer may have before it leaves a gap. */
  constructor(fleet: Fleet, client: number, user: TestUser, limit: number) {
    this.#fleet = fleet;
    this.#client = client;
    this.#user = user;
    this.#limit = limit;
  }

  /** Syncs once: everything the first time, from then on what is new, for which it waits up to `timeoutMs`. */
  async step(timeoutMs: number): Promise<void> {
    const since = this.#since;
    const query = new URLSearchParams({
      filter: JSON.stringify({ room: { timeline: { limit: this.#limit } } }),
      timeout: String(timeoutMs),
      ...(since === undefined ? {} : { since }),
    });
    const body = await this.#get(`${C}/sync?${query.toString()}`);
    for (const event of eventsAt(body, 'to_device')) this.notes.push(sayingOf(event));
    takeContents(this.accountData, eventsAt(body, 'account_data'));
    for (const [roomId, room] of Object.entries(objectAt(objectAt(body, 'rooms'), 'join'))) {
      assert.ok(isJsonObject(room));
      await this.#take(roomId, room, since);
    }
    this.#since = textAt(body, 'next_batch');
  }

  room(roomId: string): RoomView {
    const room = this.rooms.get(roomId);
    assert.ok(room, `${this.#user.userId} does not know ${roomId}`);
    return room;
  }

  async #take(roomId: string, room: JsonObject, since: string | undefined): Promise<void> {
    const view = this.rooms.get(roomId) ?? emptyRoom();
    this.rooms.set(roomId, view);
    const timeline = objectAt(room, 'timeline');
    const missed =
      timeline['limited'] === true ? await this.#pageBack(roomId, textAt(timeline, 'prev_batch'), since) : [];
    const fresh = [...missed, ...eventsAt(room, 'timeline')];
    for (const event of fresh) {
      const eventId = textAt(event, 'event_id');
      assert.ok(!view.sayings.has(eventId), `${this.#user.userId} is told of ${eventId} twice`);
      const saying = sayingOf(event);
      view.timeline.push(eventId);
      view.sayings.set(eventId, saying);
      view.saying.set(saying, [...(view.saying.get(saying) ?? []), eventId]);
    }
    for (const event of [...eventsAt(room, 'state'), ...fresh]) {
      if (event['state_key'] === undefined) continue;
      view.state.set(`${textAt(event, 'type')} ${textAt(event, 'state_key')}`, textAt(event, 'event_id'));
    }
    for (const event of eventsAt(room, 'ephemeral').filter(({ type }) => type === 'm.receipt'))
      for (const [eventId, receipts] of Object.entries(objectAt(event, 'content')))
        for (const userId of Object.keys(isJsonObject(receipts) ? objectAt(receipts, 'm.read') : {}))
          view.receipts.set(userId, eventId);
    takeContents(view.accountData, eventsAt(room, 'account_data'));
  }

  /** What is before `from` and was not in an answer up to `to`, oldest first. */
  async #pageBack(roomId: string, from: string, to: string | undefined): Promise<JsonObject[]> {
    const found: JsonObject[] = [];
    for (let at: JsonValue | undefined = from; typeof at === 'string';) {
      const query = new URLSearchParams({
        dir: 'b',
        limit: '100',
        from: at,
        ...(to === undefined ? {} : { to }),
      });
      const page = await this.#get(`${C}/rooms/${encodeURIComponent(roomId)}/messages?${query.toString()}`);
      found.unshift(...objectsIn(page['chunk']).toReversed());
      at = page['end'];
    }
    return found;
  }

  async #get(path: string): Promise<JsonObject> {
    const ask: Ask = { method: 'GET', path, token: this.#user, isRepeatable: true };
    const reply = await this.#fleet.ask(this.#client, ask);
    assert.ok(reply);
    return reply.body;
  }
}

function emptyRoom(): RoomView {
  return {
    timeline: [],
    sayings: new Map(),
    saying: new Map(),
    state: new Map(),
    receipts: new Map(),
    accountData: new Map(),
  };
}

function sayingOf(event: JsonObject): JsonValue {
  const content = objectAt(event, 'content');
  return content['body'] ?? content['n'] ?? null;
}

function takeContents(into: Map<string, JsonValue>, events: readonly JsonObject[]): void {
  for (const event of events) into.set(textAt(event, 'type'), event['content'] ?? null);
}

function objectAt(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return isJsonObject(value) ? value : {};
}

function eventsAt(body: JsonObject, key: string): readonly JsonObject[] {
  return objectsIn(objectAt(body, key)['events']);
}

function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return isJsonArray(value) ? value.filter(isJsonObject) : [];
}
