import assert from 'node:assert/strict';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { asMatrixEvent } from '../../src/rooms/load-facts.ts';
import { listEventsByNid } from '../../src/storage/events.ts';
import { findRoom, listWholeState } from '../../src/storage/rooms.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { receive, remoteEvent, remoteUser, stateOf } from '../support/remote-server.ts';
import {
  ALICE,
  BOB,
  createSyncWorld,
  member,
  named,
  objectAt,
  type RoomAnswer,
  type SyncWorld,
} from './sync-world.ts';

const DAN = remoteUser('dan');
const TOPIC = 'm.room.topic';

function topicIn(events: readonly JsonObject[] | undefined): unknown {
  const topic = events?.find((event) => event['type'] === TOPIC);
  return topic === undefined ? undefined : objectAt(topic, 'content')['topic'];
}

describe('state in /sync', () => {
  let world: SyncWorld;
  let roomId: RoomId;
  beforeEach(async () => {
    world = await createSyncWorld();
    roomId = await world.test.createRoom(ALICE, '11');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function state(): Promise<MatrixEvent[]> {
    const { db } = world.deps;
    const room = await findRoom(db, roomId);
    assert.ok(room !== undefined);
    const nids = await listWholeState(db, room.roomNid);
    return (await listEventsByNid(db, [...nids.values()])).map(asMatrixEvent);
  }

  async function tips(): Promise<MatrixEvent[]> {
    const room = await findRoom(world.deps.db, roomId);
    return (await listEventsByNid(world.deps.db, room?.extremities.map((tip) => tip.eventNid) ?? [])).map(
      asMatrixEvent,
    );
  }

  /** What dan of the other server sends on top of some events, believing in some state. */
  async function fromDan(
    event: { readonly type: string; readonly stateKey?: string; readonly content: JsonObject },
    at: { readonly prevs: readonly MatrixEvent[]; readonly state: readonly MatrixEvent[] },
  ): Promise<MatrixEvent> {
    world.clock.advance(1_000);
    const made = remoteEvent(roomId, '11', {
      ...event,
      sender: DAN,
      prevs: at.prevs,
      state: stateOf(...at.state),
      originServerTs: world.clock.nowMs(),
    });
    const outcome = await receive(world.test, made);
    assert.equal(outcome.kind === 'committed' ? outcome.events[0]?.verdict : outcome.kind, 'accepted');
    return made;
  }

  async function letDanIn(): Promise<void> {
    await world.test.setState(roomId, ALICE, 'm.room.power_levels', '', {
      users: { [ALICE]: 100, [DAN]: 60 },
    });
    const join = { type: 'm.room.member', stateKey: DAN, content: { membership: 'join' } };
    await fromDan(join, { prevs: await tips(), state: await state() });
  }

  async function synced(request: Parameters<SyncWorld['sync']>[1]): Promise<RoomAnswer | undefined> {
    return (await world.sync(ALICE, request)).room('join', roomId);
  }

  for (const key of ['state_after', 'org.matrix.msc4222.state_after'] as const) {
    it(`goes to the end of the timeline under ${key} when asked for`, async () => {
      await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'one' });
      const first = await world.sync(ALICE, { stateAfter: key, filter: '{"room":{"timeline":{"limit":1}}}' });
      const room = first.room('join', roomId);
      assert.deepEqual([room?.state, Object.hasOwn(room?.body ?? {}, key)], [undefined, true]);
      assert.deepEqual([named(room?.timeline), topicIn(room?.stateAfter)], [[TOPIC], 'one']);
      assert.equal(room?.stateAfter?.length, 5);
      await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'two' });
      const second = await synced({ stateAfter: key, since: first.next });
      assert.deepEqual([named(second?.timeline), topicIn(second?.stateAfter)], [[TOPIC], 'two']);
      assert.equal(second?.stateAfter?.length, 1);
    });
  }

  it('is there, empty, when it did not change', async () => {
    const { next } = await world.sync(ALICE);
    await world.test.send(roomId, ALICE, 'hello');
    const room = await synced({ stateAfter: 'state_after', since: next });
    assert.deepEqual([room?.stateAfter, room?.state], [[], undefined]);
  });

  it('comes whole at the end on request', async () => {
    const { next } = await world.sync(ALICE);
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'one' });
    const room = await synced({ stateAfter: 'state_after', since: next, fullState: true });
    assert.deepEqual([room?.timeline.length, room?.stateAfter?.length], [1, 5]);
  });

  it('at the end comes for left rooms as well', async () => {
    await member(world, roomId, BOB, BOB, 'join');
    const { next } = await world.sync(BOB);
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'old' });
    await member(world, roomId, BOB, BOB, 'leave');
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'new' });
    const left = (await world.sync(BOB, { since: next, stateAfter: 'state_after' })).room('leave', roomId);
    assert.deepEqual(named(left?.stateAfter), [TOPIC, `${BOB} leave`]);
    assert.equal(topicIn(left?.stateAfter), 'old');
    assert.equal(left?.state, undefined);
  });

  it('holds what the filter takes from the timeline', async () => {
    const { next } = await world.sync(ALICE);
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'filtered' });
    await world.test.send(roomId, ALICE, 'last');
    const filter = '{"room":{"timeline":{"types":["m.room.message"]}}}';
    const plain = await synced({ since: next, filter });
    assert.deepEqual([named(plain?.timeline), topicIn(plain?.state)], [['last'], 'filtered']);
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'after the last' });
    const late = await synced({ since: next, filter });
    assert.deepEqual([named(late?.timeline), topicIn(late?.state)], [['last'], 'after the last']);
    const first = await synced({ filter });
    assert.deepEqual([named(first?.timeline), topicIn(first?.state)], [['last'], 'after the last']);
  });

  it('is not led back by a late event of an old fork', async () => {
    await letDanIn();
    const [old, before] = [await tips(), await state()];
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'new' });
    const { next } = await world.sync(ALICE);
    await fromDan(
      { type: 'm.room.message', content: { msgtype: 'm.text', body: 'late' } },
      { prevs: old, state: before },
    );
    const plain = await synced({ since: next });
    assert.deepEqual([named(plain?.timeline), plain?.state], [['late'], []]);
    const after = await synced({ since: next, stateAfter: 'state_after' });
    assert.deepEqual(after?.stateAfter, []);
  });

  it('is that of a fork which wins, though the timeline holds both', async () => {
    await letDanIn();
    const [old, before] = [await tips(), await state()];
    const { next } = await world.sync(ALICE);
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'of alice' });
    const fork = await fromDan(
      { type: TOPIC, stateKey: '', content: { topic: 'of dan' } },
      { prevs: old, state: before },
    );
    const winner = (await state()).find((event) => event.type === TOPIC);
    assert.equal(winner?.eventId, fork.eventId);
    const room = await synced({ since: next, stateAfter: 'state_after' });
    assert.deepEqual([room?.timeline.length, topicIn(room?.stateAfter)], [2, 'of dan']);
  });

  it('tells what state resolution undid without an event of its own', async () => {
    await letDanIn();
    await world.test.setState(roomId, ALICE, TOPIC, '', { topic: 'first' });
    const [old, before] = [await tips(), await state()];
    const topic = { type: TOPIC, stateKey: '', content: { topic: 'of dan' } };
    await fromDan(topic, { prevs: old, state: before });
    const { next } = await world.sync(ALICE);
    assert.equal(topicIn((await synced({ stateAfter: 'state_after' }))?.stateAfter), 'of dan');
    // On the other fork dan is banned: both forks together leave the first topic.
    await banOnFork(old, before);
    const now = (await state()).find((event) => event.type === TOPIC);
    assert.equal(now?.content['topic'], 'first');
    const room = await synced({ since: next, stateAfter: 'state_after' });
    assert.equal(topicIn(room?.stateAfter), 'first');
    const plain = await synced({ since: next });
    assert.equal(topicIn(plain?.state), 'first');
  });

  /** A ban of dan by alice, at a point of the graph that does not know of what he did since. */
  async function banOnFork(prevs: readonly MatrixEvent[], believed: readonly MatrixEvent[]): Promise<void> {
    const ban = remoteEvent(roomId, '11', {
      sender: ALICE,
      type: 'm.room.member',
      stateKey: DAN,
      content: { membership: 'ban' },
      prevs,
      state: stateOf(...believed),
      originServerTs: world.clock.nowMs() - 500,
    });
    const outcome = await receive(world.test, ban);
    assert.equal(outcome.kind === 'committed' ? outcome.events[0]?.verdict : outcome.kind, 'accepted');
  }
});
