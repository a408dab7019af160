import { sql, type RawBuilder } from 'kysely';
import pg from 'pg';
import type { Clock, Timer } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { Database } from './database.ts';

/** Wake-ups between processes. What is lost costs time, never data: every reader re-reads from its own position. */
export interface Bus extends AsyncDisposable {
  /** Says that something happened; announcements close together are one message, and none when nobody would hear it. */
  publish(topic: BusTopic): void;
  /** Calls `listener` for what other processes say, and once in a while in case that something was lost. */
  subscribe(listener: (topics: ReadonlySet<BusTopic>) => void): void;
}

/**
 * `stream`: there are new positions. `futures`: a deadline may have come nearer. `sessions`: one has ended, or what it says of
 * its user is no longer so.
 */
export type BusTopic = (typeof TOPICS)[number];

const TOPICS = ['stream', 'futures', 'sessions'] as const;
/** What polling makes up for when a message was lost; nobody who remembers sessions relies on it. */
const POLLED: ReadonlySet<BusTopic> = new Set(['stream', 'futures']);

const CHANNEL = 'morrow';
/** The sender of what is said within a transaction: every process hears it, also the one that says it. */
const ANYONE = '-';
/** Said by a process that listens from now on. */
const HELLO = 'hello';
/** What the connection that listens is called in the database's list of connections. */
export const LISTENING_AS = 'morrow listener';
/** Every listening connection shares this lock, so that all can be counted: "morr" in ASCII. */
const LISTENERS = 0x6d6f7272;
const GATHER_MS = 5;
const POLL_MS = 2_000;
const LONGEST_RECONNECT_MS = 10_000;

const COUNT_OTHERS = `
  select count(*) > 1 as others from pg_locks
  where locktype = 'advisory' and classid = $1 and objid = 0 and objsubid = 2
    and database = (select oid from pg_database where datname = current_database())`;

/** A call for a statement: every process hears of the topic when the transaction is committed. */
export function notification(topic: BusTopic): RawBuilder<unknown> {
  return sql`pg_notify(${CHANNEL}, ${`${ANYONE} ${topic}`})`;
}

/**
 * The bus over LISTEN/NOTIFY: one connection that listens, one message per process and few milliseconds. A process that knows
 * itself alone keeps what it would say until another one says hello.
 */
export class PostgresBus implements Bus {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #random: Random;
  /** Names this process in its messages, so that it can pass over its own. */
  readonly #self: string;
  readonly #listeners: ((topics: ReadonlySet<BusTopic>) => void)[] = [];
  readonly #gathered = new Set<BusTopic>();
  /** Said while nobody else listened. */
  readonly #unsaid = new Set<BusTopic>();
  /** False only when the database said so on the connection on which a hello would have come before. */
  #hasCompany = true;
  #sending: Promise<unknown> | undefined;
  #client: pg.Client | undefined;
  #isListening = false;
  /** A question to the database has no answer yet: a clock may run ahead of it. */
  #isAsking = false;
  #timers = new Set<Timer>();
  #closed = false;

  constructor(deps: {
    readonly database: Database;
    readonly clock: Clock;
    readonly log: Log;
    readonly random: Random;
    readonly self: string;
  }) {
    this.#database = deps.database;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#random = deps.random;
    this.#self = deps.self;
  }

  /** Connects; later losses of the connection are mended in the background. */
  async start(): Promise<void> {
    this.#mendWhenLost(await this.#connect());
    this.#poll();
  }

  /** False while the connection is lost: what others say is not heard then. */
  get isListening(): boolean {
    return this.#isListening;
  }

  publish(topic: BusTopic): void {
    if (this.#closed) return;
    if (!this.#hasCompany) {
      this.#unsaid.add(topic);
      return;
    }
    this.#gathered.add(topic);
    this.#sending ??= this.#send();
  }

  subscribe(listener: (topics: ReadonlySet<BusTopic>) => void): void {
    this.#listeners.push(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    await this.#sending;
    await this.#client?.end().catch(() => undefined);
  }

  async #send(): Promise<void> {
    while (this.#gathered.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const payload = [this.#self, ...this.#gathered].join(' ');
      this.#gathered.clear();
      // A wake-up that cannot be sent is made up for by the others' polling.
      await this.#database.pool.query('select pg_notify($1, $2)', [CHANNEL, payload]).catch(() => undefined);
    }
    // In the same breath as the last look: whoever publishes next must find it idle.
    this.#sending = undefined;
  }

  /** A connection that listens; `lost` resolves when it does no more. Rejects when there is none to be had. */
  async #connect(): Promise<{ readonly lost: Promise<void> }> {
    const client = new pg.Client({ ...this.#database.pool.options, application_name: LISTENING_AS });
    const lost = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    }).then(() => {
      this.#isListening = false;
      this.#hasCompany = true;
    });
    client.on('notification', (message) => this.#receive(message.payload ?? ''));
    this.#client = client;
    try {
      await client.connect();
      await client.query('select pg_advisory_lock_shared($1, 0)', [LISTENERS]);
      await client.query(`listen ${CHANNEL}`);
      await client.query('select pg_notify($1, $2)', [CHANNEL, `${this.#self} ${HELLO}`]);
      this.#isListening = true;
      await this.#ask();
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    return { lost };
  }

  #mendWhenLost({ lost }: { readonly lost: Promise<void> }): void {
    void lost.then(() => this.#reconnect(1));
  }

  /** One attempt at a time, at growing intervals. */
  #reconnect(attempt: number): void {
    if (this.#closed) return;
    const jitter = (this.#random.bytes(1)[0] ?? 0) / 255;
    const waitMs = Math.min(LONGEST_RECONNECT_MS, 100 * 2 ** attempt) * (0.5 + jitter / 2);
    this.#later(waitMs, () => {
      this.#connect().then(
        (connection) => {
          this.#mendWhenLost(connection);
          this.#deliver(new Set(TOPICS));
        },
        (error: unknown) => {
          this.#log.warn({ err: error }, 'the listening connection is away');
          this.#reconnect(attempt + 1);
        },
      );
    });
  }

  #receive(payload: string): void {
    const [sender, ...topics] = payload.split(' ');
    if (sender === this.#self) return;
    if (topics.includes(HELLO)) {
      this.#hasCompany = true;
      for (const topic of this.#unsaid) this.publish(topic);
      this.#unsaid.clear();
      return;
    }
    this.#deliver(new Set(TOPICS.filter((topic) => topics.includes(topic))));
  }

  #deliver(topics: ReadonlySet<BusTopic>): void {
    for (const listener of this.#listeners) listener(topics);
  }

  #poll(): void {
    this.#later(POLL_MS, () => {
      this.#deliver(POLLED);
      // A connection that leads nowhere looks like one on which nobody speaks: what is not answered in time breaks it.
      if (!this.#isAsking) void this.#ask();
      this.#poll();
    });
  }

  /** Whether others listen. Whoever starts to before the answer is given is counted, whoever does after it says hello. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    const client = this.#client;
    const answer = await client?.query<{ others: boolean }>(COUNT_OTHERS, [LISTENERS]).catch(() => undefined);
    this.#isAsking = false;
    if (client === this.#client && this.#isListening) this.#hasCompany = answer?.rows[0]?.others ?? true;
  }

  #later(waitMs: number, run: () => void): void {
    const timer = this.#clock.schedule(this.#clock.nowMs() + waitMs, () => {
      this.#timers.delete(timer);
      if (!this.#closed) run();
    });
    this.#timers.add(timer);
  }
}
