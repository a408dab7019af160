import { isJsonObject, type JsonObject } from '../src/util/json.ts';
import type { Account } from './accounts.ts';
import type { Bench } from './bench.ts';
import { textAt } from './client.ts';
import { latency, numbers, timed, together, type Measurement } from './measure.ts';
import { makeRoom, sendMessage } from './rooms.ts';
import { oncePerRun } from './shared.ts';

const AT_ONCE = 8;

/** /sync of a member of many rooms: with nothing new, with one room that changed, and from the beginning. */
export const syncs: readonly Measurement[] = [
  { ...idleSync(100), aim: { atMost: 2 } },
  { ...idleSync(500), aim: { atMost: 2 } },
  { ...syncOfOneChange(500), aim: { atMost: 3 } },
  { ...initialSync(100), aim: { atMost: 60 } },
  { ...initialSync(500), aim: { atMost: 300 } },
];

/** An incremental /sync in which nothing has happened, by a member of so many rooms. */
export function idleSync(rooms: number): Measurement {
  return {
    name: `idle sync, ${rooms} rooms`,
    unit: 'ms',
    run: async (bench) => {
      const { reader } = await memberOf(bench, rooms);
      const path = await pathAtEnd(bench, reader);
      return () => latency(bench.roundMs, () => timed(() => bench.client.skim('GET', path, reader.token)));
    },
  };
}

/** The /sync after another member has sent one message in one of so many rooms; the sending is not timed. */
export function syncOfOneChange(rooms: number): Measurement {
  return {
    name: `sync of one change, ${rooms} rooms`,
    unit: 'ms',
    run: async (bench) => {
      const { reader, writer, roomIds } = await memberOf(bench, rooms);
      let path = await pathAtEnd(bench, reader);
      return () =>
        latency(bench.roundMs, async (turn) => {
          const roomId = roomIds[turn % roomIds.length] ?? '';
          await sendMessage(bench.client, writer, roomId);
          const start = performance.now();
          const body = await bench.client.call('GET', path, reader.token);
          const elapsedMs = performance.now() - start;
          if (!changedRooms(body).includes(roomId)) throw new Error('a sync lacks what had happened');
          path = pathSince(textAt(body, 'next_batch'));
          return elapsedMs;
        });
    },
  };
}

/** A /sync from the beginning by a member of so many rooms, each as it is after its creation and a join. */
export function initialSync(rooms: number): Measurement {
  return {
    name: `initial sync, ${rooms} rooms`,
    unit: 'ms',
    run: async (bench) => {
      const { reader } = await memberOf(bench, rooms);
      const path = '/_matrix/client/v3/sync?timeout=0';
      return () => latency(bench.roundMs, () => timed(() => bench.client.skim('GET', path, reader.token)));
    },
  };
}

interface Membership {
  readonly reader: Account;
  readonly writer: Account;
  readonly roomIds: readonly string[];
}

/** Two who are together in so many rooms, and nowhere else. */
const memberOf = oncePerRun(async (bench, rooms): Promise<Membership> => {
  const [writer, reader] = [await bench.accounts.make(), await bench.accounts.make()];
  const roomIds = await together(numbers(bench.scaled(rooms)), AT_ONCE, () =>
    makeRoom(bench.client, writer, [reader]),
  );
  return { reader, writer, roomIds };
});

/** The path of an incremental /sync from now on, which does not wait. */
async function pathAtEnd(bench: Bench, reader: Account): Promise<string> {
  const path = '/_matrix/client/v3/sync?timeout=0';
  const first = await bench.client.call('GET', path, reader.token);
  // What the first sync itself causes, such as presence, is behind the second.
  const second = await bench.client.call('GET', pathSince(textAt(first, 'next_batch')), reader.token);
  return pathSince(textAt(second, 'next_batch'));
}

function pathSince(token: string): string {
  return `/_matrix/client/v3/sync?timeout=0&since=${encodeURIComponent(token)}`;
}

function changedRooms(body: JsonObject): string[] {
  const { rooms } = body;
  const joined = isJsonObject(rooms) ? rooms['join'] : undefined;
  return isJsonObject(joined) ? Object.keys(joined) : [];
}
