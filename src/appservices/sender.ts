import type { Appservice } from '../matrix/appservices.ts';
import {
  claimAppserviceStream,
  finishAppserviceTransaction,
  openAppserviceStreams,
  releaseAppserviceStream,
  storeAppserviceTransaction,
  type AppserviceProgress,
} from '../storage/appservice-streams.ts';
import { currentPosition } from '../storage/database.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { Log } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { CALL_TIMEOUT_MS } from './call.ts';
import { makeTransaction, sendTransaction, type TransactionDeps } from './transactions.ts';
import { Worker } from './worker.ts';

export interface AppserviceSenderDeps extends TransactionDeps {
  readonly appservices: readonly Appservice[];
  readonly hub: Pick<StreamHub, 'subscribe'>;
  readonly random: Random;
  readonly log: Log;
}

/** Longer than a step takes, so that another process takes over only from one that is gone. */
const CLAIM_MS = 3 * CALL_TIMEOUT_MS;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5 * 60_000;

/**
 * Tells application services what happens, each in order and all beside each other.
 *
 * ```
 *            the hub, the timer                       something concerns the service
 *   resting ────────────────────► claimed, reading ──────────────────────────────────► sending
 *      ▲                              │      ▲                                          │    │
 *      ├── at the end of the stream ◄─┘      └────────────────── it was taken ◄─────────┘    │
 *      └── later and later, until when nobody else has the right either ◄── it was not ◄─────┘
 * ```
 *
 * How far a service has come is a row, and so is the transaction that it has not taken: whichever process sends it, and
 * after a restart as well, it is the same.
 */
export class AppserviceSender implements AsyncDisposable {
  readonly #deps: AppserviceSenderDeps;
  readonly #stop = new AbortController();
  readonly #listening: readonly Appservice[];
  readonly #workers: readonly Worker[];
  readonly #failures = new Map<string, number>();
  #unsubscribe: (() => void) | undefined;

  constructor(deps: AppserviceSenderDeps) {
    this.#deps = deps;
    this.#listening = deps.appservices.filter(({ url }) => url !== undefined);
    this.#workers = this.#listening.map(
      (appservice) => new Worker({ ...deps, run: () => this.#work(appservice) }),
    );
  }

  /** From when this resolves on nothing is missed. Does not wait for what is to be sent. */
  async start(): Promise<void> {
    if (this.#listening.length === 0) return;
    await openAppserviceStreams(
      this.#deps.db,
      this.#listening.map(({ id }) => id),
    );
    this.#unsubscribe = this.#deps.hub.subscribe(() => this.#wake());
    this.#wake();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.idle()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe?.();
    this.#stop.abort();
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }

  #wake(): void {
    for (const worker of this.#workers) worker.wake();
  }

  /** Sends all that there is; the answer is when to try again, if that did not go well. */
  async #work(appservice: Appservice): Promise<number | undefined> {
    const { db, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const claim = await claimAppserviceStream(db, appservice.id, nowMs, nowMs + CLAIM_MS);
    if (claim.kind === 'busy') return claim.untilTs;
    let progress: AppserviceProgress | undefined = claim.progress;
    let { position } = progress;
    let retryTs: number | undefined;
    try {
      while (progress !== undefined && retryTs === undefined && !this.#stop.signal.aborted) {
        position = progress.position;
        if (progress.pending === undefined) progress = await this.#prepare(appservice, progress);
        else if (await this.#deliver(appservice, progress, progress.pending))
          progress = { ...progress, pending: undefined };
        else retryTs = this.#stop.signal.aborted ? undefined : this.#nextRetry(appservice);
      }
    } finally {
      await releaseAppserviceStream(db, appservice.id, position, retryTs ?? 0);
    }
    return retryTs;
  }

  /** Reads on, up to the next transaction; undefined at the end of the stream. */
  async #prepare(
    appservice: Appservice,
    { position, transactionNumber }: AppserviceProgress,
  ): Promise<AppserviceProgress | undefined> {
    const { db, clock } = this.#deps;
    const newest = await currentPosition(db);
    if (position >= newest) return undefined;
    const { reached, body } = await makeTransaction(
      this.#deps,
      appservice,
      position,
      newest,
      this.#stop.signal,
    );
    if (body === undefined) return { position: reached, transactionNumber, pending: undefined };
    const number = transactionNumber + 1;
    const transaction = { number, reached, body };
    const untilTs = clock.nowMs() + CLAIM_MS;
    const isStored = await storeAppserviceTransaction(db, appservice.id, transaction, untilTs);
    return isStored ? { position: reached, transactionNumber: number, pending: body } : undefined;
  }

  async #deliver(appservice: Appservice, progress: AppserviceProgress, body: string): Promise<boolean> {
    const { db, clock, log } = this.#deps;
    const number = progress.transactionNumber;
    const outcome = await sendTransaction(this.#deps, appservice, { number, body }, this.#stop.signal);
    if (outcome.kind === 'answered' && outcome.status >= 200 && outcome.status <= 299) {
      await finishAppserviceTransaction(db, appservice.id, number, clock.nowMs() + CLAIM_MS);
      this.#failures.delete(appservice.id);
      return true;
    }
    const { kind } = outcome;
    const status = outcome.kind === 'answered' ? outcome.status : undefined;
    log.info({ appservice: appservice.id, kind, status }, 'an application service took no transaction');
    return false;
  }

  /** Waits longer after each failure, and never quite as long as others. */
  #nextRetry({ id }: Appservice): number {
    const { clock, random } = this.#deps;
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    const longestMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 20));
    const jitter = (random.bytes(1)[0] ?? 0) / 255;
    return clock.nowMs() + Math.ceil(longestMs * (0.5 + jitter / 2));
  }
}
