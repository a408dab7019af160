import { setTimeout as pause } from 'node:timers/promises';
import { BenchClient, textAt } from './client.ts';
import { percentile, type Measurement } from './measure.ts';
import { makeRoom, makeUser } from './sends.ts';

const DELAYED_EVENTS = 2_000;
const PER_USER = 100;
const RESTART_EVERY_MS = 4_000;
/** What Element Call allows itself: an event that fires meanwhile was missed. */
const DELAY_MS = 18_000;
const DELAYED_EVENT = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events';

/**
 * Heartbeats of a large conference: 2,000 delayed events, each restarted every four seconds, for `rounds` rounds. The
 * figures are the latency of a restart, and how many were too late or refused.
 */
export async function measureHeartbeats(baseUrl: string, rounds: number): Promise<readonly Measurement[]> {
  const client = new BenchClient(baseUrl, 64);
  const delayIds: string[] = [];
  for (let n = 0; n < DELAYED_EVENTS / PER_USER; n += 1) delayIds.push(...(await scheduleAll(client)));
  const latencies: number[] = [];
  let missed = 0;
  const restart = async (delayId: string, afterMs: number): Promise<void> => {
    await pause(afterMs);
    const start = performance.now();
    try {
      await client.call('POST', `${DELAYED_EVENT}/${delayId}/restart`, undefined, {});
      latencies.push(performance.now() - start);
    } catch {
      missed += 1;
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    // Spread over the period, as clients that joined at different moments are.
    await Promise.all(
      delayIds.map((delayId, index) => restart(delayId, (index * RESTART_EVERY_MS) / delayIds.length)),
    );
  }
  await Promise.all(
    delayIds.map((delayId) => client.call('POST', `${DELAYED_EVENT}/${delayId}/cancel`, undefined, {})),
  );
  client.close();
  return [
    figure('restart of a delayed event at 500/s, p50', 'ms', percentile(latencies, 0.5)),
    figure('restart of a delayed event at 500/s, p99', 'ms', percentile(latencies, 0.99)),
    figure('restarts missed', 'of all', missed),
  ];
}

async function scheduleAll(client: BenchClient): Promise<string[]> {
  const user = await makeUser(client);
  const roomId = await makeRoom(client, user, []);
  const ids: string[] = [];
  for (let n = 0; n < PER_USER; n += 1) {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${n}?org.matrix.msc4140.delay=${DELAY_MS}`;
    const body = { msgtype: 'm.text', body: 'gone' };
    ids.push(textAt(await client.call('PUT', path, user.token, body), 'delay_id'));
  }
  return ids;
}

function figure(name: string, unit: string, value: number): Measurement {
  return { name, unit, median: value, rounds: [value] };
}
