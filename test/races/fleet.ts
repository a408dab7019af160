import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '../../src/util/json.ts';
import { request, type TestReply, type TestUser } from '../support/server.ts';
import type { KillableServer } from './killed-server.ts';

/** What a client asks; `isRepeatable` says that it may ask the same again when it was not answered. */
export interface Ask {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly token: TestUser;
  readonly body?: JsonObject;
  readonly isRepeatable: boolean;
  /** Answers that the client is prepared for; 200 when absent. */
  readonly statuses?: readonly number[];
}

/**
 * Servers on one database, any of which may be gone at any moment: clients turn to another, or wait for the next one.
 *
 *     up ── kill ──► down ── replace ──► up, at another address
 */
export class Fleet implements AsyncDisposable {
  /** How many requests were answered. */
  answered = 0;
  /** 503 with a Retry-After: clients that are prepared for it come back, though sooner than they are told to. */
  refused = 0;
  mayRefuse = false;
  readonly #start: () => Promise<KillableServer>;
  readonly #places: (KillableServer | undefined)[] = [];
  /** Who waits for a server to come up. */
  #waiting: (() => void)[] = [];
  #replacing: Promise<void> | undefined;
  #isOver = false;

  constructor(start: () => Promise<KillableServer>) {
    this.#start = start;
  }

  async add(): Promise<void> {
    this.#places.push(await this.#start());
  }

  /** Kills one and starts another in its place. */
  replace(place: number): Promise<void> {
    this.#replacing = this.#replace(place);
    return this.#replacing;
  }

  async #replace(place: number): Promise<void> {
    const victim = this.#places[place];
    assert.ok(victim);
    this.#places[place] = undefined;
    await victim.kill();
    this.#places[place] = await this.#start();
    for (const goOn of this.#waiting.splice(0)) goOn();
  }

  /** The end: whoever asks from now on is told so. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled([this.#replacing]);
    for (const server of this.#places.splice(0)) await server?.kill();
    for (const goOn of this.#waiting.splice(0)) goOn();
  }

  /** One of the servers that are up, the client's own if it is. */
  async pick(client: number): Promise<KillableServer> {
    for (;;) {
      if (this.#isOver) throw new Error('there are no servers any more');
      const own = this.#places[client % this.#places.length];
      const server = own ?? this.#places.find((other) => other !== undefined);
      if (server !== undefined) return server;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /**
   * Asks, and asks again at whichever server is up until there is an answer; undefined when there was none and the
   * request is not one to repeat. Throws for an answer that is not expected.
   */
  async ask(client: number, ask: Ask): Promise<TestReply | undefined> {
    for (;;) {
      const server = await this.pick(client);
      const reply = await request(server, ask.method, ask.path, ask).catch((error: unknown) => {
        if (!isBroken(error)) throw error;
        return undefined;
      });
      if (reply?.status === 503 && this.mayRefuse) {
        assert.ok(Number(reply.headers.get('retry-after')) >= 1, JSON.stringify(reply.json));
        this.refused += 1;
        if (ask.isRepeatable) await pause(100);
      } else if (reply !== undefined) {
        const { statuses = [200] } = ask;
        assert.ok(
          statuses.includes(reply.status),
          `${ask.method} ${ask.path}: ${reply.status} ${JSON.stringify(reply.json)}`,
        );
        this.answered += 1;
        return reply;
      }
      if (!ask.isRepeatable) return undefined;
    }
  }
}

/** What fetch throws when the other side is gone: before the answer, or in the middle of it. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError && /fetch failed|terminated/.test(error.message);
}
