import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { MatrixEvent } from '../../../src/matrix/event.ts';
import {
  ALICE,
  BOB,
  buildEvent,
  CAROL,
  createIdOf,
  type EventInWords,
  joins,
  member,
  sets,
  setsLevels,
  ZOE,
} from '../auth-rules/room-in-words.ts';
import { resolveAll, stateOf } from './graph-in-words.ts';

const CREATE: EventInWords = {
  ...sets(ALICE, 'm.room.create', { creator: ALICE }),
  eventId: createIdOf('1'),
  depth: 1,
};
const ALICE_JOINS: EventInWords = { ...joins(ALICE), eventId: '$alice:home', depth: 2 };
const LEVELS: EventInWords = {
  ...setsLevels(ALICE, { users: { [ALICE]: 100, [BOB]: 50 } }),
  eventId: '$levels:home',
  depth: 3,
};
const RULES: EventInWords = {
  ...sets(ALICE, 'm.room.join_rules', { join_rule: 'public' }),
  eventId: '$rules:home',
  depth: 4,
};
const BOB_JOINS: EventInWords = { ...joins(BOB), eventId: '$bob:home', depth: 5 };
const ROOM = [CREATE, ALICE_JOINS, LEVELS, RULES, BOB_JOINS];

const at = (depth: number, eventId: string, event: EventInWords): EventInWords => ({
  ...event,
  depth,
  eventId,
});
const build = (words: readonly EventInWords[]): readonly MatrixEvent[] =>
  words.map((event) => buildEvent(event, '1'));

/** The ids that the states, each the common room with some events over it, resolve to. */
function resolveForks(
  forks: readonly (readonly EventInWords[])[],
  room: readonly EventInWords[] = ROOM,
): ReadonlySet<string> {
  const states = forks.map((fork) => stateOf(build([...room, ...fork])));
  const events = new Map(build([...room, ...forks.flat()]).map((event) => [event.eventId, event]));
  return new Set(resolveAll('1', states, events).values());
}

