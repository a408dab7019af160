import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { numbers, together, worstOf, type Figure, type Measurement } from './measure.ts';
import { makeRoom, nextName, roomPath } from './rooms.ts';
import { Watcher } from './timeline.ts';
import type { Disposal } from '../src/util/disposal.ts';

const READERS = 20;
/** Between messages, so that all wait again: what is measured is one message, not a flood. */
const REST_MS = 50;
const PATIENCE_MS = 10_000;

/** From the beginning of a send until each of 20 clients that wait in /sync has read the message. */
export const seen: readonly Measurement[] = [
  {
    name: 'send to seen, 20 syncing clients, p99',
    unit: 'ms',
    aim: { atMost: 20 },
    run: watchMessages,
  },
];

async function watchMessages(bench: Bench, after: Disposal): Promise<() => Promise<Figure>> {
  const [sender, ...readers] = await together(numbers(READERS + 1), READERS, () => bench.accounts.make());
  if (sender === undefined) throw new Error('nobody is there');
  const roomId = await makeRoom(bench.client, sender, readers);
  let onSeen = (_body: string): void => undefined;
  for (const reader of readers) {
    const watcher = after.use(new Watcher(bench.baseUrl, reader, (body) => onSeen(body)));
    await watcher.start();
  }
  const once = async (): Promise<number[]> => {
    const body = `message number ${nextName()}`;
    const timesMs: number[] = [];
    const start = performance.now();
    const allSeen = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a message was not seen')), PATIENCE_MS);
      onSeen = (seenBody) => {
        if (seenBody !== body) return;
        timesMs.push(performance.now() - start);
        if (timesMs.length < READERS) return;
        clearTimeout(late);
        resolve();
      };
    });
    const path = `${roomPath(roomId)}/send/m.room.message/${nextName()}`;
    await Promise.all([allSeen, bench.client.skim('PUT', path, sender.token, { msgtype: 'm.text', body })]);
    return timesMs;
  };
  return async () => {
    const end = performance.now() + bench.roundMs;
    const timesMs: number[] = [];
    do {
      timesMs.push(...(await once()));
      await pause(REST_MS);
    } while (performance.now() < end);
    // The processor time is that of one message and all who read it.
    return { ...worstOf(timesMs), operations: timesMs.length / READERS };
  };
}
