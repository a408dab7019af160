import { setTimeout as pause } from 'node:timers/promises';
import type { Disposal } from '../src/util/disposal.ts';
import type { Bench } from './bench.ts';
import {
  cancelAll,
  HOUR_MS,
  makeOwners,
  manage,
  PER_OWNER,
  schedule,
  scheduleMany,
  type Owner,
} from './delayed-events.ts';
import { numbers, perSecond, together, worstOf, type Figure, type Measurement } from './measure.ts';
import { join, nextName } from './rooms.ts';
import { oncePerRun } from './shared.ts';
import { Watcher } from './timeline.ts';

const PENDING = 10_000;
const AT_ONCE = 10;
const CANCELLED = 500;
const RESTARTED = 2_000;
const RESTART_EVERY_MS = 4_000;
/** What calls allow themselves: an event that fires meanwhile was missed. */
const HEARTBEAT_DELAY_MS = 18_000;
const DUE_PER_SECOND = 100;
const PATIENCE_MS = 10_000;

/** Delayed events: what it takes to schedule, restart and cancel them, and how late they come. */
export const futures: readonly Measurement[] = [
  scheduleOrCancel('schedule'),
  scheduleOrCancel('cancel'),
  { ...lateness(PENDING), aim: { atMost: 50 } },
  { ...restarts(PENDING), aim: { atMost: 100 } },
];

/** How many delayed events can be scheduled or cancelled in a second; the other half is not timed. */
function scheduleOrCancel(what: 'schedule' | 'cancel'): Measurement {
  return {
    name: `${what} delayed events, 10 at a time`,
    unit: 'events/s',
    moreIsBetter: true,
    run: async (bench) => {
      const owners = await sharedOwners(bench, AT_ONCE);
      return async () => {
        const count = bench.scaled(CANCELLED);
        const scheduling = performance.now();
        const delayIds = await scheduleMany(bench, owners, count, HOUR_MS);
        const scheduled = perSecond(count, scheduling);
        const cancelling = performance.now();
        await cancelAll(bench, delayIds);
        return what === 'schedule' ? scheduled : perSecond(count, cancelling);
      };
    },
  };
}

/**
 * With so many others pending: from when a message should be sent, as its sender counts, until another client has it by
 * /sync. A hundred come due each second.
 */
export function lateness(pending: number): Measurement {
  return {
    name: `lateness with ${pending} pending, p99`,
    unit: 'ms',
    run: async (bench, after) => {
      await keepPending(bench, pending);
      const perRound = Math.max(1, Math.round((bench.roundMs * DUE_PER_SECOND) / 1000));
      const owners = await ownersTogether(bench, 1 + Math.ceil(perRound / PER_OWNER));
      return watchDue(bench, after, owners, perRound);
    },
  };
}

const sharedOwners = oncePerRun(makeOwners);

/** So many owners in the room of the first. */
const ownersTogether = oncePerRun(async (bench, count): Promise<readonly Owner[]> => {
  const [first, ...others] = await makeOwners(bench, count);
  if (first === undefined) throw new Error('nobody is there');
  for (const { account } of others) await join(bench.client, account, first.roomId);
  return [first, ...others.map(({ account }) => ({ account, roomId: first.roomId }))];
});

async function watchDue(
  bench: Bench,
  after: Disposal,
  owners: readonly Owner[],
  perRound: number,
): Promise<() => Promise<Figure>> {
  const [reader, ...senders] = owners;
  if (reader === undefined) throw new Error('nobody is there');
  let onDue = (_body: string, _atMs: number): void => undefined;
  const watcher = new Watcher(bench.baseUrl, reader.account, (body) => onDue(body, performance.now()));
  await after.use(watcher).start();
  return async () => {
    const dueAtMs = new Map<string, number>();
    const lateMs: number[] = [];
    // All are scheduled before the first is due.
    const firstDueMs = performance.now() + perRound * 4 + 200;
    const allCame = new Promise<void>((resolve, reject) => {
      const patienceMs = firstDueMs - performance.now() + bench.roundMs + PATIENCE_MS;
      const late = setTimeout(() => reject(new Error('a delayed event did not come')), patienceMs);
      onDue = (body, atMs) => {
        const due = dueAtMs.get(body);
        if (due === undefined) return;
        lateMs.push(atMs - due);
        if (lateMs.length < perRound) return;
        clearTimeout(late);
        resolve();
      };
    });
    await Promise.all([allCame, scheduleDue(bench, senders, perRound, firstDueMs, dueAtMs)]);
    return worstOf(lateMs);
  };
}

function scheduleDue(
  bench: Bench,
  senders: readonly Owner[],
  count: number,
  firstDueMs: number,
  dueAtMs: Map<string, number>,
): Promise<unknown> {
  return together(numbers(count), AT_ONCE, async (n) => {
    const sender = senders[n % senders.length];
    if (sender === undefined) throw new Error('nobody is there');
    const wanted = firstDueMs + (n * 1000) / DUE_PER_SECOND;
    const delayMs = Math.max(1, Math.round(wanted - performance.now()));
    const body = `due ${nextName()}`;
    dueAtMs.set(body, performance.now() + delayMs);
    await schedule(bench.client, sender, delayMs, body);
  });
}

/**
 * Heartbeats of a large conference: 2,000 delayed events, each restarted every four seconds, so 500 a second; they are
 * spread over the four seconds, as clients that joined at different moments are. A round is four seconds long.
 */
export function restarts(pending: number): Measurement {
  return {
    name: `restart at 500/s with ${pending} pending, p99`,
    unit: 'ms',
    run: async (bench, after) => {
      await keepPending(bench, pending);
      const count = bench.scaled(RESTARTED);
      const owners = await makeOwners(bench, Math.ceil(count / PER_OWNER));
      const delayIds = await scheduleMany(bench, owners, count, HEARTBEAT_DELAY_MS);
      after.defer(() => cancelAll(bench, delayIds).catch(() => undefined));
      const everyMs = RESTART_EVERY_MS * (count / RESTARTED);
      return async () => {
        const timesMs: number[] = [];
        await Promise.all(
          delayIds.map(async (delayId, index) => {
            await pause((index * everyMs) / count);
            const start = performance.now();
            const isAlive = await manage(bench.client, delayId, 'restart').then(
              () => true,
              () => false,
            );
            if (isAlive) timesMs.push(performance.now() - start);
          }),
        );
        const figure = worstOf(timesMs);
        return { ...figure, more: { ...figure.more, 'restarts missed': count - timesMs.length } };
      };
    },
  };
}

/** The delay ids of what is pending; more are added to them. */
const pendingIds = oncePerRun(async (bench): Promise<string[]> => {
  const delayIds: string[] = [];
  // A server that stays is left as it was.
  if (bench.server === undefined) bench.after.defer(() => cancelAll(bench, delayIds));
  return delayIds;
});

/** Sees to it that so many delayed events are pending, which come due long after the run. */
async function keepPending(bench: Bench, count: number): Promise<void> {
  const pending = await pendingIds(bench, 0);
  const missing = bench.scaled(count) - pending.length;
  if (missing <= 0) return;
  const owners = await makeOwners(bench, Math.ceil(missing / PER_OWNER));
  pending.push(...(await scheduleMany(bench, owners, missing, 2 * HOUR_MS)));
}
