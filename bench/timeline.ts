import { isJsonArray, isJsonObject, type JsonObject } from '../src/util/json.ts';
import type { Account } from './accounts.ts';
import { BenchClient, textAt } from './client.ts';

const LONG_POLL_MS = 20_000;
const MOST_EVENTS = 1_000;

/** The events in the timelines of an answer of /sync, room by room. */
export function eventsIn(body: JsonObject): JsonObject[] {
  const rooms = isJsonObject(body['rooms']) ? body['rooms']['join'] : undefined;
  return Object.values(isJsonObject(rooms) ? rooms : {}).flatMap((room) => {
    const timeline = isJsonObject(room) ? room['timeline'] : undefined;
    const events = isJsonObject(timeline) ? timeline['events'] : undefined;
    return isJsonArray(events) ? events.filter(isJsonObject) : [];
  });
}

/** The text of a message, or undefined. */
export function bodyOf(event: JsonObject): string | undefined {
  const { content } = event;
  const text = isJsonObject(content) ? content['body'] : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** A client that waits in /sync all the time, and calls back for each message as soon as it has it. */
export class Watcher implements AsyncDisposable {
  readonly #client: BenchClient;
  readonly #token: string;
  readonly #onMessage: (body: string) => void;
  readonly #filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: MOST_EVENTS } } }));
  #isStopped = false;
  #polling: Promise<void> | undefined;

  constructor(baseUrl: string, account: Account, onMessage: (body: string) => void) {
    this.#client = new BenchClient(baseUrl, 1);
    this.#token = account.token;
    this.#onMessage = onMessage;
  }

  /** Resolves when what there was is behind it; what happens from then on is told. */
  async start(): Promise<void> {
    const first = await this.#sync('timeout=0');
    this.#polling = this.#poll(textAt(first, 'next_batch'));
    // A failure before the end is thrown there.
    this.#polling.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#client.close();
    await this.#polling;
  }

  async #poll(from: string): Promise<void> {
    let since = from;
    while (!this.#isStopped) {
      try {
        const body = await this.#sync(`timeout=${LONG_POLL_MS}&since=${encodeURIComponent(since)}`);
        since = textAt(body, 'next_batch');
        for (const event of eventsIn(body)) {
          const text = bodyOf(event);
          if (text !== undefined) this.#onMessage(text);
        }
      } catch (error) {
        if (!this.#isStopped) throw error;
      }
    }
  }

  #sync(query: string): Promise<JsonObject> {
    const path = `/_matrix/client/v3/sync?filter=${this.#filter}&${query}`;
    return this.#client.call('GET', path, this.#token);
  }
}
