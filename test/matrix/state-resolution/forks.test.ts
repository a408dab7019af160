import assert from 'node:assert/strict';
import type { RoomVersion } from '../../../src/matrix/room-version.ts';
import {
  ALICE,
  BOB,
  CAROL,
  joins,
  leaves,
  member,
  sets,
  setsLevels,
  versionsIn,
  ZOE,
} from '../auth-rules/room-in-words.ts';
import { type Graph, makeGraph } from './graph-in-words.ts';

const topic = (sender: string) => sets(sender, 'm.room.topic', { topic: sender });

/** A public room of Alice, with Bob at 50 and Carol at 0. The last event is `carol`. */
function makeRoom(version: RoomVersion): Graph {
  const graph = makeGraph(version);
  const listed = version === '12' ? {} : { [ALICE]: 100 };
  graph.add(
    'create',
    sets(ALICE, 'm.room.create', version === '12' || version === '11' ? {} : { creator: ALICE }),
    [],
  );
  graph.add('alice', joins(ALICE), ['create']);
  graph.add('levels', setsLevels(ALICE, { users: { ...listed, [BOB]: 50 } }), ['alice']);
  graph.add('rules', sets(ALICE, 'm.room.join_rules', { join_rule: 'public' }), ['levels']);
  graph.add('bob', joins(BOB), ['rules']);
  graph.add('carol', joins(CAROL), ['bob']);
  return graph;
}

const levelsOf = (version: RoomVersion, users: Readonly<Record<string, number>>) =>
  setsLevels(ALICE, { users: { ...(version === '12' ? {} : { [ALICE]: 100 }), ...users } });

for (const version of versionsIn('2,6,11,12')) {
  describe(`a fork in room version ${version}`, () => {
    let room: Graph;
    beforeEach(() => {
      room = makeRoom(version);
    });

    it('keeps what both sides add', () => {
      room.add('zoe', joins(ZOE), ['carol']);
      room.add('topic', topic(ALICE), ['carol']);
      const resolved = room.resolve(['zoe', 'topic']);
      assert.ok(resolved.has('zoe') && resolved.has('topic'));
      assert.equal(resolved.size, 8);
    });

    it('takes of two topics the later', () => {
      room.add('earlier', topic(ALICE), ['carol']);
      room.add('later', topic(BOB), ['carol']);
      const resolved = room.resolve(['later', 'earlier']);
      assert.ok(resolved.has('later') && !resolved.has('earlier'));
    });

    it('takes the later topic by its timestamp, not by how deep it is', () => {
      room.add('one', { ...topic(ALICE), ts: 1000 }, ['carol']);
      room.add('two', { ...topic(ALICE), ts: 1001 }, ['one']);
      room.add('other', { ...topic(BOB), ts: 2000 }, ['carol']);
      assert.ok(room.resolve(['two', 'other']).has('other'));
    });

    it('takes of topics of one time that with the higher id', () => {
      room.add('aaa', { ...topic(ALICE), ts: 1000 }, ['carol']);
      room.add('bbb', { ...topic(BOB), ts: 1000 }, ['carol']);
      assert.ok(room.resolve(['bbb', 'aaa']).has('bbb'));
    });

    it('lets a ban win over what the banned user sent beside it', () => {
      room.add('ban', member(ALICE, BOB, 'ban'), ['carol']);
      room.add('topic', topic(BOB), ['carol']);
      const resolved = room.resolve(['ban', 'topic']);
      assert.ok(resolved.has('ban') && !resolved.has('topic'));
    });

    it('lets a ban win over a new join of the banned user', () => {
      room.add('ban', member(ALICE, CAROL, 'ban'), ['carol']);
      room.add('rename', joins(CAROL, { displayname: 'Carol' }), ['carol']);
      assert.ok(room.resolve(['rename', 'ban']).has('ban'));
    });

    it('lets a demotion win over what the demoted user sent beside it', () => {
      room.add('demotion', levelsOf(version, { [BOB]: 0 }), ['carol']);
      room.add('topic', topic(BOB), ['carol']);
      const resolved = room.resolve(['topic', 'demotion']);
      assert.ok(resolved.has('demotion') && !resolved.has('topic'));
    });

    it('lets the more powerful win where two ban each other', () => {
      room.add('promotion', levelsOf(version, { [BOB]: 50, [CAROL]: 60 }), ['carol']);
      room.add('carol-bans', member(CAROL, BOB, 'ban'), ['promotion']);
      room.add('bob-bans', member(BOB, ZOE, 'ban'), ['promotion']);
      const resolved = room.resolve(['bob-bans', 'carol-bans']);
      assert.ok(resolved.has('carol-bans') && !resolved.has('bob-bans'));
    });

    it('lets the power levels of the more powerful stand', () => {
      room.add('alice-sets', levelsOf(version, { [BOB]: 0 }), ['carol']);
      room.add('lower', levelsOf(version, { [BOB]: 100 }), ['carol']);
      const resolved = room.resolve(['lower', 'alice-sets']);
      assert.ok(resolved.has('lower'), 'of two by Alice, the later');
    });

    it('keeps somebody out who joined beside the closing of the room', () => {
      room.add('closing', sets(ALICE, 'm.room.join_rules', { join_rule: 'invite' }), ['carol']);
      room.add('zoe', joins(ZOE), ['carol']);
      const resolved = room.resolve(['zoe', 'closing']);
      assert.ok(resolved.has('closing') && !resolved.has('zoe'));
    });

    it('lets somebody leave whatever happens beside', () => {
      room.add('closing', sets(ALICE, 'm.room.join_rules', { join_rule: 'invite' }), ['carol']);
      room.add('leave', leaves(CAROL), ['carol']);
      const resolved = room.resolve(['leave', 'closing']);
      assert.ok(resolved.has('leave') && resolved.has('closing'));
    });

    it('goes by the mainline before it goes by time', () => {
      room.add('old', { ...topic(BOB), ts: 9000 }, ['carol']);
      room.add('levels2', levelsOf(version, { [BOB]: 50, [CAROL]: 50 }), ['carol']);
      room.add('new', { ...topic(CAROL), ts: 5000 }, ['levels2']);
      assert.ok(
        room.resolve(['old', 'new']).has('new'),
        'sent under newer power levels, though with an older clock',
      );
    });

    it('brings three sides together', () => {
      room.add('ban', member(ALICE, CAROL, 'ban'), ['carol']);
      room.add('topic', topic(BOB), ['carol']);
      room.add('zoe', joins(ZOE), ['carol']);
      const resolved = room.resolve(['zoe', 'topic', 'ban']);
      assert.deepEqual(
        ['ban', 'topic', 'zoe'].filter((name) => !resolved.has(name)),
        [],
      );
    });

    it('goes on from a fork that was resolved', () => {
      room.add('ban', member(ALICE, CAROL, 'ban'), ['carol']);
      room.add('topic', topic(BOB), ['carol']);
      room.add('merge', sets(ALICE, 'm.room.name'), ['ban', 'topic']);
      room.add('zoe', joins(ZOE), ['merge']);
      room.add('other', topic(ALICE), ['topic']);
      const resolved = room.resolve(['zoe', 'other']);
      assert.deepEqual(
        ['ban', 'merge', 'zoe', 'other'].filter((name) => !resolved.has(name)),
        [],
      );
    });
  });
}
