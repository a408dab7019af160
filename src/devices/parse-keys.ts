import { z } from 'zod';
import { badJson, invalidParam } from '../matrix/errors.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import type { NamedKey } from '../storage/one-time-keys.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import { signaturesShape, signedPartOf, withoutUnsigned } from './key-json.ts';

const KEY_NAME = /^([^:\0]{1,255}):([^\0]{1,255})$/s;

const deviceKeysShape = z.looseObject({
  user_id: z.string(),
  device_id: z.string(),
  algorithms: z.array(z.string()),
  keys: z.record(z.string(), z.string()),
  signatures: signaturesShape,
});

/**
 * The identity keys of a device, as they are to be stored. Throws 400: M_BAD_JSON for another form, M_INVALID_PARAM
 * when they are those of another device. https://spec.matrix.org/v1.19/client-server-api/#device-keys
 */
export function parseDeviceKeys(
  device: { readonly userId: UserId; readonly deviceId: DeviceId },
  keys: JsonObject,
): JsonObject {
  const parsed = deviceKeysShape.safeParse(keys);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw badJson(`device_keys.${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
  }
  if (parsed.data.user_id !== device.userId)
    throw invalidParam('device_keys.user_id: the keys of another user');
  if (parsed.data.device_id !== device.deviceId) {
    throw invalidParam('device_keys.device_id: the keys of another device');
  }
  const stored = withoutUnsigned(keys);
  signedPartOf(stored);
  return stored;
}

/** The public ed25519 key among a device's keys, in base64. */
export function ed25519KeyOf(deviceKeys: JsonObject, deviceId: DeviceId): string | undefined {
  const { keys } = deviceKeys;
  const key = isJsonObject(keys) ? keys[`ed25519:${deviceId}`] : undefined;
  return typeof key === 'string' ? key : undefined;
}

/**
 * Keys by their names `<algorithm>:<key id>`: each a string, or an object with the key and its signatures. `where` is
 * what errors name. Throws 400: M_INVALID_PARAM for a name, M_BAD_JSON for a key.
 * https://spec.matrix.org/v1.19/client-server-api/#key-algorithms
 */
export function parseNamedKeys(where: string, keys: JsonObject): NamedKey[] {
  return Object.entries(keys).map(([name, key]) => {
    const [, algorithm, keyId] = KEY_NAME.exec(name) ?? [];
    if (algorithm === undefined || keyId === undefined) {
      throw invalidParam(`${where}: ${name} is not of the form <algorithm>:<key id>`);
    }
    if (key === undefined || !isKey(key)) {
      throw badJson(`${where}.${name}: expected a string, or an object with key and signatures`);
    }
    return { algorithm, keyId, key: JSON.stringify(key) };
  });
}

/** The same for fallback keys, of which there is one for each algorithm. Throws 400 M_INVALID_PARAM for a second one. */
export function parseFallbackKeys(where: string, keys: JsonObject): NamedKey[] {
  const parsed = parseNamedKeys(where, keys);
  const algorithms = new Set(parsed.map((key) => key.algorithm));
  if (algorithms.size < parsed.length) throw invalidParam(`${where}: more than one key of an algorithm`);
  return parsed;
}

/** By user, and by key of that user, texts; whose they are and whether they are right is for who gets the key to see. */
function areSignatures(signatures: JsonValue | undefined): boolean {
  return (
    isJsonObject(signatures) &&
    Object.values(signatures).every(
      (ofUser) =>
        isJsonObject(ofUser) && Object.values(ofUser).every((signature) => typeof signature === 'string'),
    )
  );
}

function isKey(key: JsonValue): boolean {
  if (typeof key === 'string') return true;
  if (!isJsonObject(key) || typeof key['key'] !== 'string' || !areSignatures(key['signatures'])) return false;
  signedPartOf(key);
  return true;
}
