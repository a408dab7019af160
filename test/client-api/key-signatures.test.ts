import assert from 'node:assert/strict';
import { signJson } from '../../src/matrix/signing.ts';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import {
  at,
  assertRefused,
  bareDevice,
  crossSigning,
  deviceKeyOf,
  deviceKeys,
  postKeys,
  publishDevice,
  tryKeys,
  withPassword,
} from '../support/encryption.ts';
import { logInAgain } from '../support/logins.ts';
import { registerUser, startTestServer, type TestServer, type TestUser } from '../support/server.ts';

const UPLOAD = 'device_signing/upload';

describe('signatures of keys', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const query = (reader: TestUser, whom: TestUser): Promise<JsonObject> =>
    postKeys(server, reader, 'query', { device_keys: { [whom.userId]: [] } });
  /** The failures in the answer. */
  const sign = async (user: TestUser, body: JsonObject): Promise<JsonObject> => {
    const { failures } = await postKeys(server, user, 'signatures/upload', body);
    assert.ok(isJsonObject(failures));
    return failures;
  };

  it('adds the self-signing key’s signature to a device, and a device’s to the master key, for all to see', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const { upload, master, selfSigning } = crossSigning(alice.userId);
    await publishDevice(server, alice);
    await postKeys(server, alice, UPLOAD, upload);
    const device = signJson(bareDevice(alice), alice.userId, selfSigning);
    const masterKey = signJson(upload.master_key, alice.userId, deviceKeyOf(alice));
    const body = { [alice.userId]: { [alice.deviceId]: device, [master.publicKey]: masterKey } };
    assert.deepEqual(await sign(alice, body), {});
    assert.deepEqual(await sign(alice, body), {});
    const seen = await query(bob, alice);
    const signatures = at(seen, 'device_keys', alice.userId, alice.deviceId, 'signatures', alice.userId);
    assert.deepEqual(
      Object.keys(signatures ?? {}).sort(),
      [`ed25519:${alice.deviceId}`, selfSigning.keyId].sort(),
    );
    assert.deepEqual(at(seen, 'master_keys', alice.userId), masterKey);
  });

  it('shows what a user-signing key signed to its owner and nobody else', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const [alices, bobs] = [crossSigning(alice.userId), crossSigning(bob.userId)];
    await postKeys(server, alice, UPLOAD, alices.upload);
    await postKeys(server, bob, UPLOAD, bobs.upload);
    const signed = signJson(bobs.upload.master_key, alice.userId, alices.userSigning);
    assert.deepEqual(await sign(alice, { [bob.userId]: { [bobs.master.publicKey]: signed } }), {});
    assert.deepEqual(at(await query(alice, bob), 'master_keys', bob.userId), signed);
    assert.deepEqual(at(await query(bob, bob), 'master_keys', bob.userId), bobs.upload.master_key);
  });

  it('does not store what others signed into an uploaded key', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const { upload } = crossSigning(alice.userId);
    const forged = signJson(upload.master_key, bob.userId, crossSigning(bob.userId).userSigning);
    await postKeys(server, alice, UPLOAD, { ...upload, master_key: forged });
    assert.deepEqual(at(await query(bob, alice), 'master_keys', alice.userId), upload.master_key);
  });

  it('names each key that failed and stores the others', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const [alices, bobs] = [crossSigning(alice.userId), crossSigning(bob.userId)];
    const second = await logInAgain(server, alice, 'SECOND');
    for (const user of [alice, second, bob]) await publishDevice(server, user);
    await postKeys(server, alice, UPLOAD, alices.upload);
    await postKeys(server, bob, UPLOAD, bobs.upload);
    const failures = await sign(alice, {
      [alice.userId]: {
        [alice.deviceId]: signJson(bareDevice(alice), alice.userId, alices.selfSigning),
        SECOND: signJson(bareDevice(second), alice.userId, alices.userSigning),
        THIRD: signJson(bareDevice({ ...alice, deviceId: 'THIRD' }), alice.userId, alices.selfSigning),
        [alices.master.publicKey]: signJson(alices.upload.master_key, alice.userId, alices.userSigning),
      },
      [bob.userId]: {
        [bob.deviceId]: signJson(bareDevice(bob), alice.userId, alices.userSigning),
        [bobs.master.publicKey]: signJson(bobs.upload.master_key, alice.userId, alices.master),
      },
      '@nobody:localhost': { key: {} },
    });
    const errcodes = Object.fromEntries(
      Object.entries(failures).map(([user, keys]) => [
        user,
        Object.fromEntries(Object.keys(keys as JsonObject).map((key) => [key, at(keys, key, 'errcode')])),
      ]),
    );
    assert.deepEqual(errcodes, {
      [alice.userId]: {
        SECOND: 'M_INVALID_SIGNATURE',
        THIRD: 'M_NOT_FOUND',
        [alices.master.publicKey]: 'M_INVALID_SIGNATURE',
      },
      [bob.userId]: { [bob.deviceId]: 'M_NOT_FOUND', [bobs.master.publicKey]: 'M_INVALID_SIGNATURE' },
      '@nobody:localhost': { key: 'M_NOT_FOUND' },
    });
    const signatures = at(
      await query(alice, alice),
      'device_keys',
      alice.userId,
      alice.deviceId,
      'signatures',
    );
    assert.ok(Object.hasOwn(at(signatures, alice.userId) ?? {}, alices.selfSigning.keyId));
  });

  it('refuses another key under a known name, and a forged signature', async () => {
    const alice = await newUser();
    const { upload, selfSigning } = crossSigning(alice.userId);
    await publishDevice(server, alice);
    await postKeys(server, alice, UPLOAD, upload);
    const changed = { ...bareDevice(alice), algorithms: ['none'] };
    const failure = async (json: JsonObject): Promise<unknown> =>
      at(
        await sign(alice, { [alice.userId]: { [alice.deviceId]: json } }),
        alice.userId,
        alice.deviceId,
        'errcode',
      );
    assert.equal(await failure(signJson(changed, alice.userId, selfSigning)), 'M_INVALID_PARAM');
    const forged = { [alice.userId]: { [selfSigning.keyId]: 'A'.repeat(86) } };
    assert.equal(await failure({ ...deviceKeys(alice), signatures: forged }), 'M_INVALID_SIGNATURE');
    assertRefused(await tryKeys(server, alice, 'signatures/upload', { alice: {} }), 400, 'M_INVALID_PARAM');
    assertRefused(
      await tryKeys(server, alice, 'signatures/upload', { [alice.userId]: { A: 1 } }),
      400,
      'M_BAD_JSON',
    );
  });

  it('drops signatures when the key that made them, or the device, is replaced', async () => {
    const alice = await newUser();
    const first = crossSigning(alice.userId);
    await publishDevice(server, alice);
    await postKeys(server, alice, UPLOAD, first.upload);
    const device = signJson(bareDevice(alice), alice.userId, first.selfSigning);
    await sign(alice, { [alice.userId]: { [alice.deviceId]: device } });
    await postKeys(server, alice, 'upload', { device_keys: deviceKeys(alice) });
    const signers = async (): Promise<string[]> => {
      const keys = at(await query(alice, alice), 'device_keys', alice.userId, alice.deviceId);
      return Object.keys(at(keys, 'signatures', alice.userId) ?? {});
    };
    assert.equal((await signers()).length, 2, 'the same keys again change nothing');
    const second = crossSigning(alice.userId, 'second').upload;
    await postKeys(server, alice, UPLOAD, withPassword(alice, second));
    assert.deepEqual(await signers(), [`ed25519:${alice.deviceId}`]);
  });
});
