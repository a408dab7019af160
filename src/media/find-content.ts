import { notFound, notYetUploaded } from '../matrix/errors.ts';
import { parseMediaId, parseServerName, type MediaId, type ServerName } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findMedia, type Media, type MediaContent } from '../storage/media.ts';
import type { Clock } from '../util/clock.ts';
import type { MediaArrivals } from './arrivals.ts';

export interface FindContentDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly serverName: ServerName;
  readonly mediaArrivals: MediaArrivals;
}

/** The two halves of an mxc:// URI as they came, from a path. */
export interface MediaAddress {
  readonly serverName: string;
  readonly mediaId: string;
}

/** How long a reader is willing to wait for content that is still to be uploaded. */
export interface Patience {
  readonly timeoutMs: number;
  /** Aborted when the reader is gone. */
  readonly signal: AbortSignal;
}

/** Longer than any client's own timeout is of no use. */
const LONGEST_WAIT_MS = 60_000;
/** What other processes receive is noticed after this long. */
const POLL_MS = 2_000;

/**
 * The id of a media of this server. Throws 404 M_NOT_FOUND for malformed addresses, which never become part of a path
 * or query, and for media of other servers.
 * https://spec.matrix.org/v1.19/client-server-api/#content-repo-security-considerations
 */
export function localMediaId(serverName: ServerName, address: MediaAddress): MediaId {
  const mediaId = parseMediaId(address.mediaId);
  const named = parseServerName(address.serverName);
  if (mediaId === undefined || named === undefined) throw notFound('There is no such media');
  if (named !== serverName) throw notFound('Media of other servers are not served here');
  return mediaId;
}

/**
 * The content of a media; waits for content that is announced but not there yet. Throws 404 M_NOT_FOUND for what is
 * unknown or was not uploaded in time, and 504 M_NOT_YET_UPLOADED when the wait was in vain.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid
 */
export async function findContent(
  deps: FindContentDeps,
  address: MediaAddress,
  patience: Patience,
): Promise<MediaContent> {
  const mediaId = localMediaId(deps.serverName, address);
  const found = await findMedia(deps.db, mediaId, deps.clock.nowMs());
  const media = found?.kind === 'awaited' ? await waitFor(deps, mediaId, patience) : found;
  if (media === undefined) throw notFound('There is no such media');
  if (media.kind === 'awaited') throw notYetUploaded('The content has not yet been uploaded');
  return media.content;
}

/** Looks again whenever the content may have come; what was last seen, once that is the content or time is up. */
async function waitFor(
  deps: FindContentDeps,
  mediaId: MediaId,
  patience: Patience,
): Promise<Media | undefined> {
  const { db, clock } = deps;
  const deadlineTs = clock.nowMs() + Math.min(patience.timeoutMs, LONGEST_WAIT_MS);
  let wake = (): void => undefined;
  const unsubscribe = deps.mediaArrivals.subscribe(mediaId, () => wake());
  try {
    for (;;) {
      // Listening begins before the look: what comes in between is not missed.
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const media = await findMedia(db, mediaId, clock.nowMs());
      const nowTs = clock.nowMs();
      if (media?.kind !== 'awaited' || nowTs >= deadlineTs || unsubscribe === undefined) return media;
      await pause(clock, Math.min(deadlineTs, nowTs + POLL_MS), woken, patience.signal);
    }
  } finally {
    unsubscribe?.();
  }
}

/** Resolves at `untilTs` or when `woken`, whichever is first; rejects when the signal is aborted. */
async function pause(
  clock: Clock,
  untilTs: number,
  woken: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = clock.schedule(untilTs, () => end(resolve));
    const onAbort = (): void => end(() => reject(signal.reason));
    const end = (settle: () => void): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    signal.addEventListener('abort', onAbort);
    void woken.then(() => end(resolve));
  });
}
