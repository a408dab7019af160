import { isJsonArray } from '../src/util/json.ts';
import type { Account } from './accounts.ts';
import type { Bench } from './bench.ts';
import { throughput, type Measurement } from './measure.ts';
import { makeRoom, roomPath, sendMessages } from './rooms.ts';

const PAGE = 100;

/** /messages backwards, page by page, from the newest to the oldest event of a room and again. */
export const history: readonly Measurement[] = [{ ...pagesThrough(5_000), aim: { atLeast: 300 } }];

/** Pages a second for one client that reads back through so many messages. */
export function pagesThrough(messages: number): Measurement {
  return {
    name: `pages of ${PAGE} backwards through ${messages} messages`,
    unit: 'pages/s',
    moreIsBetter: true,
    run: async (bench) => {
      const [reader] = await bench.accounts.some(1);
      const roomId = await makeRoom(bench.client, reader);
      const count = bench.scaled(messages);
      await sendMessages(bench.client, reader, roomId, count);
      const { paths, events } = await walk(bench, reader, roomId);
      if (events < count) throw new Error(`only ${events} of ${count} messages came back`);
      return () =>
        throughput(1, bench.roundMs, (_, turn) =>
          bench.client.skim('GET', paths[turn % paths.length] ?? '', reader.token),
        );
    },
  };
}

/** Reads once what there is, and notes how, so that nobody has to look into a page when it counts. */
async function walk(
  bench: Bench,
  reader: Account,
  roomId: string,
): Promise<{ readonly paths: readonly string[]; readonly events: number }> {
  const paths: string[] = [];
  let events = 0;
  for (let from: string | undefined = ''; from !== undefined;) {
    const start: string = from === '' ? '' : `&from=${encodeURIComponent(from)}`;
    const path = `${roomPath(roomId)}/messages?dir=b&limit=${PAGE}${start}`;
    const { chunk, end } = await bench.client.call('GET', path, reader.token);
    if (!isJsonArray(chunk) || chunk.length === 0) break;
    paths.push(path);
    events += chunk.length;
    from = typeof end === 'string' ? end : undefined;
  }
  return { paths, events };
}
