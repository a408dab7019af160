import { createHmac } from 'node:crypto';
import type { JsonObject } from '../../src/util/json.ts';
import { crossSigning, deviceKeys, oneTimeKeys } from '../support/encryption.ts';
import { REGISTRATION_SHARED_SECRET } from '../support/server.ts';
import { DEHYDRATED, type Draft } from './draft.ts';

/** What proves that it is the user, where that is asked for; nothing for who has no password. */
export function withPassword({ user }: Draft): JsonObject {
  if (user.password === undefined) return {};
  const identifier = { type: 'm.id.user', user: user.localpart ?? '' };
  return { auth: { type: 'm.login.password', identifier, password: user.password } };
}

/** By a password or a login token. */
export function login(draft: Draft): JsonObject {
  const { chance, scene } = draft;
  const victim = chance.pick(scene.victims);
  if (chance.oneIn(3)) return { type: 'm.login.token', token: chance.pick(scene.loginTokens) };
  return {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: chance.pick([victim.localpart, victim.userId]) },
    password: victim.password,
    initial_device_display_name: 'a device',
    refresh_token: chance.oneIn(2),
    ...(chance.oneIn(3) ? { device_id: 'ADEVICE' } : {}),
  };
}

/** A new account, in one step. */
export function register({ chance }: Draft): JsonObject {
  return {
    username: `made-${chance.below(1e9)}`,
    password: 'a password',
    auth: { type: 'm.login.dummy' },
    inhibit_login: chance.oneIn(3),
    initial_device_display_name: 'x',
  };
}

/** A registration that the secret vouches for. */
export function bySharedSecret({ chance, scene }: Draft): JsonObject {
  const nonce = chance.pick(scene.nonces);
  const username = `made${chance.below(1e9)}`;
  const mac = createHmac('sha1', REGISTRATION_SHARED_SECRET).update(
    [nonce, username, 'pw', 'notadmin'].join('\0'),
  );
  return { nonce, username, password: 'pw', admin: false, mac: mac.digest('hex') };
}

/** A value for the field in the path. */
export function profileField({ params, scene, chance }: Draft): JsonObject {
  const key = params['keyName'] ?? 'x';
  const value = key === 'avatar_url' ? `mxc://localhost/${scene.media[0] ?? ''}` : `n${chance.below(10)}`;
  return { [key]: value };
}

/** Keys of the device, one-time keys that may have come before among them. */
export function keysUpload({ user, chance }: Draft): JsonObject {
  return {
    device_keys: deviceKeys(user),
    one_time_keys: oneTimeKeys(user, [`n${chance.below(50)}`, `n${chance.below(50)}`]),
    fallback_keys: oneTimeKeys(user, ['f'], { fallback: true }),
  };
}

/** The keys of the user, signed again. */
export function signatures(draft: Draft): JsonObject {
  const { user } = draft;
  const { master_key: key } = crossSigning(user.userId).upload;
  return { [user.userId]: { [user.deviceId]: deviceKeys(user), master: key } };
}

/** A device for who is away, always the same. */
export function dehydratedDevice({ user }: Draft): JsonObject {
  const device = { ...user, deviceId: DEHYDRATED };
  return {
    device_id: device.deviceId,
    device_data: { algorithm: 'org.matrix.msc3814.v2' },
    device_keys: deviceKeys(device),
    one_time_keys: oneTimeKeys(device, ['x']),
    fallback_keys: {},
    initial_device_display_name: 'asleep',
  };
}
