import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  at,
  deviceKeyOf,
  deviceKeys,
  namedKey,
  oneTimeKeys,
  postKeys,
  publishDevice,
  tryKeys,
} from '../support/encryption.ts';
import { logInAgain } from '../support/logins.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

describe('uploading and querying keys', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const query = (reader: TestUser, whom: TestUser, devices: readonly string[] = []): Promise<JsonObject> =>
    postKeys(server, reader, 'query', { device_keys: { [whom.userId]: devices } });
  const refuse = async (user: TestUser, body: unknown, errcode: string): Promise<void> => {
    const reply = await tryKeys(server, user, 'upload', body);
    assert.deepEqual([reply.status, reply.body['errcode']], [400, errcode], JSON.stringify(reply.body));
  };

  it('shows a device’s keys as they were uploaded, with its name', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const keys = deviceKeys(alice, { unsigned: { forged: true } });
    await postKeys(server, alice, 'upload', { device_keys: keys });
    const { unsigned: _unsigned, ...signed } = keys;
    assert.deepEqual(at(await query(bob, alice), 'device_keys', alice.userId, alice.deviceId), signed);
    await succeed(server, 'PUT', `/_matrix/client/v3/devices/${alice.deviceId}`, {
      token: alice,
      body: { display_name: 'phone' },
    });
    assert.deepEqual(at(await query(bob, alice), 'device_keys', alice.userId, alice.deviceId), {
      ...signed,
      unsigned: { device_display_name: 'phone' },
    });
  });

  it('answers for users without keys, for chosen devices, and not for users who do not exist', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await publishDevice(server, alice);
    const body = await postKeys(server, bob, 'query', {
      device_keys: {
        [alice.userId]: [alice.deviceId, 'OTHER'],
        [bob.userId]: [],
        '@nobody:localhost': [],
        '@far:elsewhere.example': [],
      },
    });
    assert.deepEqual(Object.keys(body).sort(), [
      'device_keys',
      'failures',
      'master_keys',
      'self_signing_keys',
      'user_signing_keys',
    ]);
    assert.deepEqual(Object.keys(body['device_keys'] ?? {}).sort(), [alice.userId, bob.userId].sort());
    assert.deepEqual(Object.keys(at(body, 'device_keys', alice.userId) ?? {}), [alice.deviceId]);
    assert.deepEqual(at(body, 'device_keys', bob.userId), {});
    assert.deepEqual(Object.keys(body['failures'] ?? {}), ['elsewhere.example']);
    assert.deepEqual(at(await query(bob, alice, ['OTHER']), 'device_keys', alice.userId), {});
  });

  it('refuses queries of the wrong form', async () => {
    const alice = await newUser();
    const status = async (body: unknown): Promise<unknown[]> => {
      const reply = await tryKeys(server, alice, 'query', body);
      return [reply.status, reply.body['errcode']];
    };
    assert.deepEqual(await status({}), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await status({ device_keys: { [alice.userId]: { DEVICE: true } } }), [
      400,
      'M_BAD_JSON',
    ]);
    assert.deepEqual(await status({ device_keys: { alice: [] } }), [400, 'M_INVALID_PARAM']);
  });

  it('refuses keys of another user or device, and incomplete ones', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await refuse(bob, { device_keys: deviceKeys(alice) }, 'M_INVALID_PARAM');
    await refuse(bob, { device_keys: deviceKeys({ ...bob, deviceId: 'OTHER' }) }, 'M_INVALID_PARAM');
    await refuse(bob, { device_keys: { user_id: bob.userId, device_id: bob.deviceId } }, 'M_BAD_JSON');
    await refuse(bob, { device_keys: { ...deviceKeys(bob), keys: { a: 1 } } }, 'M_BAD_JSON');
    await refuse(bob, { device_keys: 'keys' }, 'M_BAD_JSON');
    await refuse(bob, { one_time_keys: { nameless: 'key' } }, 'M_INVALID_PARAM');
    await refuse(bob, { one_time_keys: { 'signed_curve25519:A': 7 } }, 'M_BAD_JSON');
    await refuse(bob, { one_time_keys: { 'signed_curve25519:A': { key: 'unsigned' } } }, 'M_BAD_JSON');
    for (const signatures of [[], { [bob.userId]: 'signed' }, { [bob.userId]: { 'ed25519:A': 1 } }])
      await refuse(bob, { one_time_keys: { 'signed_curve25519:A': { key: 'k', signatures } } }, 'M_BAD_JSON');
    await refuse(bob, { fallback_keys: oneTimeKeys(bob, ['A', 'B']) }, 'M_INVALID_PARAM');
    assert.deepEqual(at(await query(bob, bob), 'device_keys', bob.userId), {});
    assert.equal((await request(server, 'POST', '/_matrix/client/v3/keys/upload', { body: {} })).status, 401);
  });

  it('stores all of an upload or nothing', async () => {
    const alice = await newUser();
    await postKeys(server, alice, 'upload', { one_time_keys: oneTimeKeys(alice, ['A']) });
    const clash = { 'signed_curve25519:A': { key: 'another', signatures: {} } };
    await refuse(
      alice,
      { device_keys: deviceKeys(alice), one_time_keys: { ...oneTimeKeys(alice, ['B']), ...clash } },
      'M_INVALID_PARAM',
    );
    assert.deepEqual(at(await query(alice, alice), 'device_keys', alice.userId), {});
    const { one_time_key_counts: counts } = await postKeys(server, alice, 'upload', {});
    assert.deepEqual(counts, { signed_curve25519: 1 });
  });

  it('takes the same one-time key again, signed anew as well, and counts it once', async () => {
    const alice = await newUser();
    const counts = async (keys: JsonObject): Promise<unknown> =>
      (await postKeys(server, alice, 'upload', { one_time_keys: keys }))['one_time_key_counts'];
    assert.deepEqual(await counts({}), { signed_curve25519: 0 });
    assert.deepEqual(await counts(oneTimeKeys(alice, ['A', 'B', 'C'])), { signed_curve25519: 3 });
    assert.deepEqual(await counts(oneTimeKeys(alice, ['B', 'C', 'D'])), { signed_curve25519: 4 });
    const resigned = {
      'signed_curve25519:A': {
        ...(oneTimeKeys(alice, ['A'])['signed_curve25519:A'] as object),
        signatures: {},
      },
    };
    assert.deepEqual(await counts(resigned as JsonObject), { signed_curve25519: 4 });
    assert.deepEqual(await counts({ 'curve25519:A': 'plain' }), { curve25519: 1, signed_curve25519: 4 });
    await refuse(alice, { one_time_keys: { 'curve25519:A': 'other' } }, 'M_INVALID_PARAM');
  });

  it('drops one-time and fallback keys when the device becomes another one', async () => {
    const alice = await newUser();
    await postKeys(server, alice, 'upload', {
      device_keys: deviceKeys(alice),
      one_time_keys: oneTimeKeys(alice, ['A']),
      fallback_keys: oneTimeKeys(alice, ['F'], { fallback: true }),
    });
    const fresh = namedKey('another identity', alice.deviceId);
    const { one_time_key_counts: counts } = await postKeys(server, alice, 'upload', {
      device_keys: deviceKeys(alice, {}, fresh),
      one_time_keys: oneTimeKeys(alice, ['B']),
    });
    assert.notEqual(fresh.publicKey, deviceKeyOf(alice).publicKey);
    assert.deepEqual(counts, { signed_curve25519: 1 });
  });

  it('forgets the keys of a device that logs out', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await publishDevice(server, alice);
    const second = await logInAgain(server, alice, 'SECOND');
    await postKeys(server, second, 'upload', {
      device_keys: deviceKeys(second),
      one_time_keys: oneTimeKeys(second, ['A']),
    });
    await succeed(server, 'POST', '/_matrix/client/v3/logout', { token: second });
    assert.deepEqual(Object.keys(at(await query(bob, alice), 'device_keys', alice.userId) ?? {}), [
      alice.deviceId,
    ]);
    const claim = { one_time_keys: { [alice.userId]: { SECOND: 'signed_curve25519' } } };
    assert.deepEqual(await postKeys(server, bob, 'claim', claim), { one_time_keys: {}, failures: {} });
  });
});
