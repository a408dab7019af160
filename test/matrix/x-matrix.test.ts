import assert from 'node:assert/strict';
import { parseServerName } from '../../src/matrix/identifiers.ts';
import { generateSigningKey, makeSigningKey } from '../../src/matrix/signing-key.ts';
import { formatXMatrix, parseXMatrix, verifyXMatrix } from '../../src/matrix/x-matrix.ts';
import type { SignedRequest } from '../../src/matrix/x-matrix.ts';
import { seededRandom } from '../../src/util/random.ts';
import { defined, readVectors } from './vectors.ts';

interface Vectors {
  readonly sign: readonly {
    readonly name: string;
    readonly seed: string;
    readonly keyId: string;
    readonly request: SignedRequest;
    readonly sig: string;
  }[];
  readonly parse: readonly {
    readonly name: string;
    readonly header: string;
    readonly params: Readonly<Record<string, string>>;
  }[];
}

const vectors = readVectors('x-matrix.json') as Vectors;
const key = generateSigningKey(seededRandom('x-matrix'), '1');
const request: SignedRequest = {
  method: 'PUT',
  uri: '/_matrix/federation/v1/send/1?a=%23b',
  origin: defined(parseServerName('a.example')),
  destination: defined(parseServerName('[::1]:8448')),
  content: { pdus: [], edus: [{ content: { volume: 0.5 } }] },
};

describe('X-Matrix authorization', () => {
  for (const { name, seed, keyId, request: signed, sig } of vectors.sign) {
    it(`makes the known signature of a real request: ${name}`, () => {
      const signingKey = defined(makeSigningKey(keyId.slice('ed25519:'.length), Buffer.from(seed, 'base64')));
      const credentials = defined(parseXMatrix(formatXMatrix(signed, signingKey)));
      assert.equal(credentials.signature, sig);
      assert.equal(verifyXMatrix(signed, credentials, signingKey.publicKey), true);
    });
  }

  for (const { name, header, params } of vectors.parse) {
    it(`reads: ${name}`, () => {
      assert.deepEqual(
        { ...parseXMatrix(header) },
        {
          origin: params['origin'],
          destination: params['destination'],
          keyId: params['key'],
          signature: params['sig'],
        },
      );
    });
  }

  it('covers method, path, both servers and content', () => {
    const credentials = defined(parseXMatrix(formatXMatrix(request, key)));
    assert.equal(verifyXMatrix(request, credentials, key.publicKey), true);
    const other = defined(parseServerName('other'));
    for (const change of [
      { method: 'GET' },
      { uri: '/x' },
      { destination: other },
      { content: {} },
      { content: undefined },
    ]) {
      assert.equal(verifyXMatrix({ ...request, ...change }, credentials, key.publicKey), false);
    }
    assert.equal(verifyXMatrix({ ...request, origin: other }, credentials, key.publicKey), false);
    assert.equal(verifyXMatrix(request, { ...credentials, origin: other }, key.publicKey), false);
    assert.equal(verifyXMatrix(request, { ...credentials, signature: 'x' }, key.publicKey), false);
  });

  it('reads headers of servers that name no destination, and passes unknown parameters over', () => {
    const credentials = parseXMatrix('X-Matrix origin=a,key="ed25519:1",sig="s",new="a,b=c"');
    assert.equal(credentials?.destination, undefined);
    assert.equal(credentials?.signature, 's');
  });

  for (const header of [
    '',
    'Bearer abc',
    'X-Matrix',
    'X-Matrixorigin=a,key="ed25519:1",sig="s"',
    'X-Matrix key="ed25519:1",sig="s"',
    'X-Matrix origin=a,sig="s"',
    'X-Matrix origin=a,key="ed25519:1"',
    'X-Matrix origin="a b",key="ed25519:1",sig="s"',
    'X-Matrix origin=a,key="ed25519:1",sig="s',
    'X-Matrix origin=a,key="ed25519:1",sig="s",destination="not a name"',
    'X-Matrix origin=a,key="ed25519:1",sig="s",nonsense',
  ]) {
    it(`refuses ${JSON.stringify(header)}`, () => assert.equal(parseXMatrix(header), undefined));
  }

  it('reads a long malformed header in no time', () => {
    for (const part of ['"', '\\"', 'a=', ',', '"a\\', ' ']) {
      assert.equal(parseXMatrix(`X-Matrix ${part.repeat(50_000)}`), undefined);
    }
  });
});
