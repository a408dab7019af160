import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { encodeCanonicalJson } from '../../src/matrix/canonical-json.ts';
import { parsePdu, readStoredEvent } from '../../src/matrix/event-parsing.ts';
import type { ParsedPdu } from '../../src/matrix/event-parsing.ts';
import type { Pdu } from '../../src/matrix/event.ts';
import { contentHash } from '../../src/matrix/hashing.ts';
import { findRoomVersionRules, getRoomVersionRules, ROOM_VERSIONS } from '../../src/matrix/room-version.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { canonicalValue, defined, readVectorLines } from './vectors.ts';

interface GeneratedEvent {
  readonly name: string;
  readonly roomVersion: RoomVersion;
  readonly event: Pdu;
  readonly contentHash: string;
  readonly eventId: string;
  readonly roomId?: string;
}

const generated = readVectorLines('generated-events.jsonl') as readonly GeneratedEvent[];

/** A message as it comes over the wire in this room version, with members changed; the hash fits unless it is given. */
function received(version: RoomVersion, changes: JsonObject = {}, name = 'message'): JsonObject {
  const vector = defined(generated.find((candidate) => candidate.name === `v${version} ${name}`));
  const pdu: JsonObject = { signatures: { domain: {} }, ...vector.event, ...changes };
  return 'hashes' in pdu ? pdu : { hashes: { sha256: contentHash(pdu) }, ...pdu };
}

function parse(value: unknown, version: RoomVersion): ParsedPdu {
  return parsePdu(value, getRoomVersionRules(version));
}

function refusalOf(value: unknown, version: RoomVersion): string {
  const result = parse(value, version);
  return result.kind === 'refused' ? result.reason : '';
}

const idList = (count: number): string[] => Array.from({ length: count }, (_, index) => `$${index}`);

const field = (count: number): string => 'é'.repeat(count) + 'x';

const redactsOf = (version: RoomVersion, changes: JsonObject): string | undefined => {
  const result = parse(received(version, { type: 'm.room.redaction', ...changes }), version);
  return result.kind === 'parsed' ? result.event.redacts : undefined;
};

