import assert from 'node:assert/strict';
import type { Requester } from '../../src/http/endpoint.ts';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { asMatrixEvent } from '../../src/rooms/load-facts.ts';
import { listEventsByNid } from '../../src/storage/events.ts';
import { findRoom, listWholeState } from '../../src/storage/rooms.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { receive, remoteEvent, remoteUser, stateOf } from '../support/remote-server.ts';
import { call, createFutureWorld, type FutureWorld } from './future-world.ts';

const VERSION = '11';
const dan = remoteUser('dan');
const eve = remoteUser('eve');

describe('a future and the events of other servers', () => {
  let world: FutureWorld;
  let alice: Requester;
  let roomId: RoomId;

  before(async () => {
    world = await createFutureWorld();
    alice = await world.user('alice');
  });
  beforeEach(async () => {
    roomId = await world.room(alice, [], VERSION);
    await world.setState(roomId, alice, 'm.room.power_levels', '', {
      users: { [alice.userId]: 100, [eve]: 99, [dan]: 50 },
    });
    for (const user of [dan, eve]) await arrive(user, 'm.room.member', user, { membership: 'join' });
  });
  after(() => world[Symbol.asyncDispose]());

  const tips = async (): Promise<MatrixEvent[]> => {
    const room = await findRoom(world.deps.db, roomId);
    const nids = room?.extremities.map((tip) => tip.eventNid) ?? [];
    return (await listEventsByNid(world.deps.db, nids)).map(asMatrixEvent);
  };
  const currentState = async (): Promise<MatrixEvent[]> => {
    const room = await findRoom(world.deps.db, roomId);
    assert.ok(room !== undefined);
    const state = await listWholeState(world.deps.db, room.roomNid);
    return (await listEventsByNid(world.deps.db, [...state.values()])).map(asMatrixEvent);
  };
  /** A piece of state that the other server sends, on the room as it is or as it was at a moment. */
  const arrive = async (
    sender: UserId,
    type: string,
    stateKey: string,
    content: JsonObject,
    moment?: { readonly tips: readonly MatrixEvent[]; readonly state: readonly MatrixEvent[] },
  ): Promise<string> => {
    world.clock.advance(1);
    const event = remoteEvent(roomId, VERSION, {
      sender,
      type,
      stateKey,
      content,
      prevs: moment?.tips ?? (await tips()),
      state: stateOf(...(moment?.state ?? (await currentState()))),
      originServerTs: world.clock.nowMs(),
    });
    const outcome = await receive(world.rooms, event);
    assert.equal(outcome.kind, 'committed');
    return (outcome.kind === 'committed' ? outcome.events[0]?.verdict : undefined) ?? '';
  };
  const moment = async (): Promise<{ tips: MatrixEvent[]; state: MatrixEvent[] }> => ({
    tips: await tips(),
    state: await currentState(),
  });
  const make = (): Promise<string> =>
    world.create(alice, roomId, {
      timeout: 10,
      send_now: call('slot', { by: 'alice' }),
      send_on_timeout: call('slot', { by: 'timeout' }),
    });
  const holder = (): Promise<JsonObject | undefined> => world.state(roomId, 'org.example.call', 'slot');

  it('newer state of another server supersedes it (27)', async () => {
    const token = await make();
    assert.equal(await arrive(dan, 'org.example.call', 'slot', { by: 'dan' }), 'accepted');
    assert.equal((await world.stored(token)).status, 'superseded');
    await world.advance(10_000);
    assert.deepEqual(await holder(), { by: 'dan' });
  });

  it('losing a fork supersedes it, and winning it back later does not revive it (28)', async () => {
    const before = await moment();
    const token = await make();
    const own = await moment();
    assert.equal(await arrive(dan, 'org.example.call', 'slot', { by: 'dan' }, before), 'accepted');
    assert.deepEqual(await holder(), { by: 'dan' });
    assert.equal((await world.stored(token)).status, 'superseded');

    // On the branch of the future's own state somebody takes dan's power: what he has set does not hold any more.
    const powers = { users: { [alice.userId]: 100, [eve]: 99, [dan]: 0 } };
    assert.equal(await arrive(eve, 'm.room.power_levels', '', powers, own), 'accepted');
    assert.deepEqual(await holder(), { by: 'alice' });
    assert.equal((await world.stored(token)).status, 'superseded');
    await world.advance(10_000);
    assert.deepEqual(await holder(), { by: 'alice' });
  });

  it('state that is soft-failed or rejected leaves it alone (29)', async () => {
    const withPower = await moment();
    const powers = { users: { [alice.userId]: 100, [eve]: 99, [dan]: 0 } };
    await world.setState(roomId, alice, 'm.room.power_levels', '', powers);
    const token = await make();
    assert.equal(await arrive(dan, 'org.example.call', 'slot', { by: 'dan' }, withPower), 'softFailed');
    assert.equal(await arrive(dan, 'org.example.call', 'slot', { by: 'dan' }), 'rejected');
    assert.equal((await world.stored(token)).status, 'pending');
    await world.advance(10_000);
    assert.deepEqual(await holder(), { by: 'timeout' });
  });
});
