import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { StateMap } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import type { RoomVersion } from '../../../src/matrix/room-version.ts';
import {
  ALICE,
  BOB,
  CAROL,
  type EventInWords,
  joins,
  leaves,
  member,
  sets,
  setsLevels,
  versionsIn,
} from '../auth-rules/room-in-words.ts';
import { type Graph, makeGraph, resolveAll } from './graph-in-words.ts';

const USERS = [ALICE, BOB, CAROL] as const;
const user = fc.constantFrom(...USERS);
const level = fc.constantFrom(0, 50, 100);

const eventIn = (version: RoomVersion): fc.Arbitrary<EventInWords> => {
  const listed = version === '12' ? {} : { [ALICE]: 100 };
  return fc.oneof(
    user.map((sender) => joins(sender)),
    user.map((sender) => leaves(sender)),
    fc
      .tuple(user, user, fc.constantFrom('ban', 'leave', 'invite'))
      .map(([sender, target, to]) => member(sender, target, to)),
    fc
      .tuple(user, level, level)
      .map(([sender, b, c]) => setsLevels(sender, { users: { ...listed, [BOB]: b, [CAROL]: c } })),
    fc
      .tuple(user, fc.constantFrom('public', 'invite'))
      .map(([sender, join_rule]) => sets(sender, 'm.room.join_rules', { join_rule })),
    user.map((sender) => sets(sender, 'm.room.topic', { by: sender })),
  );
};

/** Where an event goes: after which of the latest events. */
const step = (version: RoomVersion) =>
  fc.record({
    event: eventIn(version),
    back: fc.array(fc.nat(4), { minLength: 1, maxLength: 2 }),
    ts: fc.nat(50),
  });

function grow(
  version: RoomVersion,
  steps: readonly { event: EventInWords; back: readonly number[]; ts: number }[],
): {
  readonly graph: Graph;
  readonly names: readonly string[];
} {
  const graph = makeGraph(version);
  graph.add('create', sets(ALICE, 'm.room.create', { creator: ALICE }), []);
  graph.add('alice', joins(ALICE), ['create']);
  graph.add('levels', setsLevels(ALICE, { users: version === '12' ? {} : { [ALICE]: 100 } }), ['alice']);
  graph.add('open', sets(ALICE, 'm.room.join_rules', { join_rule: 'public' }), ['levels']);
  const names = ['open'];
  for (const [index, { event, back, ts }] of steps.entries()) {
    const after = [
      ...new Set(back.map((distance) => names[Math.max(0, names.length - 1 - distance)] ?? 'open')),
    ];
    const name = `e${index}`;
    if (graph.tryAdd(name, { ...event, ts }, after)) names.push(name);
  }
  return { graph, names };
}

const sorted = (state: StateMap<EventId>): readonly string[] => [...state.values()].sort();

describe('state resolution of random rooms', () => {
  for (const version of versionsIn('1,2,11,12')) {
    it(`does not depend on the order of the states (room version ${version})`, () => {
      fc.assert(
        fc.property(
          fc.array(step(version), { minLength: 2, maxLength: 25 }),
          fc.infiniteStream(fc.nat()),
          (steps, order) => {
            const { graph, names } = grow(version, steps);
            const states = names.slice(-4).map((name) => graph.stateAfter(name));
            const shuffled = states
              .map((state) => ({ state, rank: Number(order.next().value) }))
              .sort((a, b) => a.rank - b.rank)
              .map(({ state }) => new Map([...state].toReversed()));
            assert.deepEqual(
              sorted(resolveAll(version, shuffled, graph.events)),
              sorted(resolveAll(version, states, graph.events)),
            );
          },
        ),
        { numRuns: 60, seed: 1 },
      );
    });

    it(`keeps what all states agree on (room version ${version})`, () => {
      fc.assert(
        fc.property(fc.array(step(version), { minLength: 2, maxLength: 25 }), (steps) => {
          const { graph, names } = grow(version, steps);
          const states = names.slice(-3).map((name) => graph.stateAfter(name));
          const resolved = resolveAll(version, states, graph.events);
          for (const [slot, id] of states[0] ?? []) {
            if (states.every((state) => state.get(slot) === id)) assert.equal(resolved.get(slot), id);
          }
        }),
        { numRuns: 40, seed: 2 },
      );
    });

    it(`resolves one state, however often it is given, to itself (room version ${version})`, () => {
      fc.assert(
        fc.property(
          fc.array(step(version), { maxLength: 10 }),
          fc.integer({ min: 1, max: 4 }),
          (steps, times) => {
            const { graph, names } = grow(version, steps);
            const state = graph.stateAfter(names.at(-1) ?? 'open');
            const resolved = resolveAll(
              version,
              Array.from({ length: times }, () => new Map(state)),
              graph.events,
            );
            assert.deepEqual(sorted(resolved), sorted(state));
          },
        ),
        { numRuns: 20, seed: 3 },
      );
    });
  }

  it('resolves no states to the empty state', () => {
    assert.equal(resolveAll('11', [], new Map()).size, 0);
  });
});
