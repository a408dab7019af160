import assert from 'node:assert/strict';
import type { MatrixEvent, StateMap } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import { stateSlot } from '../../../src/matrix/event.ts';
import type { RoomVersion } from '../../../src/matrix/room-version.ts';
import { resolveAll, stateOf } from './graph-in-words.ts';
import { readScenarios, type Scenario } from './ruma-scenarios.ts';

type Events = ReadonlyMap<EventId, MatrixEvent>;

describe('state resolution of scenarios with a known outcome', () => {
  const scenarios = readScenarios();

  it('reads all scenarios of the fixture', () => {
    assert.equal(scenarios.length, 13);
  });

  for (const scenario of scenarios) {
    const { name, version, batches, stateSets } = scenario;
    const events: Events = new Map(batches.flat().map((event) => [event.eventId, event]));
    if (stateSets.length > 0) {
      it(`${name}: the states resolve as expected`, () => {
        const sets = stateSets.map((ids) =>
          stateOf([...events.values()].filter((event) => ids.includes(event.eventId))),
        );
        expectState(scenario, resolveAll(version, sets, events));
      });
      continue;
    }
    it(`${name}: the states along the graph resolve as expected`, () => {
      expectState(scenario, resolveGraph(version, events));
    });
    it(`${name}: one batch of single events after the other resolves as expected`, () => {
      let state: StateMap<EventId> = new Map();
      for (const [index, batch] of batches.entries()) {
        const singles = batch.map((event) => stateOf([event]));
        state = resolveAll(version, index === 0 ? singles : [state, ...singles], events);
      }
      expectState(scenario, state);
    });
    it(`${name}: all single events at once resolve as expected`, () => {
      const singles = [...events.values()].map((event) => stateOf([event]));
      expectState(scenario, resolveAll(version, singles, events));
    });
  }
});

function expectState(scenario: Scenario, state: StateMap<EventId>): void {
  assert.deepEqual([...state.values()].sort(), [...scenario.expected].sort());
}

/** Follows prev_events from the start, as a server that sees every event. */
function resolveGraph(version: RoomVersion, events: Events): StateMap<EventId> {
  const after = new Map<EventId, StateMap<EventId>>();
  const tips = new Set(events.keys());
  const stateAfterAll = (ids: Iterable<EventId>): StateMap<EventId> =>
    resolveAll(
      version,
      [...ids].map((id) => after.get(id) ?? new Map()),
      events,
    );
  for (const event of events.values()) {
    const before = stateAfterAll(event.prevEvents);
    after.set(
      event.eventId,
      new Map([...before, [stateSlot(event.type, event.stateKey ?? ''), event.eventId]]),
    );
    for (const prev of event.prevEvents) tips.delete(prev);
  }
  return stateAfterAll(tips);
}
