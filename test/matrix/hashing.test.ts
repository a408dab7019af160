import assert from 'node:assert/strict';
import { encodeUnpaddedBase64 } from '../../src/matrix/base64.ts';
import type { Pdu } from '../../src/matrix/event.ts';
import {
  contentHash,
  eventIdOf,
  referenceHash,
  roomIdOfCreate,
  verifyContentHash,
} from '../../src/matrix/hashing.ts';
import { createEventIdOf, parseEventId } from '../../src/matrix/identifiers.ts';
import { redactPdu } from '../../src/matrix/redaction.ts';
import { getRoomVersionRules } from '../../src/matrix/room-version.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { defined, readVectorLines, readVectors } from './vectors.ts';

interface EventIdVectors {
  readonly cases: readonly {
    readonly name: string;
    readonly roomVersion: RoomVersion;
    readonly input: Pdu;
    readonly eventId: string;
  }[];
}

interface GeneratedEvent {
  readonly name: string;
  readonly roomVersion: RoomVersion;
  readonly event: Pdu;
  readonly contentHash: string;
  readonly referenceHash: string;
  readonly redactedContent: JsonObject;
  readonly eventId: string;
  readonly roomId?: string;
}

const generated = readVectorLines('generated-events.jsonl') as readonly GeneratedEvent[];

describe('content and reference hashes', () => {
  for (const { name, roomVersion, input, eventId } of (readVectors('event-id.json') as EventIdVectors)
    .cases) {
    it(`names real events, ${name}`, () =>
      assert.equal(eventIdOf(input, getRoomVersionRules(roomVersion)), eventId));
  }

  for (const vector of generated) {
    it(`agree with another implementation: ${vector.name}`, () => {
      const rules = getRoomVersionRules(vector.roomVersion);
      assert.equal(contentHash(vector.event), vector.contentHash);
      const pdu: Pdu = { ...vector.event, hashes: { sha256: vector.contentHash } };
      assert.equal(verifyContentHash(pdu), true);
      assert.deepEqual(redactPdu(pdu, rules).content, vector.redactedContent);
      assert.equal(encodeUnpaddedBase64(referenceHash(pdu, rules)), vector.referenceHash);
      assert.equal(eventIdOf(pdu, rules), vector.eventId);
    });
  }

  it('do not match once the content was changed', () => {
    const [vector] = generated;
    const { event, contentHash: sha256 } = defined(vector);
    assert.equal(verifyContentHash({ ...event, hashes: { sha256: `${sha256}=` } }), true);
    assert.equal(verifyContentHash({ ...event, depth: 99, hashes: { sha256 } }), false);
    for (const hashes of [undefined, {}, { sha256: 7 }, { sha256: '' }, { sha256: '!' }]) {
      assert.equal(verifyContentHash({ ...event, hashes }), false);
    }
  });

  it('cover neither unsigned nor signatures', () => {
    const event: JsonObject = { type: 'm.x', content: { a: 1 } };
    assert.equal(contentHash({ ...event, unsigned: { age: 1 }, signatures: { a: {} } }), contentHash(event));
  });

  it('make the room id of v12 rooms, and the create event is found from it', () => {
    const eventId = defined(parseEventId('$IJM-AOO5uZor0Efviy66YyGj47AvA3iLUZAF70ubfL0'));
    const roomId = roomIdOfCreate(eventId);
    assert.equal(roomId, '!IJM-AOO5uZor0Efviy66YyGj47AvA3iLUZAF70ubfL0');
    assert.equal(createEventIdOf(roomId), eventId);
  });
});
