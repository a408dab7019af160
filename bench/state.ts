import type { Account } from './accounts.ts';
import type { Bench } from './bench.ts';
import { latency, median, timed, type Measurement } from './measure.ts';
import { makeRoomWithState, setState } from './rooms.ts';
import { oncePerRun } from './shared.ts';

const FEW = 10;
const MANY = 5_000;

/** A state event that replaces another, in rooms with more and more state. */
export const stateEvents: readonly Measurement[] = [
  stateEventAmong(FEW),
  stateEventAmong(1_000),
  stateEventAmong(MANY),
  {
    name: `a state event among ${MANY}, against one among ${FEW}`,
    unit: '×',
    aim: { atMost: 1.2 },
    run: async (bench) => {
      const few = await roomWithState(bench, FEW);
      const many = await roomWithState(bench, MANY);
      return async () => {
        const [fewMs, manyMs]: [number[], number[]] = [[], []];
        // By turns, so that whatever else the machine does is the same for both.
        const { operations } = await latency(bench.roundMs, async (turn) => {
          fewMs.push(await timed(() => replaceOne(bench, few, turn)));
          manyMs.push(await timed(() => replaceOne(bench, many, turn)));
          return 0;
        });
        return {
          value: median(manyMs) / median(fewMs),
          operations: 2 * operations,
          more: { 'ms among few': median(fewMs), 'ms among many': median(manyMs) },
        };
      };
    },
  },
];

/** How long one state event takes in a room that has so many besides those of its creation. */
export function stateEventAmong(count: number): Measurement {
  return {
    name: `a state event among ${count}`,
    unit: 'ms',
    run: async (bench) => {
      const room = await roomWithState(bench, count);
      return () => latency(bench.roundMs, (turn) => timed(() => replaceOne(bench, room, turn)));
    },
  };
}

export interface RoomWithState {
  readonly creator: Account;
  readonly roomId: string;
  readonly count: number;
}

/** A room with so many numbered state events. */
export const roomWithState = oncePerRun(async (bench, size): Promise<RoomWithState> => {
  const [creator] = await bench.accounts.some(1);
  const count = bench.scaled(size);
  return { creator, roomId: await makeRoomWithState(bench.client, creator, count), count };
});

/** Any of them, far from the last one. */
export function replaceOne(bench: Bench, room: RoomWithState, turn: number): Promise<void> {
  return setState(bench.client, room.creator, room.roomId, (turn * 7919) % room.count);
}
