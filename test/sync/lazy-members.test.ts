import assert from 'node:assert/strict';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { localUser } from '../support/pipeline.ts';
import { ALICE, BOB, CHARLIE, createSyncWorld, member, named, type SyncWorld } from './sync-world.ts';

function lazy(limit: number, extra: JsonObject = {}): string {
  const state = { lazy_load_members: true, ...extra };
  return JSON.stringify({ room: { timeline: { limit }, state } });
}

function membersIn(events: readonly JsonObject[] | undefined): string[] {
  return (events ?? [])
    .filter((event) => event['type'] === 'm.room.member')
    .map((event) => String(named([event])?.[0]))
    .toSorted();
}

describe('lazily loaded members in /sync', () => {
  let world: SyncWorld;
  let roomId: RoomId;
  const crowd = Array.from({ length: 8 }, (_, index) => localUser(`member${index}`));
  beforeEach(async () => {
    world = await createSyncWorld();
    roomId = await world.test.createRoom(ALICE);
    await world.test.setState(roomId, ALICE, 'm.room.name', '', { name: 'a room' });
    for (const userId of [BOB, ...crowd]) await member(world, roomId, userId, userId, 'join');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function state(
    userId: UserId,
    request: Parameters<SyncWorld['sync']>[1],
  ): Promise<readonly JsonObject[] | undefined> {
    const room = (await world.sync(userId, request)).room('join', roomId);
    return room?.state ?? room?.stateAfter;
  }

  it('are all there when not asked for', async () => {
    await world.test.send(roomId, BOB, 'hello');
    const filter = '{"room":{"timeline":{"limit":1}}}';
    assert.equal(membersIn(await state(ALICE, { filter })).length, 10);
  });

  for (const stateAfter of [undefined, 'state_after'] as const) {
    it(`are those who speak, and the reader (${stateAfter ?? 'state'})`, async () => {
      await world.test.send(roomId, BOB, 'hello');
      const found = await state(ALICE, { filter: lazy(1), stateAfter });
      assert.deepEqual(membersIn(found), [`${ALICE} join`, `${BOB} join`]);
      assert.ok(found?.some((event) => event['type'] === 'm.room.power_levels'));
    });

    it(`come with what they say later (${stateAfter ?? 'state'})`, async () => {
      const { next } = await world.sync(ALICE, { filter: lazy(1), stateAfter });
      await world.test.send(roomId, BOB, 'hello');
      const found = await state(ALICE, { filter: lazy(1), since: next, stateAfter });
      assert.deepEqual(membersIn(found), [`${BOB} join`]);
    });

    it(`are also those who changed in a gap (${stateAfter ?? 'state'})`, async () => {
      const { next } = await world.sync(ALICE, { filter: lazy(1), stateAfter });
      await member(world, roomId, CHARLIE, CHARLIE, 'join');
      for (const text of ['one', 'two']) await world.test.send(roomId, BOB, text);
      const found = await state(ALICE, { filter: lazy(1), since: next, stateAfter });
      assert.deepEqual(membersIn(found), [`${BOB} join`, `${CHARLIE} join`].toSorted());
    });
  }

  it('include the reader when newly joined and when all state is asked for', async () => {
    const { next } = await world.sync(CHARLIE, { filter: lazy(1) });
    await member(world, roomId, CHARLIE, CHARLIE, 'join');
    await world.test.send(roomId, BOB, 'hello');
    const joined = await world.sync(CHARLIE, { filter: lazy(1), since: next });
    assert.deepEqual(
      membersIn(joined.room('join', roomId)?.state),
      [`${BOB} join`, `${CHARLIE} join`].toSorted(),
    );
    const full = await state(CHARLIE, { filter: lazy(1), since: joined.next, fullState: true });
    assert.deepEqual(membersIn(full), [`${CHARLIE} join`]);
  });

  it('include the heroes of a room without a name', async () => {
    await world.test.setState(roomId, ALICE, 'm.room.name', '', {});
    await world.test.send(roomId, ALICE, 'hello');
    const room = (await world.sync(ALICE, { filter: lazy(1) })).room('join', roomId);
    const heroes = [BOB, ...crowd.slice(0, 4)];
    assert.deepEqual(room?.summary?.['m.heroes'], heroes);
    assert.deepEqual(membersIn(room?.state), [ALICE, ...heroes].map((userId) => `${userId} join`).toSorted());
  });

  it('obey the filter of state all the same', async () => {
    await world.test.send(roomId, BOB, 'hello');
    const found = await state(ALICE, { filter: lazy(1, { not_types: ['m.room.member'] }) });
    assert.deepEqual(membersIn(found), []);
    assert.ok(found !== undefined && found.length > 0);
  });
});
