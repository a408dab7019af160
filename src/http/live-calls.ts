import type { ServerResponse } from 'node:http';
import { unavailable } from '../matrix/errors.ts';
import { Roster } from '../util/roster.ts';
import { ClientGone } from './client-gone.ts';

const RETRY_STOPPING_MS = 2_000;

/**
 * The requests that are being answered, each with the signal that ends it early:
 *
 *     open ──reply sent──────► done (never aborted)
 *       ├───connection lost──► aborted with ClientGone
 *       └───server stops─────► aborted with 503, which a long poll may throw or answer over with an empty reply
 */
export class LiveCalls {
  readonly #open = new Roster<LiveCall>();
  #stopping = false;

  /** How many requests are being answered. */
  get open(): number {
    return this.#open.size;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** One request, as long as it is answered. Throws 503 once the server stops: nothing new is begun then. */
  begin(response: ServerResponse): LiveCall {
    if (this.#stopping) throw stopping();
    const call = new LiveCall();
    const entry = this.#open.add(call);
    response.once('close', () => {
      entry.leave();
      if (!response.writableFinished) call.abort(new ClientGone());
    });
    return call;
  }

  /** Ends all long polls and lets nothing new begin. */
  stop(): void {
    this.#stopping = true;
    for (const call of this.#open) call.abort(stopping());
  }
}

/** A request that is being answered. Most never look at their signal: it is made for those that do. */
class LiveCall {
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Ends it early; the first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }
}

function stopping(): Error {
  return unavailable('The server is stopping', RETRY_STOPPING_MS);
}
