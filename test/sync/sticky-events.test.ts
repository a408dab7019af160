import assert from 'node:assert/strict';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { internUsers } from '../../src/storage/users.ts';
import { makeAccount } from './sync-accounts.ts';
import {
  ALICE,
  BOB,
  CHARLIE,
  createSyncWorld,
  eventsIn,
  member,
  named,
  objectAt,
  type RoomAnswer,
  type SyncWorld,
  untilWaiting,
} from './sync-world.ts';

const MINUTE = 60_000;
const SHORT = JSON.stringify({ room: { timeline: { limit: 2 } } });

/** What the sticky section of a room says. */
function stickyIn(room: RoomAnswer | undefined): string[] | undefined {
  return named(eventsIn(room?.body['msc4354_sticky']));
}

describe('sticky events in /sync', () => {
  let world: SyncWorld;
  let roomId: RoomId;
  beforeEach(async () => {
    world = await createSyncWorld();
    roomId = await world.test.createRoom(ALICE);
    await member(world, roomId, BOB, BOB, 'join');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const stick = async (body: string, sender: UserId = ALICE, durationMs = 10 * MINUTE): Promise<void> => {
    const content = { msgtype: 'm.text', body };
    const event = { type: 'm.room.message', content, stickyDurationMs: durationMs };
    assert.equal((await world.test.propose(roomId, sender, event)).kind, 'committed');
  };
  const chat = async (count = 3): Promise<void> => {
    for (let index = 0; index < count; index += 1) await world.test.send(roomId, ALICE, `chat ${index}`);
  };
  const ignore = async (user: UserId, ignored: UserId): Promise<void> => {
    const { deviceId } = await world.viewer(user);
    await makeAccount(world.deps.db, user, deviceId);
    const nids = await internUsers(world.deps.db, [user, ignored]);
    await world.database.database.pool.query(
      `insert into account_data (user_nid, room_nid, type, content, is_deleted, position)
       values ($1, 0, 'm.ignored_user_list', $2, false, 1)`,
      [nids.get(user), JSON.stringify({ ignored_users: { [ignored]: {} } })],
    );
  };

  it('come in the timeline alone where that holds them', async () => {
    await stick('sticky');
    const room = (await world.sync(BOB)).room('join', roomId);
    assert.equal(named(room?.timeline)?.at(-1), 'sticky');
    assert.equal(stickyIn(room), undefined);
    const shown = room?.timeline.at(-1) ?? {};
    assert.deepEqual(shown['msc4354_sticky'], { duration_ms: 10 * MINUTE });
    assert.equal(objectAt(shown, 'unsigned')['msc4354_sticky_duration_ttl_ms'], 10 * MINUTE);
  });

  it('come beside the timeline of a first answer that is too short for them, oldest first', async () => {
    await stick('one');
    await stick('two', BOB);
    await chat();
    await stick('shown');
    world.clock.advance(MINUTE);
    const room = (await world.sync(BOB, { filter: SHORT })).room('join', roomId);
    assert.deepEqual(named(room?.timeline), ['chat 2', 'shown']);
    assert.deepEqual(stickyIn(room), ['one', 'two']);
    const [first] = eventsIn(room?.body['msc4354_sticky']) ?? [];
    assert.equal(objectAt(first ?? {}, 'unsigned')['msc4354_sticky_duration_ttl_ms'], 9 * MINUTE);
  });

  it('come once, in the answer that leaves a gap where they are', async () => {
    const { next } = await world.sync(BOB);
    await stick('in the gap');
    await chat();
    const gappy = await world.sync(BOB, { since: next, filter: SHORT });
    assert.equal(gappy.room('join', roomId)?.limited, true);
    assert.deepEqual(stickyIn(gappy.room('join', roomId)), ['in the gap']);
    await chat();
    const after = await world.sync(BOB, { since: gappy.next, filter: SHORT });
    assert.equal(stickyIn(after.room('join', roomId)), undefined);
  });

  it('come though the filter keeps them out of the timeline', async () => {
    const filter = JSON.stringify({
      room: { timeline: { not_types: ['m.room.message'] }, state: { types: [] } },
    });
    const { next } = await world.sync(BOB, { filter });
    await chat();
    await stick('not to be missed');
    const synced = await world.sync(BOB, { since: next, filter });
    assert.deepEqual(stickyIn(synced.room('join', roomId)), ['not to be missed']);
    assert.deepEqual(named(synced.room('join', roomId)?.timeline), []);
  });

  it('wake a client that waits, though the filter keeps them out of the timeline', async () => {
    const filter = JSON.stringify({
      room: { timeline: { not_types: ['m.room.message'] }, state: { types: [] } },
    });
    const { next } = await world.sync(BOB, { filter });
    const waiting = world.sync(BOB, { since: next, filter, timeoutMs: MINUTE });
    await untilWaiting(world);
    await world.test.send(roomId, ALICE, 'not for bob');
    await stick('for bob');
    assert.deepEqual(stickyIn((await waiting).room('join', roomId)), ['for bob']);
  });

  it('come in the form that the filter asks for', async () => {
    await stick('in short');
    await chat();
    const filter = (more: object): string => JSON.stringify({ room: { timeline: { limit: 2 } }, ...more });
    const short = await world.sync(BOB, { filter: filter({ event_fields: ['content.body'] }) });
    const [event] = eventsIn(short.room('join', roomId)?.body['msc4354_sticky']) ?? [];
    assert.deepEqual(event, { content: { body: 'in short' } });
    const pdus = await world.sync(BOB, { filter: filter({ event_format: 'federation' }) });
    const [pdu = {}] = eventsIn(pdus.room('join', roomId)?.body['msc4354_sticky']) ?? [];
    assert.ok('signatures' in pdu);
  });

  it('come no more when their time is over, nor say that they are sticky', async () => {
    const { next } = await world.sync(BOB);
    await stick('short', ALICE, 2 * MINUTE);
    await stick('long', ALICE, 5 * MINUTE);
    await chat();
    world.clock.advance(2 * MINUTE);
    for (const since of [undefined, next]) {
      const room = (await world.sync(BOB, { ...(since === undefined ? {} : { since }), filter: SHORT })).room(
        'join',
        roomId,
      );
      assert.deepEqual(stickyIn(room), ['long']);
    }
    const whole = (await world.sync(BOB)).room('join', roomId);
    const short = whole?.timeline.find((event) => objectAt(event, 'content')['body'] === 'short') ?? {};
    assert.deepEqual(short['msc4354_sticky'], { duration_ms: 2 * MINUTE });
    assert.equal('msc4354_sticky_duration_ttl_ms' in objectAt(short, 'unsigned'), false);
  });

  it('come whatever the history visibility to who has just joined, all that stick', async () => {
    await world.test.setState(roomId, ALICE, 'm.room.history_visibility', '', {
      history_visibility: 'joined',
    });
    const { next } = await world.sync(CHARLIE);
    await stick('before the join');
    await world.test.send(roomId, ALICE, 'secret');
    await member(world, roomId, CHARLIE, CHARLIE, 'join');
    const joined = (await world.sync(CHARLIE, { since: next })).room('join', roomId);
    assert.equal(named(joined?.timeline)?.includes('secret'), false);
    assert.deepEqual(stickyIn(joined), ['before the join']);
    const first = (await world.sync(CHARLIE)).room('join', roomId);
    assert.deepEqual(stickyIn(first), ['before the join']);
  });

  it('come again to who has left and joined again', async () => {
    await stick('once');
    await member(world, roomId, BOB, BOB, 'leave');
    const { next } = await world.sync(BOB);
    await member(world, roomId, BOB, BOB, 'join');
    const room = (await world.sync(BOB, { since: next, filter: SHORT })).room('join', roomId);
    assert.deepEqual(stickyIn(room), ['once']);
  });

  it('come to members only', async () => {
    const { next } = await world.sync(BOB);
    await stick('for those who stay');
    await chat();
    await member(world, roomId, BOB, BOB, 'leave');
    const left = await world.sync(BOB, { since: next, filter: SHORT });
    assert.deepEqual(left.rooms('join'), []);
    assert.equal(stickyIn(left.room('leave', roomId)), undefined);
    const invited = await world.sync(CHARLIE);
    assert.deepEqual(invited.rooms('join'), []);
  });

  it('of users whom the reader ignores do not come, but for state', async () => {
    await world.test.setState(roomId, ALICE, 'm.room.power_levels', '', { users: {}, state_default: 0 });
    await ignore(BOB, CHARLIE);
    await member(world, roomId, CHARLIE, CHARLIE, 'join');
    await stick('of charlie', CHARLIE);
    await stick('of alice');
    const state = { type: 'org.example.flag', stateKey: '', content: {}, stickyDurationMs: MINUTE };
    await world.test.propose(roomId, CHARLIE, state);
    await chat();
    const room = (await world.sync(BOB, { filter: SHORT })).room('join', roomId);
    assert.deepEqual(stickyIn(room), ['of alice', 'org.example.flag']);
  });

  it('stick no more once they are redacted', async () => {
    const content = { msgtype: 'm.text', body: 'a slip' };
    const outcome = await world.test.propose(roomId, ALICE, {
      type: 'm.room.message',
      content,
      stickyDurationMs: MINUTE,
    });
    const eventId = outcome.kind === 'committed' ? outcome.events[0]?.event.eventId : undefined;
    await world.test.propose(roomId, ALICE, {
      type: 'm.room.redaction',
      content: { redacts: eventId ?? '' },
    });
    const whole = (await world.sync(BOB)).room('join', roomId);
    const redacted = whole?.timeline.find((event) => event['event_id'] === eventId) ?? {};
    assert.deepEqual(redacted['content'], {});
    assert.equal('msc4354_sticky' in redacted, false);
    await chat();
    assert.equal(stickyIn((await world.sync(BOB, { filter: SHORT })).room('join', roomId)), undefined);
  });

  it('are given out a hundred at a time after a gap, in order, none of them twice and none left out', async () => {
    const { next } = await world.sync(BOB);
    const names = Array.from({ length: 230 }, (_, index) => `sticky ${index}`);
    await Promise.all(names.map((name) => stick(name)));
    await chat(12);
    const seen: string[] = [];
    const counts: number[] = [];
    let since = next;
    for (let round = 0; round < 3; round += 1) {
      const synced = await world.sync(BOB, { since });
      const room = synced.room('join', roomId);
      const all = [...(stickyIn(room) ?? []), ...(named(room?.timeline) ?? [])];
      seen.push(...all.filter((name) => name.startsWith('sticky')));
      counts.push(seen.length);
      since = synced.next;
    }
    assert.deepEqual(counts, [100, 200, 230]);
    assert.deepEqual(seen, names);
    const last = await world.sync(BOB, { since });
    assert.deepEqual(last.rooms('join'), []);
  });

  it('of rooms that the filter leaves out do not come', async () => {
    const filter = JSON.stringify({ room: { not_rooms: [roomId] } });
    const { next } = await world.sync(BOB, { filter });
    await stick('elsewhere');
    assert.deepEqual((await world.sync(BOB, { since: next, filter })).rooms('join'), []);
  });
});
