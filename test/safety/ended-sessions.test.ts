import assert from 'node:assert/strict';
import { uploadKeys } from '../../src/devices/upload-keys.ts';
import { setPusher } from '../../src/push/set-pusher.ts';
import { findUserNid } from '../../src/storage/users.ts';
import { deviceId, userId } from '../support/accounts.ts';
import { deviceKeys, oneTimeKeys } from '../support/encryption.ts';
import { refusal } from '../support/refusal.ts';
import { registerUser, startTestServer, succeed, type TestServer } from '../support/server.ts';

describe('a request whose device is logged out before it is carried out', () => {
  let server: TestServer;
  before(async () => (server = await startTestServer()));
  after(() => server[Symbol.asyncDispose]());

  /** Someone who has just gone, as a request knows them that was let in a moment ago. */
  async function makeGone(localpart: string) {
    const user = await registerUser(server, localpart);
    const userNid = await findUserNid(server.services.db, userId(user.userId));
    assert.ok(userNid !== undefined);
    await succeed(server, 'POST', '/_matrix/client/v3/logout', { token: user });
    return { user, owner: { userNid, userId: userId(user.userId), deviceId: deviceId(user.deviceId) } };
  }

  it('sets no pusher, and is told that its token is no good', async () => {
    const { owner } = await makeGone('pusher');
    const pusher = {
      appId: 'app',
      pushkey: 'key',
      kind: 'http',
      appDisplayName: 'app',
      deviceDisplayName: 'device',
      profileTag: undefined,
      lang: 'en',
      data: { url: 'https://push.example/_matrix/push/v1/notify' },
    };
    await assert.rejects(setPusher(server.services, owner, pusher, true), refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('uploads no keys, and is told that its token is no good', async () => {
    const { user, owner } = await makeGone('keys');
    for (const upload of [{ deviceKeys: deviceKeys(user) }, { oneTimeKeys: oneTimeKeys(user, ['a']) }])
      await assert.rejects(uploadKeys(server.services, owner, upload), refusal(401, 'M_UNKNOWN_TOKEN'));
  });
});
