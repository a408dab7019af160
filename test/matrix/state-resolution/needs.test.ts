import assert from 'node:assert/strict';
import type { MatrixEvent, StateMap } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import { getRoomVersionRules, type RoomVersion } from '../../../src/matrix/room-version.ts';
import { resolveState } from '../../../src/matrix/state-resolution/resolve-state.ts';
import {
  ALICE,
  BOB,
  CAROL,
  joins,
  member,
  sets,
  setsLevels,
  toEventId,
  versionsIn,
  ZOE,
} from '../auth-rules/room-in-words.ts';
import { type Graph, makeGraph, resolveAll } from './graph-in-words.ts';

/** A room with a fork: Carol banned Bob on one side, Bob set the topic and Zoe joined on the other. */
function makeFork(version: RoomVersion): {
  readonly graph: Graph;
  readonly states: readonly StateMap<EventId>[];
} {
  const graph = makeGraph(version);
  const listed = version === '12' ? {} : { [ALICE]: 100 };
  graph.add('create', sets(ALICE, 'm.room.create', { creator: ALICE }), []);
  graph.add('alice', joins(ALICE), ['create']);
  graph.add('levels', setsLevels(ALICE, { users: { ...listed, [BOB]: 50, [CAROL]: 60 } }), ['alice']);
  graph.add('rules', sets(ALICE, 'm.room.join_rules', { join_rule: 'public' }), ['levels']);
  graph.add('bob', joins(BOB), ['rules']);
  graph.add('carol', joins(CAROL), ['bob']);
  graph.add('ban', member(CAROL, BOB, 'ban'), ['carol']);
  graph.add('topic', sets(BOB, 'm.room.topic'), ['carol']);
  graph.add('zoe', joins(ZOE), ['topic']);
  return { graph, states: [graph.stateAfter('ban'), graph.stateAfter('zoe')] };
}

interface Loading {
  readonly state: StateMap<EventId>;
  readonly rounds: number;
  readonly loaded: ReadonlySet<EventId>;
}

/** Answers each need until the state is resolved, as a caller with a database does. */
function load(version: RoomVersion, states: readonly StateMap<EventId>[], stored: Graph['events']): Loading {
  const events = new Map<EventId, MatrixEvent>();
  for (let rounds = 0; ; rounds += 1) {
    const resolution = resolveState({
      rules: getRoomVersionRules(version),
      stateSets: states,
      findEvent: (id) => events.get(id),
      isRejected: (id) => {
        assert.ok(events.has(id), `${id} was not found and cannot be known as rejected`);
        return false;
      },
    });
    if (resolution.kind === 'resolved')
      return { state: resolution.state, rounds, loaded: new Set(events.keys()) };
    assert.equal(
      new Set(resolution.eventIds).size,
      resolution.eventIds.length,
      'no event is asked for twice',
    );
    assert.ok(resolution.eventIds.length > 0, 'a need names something');
    for (const id of resolution.eventIds) {
      const event = stored.get(id);
      assert.ok(event !== undefined && !events.has(id), `${id} is asked for again or is not there`);
      events.set(id, event);
    }
  }
}

describe('state resolution with missing events', () => {
  for (const version of versionsIn('1,2,11,12')) {
    it(`asks until it knows enough, and comes to the same state (room version ${version})`, () => {
      const { graph, states } = makeFork(version);
      const { state } = load(version, states, graph.events);
      assert.deepEqual(state, resolveAll(version, states, graph.events));
    });

    it(`asks for nothing where nothing is in conflict (room version ${version})`, () => {
      const { graph } = makeFork(version);
      const state = graph.stateAfter('zoe');
      assert.equal(load(version, [state, new Map(state)], new Map()).rounds, 0);
    });
  }

  it('asks first for all conflicted events at once', () => {
    const { states } = makeFork('11');
    const resolution = resolveState({
      rules: getRoomVersionRules('11'),
      stateSets: states,
      findEvent: () => undefined,
      isRejected: () => false,
    });
    assert.ok(resolution.kind === 'needs');
    assert.deepEqual([...resolution.eventIds].sort(), ['$ban', '$bob', '$topic', '$zoe'].map(toEventId));
  });

  it('asks for the create event that only the room id names', () => {
    const { graph, states } = makeFork('12');
    assert.ok(
      [...load('12', states, graph.events).loaded].some(
        (id) => graph.events.get(id)?.type === 'm.room.create',
      ),
    );
  });

  it('leaves the members of a large room alone where two sides only add to it', () => {
    const graph = makeGraph('11');
    graph.add('create', sets(ALICE, 'm.room.create'), []);
    graph.add('alice', joins(ALICE), ['create']);
    graph.add('levels', setsLevels(ALICE, { users: { [ALICE]: 100 } }), ['alice']);
    graph.add('rules', sets(ALICE, 'm.room.join_rules', { join_rule: 'public' }), ['levels']);
    let last = 'rules';
    for (let index = 0; index < 200; index += 1) {
      graph.add(`member${index}`, joins(`@user${index}:home`), [last]);
      last = `member${index}`;
    }
    graph.add('topic', sets(ALICE, 'm.room.topic'), [last]);
    graph.add('zoe', joins(ZOE), [last]);
    const { loaded, state } = load('11', [graph.stateAfter('topic'), graph.stateAfter('zoe')], graph.events);
    assert.equal(state.size, 206);
    assert.ok(loaded.size < 10, `${loaded.size} events were loaded`);
  });
});
