import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import type { Account } from './accounts.ts';
import { segment, type Answer, type Peer } from './peer.ts';
import { need } from './verdict.ts';

/** An event as it came down /sync, and when it did, in milliseconds since the epoch. */
export interface Sighting {
  readonly roomId: string;
  readonly event: JsonObject;
  readonly seenMs: number;
}

const FILTER = {
  presence: { types: [] },
  account_data: { types: [] },
  room: {
    ephemeral: { types: [] },
    account_data: { types: [] },
    state: { types: [] },
    timeline: { limit: 100 },
  },
};
const POLL_MS = 5_000;

/** Follows /sync as one user and keeps what comes, so that all scenarios can wait for their events by one request. */
export class Observer {
  readonly #peer: Peer;
  readonly #account: Account;
  readonly #seen: Sighting[] = [];
  readonly #known = new Set<JsonValue | undefined>();
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(peer: Peer, account: Account) {
    this.#peer = peer;
    this.#account = account;
  }

  /** Begins with what happens from now on. */
  async start(): Promise<void> {
    const first = need(await this.#sync(undefined), 'the first /sync');
    void this.#follow(first.body['next_batch']);
  }

  /** What is under way ends with the connections of the peer. */
  stop(): void {
    this.#isOver = true;
    for (const wake of this.#waiting) wake();
  }

  /** The first event that fits, if one comes before `untilMs`. */
  async first(fits: (sighting: Sighting) => boolean, untilMs: number): Promise<Sighting | undefined> {
    for (;;) {
      const found = this.#seen.find(fits);
      const leftMs = untilMs - Date.now();
      if (found !== undefined || leftMs <= 0 || this.#isOver) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, leftMs);
        this.#waiting.add(wake);
      });
    }
  }

  async #follow(from: JsonValue | undefined): Promise<void> {
    let since = from;
    while (!this.#isOver) {
      const answer = await this.#sync(since).catch(() => undefined);
      if (answer?.status !== 200) await new Promise((resolve) => setTimeout(resolve, 250));
      else {
        await this.#keep(answer);
        since = answer.body['next_batch'] ?? since;
      }
      for (const wake of this.#waiting) wake();
    }
  }

  #sync(since: JsonValue | undefined): Promise<Answer> {
    const from = typeof since === 'string' ? `&since=${segment(since)}&timeout=${POLL_MS}` : '';
    const path = `/_matrix/client/v3/sync?filter=${segment(JSON.stringify(FILTER))}${from}`;
    return this.#peer.ask('GET', path, { token: this.#account.token });
  }

  async #keep(answer: Answer): Promise<void> {
    const seenMs = answer.answeredMs;
    for (const [roomId, room] of Object.entries(objectIn(objectIn(answer.body, 'rooms'), 'join'))) {
      const timeline = isJsonObject(room) ? objectIn(room, 'timeline') : {};
      const before = timeline['limited'] === true ? await this.#before(roomId, timeline['prev_batch']) : [];
      for (const event of [...before, ...listIn(timeline, 'events')]) {
        if (this.#known.has(event['event_id'])) continue;
        this.#known.add(event['event_id']);
        this.#seen.push({ roomId, event, seenMs });
      }
    }
  }

  /** What a /sync has left out, as far as one request reaches. */
  async #before(roomId: string, from: JsonValue | undefined): Promise<JsonObject[]> {
    if (typeof from !== 'string') return [];
    const path = `/_matrix/client/v3/rooms/${segment(roomId)}/messages?dir=b&limit=100&from=${segment(from)}`;
    const answer = await this.#peer.ask('GET', path, { token: this.#account.token }).catch(() => undefined);
    return answer === undefined ? [] : listIn(answer.body, 'chunk').toReversed();
  }
}

/** The object under a key, or an empty one. */
export function objectIn(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return isJsonObject(value) ? value : {};
}

/** The objects in the list under a key, or none. */
export function listIn(body: JsonObject, key: string): JsonObject[] {
  const value = body[key];
  return isJsonArray(value) ? value.filter(isJsonObject) : [];
}
