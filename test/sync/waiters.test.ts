import assert from 'node:assert/strict';
import { Waiters } from '../../src/sync/waiters.ts';
import { ManualClock } from '../../src/util/clock.ts';

const ROOM = 7;
const USER = 3;

describe('who waits for news', () => {
  const { signal } = new AbortController();

  it('is woken by what was told while they read up to an earlier position', async () => {
    const clock = new ManualClock();
    const waiters = new Waiters({ clock });
    using waiter = waiters.register(USER);
    // Told when the position to read up to was known already, and before anything was read.
    waiters.tell({ position: 12, roomNids: [], userNids: [USER] });
    waiter.hasRead(11);
    assert.equal(await waiter.next(clock.nowMs(), signal), 'woken');
    assert.equal(waiter.noticedUpTo, 12);
  });

  it('is not woken again by what they have read', async () => {
    const clock = new ManualClock();
    const waiters = new Waiters({ clock });
    using waiter = waiters.register(USER);
    waiter.watch([ROOM]);
    waiters.tell({ position: 12, roomNids: [ROOM], userNids: [] });
    waiter.hasRead(12);
    const next = waiter.next(clock.nowMs() + 1, signal);
    waiters.tell({ position: 12, roomNids: [ROOM], userNids: [] });
    clock.advance(1);
    assert.equal(await next, 'timeout');
  });
});
