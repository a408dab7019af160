import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import nacl from 'tweetnacl';
import { decodeBase64, encodeUnpaddedBase64 } from '../../src/matrix/base64.ts';
import { CanonicalJsonError, encodeCanonicalJson } from '../../src/matrix/canonical-json.ts';
import type { Pdu } from '../../src/matrix/event.ts';
import { contentHash } from '../../src/matrix/hashing.ts';
import { getRoomVersionRules } from '../../src/matrix/room-version.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import {
  formatSigningKeyFile,
  generateSigningKey,
  importVerifyKey,
  makeSigningKey,
  parseSigningKeyFile,
} from '../../src/matrix/signing-key.ts';
import type { SigningKey } from '../../src/matrix/signing-key.ts';
import {
  listSignatureKeyIds,
  signJson,
  signPdu,
  signText,
  verifyPduSignature,
  verifySignedJson,
} from '../../src/matrix/signing.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { seededRandom } from '../../src/util/random.ts';
import { canonicalObject, defined, readVectorLines, readVectors } from './vectors.ts';

interface JsonVectors {
  readonly sign: readonly {
    readonly name: string;
    readonly seed: string;
    readonly input: JsonObject;
    readonly signed: JsonObject;
  }[];
  readonly verify: readonly {
    readonly name: string;
    readonly serverName: string;
    readonly keyId: string;
    readonly publicKey: string;
    readonly input: JsonObject;
    readonly valid: boolean;
  }[];
}

interface EventVectors {
  readonly seed: string;
  readonly publicKey: string;
  readonly cases: readonly {
    readonly name: string;
    readonly roomVersion: RoomVersion;
    readonly input: Pdu;
    readonly signed: JsonObject;
  }[];
}

interface GeneratedEvent {
  readonly name: string;
  readonly roomVersion: RoomVersion;
  readonly event: Pdu;
  readonly contentHash: string;
  readonly signature: string;
}

function keyOf(seedBase64: string, version = '1'): SigningKey {
  return defined(makeSigningKey(version, defined(decodeBase64(seedBase64))));
}

const eventVectors = readVectors('event-signing.json') as EventVectors;

const generated = readVectorLines('generated-events.jsonl') as readonly GeneratedEvent[];