describe('received PDUs', () => {
  for (const { name, roomVersion, event, contentHash: sha256, eventId, roomId } of generated) {
    it(`are parsed and named: ${name}`, () => {
      const result = parse({ ...event, hashes: { sha256 }, signatures: {} }, roomVersion);
      assert.equal(result.kind, 'parsed');
      assert.equal(result.redacted, false);
      assert.equal(result.event.eventId, eventId);
      assert.equal(result.event.roomId, roomId ?? event['room_id']);
      assert.equal(result.event.type, event.type);
      assert.equal(result.event.stateKey, event['state_key']);
      assert.equal(result.event.prevEvents.length, event.prev_events.length);
      assert.equal('unsigned' in result.event.pdu, false);
    });
  }

  it('go on as their redacted copy when the content hash does not match', () => {
    for (const version of ROOM_VERSIONS) {
      const whole = parse(received(version), version);
      const changed = parse({ ...received(version), content: { body: 'forged' } }, version);
      assert.equal(changed.kind, 'parsed');
      assert.equal(changed.redacted, true);
      assert.deepEqual(changed.event.content, {});
      // What names an event is not changed by redaction, so the forgery has the id of the original.
      assert.equal(changed.event.eventId, whole.kind === 'parsed' ? whole.event.eventId : undefined);
    }
  });

  it('hold prev_events and auth_events in the form of the room version', () => {
    const pairs = [['$a:domain', { sha256: 'x' }]];
    const ids = ['$a:domain'];
    for (const version of ROOM_VERSIONS) {
      const isOld = defined(findRoomVersionRules(version)).eventReferences === 'pairs';
      const [right, wrong] = isOld ? [pairs, ids] : [ids, pairs];
      for (const key of ['prev_events', 'auth_events']) {
        assert.equal(refusalOf(received(version, { [key]: right }), version), '');
        assert.match(
          refusalOf(received(version, { [key]: wrong }), version),
          new RegExp(`^${key} is not of`),
        );
      }
    }
    for (const bad of [
      [['$a:domain']],
      [['$a:domain', {}]],
      [['a', { sha256: 'x' }]],
      [['$a:domain', { sha256: 'x' }, 1]],
    ]) {
      assert.match(refusalOf(received('1', { prev_events: bad }), '1'), /prev_events is not of/);
    }
  });

  const malformed: readonly (readonly [string, JsonValue | undefined])[] = [
    ['type', undefined],
    ['type', 5],
    ['sender', undefined],
    ['sender', 'alice'],
    ['sender', '@alice'],
    ['content', undefined],
    ['content', []],
    ['content', null],
    ['depth', undefined],
    ['depth', '5'],
    ['depth', -1],
    ['origin_server_ts', undefined],
    ['origin_server_ts', '5'],
    ['prev_events', undefined],
    ['prev_events', {}],
    ['prev_events', [7]],
    ['auth_events', null],
    ['room_id', undefined],
    ['room_id', '#a:domain'],
    ['state_key', null],
    ['state_key', 5],
    ['hashes', undefined],
    ['hashes', {}],
    ['hashes', { sha256: 5 }],
    ['signatures', undefined],
    ['signatures', []],
    ['signatures', { domain: 'x' }],
  ];
  for (const [key, value] of malformed) {
    it(`are refused when ${key} is ${JSON.stringify(value) ?? 'missing'}`, () => {
      for (const version of ROOM_VERSIONS) {
        const pdu = { ...received(version), [key]: value };
        assert.match(refusalOf(pdu, version), new RegExp(`^${key}`));
      }
    });
  }

  it('are refused when they are no objects at all', () => {
    for (const value of [undefined, null, 'x', 5, [], true])
      assert.equal(refusalOf(value, '12'), 'not an object');
  });

  it('list at most 20 previous and 10 auth events, except in backfill', () => {
    assert.equal(refusalOf(received('12', { prev_events: idList(20), auth_events: idList(10) }), '12'), '');
    const crowded = received('12', { prev_events: idList(21) });
    assert.match(refusalOf(crowded, '12'), /prev_events lists 21/);
    assert.match(refusalOf(received('12', { auth_events: idList(11) }), '12'), /auth_events lists 11/);
    assert.equal(parsePdu(crowded, getRoomVersionRules('12'), { limitsReferences: false }).kind, 'parsed');
  });

  it('are at most 65536 bytes with hashes and signatures, without unsigned', () => {
    const empty = received('12', { content: { body: '' } });
    const bytes = Buffer.byteLength(encodeCanonicalJson({ ...empty, unsigned: undefined }));
    const filled = (more: number): JsonObject =>
      received('12', { content: { body: 'é'.repeat(10) + 'x'.repeat(more) } });
    assert.equal(refusalOf({ ...filled(65_536 - bytes - 20), unsigned: { a: 'x'.repeat(100) } }, '12'), '');
    assert.match(refusalOf(filled(65_536 - bytes - 19), '12'), /65537 bytes/);
    const signatures = { domain: { 'ed25519:1': 'x'.repeat(65_536) } };
    assert.match(refusalOf({ ...received('12'), signatures }, '12'), /bytes, more than/);
  });

  it('have fields of at most 255 bytes', () => {
    assert.equal(refusalOf(received('12', { type: field(127), state_key: field(127) }), '12'), '');
    assert.match(refusalOf(received('12', { type: field(128) }), '12'), /^type is longer/);
    assert.match(refusalOf(received('12', { state_key: field(128) }), '12'), /^state_key is longer/);
    assert.match(refusalOf(received('12', { sender: `@${field(128)}:x` }), '12'), /^sender is not/);
  });

  it('hold no floats and no integers beyond ±(2^53−1) since v6', () => {
    for (const version of ROOM_VERSIONS) {
      const strict = defined(findRoomVersionRules(version)).strictCanonicalJson;
      for (const value of [1.5, 2 ** 53, -(2 ** 60)]) {
        assert.equal(
          refusalOf(received(version, { content: { value } }), version).startsWith('not canonical'),
          strict,
        );
      }
      assert.equal(
        refusalOf({ ...received(version), signatures: { a: { b: 1.5 } } }, version) !== '',
        strict,
      );
      assert.equal(refusalOf({ ...received(version), unsigned: { age: 1.5 } }, version), '');
    }
  });

  it('may have depths up to 2^63 before v6, which count as the greatest that is exact', () => {
    const deep = { depth: 2 ** 63 - 1 };
    const result = parse(received('5', deep), '5');
    assert.equal(result.kind === 'parsed' ? result.event.depth : undefined, Number.MAX_SAFE_INTEGER);
    assert.match(refusalOf(received('6', { ...deep, hashes: { sha256: '' } }), '6'), /^depth/);
    assert.match(refusalOf(received('5', { depth: 2 ** 64 }), '5'), /^depth/);
  });

  it('are parsed or refused, whatever stands in one of their members', () => {
    const key = fc.constantFrom(
      ...Object.keys(received('1', { state_key: '', redacts: '$a', unsigned: {} })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...ROOM_VERSIONS), key, canonicalValue, (version, member, value) => {
        const result = parse({ ...received(version), [member]: value }, version);
        assert.ok(result.kind === 'parsed' || result.reason !== '');
      }),
    );
  });

  it('hold no lone surrogates and no bottomless nesting in any version', () => {
    const nested = JSON.parse(`${'['.repeat(300)}${']'.repeat(300)}`) as JsonValue;
    for (const version of ROOM_VERSIONS) {
      const hashes = { sha256: '' };
      for (const value of ['\ud800', nested]) {
        assert.match(refusalOf(received(version, { hashes, content: { value } }), version), /^not canonical/);
      }
    }
  });

  it('carry their id in v1–v2 only', () => {
    assert.match(refusalOf(received('1', { event_id: undefined }), '1'), /event_id is not/);
    assert.match(refusalOf(received('2', { event_id: 'x' }), '2'), /event_id is not/);
    assert.notEqual(received('3')['event_id'], '$x');
  });

  it('carry a room id, but for the create event of v12', () => {
    assert.match(refusalOf(received('11', { room_id: undefined }, 'create'), '11'), /room_id is not/);
    assert.match(refusalOf(received('12', { room_id: '!a' }, 'create'), '12'), /room_id is there/);
    const result = parse(received('12', {}, 'create'), '12');
    assert.equal(result.kind, 'parsed');
    assert.equal(result.event.roomId, `!${result.event.eventId.slice(1)}`);
  });

  it('name the redacted event where their version keeps it', () => {
    assert.equal(redactsOf('10', { redacts: '$a:x', content: { redacts: '$b:x' } }), '$a:x');
    assert.equal(redactsOf('11', { redacts: '$a:x', content: { redacts: '$b:x' } }), '$b:x');
    assert.equal(redactsOf('11', { redacts: '$a:x', content: {} }), undefined);
    assert.equal(redactsOf('10', { redacts: '$a:x', type: 'm.room.message' }), undefined);
    assert.equal(redactsOf('10', { redacts: 5 }), undefined);
  });

  it('keep members that nobody knows, __proto__ included', () => {
    const pdu = JSON.parse(
      `{"__proto__":{"polluted":1},"extra":1,${JSON.stringify(received('12')).slice(1)}`,
    ) as JsonObject;
    const result = parse({ ...pdu, hashes: { sha256: contentHash(pdu) } }, '12');
    assert.equal(result.kind, 'parsed');
    assert.equal(result.redacted, false);
    assert.equal(Object.hasOwn(result.event.pdu, '__proto__'), true);
    assert.equal(result.event.pdu['extra'], 1);
    assert.equal('polluted' in result.event.pdu, false);
  });
});

describe('stored events', () => {
  it('read back as the event that was parsed', () => {
    for (const version of ROOM_VERSIONS) {
      for (const name of ['create', 'member join', 'redaction']) {
        const result = parse(received(version, {}, name), version);
        assert.equal(result.kind, 'parsed');
        const { eventId, roomId, pdu } = result.event;
        const stored = { eventId, roomId, json: encodeCanonicalJson(pdu, { strict: false }) };
        assert.deepEqual(readStoredEvent(stored, getRoomVersionRules(version)), result.event);
      }
    }
  });

  it('are refused loudly when the row holds something else', () => {
    const result = parse(received('12'), '12');
    assert.equal(result.kind, 'parsed');
    const { eventId, roomId } = result.event;
    assert.throws(
      () => readStoredEvent({ eventId, roomId, json: '{}' }, getRoomVersionRules('12')),
      /is no PDU/,
    );
  });
});
