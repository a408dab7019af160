import { isJsonArray, isJsonObject, type JsonObject } from '../src/util/json.ts';
import { setTimeout as pause } from 'node:timers/promises';
import { Accounts, type Account } from './accounts.ts';
import { BenchClient, textAt } from './client.ts';
import { HOUR_MS, listScheduled, schedule, type Owner } from './delayed-events.ts';
import { numbers, percentile, timed, together, type Figure, type Measurement } from './measure.ts';
import { makeRoom, nextName, roomPath } from './rooms.ts';
import { bodyOf, eventsIn } from './timeline.ts';
import { quietServer } from './starts.ts';
import type { SpawnedServer } from './spawned-server.ts';

const OVERDUE = 10_000;
const ROOMS = 20;
const TRIAL = 300;
const PAGE = 500;
const PATIENCE_MS = 60_000;
const REST_MS = 20;
const SYNC = '/_matrix/client/v3/sync?timeout=0';

/** A start after a downtime in which 10,000 delayed events, in 20 rooms, have come due. */
export const overdue: readonly Measurement[] = [
  {
    name: `${OVERDUE} overdue at the start: until the last is sent`,
    unit: 's',
    aim: { atMost: 5 },
    isSingle: true,
    needs: 'servers of its own',
    run: async (bench, after) => {
      const server = await quietServer(bench, 0);
      const client = new BenchClient(server.baseUrl, 64);
      after.defer(() => client.close());
      return () => missAndCatchUp(server, client, bench.scaled(OVERDUE));
    },
  },
];

async function missAndCatchUp(server: SpawnedServer, client: BenchClient, count: number): Promise<Figure> {
  const accounts = new Accounts(client, 'overdue');
  const [reader, bystander] = [await accounts.make(), await accounts.make()];
  const owners = await together(numbers(Math.min(ROOMS, count)), ROOMS, async () => {
    const account = await accounts.make();
    return { account, roomId: await makeRoom(client, account, [reader]) };
  });
  const lastDueMs = await scheduleForLater(client, owners, count);
  const rooms = await readDeadlines(client, owners);
  const deadlines = new Map(rooms.flatMap((room) => [...room]));
  const since = await syncToken(client, reader);
  await makeRoom(client, bystander);
  const idle = `${SYNC}&since=${encodeURIComponent(await syncToken(client, bystander))}`;
  await server.stop();
  await pause(Math.max(0, lastDueMs - performance.now()));
  const startMs = await timed(() => server.start());
  let isOver = false;
  const [seconds, syncMs] = await Promise.all([
    awaitLast(client, reader, since, rooms.map(lastOf)).finally(() => (isOver = true)),
    askWhile(
      () => !isOver,
      () => client.skim('GET', idle, bystander.token),
    ),
  ]);
  const sent = await together(owners, 1, (owner) => readSent(client, owner));
  const inRooms = sent.map((bodies) => bodies.map((body) => deadlines.get(body) ?? 0));
  return {
    value: seconds,
    operations: deadlines.size,
    more: {
      'were overdue': deadlines.size,
      missing: deadlines.size - new Set(sent.flat()).size,
      'sent twice': sent.flat().length - new Set(sent.flat()).size,
      'out of order': inRooms.reduce((total, room) => total + countDescents(room), 0),
      'start ms': startMs,
      'sync of a bystander, p50 ms': percentile(syncMs, 0.5),
      'sync of a bystander, p99 ms': percentile(syncMs, 0.99),
    },
  };
}

async function syncToken(client: BenchClient, account: Account): Promise<string> {
  return textAt(await client.call('GET', SYNC, account.token), 'next_batch');
}

/** Asks again and again while `goesOn`; how many milliseconds each answer took. */
async function askWhile(goesOn: () => boolean, ask: () => Promise<unknown>): Promise<number[]> {
  const timesMs: number[] = [];
  while (goesOn()) {
    timesMs.push(await timed(ask));
    await pause(REST_MS);
  }
  return timesMs;
}

