import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { encodeCanonicalJson } from '../../src/matrix/canonical-json.ts';
import type { Pdu } from '../../src/matrix/event.ts';
import { redactContent, redactPdu } from '../../src/matrix/redaction.ts';
import { getRoomVersionRules, ROOM_VERSIONS } from '../../src/matrix/room-version.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { canonicalObject, readVectors } from './vectors.ts';

interface Vectors {
  readonly cases: readonly {
    readonly name: string;
    readonly input: Pdu;
    readonly outcomes: readonly {
      readonly roomVersions: readonly RoomVersion[];
      readonly redacted: JsonObject;
    }[];
  }[];
}

const types = [
  'm.room.aliases',
  'm.room.create',
  'm.room.history_visibility',
  'm.room.join_rules',
  'm.room.member',
  'm.room.message',
  'm.room.power_levels',
  'm.room.redaction',
];

describe('redaction', () => {
  for (const { name, input, outcomes } of (readVectors('redaction.json') as Vectors).cases) {
    for (const { roomVersions, redacted } of outcomes) {
      it(`keeps what versions ${roomVersions.join(', ')} keep: ${name}`, () => {
        for (const version of roomVersions) {
          const result = redactPdu(input, getRoomVersionRules(version));
          assert.equal(encodeCanonicalJson(result), encodeCanonicalJson(redacted));
        }
      });
    }
  }

  it('changes nothing the second time, and never the event it was given', () => {
    const event = fc.record({
      type: fc.constantFrom(...types),
      sender: fc.constant('@a:b'),
      content: canonicalObject,
      depth: fc.nat(),
      origin_server_ts: fc.nat(),
      prev_events: fc.constant([]),
      auth_events: fc.constant([]),
      other: canonicalObject,
    });
    fc.assert(
      fc.property(event, fc.constantFrom(...ROOM_VERSIONS), (pdu, version) => {
        const rules = getRoomVersionRules(version);
        const before = encodeCanonicalJson(pdu);
        const once = encodeCanonicalJson(redactPdu(pdu, rules));
        assert.equal(encodeCanonicalJson(redactPdu(redactPdu(pdu, rules), rules)), once);
        assert.equal(encodeCanonicalJson(pdu), before);
      }),
    );
  });

  it('drops the whole content of types that it does not know', () => {
    assert.deepEqual(redactContent('m.room.message', { body: 'x' }, getRoomVersionRules('12')), {});
    assert.deepEqual(redactContent('__proto__', { membership: 'join' }, getRoomVersionRules('12')), {});
  });
});
