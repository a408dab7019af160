import assert from 'node:assert/strict';
import { signJson } from '../../src/matrix/signing.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { at, assertRefused, crossSigning, postKeys, tryKeys, withPassword } from '../support/encryption.ts';
import { logInAgain, passwordOf } from '../support/logins.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

const UPLOAD = 'device_signing/upload';

describe('cross-signing', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const query = (reader: TestUser, whom: TestUser): Promise<JsonObject> =>
    postKeys(server, reader, 'query', { device_keys: { [whom.userId]: [] } });
  describe('key upload', () => {
    it('stores the first keys without asking who it is, and shows user-signing keys to their owner only', async () => {
      const [alice, bob] = [await newUser(), await newUser()];
      const { upload } = crossSigning(alice.userId);
      assert.deepEqual(await postKeys(server, alice, UPLOAD, upload), {});
      const own = await query(alice, alice);
      assert.deepEqual(at(own, 'master_keys', alice.userId), upload.master_key);
      assert.deepEqual(at(own, 'self_signing_keys', alice.userId), upload.self_signing_key);
      assert.deepEqual(at(own, 'user_signing_keys', alice.userId), upload.user_signing_key);
      const seen = await query(bob, alice);
      assert.deepEqual(at(seen, 'master_keys', alice.userId), upload.master_key);
      assert.deepEqual(at(seen, 'self_signing_keys', alice.userId), upload.self_signing_key);
      assert.deepEqual(seen['user_signing_keys'], {});
    });

    it('takes the same keys again, and asks for the password before others replace them', async () => {
      const alice = await newUser();
      const [first, second] = [crossSigning(alice.userId), crossSigning(alice.userId, 'second')];
      await postKeys(server, alice, UPLOAD, first.upload);
      assert.deepEqual(await postKeys(server, alice, UPLOAD, first.upload), {});
      assert.deepEqual(await postKeys(server, alice, UPLOAD, { master_key: first.upload.master_key }), {});
      const challenge = await tryKeys(server, alice, UPLOAD, second.upload);
      assert.equal(challenge.status, 401);
      assert.deepEqual(challenge.body['flows'], [{ stages: ['m.login.password'] }]);
      assert.deepEqual(at(await query(alice, alice), 'master_keys', alice.userId), first.upload.master_key);
      await postKeys(server, alice, UPLOAD, withPassword(alice, second.upload));
      assert.deepEqual(at(await query(alice, alice), 'master_keys', alice.userId), second.upload.master_key);
    });

    it('asks for the password before a key is added to a known master key', async () => {
      const alice = await newUser();
      const { upload } = crossSigning(alice.userId);
      await postKeys(server, alice, UPLOAD, { master_key: upload.master_key });
      const added = { self_signing_key: upload.self_signing_key };
      assert.equal((await tryKeys(server, alice, UPLOAD, added)).status, 401);
      await postKeys(server, alice, UPLOAD, withPassword(alice, added));
      const own = await query(alice, alice);
      assert.deepEqual(at(own, 'self_signing_keys', alice.userId), upload.self_signing_key);
    });

    it('lets the other keys go with the master key that signed them', async () => {
      const alice = await newUser();
      await postKeys(server, alice, UPLOAD, crossSigning(alice.userId).upload);
      const { master_key: masterKey } = crossSigning(alice.userId, 'second').upload;
      await postKeys(server, alice, UPLOAD, withPassword(alice, { master_key: masterKey }));
      const own = await query(alice, alice);
      assert.deepEqual(at(own, 'master_keys', alice.userId), masterKey);
      assert.deepEqual([own['self_signing_keys'], own['user_signing_keys']], [{}, {}]);
    });

    it('refuses keys without a master key, of others, of another form, and wrongly signed', async () => {
      const [alice, bob] = [await newUser(), await newUser()];
      const { upload, selfSigning } = crossSigning(alice.userId);
      const refused = async (body: JsonObject, errcode: string): Promise<void> =>
        assertRefused(await tryKeys(server, alice, UPLOAD, body), 400, errcode);
      await refused({}, 'M_MISSING_PARAM');
      await refused({ self_signing_key: upload.self_signing_key }, 'M_MISSING_PARAM');
      await refused(crossSigning(bob.userId).upload, 'M_INVALID_PARAM');
      await refused({ master_key: upload.self_signing_key }, 'M_INVALID_PARAM');
      await refused({ master_key: { ...upload.master_key, keys: {} } }, 'M_INVALID_PARAM');
      await refused({ master_key: { ...upload.master_key, keys: { 'ed25519:a': 'a' } } }, 'M_INVALID_PARAM');
      await refused({ master_key: 7 }, 'M_BAD_JSON');
      const { signatures: _signatures, ...unsigned } = upload.self_signing_key;
      await refused({ ...upload, self_signing_key: unsigned }, 'M_INVALID_SIGNATURE');
      const bySelf = signJson(unsigned, alice.userId, selfSigning);
      await refused({ ...upload, self_signing_key: bySelf }, 'M_INVALID_SIGNATURE');
      const other = crossSigning(alice.userId, 'second').upload.user_signing_key;
      await refused({ ...upload, user_signing_key: other }, 'M_INVALID_SIGNATURE');
      assert.deepEqual((await query(alice, alice))['master_keys'], {});
    });

    it('keeps device ids and public keys apart, whichever comes first', async () => {
      const alice = await newUser();
      const { upload, master, selfSigning } = crossSigning(alice.userId);
      await logInAgain(server, alice, selfSigning.publicKey);
      assertRefused(await tryKeys(server, alice, UPLOAD, upload), 403, 'M_FORBIDDEN');
      await postKeys(server, alice, UPLOAD, { master_key: upload.master_key });
      const login = await request(server, 'POST', '/_matrix/client/v3/login', {
        body: { ...passwordOf(alice), device_id: master.publicKey },
      });
      assertRefused(login, 403, 'M_FORBIDDEN');
    });

    it('lets one of two first uploads at the same time be first', async () => {
      const alice = await newUser();
      const uploads = ['one', 'two', 'three', 'four'].map((seed) => crossSigning(alice.userId, seed).upload);
      const replies = await Promise.all(uploads.map((upload) => tryKeys(server, alice, UPLOAD, upload)));
      assert.deepEqual(
        replies.map((reply) => reply.status).toSorted((a, b) => a - b),
        [200, 401, 401, 401],
      );
      const winner = uploads[replies.findIndex((reply) => reply.status === 200)];
      assert.deepEqual(at(await query(alice, alice), 'master_keys', alice.userId), winner?.master_key);
    });

    it('forgets the keys of a deactivated account', async () => {
      const [alice, bob] = [await newUser(), await newUser()];
      await postKeys(server, alice, UPLOAD, crossSigning(alice.userId).upload);
      await succeed(server, 'POST', '/_matrix/client/v3/account/deactivate', {
        token: alice,
        body: withPassword(alice, {}),
      });
      const seen = await query(bob, alice);
      assert.deepEqual([seen['master_keys'], at(seen, 'device_keys', alice.userId)], [{}, {}]);
    });
  });
});
