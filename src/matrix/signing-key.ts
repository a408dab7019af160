import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import nacl from 'tweetnacl';
import type { Random } from '../util/random.ts';
import { decodeBase64, encodeUnpaddedBase64 } from './base64.ts';

export type SigningKeyId = `ed25519:${string}`;

/** An ed25519 key of this server; the key object is made once, since importing costs as much as signing. */
export interface SigningKey {
  readonly keyId: SigningKeyId;
  /** Unpadded base64 of 32 bytes. */
  readonly publicKey: string;
  /** Unpadded base64 of 32 bytes: the secret. */
  readonly seedBase64: string;
  readonly privateKey: KeyObject;
}

/** Another server's (or a device's) ed25519 key, imported once for many checks. */
export interface VerifyKey {
  readonly publicKey: string;
  readonly keyObject: KeyObject;
}

const KEY_BYTES = 32;
const KEY_VERSION = /^[A-Za-z0-9_]+$/;
/** The DER prefixes of RFC 8410 before the raw 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A new key named `ed25519:<version>`. Throws when the version is not of letters, digits and `_`. */
export function generateSigningKey(random: Random, version: string): SigningKey {
  const key = makeSigningKey(version, random.bytes(KEY_BYTES));
  if (key === undefined) throw new Error(`"${version}" is no key version: letters, digits and _ only`);
  return key;
}

/** The key that a raw seed of 32 bytes makes; undefined when the version or the length is wrong. */
export function makeSigningKey(version: string, seed: Uint8Array): SigningKey | undefined {
  if (!KEY_VERSION.test(version) || seed.length !== KEY_BYTES) return undefined;
  const { publicKey } = nacl.sign.keyPair.fromSeed(new Uint8Array(seed));
  return {
    keyId: `ed25519:${version}`,
    publicKey: encodeUnpaddedBase64(publicKey),
    seedBase64: encodeUnpaddedBase64(seed),
    privateKey: createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' }),
  };
}

/**
 * The first key of a signing key file as deployed servers keep it: a line `ed25519 <version> <seed in base64>` per
 * key, the current one first. Undefined when the first line that is not empty is no key.
 */
export function parseSigningKeyFile(text: string): SigningKey | undefined {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '');
  const [algorithm, version, seedText, ...rest] = (line ?? '').trim().split(/\s+/);
  if (algorithm !== 'ed25519' || version === undefined || seedText === undefined || rest.length > 0)
    return undefined;
  const seed = decodeBase64(seedText);
  return seed === undefined ? undefined : makeSigningKey(version, seed);
}

/** The text that {@link parseSigningKeyFile} reads, with its line end. */
export function formatSigningKeyFile(key: SigningKey): string {
  return `ed25519 ${key.keyId.slice('ed25519:'.length)} ${key.seedBase64}\n`;
}

/** Imports a public key of 32 bytes in base64; undefined when it is none. */
export function importVerifyKey(publicKey: string): VerifyKey | undefined {
  const raw = decodeBase64(publicKey);
  if (raw?.length !== KEY_BYTES) return undefined;
  const keyObject = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
  return { publicKey, keyObject };
}
