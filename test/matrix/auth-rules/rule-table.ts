import assert from 'node:assert/strict';
import { type EventInWords, judge, type RoomInWords, versionsIn } from './room-in-words.ts';

/** One line of a table of rules: in these versions, in this room, this event is allowed, or refused for this reason. */
export interface RuleRow {
  readonly that: string;
  readonly versions: string;
  readonly room: RoomInWords;
  readonly event: EventInWords;
  /** A part of the reason; undefined when the event is allowed. */
  readonly reason?: string;
}

export const allows = (that: string, versions: string, room: RoomInWords, event: EventInWords): RuleRow => ({
  that,
  versions,
  room,
  event,
});

export const refuses = (
  that: string,
  versions: string,
  room: RoomInWords,
  event: EventInWords,
  reason: string,
): RuleRow => ({ that, versions, room, event, reason });

/** One test per row and version. */
export function testRules(title: string, rows: readonly RuleRow[]): void {
  describe(title, () => {
    for (const row of rows) {
      for (const version of versionsIn(row.versions)) {
        it(`${row.that} (room version ${version})`, () => {
          const verdict = judge(row.event, row.room, version);
          if (row.reason === undefined) assert.deepEqual(verdict, { allowed: true });
          else {
            assert.equal(verdict.allowed, false, 'the event was allowed');
            assert.ok(
              verdict.reason.includes(row.reason),
              `"${verdict.reason}" does not say "${row.reason}"`,
            );
          }
        });
      }
    }
  });
}
