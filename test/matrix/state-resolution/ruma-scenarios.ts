import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { MatrixEvent } from '../../../src/matrix/event.ts';
import { ROOM_VERSIONS, type RoomVersion } from '../../../src/matrix/room-version.ts';
import { buildEvent, createIdOf } from '../auth-rules/room-in-words.ts';

/** A scenario whose outcome is known: events in batches that grow a room, and perhaps states to resolve as they are. */
export interface Scenario {
  readonly name: string;
  readonly version: RoomVersion;
  readonly batches: readonly (readonly MatrixEvent[])[];
  readonly stateSets: readonly (readonly string[])[];
  readonly expected: readonly string[];
}

const ids = z.array(z.string());
const content = z.record(z.string(), z.json());
/** Event id, type, state key, sender, content, origin_server_ts, prev events, auth events. */
const eventRow = z.tuple([z.string(), z.string(), z.string(), z.string(), content, z.int(), ids, ids]);
const scenarioLine = z.object({
  name: z.string(),
  version: z.enum(ROOM_VERSIONS),
  batches: z.array(z.array(eventRow)),
  stateSets: z.array(ids),
  expected: ids,
});

/** Reads the fixture, a line of JSON for each scenario. */
export function readScenarios(): readonly Scenario[] {
  const path = new URL('fixtures/ruma-scenarios.jsonl', import.meta.url);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const scenario = scenarioLine.parse(JSON.parse(line));
    const batches = scenario.batches.map((batch) => batch.map((row) => toEvent(row, scenario.version)));
    return { ...scenario, batches };
  });
}

function toEvent(row: z.infer<typeof eventRow>, version: RoomVersion): MatrixEvent {
  const [eventId, type, stateKey, sender, body, ts, prevEvents, authEvents] = row;
  const roomId = createIdOf(version).includes(':') ? '!room:example.com' : '!00-m-room-create';
  const words = { eventId, type, stateKey, sender, content: body, ts, prevEvents, authEvents, roomId };
  return buildEvent(words, version);
}
