import { internalError, MatrixError } from '../matrix/errors.ts';
import type { RateLimiter } from '../http/rate-limit.ts';
import type { Db } from '../storage/database.ts';
import { finaliseFuture, finaliseIfMoot } from '../storage/future-updates.ts';
import { findSoonestDeadline, type FutureAlternative, type StoredFuture } from '../storage/futures.ts';
import type { Log } from '../util/log.ts';
import { readOutlook, submitResolution, type Outlook, type Resolution, type ResolveDeps } from './resolve.ts';

/** Hears how the timers' work goes. Nothing here may throw. */
export interface FiringWatch {
  /** A timer's turn came: `gone` when somebody else was quicker. `lateMs`: how long after the deadline. */
  readonly onFired: (outcome: 'sent' | 'failed' | 'gone', lateMs: number) => void;
  /** A turn that ended without a result, and will come again. */
  readonly onInterrupted: (cause: 'database' | 'fault') => void;
}

export interface FireDeps extends ResolveDeps {
  readonly db: Db;
  readonly log: Log;
  /** Budgets of what timers send, by user; see {@link createFiringLimiter}. */
  readonly firingLimiter: Pick<RateLimiter, 'consume'>;
  readonly watch?: FiringWatch | undefined;
}

/** `interrupted`: some are pending still. `isFault`: not for want of a database. */
export type FiringResult =
  | { readonly kind: 'handled' }
  | { readonly kind: 'interrupted'; readonly isFault: boolean };

const MOST_IN_FLIGHT = 32;
/** A future that has broken the server this often in a row, with the database there, is given up. */
const MOST_FAULTS = 8;

/**
 * Sends the timeouts of due futures of one room in the order given, each decided on the room as the one before has
 * left it. What the room refuses is finalised with the error. When one cannot be decided at all, those after it wait
 * with it: `faults` says how often in a row the room's first future has broken the server, and then they are sent one
 * by one.
 */
export async function fireInOrder(
  deps: FireDeps,
  futures: readonly StoredFuture[],
  faults: number,
): Promise<FiringResult> {
  const step = faults === 0 ? MOST_IN_FLIGHT : 1;
  for (let start = 0, end = 0; start < futures.length; start = end) {
    const run = { isStopped: false };
    try {
      end = start + step;
      await fireTogether(deps, futures.slice(start, end), run);
    } catch (error) {
      return { kind: 'interrupted', isFault: await noteFault(deps, futures[start], error, faults) };
    }
    if (run.isStopped) break;
  }
  return { kind: 'handled' };
}

function timeoutOf(future: StoredFuture): FutureAlternative {
  const timeout = future.alternatives.find((alternative) => alternative.trigger === 'timeout');
  if (timeout === undefined) throw new Error(`future ${future.futureNid} has no timeout`);
  return timeout;
}

interface Run {
  /** The order is at risk: those that are not decided yet must not be. */
  isStopped: boolean;
}

async function fireTogether(deps: FireDeps, futures: readonly StoredFuture[], run: Run): Promise<void> {
  const ahead = futures.map(async (future) => ({
    future,
    outlook: await readOutlook(deps, future, timeoutOf(future)),
  }));
  const fired = (await Promise.all(ahead)).map(async ({ future, outlook }) => {
    try {
      await fire(deps, future, outlook, run);
    } catch (error) {
      run.isStopped = true;
      throw error;
    }
  });
  const results = await Promise.allSettled(fired);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function fire(deps: FireDeps, future: StoredFuture, outlook: Outlook, run: Run): Promise<void> {
  const resolution = await attempt(deps, future, outlook, run);
  switch (resolution.kind) {
    case 'sent':
      deps.log.debug({ lateMs: deps.clock.nowMs() - future.deadlineTs }, 'a future was sent');
      noteFired(deps, future, 'sent');
      return;
    case 'refused':
      await fail(deps, future, resolution.error);
      return;
    case 'gone': {
      if (run.isStopped) return;
      // Refreshed, ended or superseded in the meantime. Those behind it are read afresh, in case that they are, too.
      run.isStopped = true;
      noteFired(deps, future, 'gone');
      await finaliseIfMoot(deps.db, future.futureNid, deps.clock.nowMs());
    }
  }
}

/** Starts at once, so that the calls of one room are decided in their order. */
async function attempt(
  deps: FireDeps,
  future: StoredFuture,
  outlook: Outlook,
  run: Run,
): Promise<Resolution> {
  try {
    deps.firingLimiter.consume('write', future.userId);
  } catch (error) {
    if (error instanceof MatrixError) return { kind: 'refused', error };
    throw error;
  }
  return submitResolution(deps, future, timeoutOf(future), outlook, {
    expectedDeadlineTs: future.deadlineTs,
    isWithdrawn: () => run.isStopped,
  });
}

/** Ends a future with the error that its owner will see. */
async function fail(deps: FireDeps, future: StoredFuture, error: MatrixError): Promise<void> {
  deps.log.info({ errcode: error.errcode }, 'a future was refused');
  const end = {
    status: 'failed',
    error: JSON.stringify(error.toBody()),
    expectedDeadlineTs: future.deadlineTs,
  } as const;
  await finaliseFuture(deps.db, future.futureNid, end, deps.clock.nowMs());
  noteFired(deps, future, 'failed');
}

function noteFired(deps: FireDeps, future: StoredFuture, outcome: 'sent' | 'failed' | 'gone'): void {
  deps.watch?.onFired(outcome, deps.clock.nowMs() - future.deadlineTs);
}

/** A lost database is waited for; a fault that stays while the database is there ends the future that has it. */
async function noteFault(
  deps: FireDeps,
  future: StoredFuture | undefined,
  error: unknown,
  faults: number,
): Promise<boolean> {
  deps.log.warn({ err: error, faults }, 'a future could not be decided, trying again');
  try {
    await findSoonestDeadline(deps.db, []);
    deps.watch?.onInterrupted('fault');
    if (future !== undefined && faults >= MOST_FAULTS) await fail(deps, future, internalError());
    return true;
  } catch {
    // That it cannot be read is the answer.
    deps.watch?.onInterrupted('database');
    return false;
  }
}