describe('state resolution v1', () => {
  it('keeps what only one state has', () => {
    const name = at(6, '$name:home', sets(ALICE, 'm.room.name'));
    assert.ok(resolveForks([[name], []]).has('$name:home'));
  });

  it('takes of two names the deeper', () => {
    const shallow = at(6, '$shallow:home', sets(ALICE, 'm.room.name'));
    const deep = at(7, '$deep:home', sets(ALICE, 'm.room.name'));
    const resolved = resolveForks([[deep], [shallow]]);
    assert.ok(resolved.has('$deep:home') && !resolved.has('$shallow:home'));
  });

  it('takes of names of one depth that with the lowest SHA-1 of its id', () => {
    const ids = ['$a:home', '$b:home', '$c:home', '$d:home'];
    const [lowest] = ids.toSorted((a, b) => (sha1(a) < sha1(b) ? -1 : 1));
    const resolved = resolveForks(ids.map((id) => [at(6, id, sets(ALICE, 'm.room.name'))]));
    assert.deepEqual(
      ids.filter((id) => resolved.has(id)),
      [lowest],
    );
  });

  it('passes over a deeper name that is not allowed', () => {
    const good = at(6, '$good:home', sets(ALICE, 'm.room.name'));
    const bad = at(9, '$bad:home', sets(CAROL, 'm.room.name'));
    assert.ok(resolveForks([[bad], [good]]).has('$good:home'));
  });

  it('takes the shallowest name when none is allowed', () => {
    const one = at(6, '$one:home', sets(CAROL, 'm.room.name'));
    const two = at(7, '$two:home', sets(CAROL, 'm.room.name'));
    assert.ok(resolveForks([[two], [one]]).has('$one:home'));
  });

  it('takes the first power levels unchecked, and later ones while they are allowed', () => {
    const unchecked = at(6, '$p1:home', setsLevels(CAROL, { users: { [ALICE]: 100, [BOB]: 100 } }));
    const allowed = at(7, '$p2:home', setsLevels(BOB, { users: { [ALICE]: 100, [BOB]: 60 } }));
    const refused = at(8, '$p3:home', setsLevels(BOB, { users: { [ALICE]: 100, [BOB]: 100 } }));
    const beyond = at(9, '$p4:home', setsLevels(ALICE, { users: { [ALICE]: 100 } }));
    const resolved = resolveForks([[beyond], [refused], [allowed], [unchecked]]);
    assert.ok(resolved.has('$p2:home'));
    assert.ok(
      !resolved.has('$p3:home') && !resolved.has('$p4:home'),
      'the list is left at the first refusal',
    );
  });

  it('begins with the highest SHA-1 among power levels of one depth', () => {
    const ids = ['$a:home', '$b:home', '$c:home'];
    const [highest] = ids.toSorted((a, b) => (sha1(a) > sha1(b) ? -1 : 1));
    const resolved = resolveForks(
      ids.map((id) => [at(6, id, setsLevels(CAROL, { users: { [ALICE]: 100 } }))]),
    );
    assert.deepEqual(
      ids.filter((id) => resolved.has(id)),
      [highest],
    );
  });

  it('settles join rules by the power levels that came out', () => {
    const keeps = at(6, '$p1:home', setsLevels(ALICE, { users: { [ALICE]: 100, [BOB]: 50 } }));
    const demotes = at(7, '$p2:home', setsLevels(ALICE, { users: { [ALICE]: 100 } }));
    const aliceRules = at(6, '$r1:home', sets(ALICE, 'm.room.join_rules', { join_rule: 'invite' }));
    const bobRules = at(8, '$r2:home', sets(BOB, 'm.room.join_rules', { join_rule: 'public' }));
    const resolved = resolveForks([
      [keeps, bobRules],
      [demotes, aliceRules],
    ]);
    assert.ok(resolved.has('$p2:home') && resolved.has('$r1:home'));
  });

  it('settles memberships by the join rules that came out', () => {
    const closes = at(7, '$r2:home', sets(ALICE, 'm.room.join_rules', { join_rule: 'invite' }));
    const leaves = at(6, '$z1:home', member(ZOE, ZOE, 'leave'));
    const joinsAgain = at(8, '$z2:home', joins(ZOE));
    assert.ok(
      resolveForks([[leaves], [closes, joinsAgain]]).has('$z1:home'),
      'not after the room was closed',
    );
    assert.ok(resolveForks([[leaves], [joinsAgain]]).has('$z2:home'), 'but while it is open');
  });

  it('lets a member leave and be banned after their join', () => {
    const leaves = at(7, '$leave:home', member(BOB, BOB, 'leave'));
    const ban = at(8, '$ban:home', member(ALICE, BOB, 'ban'));
    assert.ok(resolveForks([[], [leaves]]).has('$leave:home'));
    assert.ok(resolveForks([[], [leaves], [ban]]).has('$ban:home'));
  });

  it('does not let one membership decide about another in the same round', () => {
    const bobLeaves = at(6, '$b1:home', member(BOB, BOB, 'leave'));
    const bobKicks = at(7, '$c2:home', member(BOB, CAROL, 'leave'));
    const carolJoins = at(6, '$c1:home', joins(CAROL));
    const resolved = resolveForks([
      [carolJoins, BOB_JOINS],
      [bobKicks, bobLeaves],
    ]);
    assert.ok(resolved.has('$b1:home'));
    assert.ok(resolved.has('$c1:home'), 'the kicker is not in the state that kicks are checked against');
  });

  it('gives the topic to who may set it in the end', () => {
    const bobsTopic = at(9, '$t2:home', sets(BOB, 'm.room.topic'));
    const alicesTopic = at(6, '$t1:home', sets(ALICE, 'm.room.topic'));
    const ban = at(7, '$ban:home', member(ALICE, BOB, 'ban'));
    assert.ok(resolveForks([[bobsTopic], [alicesTopic]]).has('$t2:home'));
    assert.ok(resolveForks([[bobsTopic], [alicesTopic, ban]]).has('$t1:home'));
  });

  it('may bring an old membership back, the flaw that v2 mends', () => {
    const ban = at(7, '$ban:home', member(ALICE, BOB, 'ban'));
    const laterJoin = at(9, '$later:home', joins(BOB));
    const levels = at(8, '$p2:home', setsLevels(ALICE, { users: { [ALICE]: 0, [BOB]: 50 } }));
    const resolved = resolveForks([
      [ban, LEVELS],
      [laterJoin, levels],
    ]);
    assert.ok(resolved.has('$ban:home'), 'the oldest is taken unchecked');
    assert.ok(!resolved.has('$later:home'));
  });
});

function sha1(id: string): string {
  return createHash('sha1').update(id).digest('hex');
}
