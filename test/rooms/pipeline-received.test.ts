import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import { asMatrixEvent } from '../../src/rooms/load-facts.ts';
import type { Outcome, ProposedEvent } from '../../src/rooms/intent.ts';
import { listEventsByNid } from '../../src/storage/events.ts';
import { findRoom, listWholeState } from '../../src/storage/rooms.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, type TestPipeline } from '../support/pipeline.ts';
import { receive, remoteEvent, remoteUser, stateOf } from '../support/remote-server.ts';

const alice = localUser('alice');
const dan = remoteUser('dan');
const eve = remoteUser('eve');

/** The verdict on the one event of an outcome. */
function verdictOf(outcome: Outcome): ProposedEvent {
  const event = outcome.kind === 'committed' ? outcome.events[0] : undefined;
  assert.ok(event !== undefined, `the event ended as ${outcome.kind}`);
  return event;
}

describe('received events', () => {
  let database: TestDatabase;
  let test: TestPipeline;
  before(async () => {
    database = await createTestDatabase();
    test = makePipeline(database);
  });
  after(async () => {
    await test[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function currentState(roomId: RoomId): Promise<MatrixEvent[]> {
    const room = await findRoom(database.database.db, roomId);
    assert.ok(room !== undefined);
    const state = await listWholeState(database.database.db, room.roomNid);
    return (await listEventsByNid(database.database.db, [...state.values()])).map(asMatrixEvent);
  }

  async function holder(roomId: RoomId, type: string, stateKey = ''): Promise<MatrixEvent | undefined> {
    return (await currentState(roomId)).find((event) => event.type === type && event.stateKey === stateKey);
  }

  async function tips(roomId: RoomId): Promise<MatrixEvent[]> {
    const room = await findRoom(database.database.db, roomId);
    const nids = room?.extremities.map((tip) => tip.eventNid) ?? [];
    return (await listEventsByNid(database.database.db, nids)).map(asMatrixEvent);
  }

  /** A room of alice's in which dan and eve of the other server are, with power 50. */
  async function sharedRoom(version: RoomVersion): Promise<{ roomId: RoomId; joins: MatrixEvent[] }> {
    const roomId = await test.createRoom(alice, version);
    await test.setState(roomId, alice, 'm.room.power_levels', '', {
      users: version === '12' ? { [dan]: 50, [eve]: 50 } : { [alice]: 100, [dan]: 50, [eve]: 50 },
    });
    const joins: MatrixEvent[] = [];
    for (const sender of [dan, eve]) {
      const join = remoteEvent(roomId, version, {
        sender,
        type: 'm.room.member',
        stateKey: sender,
        content: { membership: 'join' },
        prevs: await tips(roomId),
        state: stateOf(...(await currentState(roomId))),
        originServerTs: test.clock.nowMs(),
      });
      assert.equal(verdictOf(await receive(test, join)).verdict, 'accepted');
      joins.push(join);
    }
    return { roomId, joins };
  }

  for (const version of ['1', '2', '6', '10', '11', '12'] as const) {
    it(`accepts a join and a message of another server in version ${version}, and builds on them`, async () => {
      const { roomId, joins } = await sharedRoom(version);
      const local = await test.send(roomId, alice, 'welcome');
      assert.deepEqual(local.event.prevEvents, [joins[1]?.eventId]);
    });

    it(`resolves a fork of two topics to one, whichever comes first, in version ${version}`, async () => {
      const winners: (string | undefined)[] = [];
      const { roomId } = await sharedRoom(version);
      const front = await tips(roomId);
      const state = stateOf(...(await currentState(roomId)));
      const topic = (sender: typeof dan, text: string, laterMs: number): MatrixEvent =>
        remoteEvent(roomId, version, {
          sender,
          type: 'm.room.topic',
          stateKey: '',
          content: { topic: text },
          prevs: front,
          state,
          originServerTs: test.clock.nowMs() + laterMs,
        });
      const [first, second] = [topic(dan, 'first', 1000), topic(eve, 'second', 2000)];
      assert.equal(verdictOf(await receive(test, second)).verdict, 'accepted');
      assert.equal(verdictOf(await receive(test, first)).verdict, 'accepted');
      winners.push((await holder(roomId, 'm.room.topic'))?.eventId);
      assert.equal((await tips(roomId)).length, 2);
      // Version 1 prefers the deeper, then the smaller hash; later ones the later event of equal mainline position.
      if (version !== '1') assert.equal(winners[0], second.eventId);
      const merge = await test.send(roomId, alice, 'one line again');
      assert.equal(merge.event.prevEvents.length, 2);
      assert.equal((await tips(roomId)).length, 1);
      assert.equal((await holder(roomId, 'm.room.topic'))?.eventId, winners[0]);
    });
  }

  it('rejects what its auth events do not allow, and leaves the room as it is', async () => {
    const { roomId } = await sharedRoom('11');
    const before = await tips(roomId);
    const event = remoteEvent(roomId, '11', {
      sender: remoteUser('stranger'),
      type: 'm.room.message',
      content: { msgtype: 'm.text', body: 'I was never here' },
      prevs: before,
      state: stateOf(...(await currentState(roomId))),
      originServerTs: test.clock.nowMs(),
    });
    const verdict = verdictOf(await receive(test, event));
    assert.equal(verdict.verdict, 'rejected');
    assert.ok(verdict.reason !== undefined && verdict.reason.length > 10);
    assert.equal(verdict.position, undefined);
    assert.deepEqual(
      (await tips(roomId)).map((tip) => tip.eventId),
      before.map((tip) => tip.eventId),
    );
    assert.equal(verdictOf(await receive(test, event)).verdict, 'known');
  });

  it('soft-fails a late event of someone who is banned by now', async () => {
    const { roomId } = await sharedRoom('11');
    const old = await tips(roomId);
    const oldState = stateOf(...(await currentState(roomId)));
    await test.setState(roomId, alice, 'm.room.member', eve, { membership: 'ban' });
    const late = remoteEvent(roomId, '11', {
      sender: eve,
      type: 'm.room.message',
      content: { msgtype: 'm.text', body: 'I said this before the ban' },
      prevs: old,
      state: oldState,
      originServerTs: test.clock.nowMs(),
    });
    const verdict = verdictOf(await receive(test, late));
    assert.equal(verdict.verdict, 'softFailed');
    assert.equal(verdict.position, undefined);
    assert.equal((await tips(roomId)).length, 1);
    const next = await test.send(roomId, alice, 'after the ban');
    assert.ok(!next.event.prevEvents.includes(late.eventId));
  });

  it('names what is missing, and takes the event once that is there', async () => {
    const { roomId } = await sharedRoom('11');
    const state = stateOf(...(await currentState(roomId)));
    const message = (body: string, prevs: readonly MatrixEvent[]): MatrixEvent =>
      remoteEvent(roomId, '11', {
        sender: dan,
        type: 'm.room.message',
        content: { msgtype: 'm.text', body },
        prevs,
        state,
        originServerTs: test.clock.nowMs(),
      });
    const first = message('first', await tips(roomId));
    const second = message('second', [first]);
    assert.deepEqual(await receive(test, second), { kind: 'missing', eventIds: [first.eventId] });
    assert.equal(verdictOf(await receive(test, first)).verdict, 'accepted');
    assert.equal(verdictOf(await receive(test, second)).verdict, 'accepted');
  });

  it('keeps an outlier out of the graph until it is given a place', async () => {
    const { roomId } = await sharedRoom('11');
    const front = await tips(roomId);
    const event = remoteEvent(roomId, '11', {
      sender: dan,
      type: 'm.room.topic',
      stateKey: '',
      content: { topic: 'from outside' },
      prevs: front,
      state: stateOf(...(await currentState(roomId))),
      originServerTs: test.clock.nowMs(),
    });
    assert.equal(verdictOf(await receive(test, event, 'outlier')).verdict, 'outlier');
    assert.equal(await holder(roomId, 'm.room.topic'), undefined);
    assert.equal(verdictOf(await receive(test, event)).verdict, 'accepted');
    assert.equal((await holder(roomId, 'm.room.topic'))?.eventId, event.eventId);
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from events where event_id = ${event.eventId} and position is not null`.execute(
      database.database.db,
    );
    assert.equal(rows[0]?.count, 1);
  });

  it('takes an event on top of an old one with the state as it was there', async () => {
    const { roomId } = await sharedRoom('11');
    const old = await tips(roomId);
    const oldState = stateOf(...(await currentState(roomId)));
    await test.setState(roomId, alice, 'm.room.name', '', { name: 'newer' });
    await test.send(roomId, alice, 'and a message');
    const late = remoteEvent(roomId, '11', {
      sender: dan,
      type: 'm.room.topic',
      stateKey: '',
      content: { topic: 'made before the name was known' },
      prevs: old,
      state: oldState,
      originServerTs: test.clock.nowMs(),
    });
    assert.equal(verdictOf(await receive(test, late)).verdict, 'accepted');
    assert.ok((await holder(roomId, 'm.room.name')) !== undefined);
    assert.equal((await holder(roomId, 'm.room.topic'))?.eventId, late.eventId);
    assert.equal((await tips(roomId)).length, 2);
  });

  it('applies a redaction of another server only with the level, or to an event of the same server', async () => {
    const { roomId } = await sharedRoom('11');
    const target = await test.send(roomId, alice, 'a local message');
    const redaction = async (sender: typeof dan, redacts: string): Promise<MatrixEvent> =>
      remoteEvent(roomId, '11', {
        sender,
        type: 'm.room.redaction',
        content: { redacts },
        prevs: await tips(roomId),
        state: stateOf(...(await currentState(roomId))),
        originServerTs: test.clock.nowMs(),
      });
    const redactedBy = async (nid: number): Promise<number | undefined> =>
      (await listEventsByNid(database.database.db, [nid]))[0]?.redactedByNid;
    await test.setState(roomId, alice, 'm.room.power_levels', '', {
      users: { [alice]: 100, [dan]: 50, [eve]: 0 },
      events_default: 0,
    });
    const weak = verdictOf(await receive(test, await redaction(eve, target.event.eventId)));
    assert.equal(weak.verdict, 'accepted');
    assert.equal(await redactedBy(target.nid), undefined);
    const strong = verdictOf(await receive(test, await redaction(dan, target.event.eventId)));
    assert.equal(await redactedBy(target.nid), strong.nid);
  });
});
