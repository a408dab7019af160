import type { Account } from './accounts.ts';
import type { Bench } from './bench.ts';
import { latency, throughput, timed, together, type Measurement } from './measure.ts';
import { makeRoom, sendMessage, sendMessages } from './rooms.ts';
import { oncePerRun } from './shared.ts';

const SENDERS = 10;

/** Messages a second: by one sender, by ten in one room, and by ten in ten rooms. */
export const sends: readonly Measurement[] = [
  sendsBy('sends, 1 sender', 900, async (bench) => (await sharedRoom(bench, SENDERS)).slice(0, 1)),
  sendsBy('sends, 10 senders in one room', 3_000, (bench) => sharedRoom(bench, SENDERS)),
  sendsBy('sends, 10 senders in ten rooms', 4_000, (bench) => ownRooms(bench, SENDERS)),
];

interface Place {
  readonly sender: Account;
  readonly roomId: string;
}

function sendsBy(
  name: string,
  atLeast: number,
  findPlaces: (bench: Bench) => Promise<readonly Place[]>,
): Measurement {
  return {
    name,
    unit: 'events/s',
    moreIsBetter: true,
    aim: { atLeast },
    run: async (bench) => {
      const places = await findPlaces(bench);
      return () =>
        throughput(places.length, bench.roundMs, async (worker) => {
          const place = places[worker];
          if (place !== undefined) await sendMessage(bench.client, place.sender, place.roomId);
        });
    },
  };
}

/** So many who are in one room, and nobody else. */
const sharedRoom = oncePerRun(async (bench, size): Promise<readonly Place[]> => {
  const [creator, ...others] = await bench.accounts.some(size);
  const roomId = await makeRoom(bench.client, creator, others);
  return [creator, ...others].map((sender) => ({ sender, roomId }));
});

/** So many who are each in a room of their own. */
export const ownRooms = oncePerRun(async (bench, size): Promise<readonly Place[]> =>
  together(await bench.accounts.some(size), size, async (sender) => ({
    sender,
    roomId: await makeRoom(bench.client, sender),
  })),
);

/** How long one send takes in a room that has so many messages. */
export function sendAfterMessages(count: number): Measurement {
  return {
    name: `a send after ${count} messages`,
    unit: 'ms',
    run: async (bench) => {
      const [sender] = await bench.accounts.some(1);
      const roomId = await makeRoom(bench.client, sender);
      await sendMessages(bench.client, sender, roomId, bench.scaled(count));
      return () => latency(bench.roundMs, () => timed(() => sendMessage(bench.client, sender, roomId)));
    },
  };
}
