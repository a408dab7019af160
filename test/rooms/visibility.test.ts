import assert from 'node:assert/strict';
import { renderEvents, type Viewer } from '../../src/rooms/client-events.ts';
import { findInStates, type RoomReadDeps } from '../../src/rooms/read-state.ts';
import { filterVisible } from '../../src/rooms/visibility.ts';
import type { EventId, RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { memberSlot } from '../../src/matrix/power-levels.ts';
import { listRoomsOfUser } from '../../src/storage/memberships.ts';
import { listEventsById, listTimeline, type StoredEvent } from '../../src/storage/events.ts';
import { findRoomNid } from '../../src/storage/rooms.ts';
import { UserRooms } from '../../src/sync/user-rooms.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { internUsers } from '../../src/storage/users.ts';
import { countQueries } from '../support/count-queries.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, type TestPipeline } from '../support/pipeline.ts';

const alice = localUser('alice');
const bob = localUser('bob');

describe('what a reader sees of stored events', () => {
  let database: TestDatabase;
  let room: TestPipeline;
  let deps: RoomReadDeps;
  before(async () => {
    database = await createTestDatabase();
    room = makePipeline(database);
    const { trie, stateKeys } = room.pipeline;
    deps = { db: database.database.db, trie, stateKeys };
  });
  after(async () => {
    await room[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  const viewer = async (userId: UserId): Promise<Viewer> => {
    const userNid = (await internUsers(deps.db, [userId])).get(userId);
    assert.ok(userNid !== undefined);
    return { userId, userNid, sessionNid: undefined };
  };
  const timeline = async (roomId: RoomId): Promise<StoredEvent[]> => {
    const roomNid = await findRoomNid(deps.db, roomId);
    assert.ok(roomNid !== undefined);
    const range = { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 100, newestFirst: false };
    return listTimeline(deps.db, { roomNid, ...range });
  };
  const member = (roomId: RoomId, sender: UserId, target: UserId, membership: string): Promise<unknown> =>
    room.setState(roomId, sender, 'm.room.member', target, { membership });
  const visibleTo = async (userId: UserId, roomId: RoomId): Promise<EventId[]> => {
    const visible = await filterVisible(deps, await timeline(roomId), await viewer(userId));
    return visible.map((event) => event.eventId);
  };

  it('is judged for events of many rooms at once, in the order given', async () => {
    const [first, second] = [await room.createRoom(alice), await room.createRoom(alice)];
    const here = await room.send(first, alice, 'here');
    const there = await room.send(second, alice, 'there');
    await member(second, bob, bob, 'join');
    const stored = await listEventsById(deps.db, [here.event.eventId, there.event.eventId]);
    const visible = await filterVisible(deps, stored.toReversed(), await viewer(bob));
    assert.deepEqual(
      visible.map((event) => event.eventId),
      [there.event.eventId],
    );
  });

  it('reaches back to the beginning for who came back after a kick and an unban, while they stay', async () => {
    const roomId = await room.createRoom(alice);
    await member(roomId, bob, bob, 'join');
    await member(roomId, alice, bob, 'ban');
    const away = await room.send(roomId, alice, 'while bob is away');
    await member(roomId, alice, bob, 'leave');
    assert.ok(!(await visibleTo(bob, roomId)).includes(away.event.eventId));
    await member(roomId, bob, bob, 'join');
    assert.ok((await visibleTo(bob, roomId)).includes(away.event.eventId));
    await member(roomId, bob, bob, 'leave');
    assert.ok((await visibleTo(bob, roomId)).includes(away.event.eventId));
    const after = await room.send(roomId, alice, 'after bob left for good');
    assert.ok(!(await visibleTo(bob, roomId)).includes(after.event.eventId));
  });

  it('includes the own kick and ban', async () => {
    const roomId = await room.createRoom(alice);
    await room.setState(roomId, alice, 'm.room.history_visibility', '', { history_visibility: 'joined' });
    const hidden = await room.send(roomId, alice, 'before bob');
    await member(roomId, bob, bob, 'join');
    await member(roomId, alice, bob, 'leave');
    const gone = await room.send(roomId, alice, 'after bob');
    const all = (await timeline(roomId)).map((event) => event.eventId);
    const unseen = [hidden.event.eventId, gone.event.eventId];
    assert.deepEqual(
      await visibleTo(bob, roomId),
      all.filter((eventId) => !unseen.includes(eventId)),
    );
  });

  it('is rendered in the order given and with the room only where it is asked for', async () => {
    const roomId = await room.createRoom(alice);
    const events = (await timeline(roomId)).toReversed();
    const inSync = await renderEvents({ ...deps, clock: room.clock }, events, await viewer(bob), {
      withRoomId: false,
    });
    assert.deepEqual(
      inSync.map((event) => event['event_id']),
      events.map((event) => event.eventId),
    );
    assert.ok(inSync.every((event) => event['room_id'] === undefined));
    const [one] = await renderEvents({ ...deps, clock: room.clock }, events, await viewer(bob), {
      withRoomId: true,
    });
    assert.equal(one?.['room_id'], roomId);
    assert.deepEqual(
      await renderEvents({ ...deps, clock: room.clock }, [], await viewer(bob), { withRoomId: true }),
      [],
    );
  });

  it('is the same by memberships that are at hand, which are not asked for then', async () => {
    const roomId = await room.createRoom(alice);
    await room.setState(roomId, alice, 'm.room.history_visibility', '', { history_visibility: 'joined' });
    const events = async (): Promise<StoredEvent[]> => {
      await room.send(roomId, alice, 'a message');
      return timeline(roomId);
    };
    for (const [sender, membership] of [
      [alice, 'invite'],
      [bob, 'join'],
      [alice, 'ban'],
      [alice, 'leave'],
      [bob, 'join'],
    ] as const) {
      await member(roomId, sender, bob, membership);
      const stored = await events();
      const stranger = await viewer(bob);
      const rooms = new UserRooms(await listRoomsOfUser(deps.db, stranger.userNid));
      const read = async (reader: Viewer): Promise<readonly JsonObject[]> => {
        const visible = await filterVisible(deps, stored, reader);
        return renderEvents({ ...deps, clock: room.clock }, visible, reader, { withRoomId: false });
      };
      const answers: (readonly JsonObject[])[] = [];
      const asks = async (reader: Viewer): Promise<number> =>
        countQueries(database.database, async () => answers.push(await read(reader)));
      await asks(stranger);
      const before = await asks(stranger);
      assert.ok((await asks({ ...stranger, memberships: rooms })) < before, membership);
      assert.deepEqual(answers[2], answers[0], membership);
    }
  });

  it('finds who holds a slot in each of many states', async () => {
    const roomId = await room.createRoom(alice);
    await member(roomId, bob, bob, 'join');
    const events = await timeline(roomId);
    const roots = events
      .flatMap((event) => [event.stateBefore, event.stateAfter])
      .filter((root) => root !== undefined);
    const held = await findInStates(deps, roots, [memberSlot(bob), memberSlot('@nobody:morrow.test')]);
    const join = events.at(-1);
    assert.ok(join?.stateBefore !== undefined && join.stateAfter !== undefined);
    assert.equal(held.get(join.stateBefore)?.size, 0);
    assert.deepEqual([...(held.get(join.stateAfter) ?? [])], [[memberSlot(bob), join.eventNid]]);
  });
});
