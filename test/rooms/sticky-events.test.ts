import assert from 'node:assert/strict';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import type { Outcome } from '../../src/rooms/intent.ts';
import { asMatrixEvent } from '../../src/rooms/load-facts.ts';
import { StickyUpkeep } from '../../src/rooms/sticky-upkeep.ts';
import { listEventsById, listEventsByNid } from '../../src/storage/events.ts';
import { findRoom, listWholeState } from '../../src/storage/rooms.ts';
import { findStickyExpiries } from '../../src/storage/sticky-events.ts';
import { createLog } from '../../src/util/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, type TestPipeline } from '../support/pipeline.ts';
import { receive, remoteEvent, remoteUser, stateOf } from '../support/remote-server.ts';

const MINUTE = 60_000;
const alice = localUser('alice');
const dan = remoteUser('dan');
const eve = remoteUser('eve');

/** A room as the other server sees it: its newest events and its state. */
interface View {
  readonly prevs: readonly MatrixEvent[];
  readonly state: ReturnType<typeof stateOf>;
}

describe('sticky events of other servers', () => {
  let database: TestDatabase;
  let test: TestPipeline;
  let upkeep: StickyUpkeep;
  let roomId: RoomId;
  beforeEach(async () => {
    database = await createTestDatabase();
    test = makePipeline(database, { onCommitted: (change) => upkeep.note(change) });
    upkeep = startUpkeep();
    roomId = await test.createRoom(alice, '11');
    for (const user of [dan, eve]) await join(user);
  });
  afterEach(async () => {
    await upkeep[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  function startUpkeep(): StickyUpkeep {
    const { db } = database.database;
    return new StickyUpkeep({
      db,
      pipeline: test.pipeline,
      clock: test.clock,
      log: createLog({ level: 'silent' }),
    });
  }

  async function view(): Promise<View> {
    const { db } = database.database;
    const room = await findRoom(db, roomId);
    assert.ok(room !== undefined);
    const tips = await listEventsByNid(
      db,
      room.extremities.map((tip) => tip.eventNid),
    );
    const state = await listEventsByNid(db, [...(await listWholeState(db, room.roomNid)).values()]);
    return { prevs: tips.map(asMatrixEvent), state: stateOf(...state.map(asMatrixEvent)) };
  }

  function build(seen: View, sender: UserId, event: Partial<Parameters<typeof remoteEvent>[2]>): MatrixEvent {
    return remoteEvent(roomId, '11', {
      sender,
      type: 'm.room.message',
      content: { msgtype: 'm.text', body: 'here I am' },
      originServerTs: test.clock.nowMs(),
      ...seen,
      ...event,
    });
  }

  async function join(user: UserId): Promise<void> {
    const content = { membership: 'join' };
    const event = build(await view(), user, { type: 'm.room.member', stateKey: user, content });
    assert.equal(verdictOf(await receive(test, event)), 'accepted');
  }

  function verdictOf(outcome: Outcome): string | undefined {
    return outcome.kind === 'committed' ? outcome.events[0]?.verdict : outcome.kind;
  }

  /** The event's fate: its status, and for how long it is sticky still. */
  async function fateOf({ eventId }: MatrixEvent): Promise<[string | undefined, number | undefined]> {
    const [stored] = await listEventsById(database.database.db, [eventId]);
    assert.ok(stored !== undefined);
    const expiries = await findStickyExpiries(database.database.db, [stored.eventNid]);
    const expiresTs = expiries.get(stored.eventNid);
    return [stored.status, expiresTs === undefined ? undefined : expiresTs - test.clock.nowMs()];
  }

  /** A sticky event that dan sent before he heard that alice had banned him. */
  async function softFailed(): Promise<MatrixEvent> {
    const before = await view();
    await test.setState(roomId, alice, 'm.room.member', dan, { membership: 'ban' });
    const late = build(before, dan, { stickyDurationMs: 10 * MINUTE });
    assert.equal(verdictOf(await receive(test, late)), 'softFailed');
    return late;
  }

  const rejoin = async (): Promise<void> => {
    await test.setState(roomId, alice, 'm.room.member', dan, { membership: 'leave' });
    await join(dan);
    await upkeep.idle();
  };

  for (const [words, offsetMs, leftMs] of [
    ['from when they were sent', -MINUTE, 9 * MINUTE],
    ['from when they came, were they sent in the future', MINUTE, 10 * MINUTE],
  ] as const)
    it(`are sticky ${words}`, async () => {
      const originServerTs = test.clock.nowMs() + offsetMs;
      const event = build(await view(), dan, { stickyDurationMs: 10 * MINUTE, originServerTs });
      assert.equal(verdictOf(await receive(test, event)), 'accepted');
      assert.deepEqual(await fateOf(event), ['accepted', leftMs]);
    });

  it('are sticky for an hour, whatever more they say', async () => {
    const event = build(await view(), dan, { stickyDurationMs: 600 * MINUTE });
    await receive(test, event);
    assert.deepEqual(await fateOf(event), ['accepted', 60 * MINUTE]);
  });

  it('that came too late are like any other event', async () => {
    const originServerTs = test.clock.nowMs() - 10 * MINUTE;
    const event = build(await view(), dan, { stickyDurationMs: 10 * MINUTE, originServerTs });
    await receive(test, event);
    assert.deepEqual(await fateOf(event), ['accepted', undefined]);
  });

  it('that were soft-failed are sticky after all when their sender is in the room again', async () => {
    const late = await softFailed();
    assert.deepEqual(await fateOf(late), ['softFailed', undefined]);
    test.clock.advance(MINUTE);
    await rejoin();
    assert.deepEqual(await fateOf(late), ['accepted', 9 * MINUTE]);
    const shown = test.committed.flatMap((change) => change.events);
    assert.equal(shown.filter(({ event }) => event.eventId === late.eventId).length, 1);
    const { prevs } = await view();
    assert.ok(prevs.some((prev) => prev.eventId === late.eventId));
  });

  it('stay soft-failed whatever happens to others, or while their sender may not send', async () => {
    const late = await softFailed();
    await test.setState(roomId, alice, 'm.room.member', eve, { membership: 'ban' });
    await test.setState(roomId, alice, 'm.room.member', dan, { membership: 'leave' });
    await upkeep.idle();
    assert.deepEqual(await fateOf(late), ['softFailed', undefined]);
  });

  it('stay soft-failed once their time is over', async () => {
    const late = await softFailed();
    test.clock.advance(10 * MINUTE);
    await rejoin();
    assert.deepEqual(await fateOf(late), ['softFailed', undefined]);
  });

  it('are looked at again after a restart', async () => {
    const late = await softFailed();
    await upkeep[Symbol.asyncDispose]();
    await rejoin();
    assert.deepEqual(await fateOf(late), ['softFailed', undefined]);
    upkeep = startUpkeep();
    upkeep.start();
    await upkeep.idle();
    assert.deepEqual(await fateOf(late), ['accepted', 10 * MINUTE]);
  });

  it('that are not sticky stay soft-failed', async () => {
    const before = await view();
    await test.setState(roomId, alice, 'm.room.member', dan, { membership: 'ban' });
    const late = build(before, dan, {});
    assert.equal(verdictOf(await receive(test, late)), 'softFailed');
    await rejoin();
    assert.deepEqual(await fateOf(late), ['softFailed', undefined]);
  });

  it('are forgotten once they have expired', async () => {
    await receive(test, build(await view(), dan, { stickyDurationMs: 10 * MINUTE }));
    upkeep.start();
    await upkeep.idle();
    const count = async (): Promise<unknown> => {
      const { rows } = await database.database.pool.query('select count(*)::int as count from sticky_events');
      return rows[0].count;
    };
    assert.equal(await count(), 1);
    test.clock.advance(10 * MINUTE);
    await upkeep.idle();
    assert.equal(await count(), 0);
  });
});