/** All due one after the other, a millisecond apart, as soon as there was time to schedule them: when the last one is. */
async function scheduleForLater(
  client: BenchClient,
  owners: readonly Owner[],
  count: number,
): Promise<number> {
  const scheduleAll = (total: number, delayOf: (index: number) => number, name: string): Promise<unknown> =>
    together(owners, owners.length, async (owner, room) => {
      for (let n = room; n < total; n += owners.length)
        await schedule(client, owner, delayOf(n), `${name} ${nextName()}`);
    });
  const trial = Math.min(TRIAL, count);
  // The first ones are slow, as the server is new.
  await scheduleAll(trial, () => HOUR_MS, 'not');
  const trialMs = await timed(() => scheduleAll(trial, () => HOUR_MS, 'not'));
  const firstDueMs = performance.now() + (1.3 * trialMs * count) / trial + 1_000;
  const dueMs = (n: number): number => Math.round(firstDueMs + n / owners.length - performance.now());
  await scheduleAll(count, (n) => Math.max(1, dueMs(n)), 'overdue');
  return firstDueMs + count / owners.length + 100;
}

/** Room by room the deadline of each by its text, as the server has it: when it began to count, and for how long. */
async function readDeadlines(
  client: BenchClient,
  owners: readonly Owner[],
): Promise<ReadonlyMap<string, number>[]> {
  const lists = await together(owners, 4, ({ account }) => listScheduled(client, account));
  return lists.map(
    (list) =>
      new Map(
        list.flatMap((item): [string, number][] => {
          const body = bodyOf(item);
          if (body?.startsWith('overdue') !== true) return [];
          return [[body, numberAt(item, 'running_since') + numberAt(item, 'delay')]];
        }),
      ),
  );
}

function lastOf(room: ReadonlyMap<string, number>): string {
  const [last] = [...room].toSorted(([, a], [, b]) => b - a)[0] ?? [];
  if (last === undefined) throw new Error('nothing is scheduled in a room');
  return last;
}

function numberAt(item: JsonObject, key: string): number {
  const value = item[key];
  if (typeof value !== 'number') throw new Error(`${key} is missing in an answer`);
  return value;
}

/**
 * Asks /sync again and again, without waiting in it, until the last of each room has come by way of it: in how many seconds.
 * What came before it may be left out of a timeline that is limited.
 */
async function awaitLast(
  client: BenchClient,
  reader: Account,
  from: string,
  lasts: readonly string[],
): Promise<number> {
  const awaited = new Set(lasts);
  const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 1_000 } } }));
  const start = performance.now();
  for (let since = from; awaited.size > 0;) {
    if (performance.now() - start > PATIENCE_MS)
      throw new Error(`in ${awaited.size} rooms not all came in a minute`);
    const path = `${SYNC}&filter=${filter}&since=${encodeURIComponent(since)}`;
    const body = await client.call('GET', path, reader.token);
    since = textAt(body, 'next_batch');
    for (const event of eventsIn(body)) awaited.delete(bodyOf(event) ?? '');
    await pause(REST_MS);
  }
  return (performance.now() - start) / 1000;
}

/** What was sent in a room of what was overdue, from the first to the last. */
async function readSent(client: BenchClient, { account, roomId }: Owner): Promise<string[]> {
  const bodies: string[] = [];
  for (let from = ''; ;) {
    const path = `${roomPath(roomId)}/messages?dir=b&limit=${PAGE}${from}`;
    const { chunk, end } = await client.call('GET', path, account.token);
    for (const event of isJsonArray(chunk) ? chunk : []) {
      const body = isJsonObject(event) ? bodyOf(event) : undefined;
      if (body?.startsWith('overdue') === true) bodies.push(body);
    }
    if (typeof end !== 'string') return bodies.toReversed();
    from = `&from=${encodeURIComponent(end)}`;
  }
}

/** How often a number is followed by a smaller one. */
function countDescents(values: readonly number[]): number {
  return values.filter((value, index) => value < (values[index - 1] ?? 0)).length;
}
