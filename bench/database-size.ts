import type { Bench } from './bench.ts';
import { numbers, together, type Figure, type Measurement } from './measure.ts';
import { sendMessage } from './rooms.ts';
import { ownRooms } from './sends.ts';
import { settle } from './settle.ts';
import { replaceOne, roomWithState } from './state.ts';

const MESSAGES = 10_000;
const STATE_CHANGES = 2_000;
const AT_ONCE = 10;

/** By how much tables and indexes grow for one event, all that goes with it included. */
export const databaseSize: readonly Measurement[] = [
  {
    name: 'database per message',
    unit: 'bytes',
    aim: { atMost: 1_000 },
    needs: 'a server of ours',
    isSingle: true,
    run: async (bench) => {
      const places = await ownRooms(bench, 10);
      return () =>
        growthPer(bench, bench.scaled(MESSAGES), async (n) => {
          const place = places[n % places.length];
          if (place !== undefined) await sendMessage(bench.client, place.sender, place.roomId);
        });
    },
  },
  { ...sizeOfStateAmong(5_000), aim: { atMost: 2_000 } },
];

/** By how much they grow for a state event in a room that has so many. */
export function sizeOfStateAmong(count: number): Measurement {
  return {
    name: `database per state event among ${count}`,
    unit: 'bytes',
    needs: 'a server of ours',
    isSingle: true,
    run: async (bench) => {
      const room = await roomWithState(bench, count);
      return () => growthPer(bench, bench.scaled(STATE_CHANGES), (n) => replaceOne(bench, room, n));
    },
  };
}

async function growthPer(bench: Bench, count: number, work: (n: number) => Promise<void>): Promise<Figure> {
  const { server } = bench;
  if (server === undefined) throw new Error('only the database of a server of ours can be looked at');
  const before = await settledBytes(bench);
  await together(numbers(count), AT_ONCE, work);
  return { value: ((await settledBytes(bench)) - before) / count, operations: count };
}

/** The size once what is written behind the events is there. */
async function settledBytes(bench: Bench): Promise<number> {
  await settle(bench);
  return bench.server === undefined ? 0 : bench.server.databaseBytes();
}
