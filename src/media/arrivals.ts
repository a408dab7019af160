import type { MediaId } from '../matrix/identifiers.ts';

/** More readers than this do not wait: they are told at once that the content is not there. */
const MOST_WAITING = 1_000;

/** Who waits in this process for the content of a media id that was created in advance. */
export class MediaArrivals {
  readonly #listeners = new Map<MediaId, Set<() => void>>();
  #waiting = 0;

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Calls whoever waits for this content. */
  announce(mediaId: MediaId): void {
    for (const listener of this.#listeners.get(mediaId) ?? []) listener();
  }

  /** Calls `listener` when the content comes to this process; the answer ends that. undefined: too many wait. */
  subscribe(mediaId: MediaId, listener: () => void): (() => void) | undefined {
    if (this.#waiting >= MOST_WAITING) return undefined;
    const listeners = this.#listeners.get(mediaId) ?? new Set();
    this.#listeners.set(mediaId, listeners.add(listener));
    this.#waiting += 1;
    return () => {
      if (!listeners.delete(listener)) return;
      this.#waiting -= 1;
      if (listeners.size === 0) this.#listeners.delete(mediaId);
    };
  }
}
