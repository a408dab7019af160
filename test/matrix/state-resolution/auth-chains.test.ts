import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { stateSlot } from '../../../src/matrix/event.ts';
import type { MatrixEvent, StateSlot } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import {
  findAuthDifference,
  findConflictedSubgraph,
} from '../../../src/matrix/state-resolution/auth-chains.ts';
import { makeEventLookup } from '../../../src/matrix/state-resolution/event-lookup.ts';
import { makeHeap } from '../../../src/matrix/state-resolution/heap.ts';
import { ALICE, buildEvent, says, toEventId } from '../auth-rules/room-in-words.ts';

/** Events 0, 1, 2 …, each citing some of those before it. */
type Cites = readonly (readonly number[])[];

const idOf = (index: number): EventId => toEventId(`$${index}`);
const cites: fc.Arbitrary<Cites> = fc
  .array(fc.array(fc.nat(1_000_000), { maxLength: 2 }), { minLength: 2, maxLength: 30 })
  .map((rows) => rows.map((row, index) => (index === 0 ? [] : row.map((number) => number % index))));

function eventsOf(graph: Cites): ReadonlyMap<EventId, MatrixEvent> {
  return new Map(
    graph.map((cited, index) => {
      const words = { ...says(ALICE), authEvents: cited.map(idOf), eventId: idOf(index) };
      return [idOf(index), buildEvent(words, '11')];
    }),
  );
}

/** All that an event leads to, itself included, by the definition. */
function reach(graph: Cites, from: number): ReadonlySet<number> {
  return new Set([from, ...(graph[from] ?? []).flatMap((cited) => [...reach(graph, cited)])]);
}

const unionOf = (sets: readonly ReadonlySet<number>[]): ReadonlySet<number> =>
  new Set(sets.flatMap((set) => [...set]));
const sorted = (ids: Iterable<EventId>): readonly EventId[] => [...ids].sort();

/** Which of four states hold an event; those that all hold are not in conflict. */
const holders = fc.array(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), {
  minLength: 30,
  maxLength: 30,
});

describe('auth chains', () => {
  it('finds the auth difference that its definition gives', () => {
    fc.assert(
      fc.property(cites, holders, (graph, held) => {
        const states = [0, 1, 2, 3].map((state) =>
          graph.flatMap((_, index) => (held[index]?.[state] === true ? [index] : [])),
        );
        const isCommon = (index: number): boolean => states.every((state) => state.includes(index));
        const conflicted = unionOf(states.map((state) => new Set(state.filter((index) => !isCommon(index)))));
        const chains = states.map((state) => unionOf(state.map((index) => reach(graph, index))));
        const expected = [...unionOf(chains)].filter(
          (index) => !chains.every((chain) => chain.has(index)) && !conflicted.has(index),
        );

        const events = eventsOf(graph);
        const lookup = makeEventLookup((id) => events.get(id));
        const conflictedBySet = states.map(
          (state) => new Set(state.filter((index) => !isCommon(index)).map(idOf)),
        );
        const common = new Map<StateSlot, EventId>(
          graph.flatMap((_, index) =>
            isCommon(index) ? [[stateSlot('x', String(index)), idOf(index)]] : [],
          ),
        );
        const found = findAuthDifference(conflictedBySet, common, lookup);
        assert.ok('difference' in found);
        assert.deepEqual(sorted(found.difference), sorted(expected.map(idOf)));
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  it('finds the conflicted subgraph that its definition gives', () => {
    fc.assert(
      fc.property(cites, fc.uniqueArray(fc.nat(29), { maxLength: 5 }), (graph, picks) => {
        const ends = picks.filter((index) => index < graph.length);
        const fromEnds = unionOf(ends.map((end) => reach(graph, end)));
        const expected = [...fromEnds].filter((index) => ends.some((end) => reach(graph, index).has(end)));
        const events = eventsOf(graph);
        const found = findConflictedSubgraph(
          ends.map(idOf),
          makeEventLookup((id) => events.get(id)),
        );
        assert.deepEqual(sorted(found), sorted(expected.map(idOf)));
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it('names what is missing only when the answer depends on it', () => {
    const graph: Cites = [[], [0], [0], [1]];
    const events = eventsOf(graph);
    const find = (id: EventId): MatrixEvent | undefined => (id === idOf(2) ? undefined : events.get(id));
    const common = new Map([[stateSlot('x', ''), idOf(2)]]);
    const needy = findAuthDifference([new Set([idOf(3)]), new Set()], common, makeEventLookup(find));
    assert.deepEqual('missing' in needy && [...needy.missing], [idOf(2)]);
    const sure = findAuthDifference([new Set([idOf(3)]), new Set([idOf(3)])], common, makeEventLookup(find));
    assert.deepEqual(sure, { difference: new Set() });
  });
});

describe('the heap', () => {
  it('gives its items back in order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = makeHeap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        const popped = numbers.map(() => heap.pop());
        assert.deepEqual(
          popped,
          numbers.toSorted((a, b) => a - b),
        );
        assert.equal(heap.pop(), undefined);
      }),
    );
  });
});
