import assert from 'node:assert/strict';
import { encodeUnpaddedBase64 } from '../../src/matrix/base64.ts';
import { signJson } from '../../src/matrix/signing.ts';
import { makeSigningKey, type SigningKey } from '../../src/matrix/signing-key.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { seededRandom } from '../../src/util/random.ts';
import { passwordOf } from './logins.ts';
import { request, succeed, type TestReply, type TestServer, type TestUser } from './server.ts';

/** An ed25519 key that signs under a name which is no key version, such as a public key. */
export function namedKey(seed: string, name?: string): SigningKey {
  const key = makeSigningKey('seed', seededRandom(seed).bytes(32));
  if (key === undefined) throw new Error('32 bytes make a key');
  return { ...key, keyId: `ed25519:${name ?? key.publicKey}` };
}

/** The key that a device signs with. */
export function deviceKeyOf(user: TestUser): SigningKey {
  return namedKey(`${user.userId} ${user.deviceId}`, user.deviceId);
}

/** The identity keys of a user's device, signed by it. */
export function deviceKeys(user: TestUser, extra: JsonObject = {}, key = deviceKeyOf(user)): JsonObject {
  return signJson(
    {
      user_id: user.userId,
      device_id: user.deviceId,
      algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
      keys: {
        [`ed25519:${user.deviceId}`]: key.publicKey,
        [`curve25519:${user.deviceId}`]: namedKey(`curve ${user.deviceId}`).publicKey,
      },
      ...extra,
    },
    user.userId,
    key,
  );
}

/** One-time keys `signed_curve25519:<name>` of a device: any 32 bytes, signed by it. */
export function oneTimeKeys(user: TestUser, names: readonly string[], extra: JsonObject = {}): JsonObject {
  const signer = deviceKeyOf(user);
  return Object.fromEntries(
    names.map((name) => {
      const bytes = seededRandom(`one-time key ${user.deviceId} ${name}`).bytes(32);
      const key = { key: encodeUnpaddedBase64(bytes), ...extra };
      return [`signed_curve25519:${name}`, signJson(key, user.userId, signer)];
    }),
  );
}

/** A user's cross-signing keys: the key pairs, and the objects to upload. */
export interface CrossSigning {
  readonly master: SigningKey;
  readonly selfSigning: SigningKey;
  readonly userSigning: SigningKey;
  readonly upload: {
    readonly master_key: JsonObject;
    readonly self_signing_key: JsonObject;
    readonly user_signing_key: JsonObject;
  };
}

/** Makes a set of cross-signing keys; another `seed` makes another set. */
export function crossSigning(userId: string, seed = 'first'): CrossSigning {
  const [master, selfSigning, userSigning] = [
    namedKey(`${userId} ${seed} master`),
    namedKey(`${userId} ${seed} self`),
    namedKey(`${userId} ${seed} user`),
  ];
  const object = (usage: string, key: SigningKey): JsonObject => ({
    user_id: userId,
    usage: [usage],
    keys: { [key.keyId]: key.publicKey },
  });
  return {
    master,
    selfSigning,
    userSigning,
    upload: {
      master_key: object('master', master),
      self_signing_key: signJson(object('self_signing', selfSigning), userId, master),
      user_signing_key: signJson(object('user_signing', userSigning), userId, master),
    },
  };
}

type Server = Pick<TestServer, 'baseUrl'>;

export const KEYS = '/_matrix/client/v3/keys';

/** POST to an endpoint below /keys that must succeed. */
export function postKeys(server: Server, token: TestUser, path: string, body: unknown): Promise<JsonObject> {
  return succeed(server, 'POST', `${KEYS}/${path}`, { token, body });
}

/** POST to an endpoint below /keys that may be refused. */
export function tryKeys(server: Server, token: TestUser, path: string, body: unknown): Promise<TestReply> {
  return request(server, 'POST', `${KEYS}/${path}`, { token, body });
}

/** Uploads device keys. */
export async function publishDevice(server: Server, user: TestUser): Promise<void> {
  await postKeys(server, user, 'upload', { device_keys: deviceKeys(user) });
}

/** A request body with the user's password beside it. */
export function withPassword(user: TestUser, body: JsonObject): JsonObject {
  return { ...body, auth: passwordOf(user) };
}

/** A key as it is before anyone signs it. */
export function withoutSignatures(key: JsonObject): JsonObject {
  const { signatures: _signatures, ...rest } = key;
  return rest;
}

/** The identity keys of a device before it signs them. */
export function bareDevice(user: TestUser): JsonObject {
  return withoutSignatures(deviceKeys(user));
}

/** Checks that a reply is this refusal. */
export function assertRefused(reply: TestReply, status: number, errcode: string): void {
  assert.deepEqual([reply.status, reply.body['errcode']], [status, errcode], JSON.stringify(reply.body));
}

/** The value under a path of keys, or undefined. */
export function at(body: unknown, ...path: readonly string[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}