describe('signing JSON', () => {
  const vectors = readVectors('json-signing.json') as JsonVectors;
  for (const { name, seed, input, signed } of vectors.sign) {
    it(`makes the known signature of ${name}`, () => {
      assert.deepEqual(signJson(input, 'domain', keyOf(seed)), signed);
    });
  }
  for (const { name, serverName, keyId, publicKey, input, valid } of vectors.verify) {
    it(`finds ${valid ? 'right' : 'wrong'}: ${name}`, () => {
      assert.equal(verifySignedJson(input, serverName, keyId, publicKey), valid);
    });
  }

  const key = generateSigningKey(seededRandom('signing'), 'a_1');

  it('verifies what it signed, in any order of members, and nothing else', () => {
    fc.assert(
      fc.property(canonicalObject, (object) => {
        const signed = signJson(object, 'a.example', key);
        const reordered = Object.fromEntries(Object.entries(signed).toReversed());
        assert.equal(verifySignedJson(reordered, 'a.example', key.keyId, key.publicKey), true);
        assert.equal(verifySignedJson(signed, 'b.example', key.keyId, key.publicKey), false);
        assert.equal(verifySignedJson(signed, 'a.example', 'ed25519:b', key.publicKey), false);
        assert.equal(verifySignedJson({ ...signed, more: 1 }, 'a.example', key.keyId, key.publicKey), false);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the signatures that are there', () => {
    const other = generateSigningKey(seededRandom('other'), 'b');
    const signed = signJson(signJson(signJson({ a: 1 }, 'x', key), 'x', other), 'y', key);
    for (const [signer, by] of [
      ['x', key],
      ['x', other],
      ['y', key],
    ] as const) {
      assert.equal(verifySignedJson(signed, signer, by.keyId, by.publicKey), true);
    }
    assert.deepEqual(listSignatureKeyIds(signed, 'x'), ['ed25519:a_1', 'ed25519:b']);
    assert.deepEqual(listSignatureKeyIds(signed, '__proto__'), []);
  });

  it('refuses to sign floats', () => {
    assert.throws(() => signJson({ a: 1.5 }, 'x', key), CanonicalJsonError);
  });

  it('takes malformed keys, signatures and objects for wrong', () => {
    const signed = signJson({ a: 1 }, 'x', key);
    for (const publicKey of ['', 'AAAA', '!', `${key.publicKey}AAAA`]) {
      assert.equal(verifySignedJson(signed, 'x', key.keyId, publicKey), false);
    }
    const tooDeep = JSON.parse(`{"a":${'['.repeat(300)}${']'.repeat(300)}}`) as JsonObject;
    assert.equal(
      verifySignedJson({ ...tooDeep, signatures: signed.signatures }, 'x', key.keyId, key.publicKey),
      false,
    );
    for (const signatures of [null, [], 'x', { x: [] }, { x: { [key.keyId]: 5 } }]) {
      assert.equal(verifySignedJson({ a: 1, signatures }, 'x', key.keyId, key.publicKey), false);
    }
  });

  it('signs as tweetnacl does', () => {
    const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(seeds, fc.string({ unit: 'binary' }), (seed, text) => {
        const pair = nacl.sign.keyPair.fromSeed(seed);
        const ours = signText(text, defined(makeSigningKey('1', seed)));
        assert.equal(ours, encodeUnpaddedBase64(nacl.sign.detached(Buffer.from(text), pair.secretKey)));
      }),
      { numRuns: 10 },
    );
  });

  it('refuses the second signature that can be made from a right one', () => {
    const malleable = addGroupOrder(defined(decodeBase64(signText('{"a":1}', key))));
    const text = Buffer.from(encodeCanonicalJson({ a: 1 }));
    assert.equal(nacl.sign.detached.verify(text, malleable, defined(decodeBase64(key.publicKey))), true);
    const forged = { a: 1, signatures: { x: { [key.keyId]: encodeUnpaddedBase64(malleable) } } };
    assert.equal(verifySignedJson(forged, 'x', key.keyId, key.publicKey), false);
  });
});

describe('signing events', () => {
  const key = keyOf(eventVectors.seed);

  it('derives the public key from the seed', () => assert.equal(key.publicKey, eventVectors.publicKey));

  for (const { name, roomVersion, input, signed } of eventVectors.cases) {
    it(`makes the known signature of ${name}`, () => {
      const rules = getRoomVersionRules(roomVersion);
      const hashed: Pdu = { ...input, hashes: { sha256: contentHash(input) } };
      assert.deepEqual({ ...signPdu(hashed, rules, 'domain', key) }, signed);
    });
  }

  for (const { name, roomVersion, event, contentHash: sha256, signature } of generated) {
    it(`agrees with another implementation: ${name}`, () => {
      const rules = getRoomVersionRules(roomVersion);
      const signed = signPdu({ ...event, hashes: { sha256 } }, rules, 'domain', key);
      assert.deepEqual(signed['signatures'], { domain: { 'ed25519:1': signature } });
      assert.equal(verifyPduSignature(signed, rules, 'domain', 'ed25519:1', eventVectors.publicKey), true);
    });
  }

  it('covers what redaction keeps and nothing else', () => {
    const rules = getRoomVersionRules('12');
    const [vector] = generated.filter(({ name }) => name === 'v12 message');
    const { event, contentHash: sha256 } = defined(vector);
    const signed = signPdu({ ...event, hashes: { sha256 } }, rules, 'domain', key);
    const publicKey = defined(importVerifyKey(key.publicKey));
    const verify = (pdu: Pdu): boolean => verifyPduSignature(pdu, rules, 'domain', key.keyId, publicKey);
    assert.equal(verify({ ...signed, content: {}, unsigned: { age: 5 } }), true);
    assert.equal(verify({ ...signed, depth: 1000 }), false);
    assert.equal(verify({ ...signed, hashes: { sha256: 'AAAA' } }), false);
  });
});

describe('signing keys', () => {
  it('are read from and written to the file format of deployed servers', () => {
    const text = 'ed25519 a_Obwu QJvXAPj0D9MUb1exkD8pIWmCvT1xajlsB8jRYz/G5HE\n';
    const key = defined(parseSigningKeyFile(text));
    assert.equal(key.keyId, 'ed25519:a_Obwu');
    assert.equal(key.publicKey, '2UwTWD4+tgTgENV7znGGNqhAOGY+BW1mRAnC6W6FBQg');
    assert.equal(formatSigningKeyFile(key), text);
    assert.equal(parseSigningKeyFile(`\n${text.trim()}=\r\ned25519 old AAAA\n`)?.keyId, 'ed25519:a_Obwu');
  });

  it('are refused when the file says something else', () => {
    const seed = 'QJvXAPj0D9MUb1exkD8pIWmCvT1xajlsB8jRYz/G5HE';
    for (const text of [
      '',
      `rsa 1 ${seed}`,
      `ed25519 ${seed}`,
      'ed25519 1 AAAA',
      `ed25519 a:b ${seed}`,
      `ed25519 1 ${seed} x`,
    ]) {
      assert.equal(parseSigningKeyFile(text), undefined, text);
    }
  });

  it('come from the given randomness', () => {
    const [first, same, other] = ['a', 'a', 'b'].map(
      (seed) => generateSigningKey(seededRandom(seed), '1').publicKey,
    );
    assert.equal(first, same);
    assert.notEqual(first, other);
    assert.throws(() => generateSigningKey(seededRandom('a'), 'no spaces'));
  });
});

/** S + L: the other scalar that satisfies the equation, which strict verifiers refuse. */
function addGroupOrder(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const scalar = BigInt(`0x${Buffer.from(signature.subarray(32).toReversed()).toString('hex')}`) + order;
  const bytes = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').toReversed();
  return Buffer.concat([signature.subarray(0, 32), bytes]);
}
