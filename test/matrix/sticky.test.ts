import assert from 'node:assert/strict';
import { toClientEvent } from '../../src/matrix/client-event.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import { buildEvent, chooseEventId, type EventParts } from '../../src/matrix/event-building.ts';
import { parsePdu } from '../../src/matrix/event-parsing.ts';
import { MAX_EVENT_BYTES } from '../../src/matrix/event-size.ts';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import { makeUserId, parseRoomId, parseServerName } from '../../src/matrix/identifiers.ts';
import { redactPdu } from '../../src/matrix/redaction.ts';
import { getRoomVersionRules, ROOM_VERSIONS, type RoomVersion } from '../../src/matrix/room-version.ts';
import { generateSigningKey } from '../../src/matrix/signing-key.ts';
import { findStickyDuration, isStickyDuration, stickyUntil } from '../../src/matrix/sticky.ts';
import { seededRandom } from '../../src/util/random.ts';

const HOUR = 3_600_000;
const key = generateSigningKey(seededRandom('the key'), 'a_test');
const serverName = parseServerName('morrow.test');
const roomId = parseRoomId('!room:morrow.test');
assert.ok(serverName !== undefined && roomId !== undefined);
const sender = makeUserId('alice', serverName);
assert.ok(sender !== undefined);

function build(version: RoomVersion, parts: Partial<EventParts> = {}): MatrixEvent {
  assert.ok(serverName !== undefined && sender !== undefined);
  return buildEvent({
    rules: getRoomVersionRules(version),
    roomId,
    type: 'm.room.message',
    sender,
    content: { body: 'hello' },
    prevEvents: [],
    authEvents: [],
    depth: 7,
    originServerTs: 1_700_000_000_000,
    serverName,
    key,
    chosenEventId: chooseEventId(seededRandom('id'), serverName),
    stickyDurationMs: 60_000,
    ...parts,
  });
}

describe('sticky events', () => {
  for (const version of ROOM_VERSIONS) {
    const rules = getRoomVersionRules(version);

    it(`carry their duration, hashed with the rest, in v${version}`, () => {
      const event = build(version);
      assert.deepEqual(event.pdu['msc4354_sticky'], { duration_ms: 60_000 });
      const parsed = parsePdu(structuredClone(event.pdu), rules);
      assert.ok(parsed.kind === 'parsed');
      assert.deepEqual([parsed.redacted, parsed.event.stickyDurationMs], [false, 60_000]);
      const longer = parsePdu({ ...event.pdu, msc4354_sticky: { duration_ms: HOUR } }, rules);
      assert.ok(longer.kind === 'parsed');
      assert.deepEqual([longer.redacted, longer.event.stickyDurationMs], [true, undefined]);
    });

    it(`lose it with redaction in v${version}`, () => {
      assert.equal('msc4354_sticky' in redactPdu(build(version).pdu, rules), false);
    });
  }

  it('are no larger than others may be, stickiness included', () => {
    const empty = Buffer.byteLength(JSON.stringify(build('12', { content: { body: '' } }).pdu));
    const fill = (count: number): object => ({ body: 'x'.repeat(count) });
    const most = MAX_EVENT_BYTES - empty;
    build('12', { content: { ...fill(most) } });
    assert.throws(
      () => build('12', { content: { ...fill(most + 1) } }),
      (error) => error instanceof MatrixError && error.errcode === 'M_TOO_LARGE',
    );
  });

  it('show clients the duration, and others show none', () => {
    const shown = toClientEvent(build('12'), { withRoomId: true });
    assert.deepEqual(shown['msc4354_sticky'], { duration_ms: 60_000 });
    const other = toClientEvent(build('12', { stickyDurationMs: undefined }), { withRoomId: true });
    assert.equal('msc4354_sticky' in other, false);
  });

  it('are those that say so in a whole number', () => {
    for (const durationMs of [0, 1, HOUR, HOUR + 1])
      assert.equal(findStickyDuration({ msc4354_sticky: { duration_ms: durationMs } }), durationMs);
    for (const wrong of [{}, { duration_ms: -1 }, { duration_ms: 1.5 }, { duration_ms: '1' }, null, 5, []])
      assert.equal(findStickyDuration({ msc4354_sticky: wrong }), undefined);
    assert.equal(findStickyDuration({ sticky: { duration_ms: 1 } }), undefined);
  });

  it('may be asked to be so for an hour at most', () => {
    assert.deepEqual([0, HOUR].map(isStickyDuration), [true, true]);
    assert.deepEqual([-1, HOUR + 1, 0.5, '1', null, undefined].map(isStickyDuration), Array(6).fill(false));
  });

  it('are sticky from their own time, from their arrival if that is sooner, and for an hour at most', () => {
    assert.equal(stickyUntil(1_000, 500, 2_000), 1_500);
    assert.equal(stickyUntil(9_000, 500, 2_000), 2_500);
    assert.equal(stickyUntil(0, 2 * HOUR, 0), HOUR);
  });
});
