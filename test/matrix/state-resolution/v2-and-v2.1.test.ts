import assert from 'node:assert/strict';
import type { MatrixEvent } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import type { RoomVersion } from '../../../src/matrix/room-version.ts';
import {
  ALICE,
  BOB,
  buildEvent,
  CAROL,
  createIdOf,
  type EventInWords,
  joins,
  leaves,
  member,
  sets,
  setsLevels,
  toEventId,
} from '../auth-rules/room-in-words.ts';
import { resolveAll, stateOf } from './graph-in-words.ts';

/** Events by name, each with what it cites; since v12 `create` is left out of that. */
type Events = Readonly<Record<string, readonly [event: EventInWords, cites: readonly string[]]>>;

function resolveNamed(
  version: RoomVersion,
  named: Events,
  states: readonly (readonly string[])[],
  rejected: readonly string[] = [],
): readonly string[] {
  const idOf = (name: string): EventId => toEventId(name === 'create' ? createIdOf(version) : `$${name}`);
  const built = new Map<string, MatrixEvent>();
  for (const [index, [name, [event, cites]]] of Object.entries(named).entries()) {
    const authEvents = cites.filter((cited) => version !== '12' || cited !== 'create').map(idOf);
    built.set(name, buildEvent({ ts: index, authEvents, ...event, eventId: idOf(name) }, version));
  }
  const events = new Map([...built.values()].map((event) => [event.eventId, event]));
  const sets = states.map((names) => stateOf(names.flatMap((name) => built.get(name) ?? [])));
  const ids = new Set(resolveAll(version, sets, events, (id) => rejected.map(idOf).includes(id)).values());
  return Object.keys(named).filter((name) => ids.has(idOf(name)));
}

const levels = (
  sender: string,
  users: Readonly<Record<string, number>>,
  version: RoomVersion,
): EventInWords => setsLevels(sender, { users: { ...(version === '12' ? {} : { [ALICE]: 100 }), ...users } });

/** Alice's room; Bob and Carol joined while it was public; then it was closed. */
const closedRoom = (version: RoomVersion): Events => ({
  create: [sets(ALICE, 'm.room.create'), []],
  alice: [joins(ALICE), ['create']],
  levels: [levels(ALICE, {}, version), ['create', 'alice']],
  open: [sets(ALICE, 'm.room.join_rules', { join_rule: 'public' }), ['create', 'alice', 'levels']],
  bob: [joins(BOB), ['create', 'levels', 'open']],
  carol: [joins(CAROL), ['create', 'levels', 'open']],
  closed: [sets(ALICE, 'm.room.join_rules', { join_rule: 'invite' }), ['create', 'alice', 'levels']],
  bob2: [joins(BOB, { displayname: 'B' }), ['create', 'levels', 'bob', 'closed']],
  carol2: [joins(CAROL, { displayname: 'C' }), ['create', 'levels', 'carol', 'closed']],
});

/** Alice left at last. */
const leftRoom = (version: RoomVersion): Events => ({
  ...closedRoom(version),
  'alice-leaves': [leaves(ALICE), ['create', 'alice', 'levels']],
});

/** Power levels rose in steps, and two joined under the newest. */
const raisedRoom = (version: RoomVersion): Events => ({
  ...closedRoom(version),
  levels2: [levels(ALICE, { [BOB]: 50 }, version), ['create', 'alice', 'levels']],
  levels3: [levels(BOB, { [BOB]: 50, [CAROL]: 50 }, version), ['create', 'bob', 'levels2']],
  zoe: [joins('@zoe:home'), ['create', 'levels3', 'open']],
  eve: [joins('@eve:home'), ['create', 'levels3', 'open']],
});

/** Alice and Bob set the topic at one time; all state may be set by anybody; Bob was banned besides. */
const bannedRoom = (version: RoomVersion): Events => ({
  ...closedRoom(version),
  levels: [
    setsLevels(ALICE, { state_default: 0, users: version === '12' ? {} : { [ALICE]: 100 } }),
    ['create', 'alice'],
  ],
  ban: [member(ALICE, BOB, 'ban'), ['create', 'alice', 'levels', 'bob']],
  'topic-alice': [sets(ALICE, 'm.room.topic'), ['create', 'levels', 'alice']],
  'topic-bob': [sets(BOB, 'm.room.topic'), ['create', 'levels', 'bob']],
});

describe('where state resolution v2 and v2.1 differ', () => {
  const base = ['create', 'alice', 'levels'];

  it('v2 loses join rules when their sender left on both sides, v2.1 sees that they were joined', () => {
    const sides = [
      ['create', 'levels', 'alice-leaves', 'closed', 'bob2', 'carol'],
      ['create', 'levels', 'alice-leaves', 'bob', 'carol2'],
    ];
    assert.equal(resolveNamed('11', leftRoom('11'), sides).includes('closed'), false);
    assert.equal(resolveNamed('12', leftRoom('12'), sides).includes('closed'), true);
  });

  it('v2 falls back to power levels that one side still holds, v2.1 replays what came between', () => {
    const sides = [
      ['create', 'alice', 'open', 'bob', 'carol', 'levels', 'zoe'],
      ['create', 'alice', 'open', 'bob', 'carol', 'levels3', 'eve'],
    ];
    const resolved = (version: RoomVersion) => resolveNamed(version, raisedRoom(version), sides);
    assert.deepEqual(
      resolved('11').filter((name) => /^levels|zoe|eve/.test(name)),
      ['levels', 'zoe', 'eve'],
    );
    assert.deepEqual(
      resolved('12').filter((name) => /^levels|zoe|eve/.test(name)),
      ['levels3', 'zoe', 'eve'],
    );
  });

  it('v2 checks against the state that is not in conflict, v2.1 against what the event cites', () => {
    const sides = [
      [...base, 'open', 'ban', 'topic-bob'],
      [...base, 'open', 'ban', 'topic-alice'],
    ];
    assert.ok(resolveNamed('11', bannedRoom('11'), sides).includes('topic-alice'), 'the ban counts');
    assert.ok(
      resolveNamed('12', bannedRoom('12'), sides).includes('topic-bob'),
      'the join counts, and Bob was later',
    );
  });
});

describe('rejected events in state resolution', () => {
  const sides = [
    ['create', 'alice', 'levels', 'open', 'bob'],
    ['create', 'alice', 'levels', 'open'],
  ];
  for (const version of ['11', '12'] as const) {
    it(`what rests on an accepted event is taken (room version ${version})`, () => {
      assert.ok(resolveNamed(version, closedRoom(version), sides).includes('bob'));
    });

    it(`what rests on a rejected event is not (room version ${version})`, () => {
      assert.ok(!resolveNamed(version, closedRoom(version), sides, ['open']).includes('bob'));
    });

    it(`what was rejected may be taken after all, as long as the state allows it (room version ${version})`, () => {
      assert.ok(resolveNamed(version, closedRoom(version), sides, ['bob']).includes('bob'));
    });
  }

  it('where the create event was rejected, nothing in conflict is taken', () => {
    const resolved = resolveNamed('12', closedRoom('12'), sides, ['create']);
    assert.deepEqual(resolved, ['create', 'alice', 'levels', 'open']);
  });
});
