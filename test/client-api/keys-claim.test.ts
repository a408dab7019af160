import assert from 'node:assert/strict';
import { deleteOldClaims } from '../../src/storage/one-time-keys.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { at, oneTimeKeys, postKeys, tryKeys } from '../support/encryption.ts';
import { registerUser, startTestServer, type TestServer, type TestUser } from '../support/server.ts';

describe('claiming one-time keys', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const upload = (user: TestUser, body: JsonObject): Promise<JsonObject> =>
    postKeys(server, user, 'upload', body);
  const claim = (claimer: TestUser, from: TestUser, algorithm = 'signed_curve25519'): Promise<JsonObject> =>
    postKeys(server, claimer, 'claim', { one_time_keys: { [from.userId]: { [from.deviceId]: algorithm } } });
  const claimName = async (claimer: TestUser, from: TestUser): Promise<string | undefined> => {
    const given = at(await claim(claimer, from), 'one_time_keys', from.userId, from.deviceId);
    return Object.keys(given ?? {})[0];
  };

  it('gives keys out in the order of their uploads, whole and once', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const later = oneTimeKeys(alice, ['A']);
    await upload(alice, { one_time_keys: oneTimeKeys(alice, ['Z']) });
    await upload(alice, { one_time_keys: later });
    assert.equal(await claimName(bob, alice), 'signed_curve25519:Z');
    assert.deepEqual(at(await claim(bob, alice), 'one_time_keys', alice.userId, alice.deviceId), later);
    assert.deepEqual(await claim(bob, alice), { one_time_keys: {}, failures: {} });
  });

  it('gives the fallback key when none is left, again and again, as it was uploaded', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const fallback = oneTimeKeys(alice, ['F'], { fallback: true });
    await upload(alice, { one_time_keys: oneTimeKeys(alice, ['A']), fallback_keys: fallback });
    assert.equal(await claimName(bob, alice), 'signed_curve25519:A');
    for (let round = 0; round < 2; round += 1) {
      assert.deepEqual(at(await claim(bob, alice), 'one_time_keys', alice.userId, alice.deviceId), fallback);
    }
    const fresh = oneTimeKeys(alice, ['G'], { fallback: true });
    await upload(alice, { fallback_keys: fresh });
    assert.equal(await claimName(bob, alice), 'signed_curve25519:G');
  });

  it('gives what there is for many devices, of the algorithm that was asked for', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await upload(alice, { one_time_keys: { 'curve25519:P': 'plain' } });
    await upload(bob, { one_time_keys: oneTimeKeys(bob, ['B']) });
    const body = await postKeys(server, alice, 'claim', {
      timeout: 10_000,
      one_time_keys: {
        [alice.userId]: { [alice.deviceId]: 'signed_curve25519', NOBODY: 'curve25519' },
        [bob.userId]: { [bob.deviceId]: 'signed_curve25519' },
        '@nobody:localhost': { DEVICE: 'curve25519' },
        '@far:elsewhere.example': { DEVICE: 'curve25519' },
      },
    });
    assert.deepEqual(body['one_time_keys'], { [bob.userId]: { [bob.deviceId]: oneTimeKeys(bob, ['B']) } });
    assert.deepEqual(Object.keys(body['failures'] ?? {}), ['elsewhere.example']);
    assert.deepEqual(
      at(await claim(bob, alice, 'curve25519'), 'one_time_keys', alice.userId, alice.deviceId),
      {
        'curve25519:P': 'plain',
      },
    );
  });

  it('does not bring a claimed key back when its upload is repeated', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const keys = oneTimeKeys(alice, ['A']);
    await upload(alice, { one_time_keys: keys });
    assert.equal(await claimName(bob, alice), 'signed_curve25519:A');
    const repeated = await upload(alice, { one_time_keys: keys });
    assert.deepEqual(repeated['one_time_key_counts'], { signed_curve25519: 0 });
    assert.equal(await claimName(bob, alice), undefined);
    const another = { 'signed_curve25519:A': { key: 'another', signatures: {} } };
    const replaced = await upload(alice, { one_time_keys: another });
    assert.deepEqual(replaced['one_time_key_counts'], { signed_curve25519: 1 });
    assert.deepEqual(at(await claim(bob, alice), 'one_time_keys', alice.userId, alice.deviceId), another);
  });

  it('forgets in time which keys were claimed', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await upload(alice, { one_time_keys: oneTimeKeys(alice, ['A', 'B']) });
    await claimName(bob, alice);
    await deleteOldClaims(server.services.db, server.clock.nowMs() + 1);
    const { rows } = await server.services.database.pool.query(
      'select claimed_ts from one_time_keys where device_id = $1',
      [alice.deviceId],
    );
    assert.deepEqual(rows, [{ claimed_ts: null }]);
  });

  it('refuses claims of the wrong form', async () => {
    const alice = await newUser();
    const refusal = async (body: unknown): Promise<unknown[]> => {
      const reply = await tryKeys(server, alice, 'claim', body);
      return [reply.status, reply.body['errcode']];
    };
    assert.deepEqual(await refusal({}), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await refusal({ one_time_keys: { [alice.userId]: { D: 7 } } }), [400, 'M_BAD_JSON']);
    assert.deepEqual(await refusal({ one_time_keys: { alice: { D: 'a' } } }), [400, 'M_INVALID_PARAM']);
  });

  it('gives each of 500 keys once to many who ask at the same time', async () => {
    const alice = await newUser();
    const claimers = await Promise.all(Array.from({ length: 10 }, newUser));
    const names = Array.from({ length: 500 }, (_, index) => `K${index}`);
    await upload(alice, { one_time_keys: oneTimeKeys(alice, names) });
    const claimAll = async (claimer: TestUser): Promise<(string | undefined)[]> => {
      const given: (string | undefined)[] = [];
      for (let round = 0; round < 50; round += 1) given.push(await claimName(claimer, alice));
      return given;
    };
    const claimed = (await Promise.all(claimers.map(claimAll))).flat();
    assert.equal(new Set(claimed).size, 500);
    assert.ok(!claimed.includes(undefined));
    assert.equal(await claimName(alice, alice), undefined);
  }).timeout(120_000);
});
