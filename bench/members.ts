import type { Account } from './accounts.ts';
import type { Bench } from './bench.ts';
import { latency, timed, type Measurement } from './measure.ts';
import { join, makeRoom, roomPath, sendMessage } from './rooms.ts';
import { oncePerRun } from './shared.ts';
import { roomWithState } from './state.ts';

const ROOM_OF = 1_000;

/** What the number of members costs. */
export const members: readonly Measurement[] = [joinAmong(ROOM_OF), listOfMembers(ROOM_OF)];

/** How long a join into a room of so many takes; the leave that makes the next one possible is not timed. */
export function joinAmong(count: number): Measurement {
  return {
    name: `a join into a room of ${count}`,
    unit: 'ms',
    run: async (bench) => {
      const { roomId } = await roomOf(bench, count);
      const joiner = await bench.accounts.make();
      return () =>
        latency(bench.roundMs, async () => {
          const elapsedMs = await timed(() => join(bench.client, joiner, roomId));
          await bench.client.skim('POST', `${roomPath(roomId)}/leave`, joiner.token, {});
          return elapsedMs;
        });
    },
  };
}

/** How long /members takes for a room of so many. */
export function listOfMembers(count: number): Measurement {
  return membersOf(`the members of a room of ${count}`, (bench) => roomOf(bench, count));
}

/** How long /members takes for a room of one that has so many other state events. */
export function membersAmongState(count: number): Measurement {
  return membersOf(`the only member among ${count} state events`, (bench) => roomWithState(bench, count));
}

/** How long /members takes for whoever has made a room. */
function membersOf(name: string, findRoom: (bench: Bench) => Promise<RoomOfCreator>): Measurement {
  return {
    name,
    unit: 'ms',
    run: async (bench) => {
      const { creator, roomId } = await findRoom(bench);
      const path = `${roomPath(roomId)}/members`;
      return () => latency(bench.roundMs, () => timed(() => bench.client.skim('GET', path, creator.token)));
    },
  };
}

/** How long a send takes in a room of so many. */
export function sendAmong(count: number): Measurement {
  return {
    name: `a send in a room of ${count}`,
    unit: 'ms',
    run: async (bench) => {
      const { creator, roomId } = await roomOf(bench, count);
      return () => latency(bench.roundMs, () => timed(() => sendMessage(bench.client, creator, roomId)));
    },
  };
}

interface RoomOfCreator {
  readonly creator: Account;
  readonly roomId: string;
}

const roomOf = oncePerRun(async (bench, count): Promise<RoomOfCreator> => {
  const [creator, ...others] = await bench.accounts.some(bench.scaled(count));
  return { creator, roomId: await makeRoom(bench.client, creator, others) };
});
