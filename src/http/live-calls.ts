import type { ServerResponse } from 'node:http';
import { unavailable } from '../matrix/errors.ts';
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
  readonly #open = new Set<AbortController>();
  #stopping = false;

  /** How many requests are being answered. */
  get open(): number {
    return this.#open.size;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** The signal of one request. Throws 503 once the server stops: nothing new is begun then. */
  begin(response: ServerResponse): AbortSignal {
    if (this.#stopping) throw stopping();
    const controller = new AbortController();
    this.#open.add(controller);
    response.once('close', () => {
      this.#open.delete(controller);
      if (!response.writableFinished) controller.abort(new ClientGone());
    });
    return controller.signal;
  }

  /** Ends all long polls and lets nothing new begin. */
  stop(): void {
    this.#stopping = true;
    for (const controller of this.#open) controller.abort(stopping());
  }
}

function stopping(): Error {
  return unavailable('The server is stopping', RETRY_STOPPING_MS);
}
