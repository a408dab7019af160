import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { MatrixEvent } from '../../../src/matrix/event.ts';
import { ROOM_VERSIONS, type RoomVersion } from '../../../src/matrix/room-version.ts';
import { isJsonArray } from '../../../src/util/json.ts';
import { buildEvent, createIdOf } from '../auth-rules/room-in-words.ts';

/** A scenario whose outcome is known. Either events in batches that grow a room, or states to resolve as they are. */
export interface Scenario {
  readonly name: string;
  readonly version: RoomVersion;
  readonly batches: readonly (readonly MatrixEvent[])[];
  readonly stateSets: readonly (readonly string[])[];
  readonly expected: readonly string[];
}

const ids = z.array(z.string());
const eventRow = z.tuple([
  z.string(),
  z.string(),
  z.string(),
  z.string(),
  z.record(z.string(), z.json()),
  z.int(),
  ids,
  ids,
]);
type EventRow = z.infer<typeof eventRow>;
const headRow = z.object({
  start: z.string().optional(),
  scenario: z.string().optional(),
  version: z.enum(ROOM_VERSIONS).optional(),
  batch: z.int().optional(),
  stateSets: z.array(ids).optional(),
  expected: ids.optional(),
});

/**
 * Reads the fixture: lines of JSON, an event as an array of its columns, everything else as an object that says what
 * the lines after it belong to.
 */
export function readScenarios(): readonly Scenario[] {
  const path = new URL('fixtures/ruma-scenarios.jsonl', import.meta.url);
  const scenarios: Scenario[] = [];
  const starts = new Map<string, EventRow[]>();
  let batches: EventRow[][] = [];
  let head: z.infer<typeof headRow> = {};
  let stateSets: readonly string[][] = [];
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
    const row: unknown = JSON.parse(line);
    if (isJsonArray(row)) {
      batches.at(-1)?.push(eventRow.parse(row));
      continue;
    }
    const next = headRow.parse(row);
    if (next.scenario !== undefined) {
      head = next;
      batches = [...(next.start === undefined ? [] : [starts.get(next.start) ?? []]), []];
      stateSets = [];
    } else if (next.start !== undefined) {
      batches = [[]];
      starts.set(next.start, batches[0] ?? []);
    } else if (next.batch !== undefined && next.batch > 1) batches.push([]);
    stateSets = next.stateSets ?? stateSets;
    const { scenario: name, version } = head;
    if (next.expected === undefined || name === undefined || version === undefined) continue;
    const built = batches
      .filter((batch) => batch.length > 0)
      .map((batch) => batch.map((event) => toEvent(event, version)));
    scenarios.push({ name, version, batches: built, stateSets, expected: next.expected });
  }
  return scenarios;
}

function toEvent(row: EventRow, version: RoomVersion): MatrixEvent {
  const [eventId, type, stateKey, sender, content, ts, prevEvents, authEvents] = row;
  return buildEvent(
    { eventId, type, stateKey, sender, content, ts, prevEvents, authEvents, roomId: roomIdFor(version) },
    version,
  );
}

function roomIdFor(version: RoomVersion): string {
  return createIdOf(version).includes(':') ? '!room:example.com' : '!00-m-room-create';
}
