import assert from 'node:assert/strict';
import { changeAccountState } from '../../src/accounts/account-state.ts';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { allotPositions, inTransaction } from '../../src/storage/database.ts';
import { insertToDeviceMessages } from '../../src/storage/to-device.ts';
import { SERVER_NAME } from '../support/pipeline.ts';
import { refusal } from '../support/refusal.ts';
import { makeAccount } from './sync-accounts.ts';
import {
  ALICE,
  BOB,
  CHARLIE,
  createSyncWorld,
  eventsIn,
  member,
  named,
  untilWaiting,
  type Synced,
  type SyncWorld,
} from './sync-world.ts';

const TIMEOUT_MS = 30_000;

async function sendToDevice(from: SyncWorld, userId: UserId): Promise<void> {
  const { db } = from.deps;
  const { deviceId, userNid } = await from.viewer(userId);
  const position = await inTransaction(db, async (tx) => {
    const first = await allotPositions(tx, 1);
    const message = { userId, deviceId, content: '{"a":1}' };
    await insertToDeviceMessages(tx, first, { sender: ALICE, type: 'm.test' }, [message]);
    return first;
  });
  from.hub.announce({ position, roomNids: [], userNids: [userNid] });
}

describe('a /sync that waits', () => {
  let world: SyncWorld;
  /** A second process on the same database. */
  let other: SyncWorld;
  let roomId: RoomId;
  beforeEach(async () => {
    world = await createSyncWorld();
    other = await createSyncWorld({ beside: world, seed: 'other' });
    roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
  });
  afterEach(async () => {
    assert.equal(world.clock.pendingTimers, 0);
    await other[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  async function wait(userId: UserId, since?: string, signal?: AbortSignal): Promise<Promise<Synced>[]> {
    const from = since ?? (await world.sync(userId)).next;
    const options = { since: from, timeoutMs: TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    // In an array, because to await a promise of a promise awaits both.
    const answer = [world.sync(userId, options)];
    await untilWaiting(world);
    return answer;
  }

  for (const where of ['the same process', 'another process'] as const) {
    const process = (): SyncWorld => (where === 'the same process' ? world : other);

    it(`is answered at once by a message from ${where}`, async () => {
      const [answer] = await wait(BOB);
      await process().test.send(roomId, ALICE, 'wake up');
      assert.deepEqual(named((await answer)?.room('join', roomId)?.timeline), ['wake up']);
    });

    it(`is answered at once by an invite from ${where}`, async () => {
      const [answer] = await wait(CHARLIE);
      await member(process(), roomId, ALICE, CHARLIE, 'invite');
      assert.deepEqual((await answer)?.rooms('invite'), [roomId]);
    });

    it(`is answered at once when the user is banned by ${where}`, async () => {
      const [answer] = await wait(BOB);
      await member(process(), roomId, ALICE, BOB, 'ban');
      assert.deepEqual((await answer)?.rooms('leave'), [roomId]);
    });

    it(`is answered at once by a to-device message from ${where}`, async () => {
      const { deviceId } = await world.viewer(BOB);
      await makeAccount(world.deps.db, BOB, deviceId);
      const [answer] = await wait(BOB);
      await sendToDevice(process(), BOB);
      const events = eventsIn((await answer)?.body['to_device']);
      assert.deepEqual(events, [{ sender: ALICE, type: 'm.test', content: { a: 1 } }]);
    });

    it(`is refused at once when the user's account is locked by ${where}`, async () => {
      const { deviceId } = await world.viewer(BOB);
      await makeAccount(world.deps.db, BOB, deviceId);
      const [answer] = await wait(BOB);
      const refused = assert.rejects(answer ?? Promise.resolve(), refusal(401, 'M_USER_LOCKED'));
      const deps = { ...process().deps, hub: process().hub, serverName: SERVER_NAME };
      await changeAccountState(deps, { userId: ALICE }, BOB, { isLocked: true });
      await refused;
    });

    it(`is answered from a room that the user joined through ${where} a moment ago`, async () => {
      const since = (await world.sync(CHARLIE)).next;
      await member(process(), roomId, CHARLIE, CHARLIE, 'join');
      const joined = await world.sync(CHARLIE, { since, timeoutMs: TIMEOUT_MS });
      const [answer] = await wait(CHARLIE, joined.next);
      await process().test.send(roomId, ALICE, 'welcome');
      assert.deepEqual(named((await answer)?.room('join', roomId)?.timeline), ['welcome']);
    });
  }

  it('is answered with nothing when its time is over, and goes on from there', async () => {
    const since = (await world.sync(BOB)).next;
    const [answer] = await wait(BOB, since);
    world.clock.advance(TIMEOUT_MS - 1);
    assert.equal(world.deps.syncFeed.waiters.waiting, 1);
    world.clock.advance(1);
    const synced = await answer;
    assert.deepEqual([synced?.next, synced?.body['rooms']], [since, undefined]);
  });

  it('waits no longer than ten minutes, however long it wants to', async () => {
    const { next } = await world.sync(BOB);
    const answer = world.sync(BOB, { since: next, timeoutMs: 999_999_999 });
    await untilWaiting(world);
    world.clock.advance(10 * 60_000);
    assert.equal((await answer).next, next);
  });

  it('ends when the client goes away', async () => {
    const gone = new AbortController();
    const [answer] = await wait(BOB, undefined, gone.signal);
    gone.abort();
    await answer;
    assert.equal(world.deps.syncFeed.waiters.waiting, 0);
  });

  it('does not begin when the client has gone already', async () => {
    const { next } = await world.sync(BOB);
    assert.equal(
      (await world.sync(BOB, { since: next, timeoutMs: TIMEOUT_MS, signal: AbortSignal.abort() })).next,
      next,
    );
  });

  it('sleeps on while others talk elsewhere', async () => {
    const elsewhere = await world.test.createRoom(ALICE);
    const [answer] = await wait(BOB);
    await world.test.send(elsewhere, ALICE, 'not for bob');
    await world.test.send(elsewhere, ALICE, 'not for bob');
    assert.equal(world.deps.syncFeed.waiters.waiting, 1);
    await world.test.send(roomId, ALICE, 'for bob');
    assert.deepEqual((await answer)?.rooms('join'), [roomId]);
  });

  it('does not wait the first time, for full state, or without a timeout', async () => {
    const { next } = await world.sync(BOB, { timeoutMs: TIMEOUT_MS });
    await world.sync(BOB, { since: next });
    await world.sync(BOB, { since: next, timeoutMs: -1 });
    await world.sync(BOB, { since: next, fullState: true, timeoutMs: TIMEOUT_MS });
  });

  it('takes a token from the future for the newest', async () => {
    const [answer] = await wait(BOB, 's999999999');
    await world.test.send(roomId, ALICE, 'now');
    const synced = await answer;
    assert.ok(synced !== undefined && synced.next.length < 9);
    assert.deepEqual(named(synced.room('join', roomId)?.timeline), ['now']);
  });

  it('misses nothing that happens while it begins to wait', async () => {
    let { next } = await world.sync(BOB);
    for (let round = 0; round < 100; round += 1) {
      const sender = round % 2 === 0 ? world : other;
      const body = `round ${round}`;
      const [synced] = await Promise.all([
        world.sync(BOB, { since: next, timeoutMs: TIMEOUT_MS }),
        sender.test.send(roomId, ALICE, body),
      ]);
      assert.deepEqual(named(synced.room('join', roomId)?.timeline), [body]);
      next = synced.next;
    }
  });
});
