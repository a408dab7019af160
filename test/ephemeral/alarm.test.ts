import assert from 'node:assert/strict';
import { Alarm } from '../../src/ephemeral/alarm.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';

const log = createLog({ level: 'silent' });

describe('an alarm', () => {
  it('goes off once, at the soonest of the times it was set to', async () => {
    const clock = new ManualClock(0);
    const times: number[] = [];
    await using alarm = new Alarm({ clock, log, work: async () => void times.push(clock.nowMs()) });
    for (const atMs of [30, 10, 20, undefined]) alarm.set(atMs);
    assert.equal(clock.pendingTimers, 1);
    clock.advance(100);
    await alarm.idle();
    assert.deepEqual(times, [10]);
  });

  it('is set to when its work says that there is more', async () => {
    const clock = new ManualClock(0);
    const times: number[] = [];
    const work = async (): Promise<number | undefined> => {
      times.push(clock.nowMs());
      return times.length < 3 ? clock.nowMs() + 5 : undefined;
    };
    await using alarm = new Alarm({ clock, log, work });
    alarm.set(10);
    for (let step = 0; step < 6; step += 1) {
      clock.advance(5);
      await alarm.idle();
    }
    assert.deepEqual(times, [10, 15, 20]);
    assert.equal(clock.pendingTimers, 0);
  });

  it('tries again when its work fails', async () => {
    const clock = new ManualClock(0);
    let tries = 0;
    const work = async (): Promise<undefined> => {
      tries += 1;
      if (tries === 1) throw new Error('the database is away');
    };
    await using alarm = new Alarm({ clock, log, work });
    alarm.set(0);
    await Promise.resolve();
    await alarm.idle();
    assert.equal(tries, 1);
    clock.advance(5_000);
    await alarm.idle();
    assert.equal(tries, 2);
  });

  it('works once more for a time that comes while it is at work', async () => {
    const clock = new ManualClock(0);
    const { promise: released, resolve: release } = makeGate();
    let runs = 0;
    const work = async (): Promise<undefined> => {
      runs += 1;
      if (runs === 1) await released;
    };
    await using alarm = new Alarm({ clock, log, work });
    alarm.set(1);
    clock.advance(1);
    alarm.set(2);
    clock.advance(1);
    release();
    await alarm.idle();
    assert.equal(runs, 2);
  });

  it('leaves nothing behind when it ends', async () => {
    const clock = new ManualClock(0);
    const alarm = new Alarm({ clock, log, work: async () => undefined });
    alarm.set(10);
    await alarm[Symbol.asyncDispose]();
    alarm.set(20);
    assert.equal(clock.pendingTimers, 0);
  });
});

function makeGate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, resolve: () => open() };
}
