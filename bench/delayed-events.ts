import { isJsonArray, isJsonObject, type JsonObject } from '../src/util/json.ts';
import type { Account } from './accounts.ts';
import type { Bench } from './bench.ts';
import { textAt, type BenchClient } from './client.ts';
import { numbers, together } from './measure.ts';
import { makeRoom, nextName, roomPath } from './rooms.ts';

/** How many a user may have pending on a server that says nothing else. */
export const PER_OWNER = 100;
export const HOUR_MS = 3_600_000;
const AT_ONCE = 10;
// The paths of the drafts, which servers of all ages have.
const DELAY_PARAMETER = 'org.matrix.msc4140.delay';
const DELAYED_EVENTS = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events';

/** Somebody and the room for which they schedule. */
export interface Owner {
  readonly account: Account;
  readonly roomId: string;
}

/** Schedules a message, and answers its delay id. */
export async function schedule(
  client: BenchClient,
  { account, roomId }: Owner,
  delayMs: number,
  body: string,
): Promise<string> {
  const path = `${roomPath(roomId)}/send/m.room.message/${nextName()}?${DELAY_PARAMETER}=${delayMs}`;
  return textAt(await client.call('PUT', path, account.token, { msgtype: 'm.text', body }), 'delay_id');
}

/** Restarts or cancels a delayed event, by whoever knows its id. */
export function manage(client: BenchClient, delayId: string, action: 'restart' | 'cancel'): Promise<void> {
  return client.skim('POST', `${DELAYED_EVENTS}/${encodeURIComponent(delayId)}/${action}`, undefined, {});
}

/** All that an owner has scheduled, page by page. */
export async function listScheduled(client: BenchClient, account: Account): Promise<JsonObject[]> {
  const all: JsonObject[] = [];
  for (let from = ''; ;) {
    const answer = await client.call('GET', `${DELAYED_EVENTS}${from}`, account.token);
    const events = answer['delayed_events'];
    all.push(...(isJsonArray(events) ? events.filter(isJsonObject) : []));
    if (typeof answer['next_batch'] !== 'string') return all;
    from = `?from=${encodeURIComponent(answer['next_batch'])}`;
  }
}

/** So many new owners, each in a room of their own. */
export function makeOwners(bench: Bench, count: number): Promise<Owner[]> {
  return together(numbers(count), AT_ONCE, async () => {
    const account = await bench.accounts.make();
    return { account, roomId: await makeRoom(bench.client, account) };
  });
}

/** Schedules `count` messages, at most a hundred for each of the owners, and answers their delay ids. */
export async function scheduleMany(
  bench: Bench,
  owners: readonly Owner[],
  count: number,
  delayMs: number,
): Promise<string[]> {
  return together(numbers(count), AT_ONCE, (n) => {
    const owner = owners[n % owners.length];
    if (owner === undefined) throw new Error('nobody is there');
    return schedule(bench.client, owner, delayMs, 'never mind');
  });
}

/** Cancels them all, so that nothing happens after the run. */
export async function cancelAll(bench: Bench, delayIds: readonly string[]): Promise<void> {
  await together(delayIds, AT_ONCE, (delayId) => manage(bench.client, delayId, 'cancel'));
}
