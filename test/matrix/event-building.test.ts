import assert from 'node:assert/strict';
import { encodeCanonicalJson } from '../../src/matrix/canonical-json.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import { buildEvent, chooseEventId } from '../../src/matrix/event-building.ts';
import type { EventParts } from '../../src/matrix/event-building.ts';
import { parsePdu } from '../../src/matrix/event-parsing.ts';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import { parseEventId, parseRoomId, parseServerName, parseUserId } from '../../src/matrix/identifiers.ts';
import { getRoomVersionRules, ROOM_VERSIONS } from '../../src/matrix/room-version.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import { generateSigningKey } from '../../src/matrix/signing-key.ts';
import { verifyPduSignature } from '../../src/matrix/signing.ts';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { seededRandom } from '../../src/util/random.ts';
import { defined } from './vectors.ts';

const serverName = defined(parseServerName('example.org'));
const sender = defined(parseUserId('@alice:example.org'));
const oldRoomId = defined(parseRoomId('!room:example.org'));
const key = generateSigningKey(seededRandom('building'), '1');

function build(version: RoomVersion, parts: Partial<EventParts> = {}): MatrixEvent {
  const rules = getRoomVersionRules(version);
  return buildEvent({
    rules,
    roomId: oldRoomId,
    type: 'm.room.message',
    sender,
    content: { msgtype: 'm.text', body: 'Good morrow ☀' },
    prevEvents: [],
    authEvents: [],
    depth: 7,
    originServerTs: 1_700_000_000_000,
    serverName,
    key,
    chosenEventId:
      rules.eventIdFormat === 'chosen' ? chooseEventId(seededRandom('id'), serverName) : undefined,
    ...parts,
  });
}

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof MatrixError) return `${error.status} ${error.errcode}`;
    throw error;
  }
  return 'none';
}

const fill = (count: number): JsonObject => ({ body: 'x'.repeat(count) });

describe('built events', () => {
  for (const version of ROOM_VERSIONS) {
    it(`pass the check of received ones and carry a right signature in v${version}`, () => {
      const create = build(version, {
        type: 'm.room.create',
        stateKey: '',
        content: { room_version: version },
      });
      const event = build(version, { prevEvents: [create], authEvents: [create], stateKey: 'x' });
      const result = parsePdu(JSON.parse(encodeCanonicalJson(event.pdu)), getRoomVersionRules(version));
      assert.equal(result.kind, 'parsed');
      assert.equal(result.redacted, false);
      assert.deepEqual(result.event, { ...event, pdu: result.event.pdu });
      assert.deepEqual({ ...result.event.pdu }, { ...event.pdu });
      assert.deepEqual(event.prevEvents, [create.eventId]);
      const rules = getRoomVersionRules(version);
      assert.equal(verifyPduSignature(event.pdu, rules, serverName, key.keyId, key.publicKey), true);
    });
  }

  it('found a v12 room by a create event without a room id', () => {
    const create = build('12', {
      roomId: undefined,
      type: 'm.room.create',
      stateKey: '',
      content: { room_version: '12' },
    });
    assert.equal('room_id' in create.pdu, false);
    assert.equal(create.roomId, `!${create.eventId.slice(1)}`);
    assert.throws(() => build('11', { roomId: undefined }), /carry a room id/);
  });

  it('list pairs with reference hashes in v1–v2, from events or from given hashes', () => {
    const before = build('1');
    const eventId = defined(parseEventId('$given:example.org'));
    const { pdu } = build('1', { prevEvents: [before, { eventId, sha256: 'hash' }] });
    assert.match(
      JSON.stringify(pdu.prev_events),
      /^\[\["\$\w{24}:example.org",\{"sha256":"[\w+/]{43}"\}\],\["\$given:example.org",\{"sha256":"hash"\}\]\]$/,
    );
    assert.throws(() => build('1', { prevEvents: [eventId] }), /needs its hash/);
    assert.throws(() => build('1', { prevEvents: [{ eventId }] }), /needs its hash/);
    assert.throws(() => build('1', { chosenEventId: undefined }), /needs a chosen id/);
    assert.deepEqual(build('3', { prevEvents: [eventId, { eventId }] }).pdu.prev_events, [eventId, eventId]);
  });

  it('hold what they redact where their room version wants it', () => {
    const redacts = defined(parseEventId('$target'));
    for (const version of ROOM_VERSIONS) {
      const inContent = getRoomVersionRules(version).redactsInContent;
      for (const parts of [{ redacts, content: { reason: 'x' } }, { content: { redacts, reason: 'x' } }]) {
        const event = build(version, { type: 'm.room.redaction', ...parts });
        assert.equal(event.redacts, redacts);
        assert.deepEqual({ ...event.content }, inContent ? { reason: 'x', redacts } : { reason: 'x' });
        assert.equal(event.pdu['redacts'], inContent ? undefined : redacts);
      }
      assert.deepEqual(build(version, { content: { redacts } }).content, { redacts });
    }
  });

  it('are refused beyond 65536 bytes with 413', () => {
    const bytes = Buffer.byteLength(encodeCanonicalJson(build('12', { content: { body: '' } }).pdu));
    const largest = build('12', { content: fill(65_536 - bytes) });
    assert.equal(Buffer.byteLength(encodeCanonicalJson(largest.pdu)), 65_536);
    assert.equal(
      errorOf(() => build('12', { content: fill(65_537 - bytes) })),
      '413 M_TOO_LARGE',
    );
  });

  it('are refused with 413 when type or state key are longer than 255 bytes', () => {
    assert.equal(
      errorOf(() => build('12', { type: 'é'.repeat(128) })),
      '413 M_TOO_LARGE',
    );
    assert.equal(
      errorOf(() => build('12', { stateKey: 'x'.repeat(256) })),
      '413 M_TOO_LARGE',
    );
    assert.equal(
      errorOf(() => build('12', { type: 'x'.repeat(255), stateKey: 'x'.repeat(255) })),
      'none',
    );
  });

  it('are refused with 400 when canonical JSON cannot hold their content, in every room version', () => {
    const nested = JSON.parse(`${'['.repeat(300)}${']'.repeat(300)}`) as JsonValue;
    for (const version of ROOM_VERSIONS) {
      for (const value of [1.5, 2 ** 53, '\ud800', nested]) {
        assert.equal(
          errorOf(() => build(version, { content: { value } })),
          '400 M_BAD_JSON',
        );
      }
    }
    assert.equal(
      errorOf(() => build('12', { stateKey: '\udfff' })),
      '400 M_BAD_JSON',
    );
  });
});
