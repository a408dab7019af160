import assert from 'node:assert/strict';
import type { MatrixEvent } from '../../../src/matrix/event.ts';
import type { EventId } from '../../../src/matrix/identifiers.ts';
import {
  versionsIn,
  ALICE,
  buildEvent,
  createIdOf,
  type EventInWords,
  joins,
  sets,
  setsLevels,
} from '../auth-rules/room-in-words.ts';
import type { RoomVersion } from '../../../src/matrix/room-version.ts';
import { resolveAll, stateOf } from './graph-in-words.ts';

const LENGTH = 10_000;

/** A room whose power levels were set ten thousand times, each citing the one before it. */
function makeChain(version: RoomVersion): ReadonlyMap<string, MatrixEvent> {
  const events = new Map<string, MatrixEvent>();
  const add = (name: string, words: EventInWords, cites: readonly string[]): void => {
    const authEvents = cites
      .filter((cited) => version !== '12' || cited !== 'create')
      .map((cited) => (cited === 'create' ? createIdOf(version) : `$${cited}`));
    const eventId = name === 'create' ? createIdOf(version) : `$${name}`;
    events.set(name, buildEvent({ ts: events.size, ...words, authEvents, eventId }, version));
  };
  const levels = setsLevels(ALICE, { users: version === '12' ? {} : { [ALICE]: 100 } });
  add('create', sets(ALICE, 'm.room.create'), []);
  add('alice', joins(ALICE), ['create']);
  add('levels0', levels, ['create', 'alice']);
  for (let index = 1; index < LENGTH; index += 1) {
    add(`levels${index}`, levels, ['create', 'alice', `levels${index - 1}`]);
  }
  add('early', sets(ALICE, 'm.room.topic'), ['create', 'alice', 'levels0']);
  add('late', sets(ALICE, 'm.room.topic'), ['create', 'alice', `levels${LENGTH - 1}`]);
  return events;
}

describe('state resolution of a long history', () => {
  for (const version of versionsIn('2,11,12')) {
    it(`replays ${LENGTH} power levels without running out of stack (room version ${version})`, () => {
      const named = makeChain(version);
      const events = new Map<EventId, MatrixEvent>(
        [...named.values()].map((event) => [event.eventId, event]),
      );
      const pick = (...names: readonly string[]) => stateOf(names.flatMap((name) => named.get(name) ?? []));
      const last = `levels${LENGTH - 1}`;
      const resolved = resolveAll(
        version,
        [pick('create', 'alice', 'levels0', 'early'), pick('create', 'alice', last, 'late')],
        events,
      );
      const ids = new Set<string>(resolved.values());
      assert.ok(ids.has(`$${last}`) && ids.has('$late'));
    });
  }
});
