import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { at, crossSigning, deviceKeys, namedKey, oneTimeKeys, postKeys } from '../support/encryption.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

const PATH = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';
const DATA = { algorithm: 'org.matrix.msc3814.v1.olm', device_pickle: 'secret' };

/** A request to dehydrate a device, with keys. */
function bodyFor(user: TestUser, deviceId: string, extra: JsonObject = {}): JsonObject {
  const device = { ...user, deviceId };
  return {
    device_id: deviceId,
    device_data: DATA,
    device_keys: deviceKeys(device, { dehydrated: true }),
    one_time_keys: oneTimeKeys(device, ['A']),
    fallback_keys: oneTimeKeys(device, ['F'], { fallback: true }),
    ...extra,
  };
}

describe('a dehydrated device', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const put = (user: TestUser, body: JsonObject): Promise<JsonObject> =>
    succeed(server, 'PUT', PATH, { token: user, body });
  const refuse = async (
    user: TestUser,
    [method, path, body]: readonly [string, string, unknown?],
    [status, errcode]: readonly [number, string],
  ): Promise<void> => {
    const reply = await request(server, method, path, {
      token: user,
      ...(body === undefined ? {} : { body }),
    });
    assert.deepEqual([reply.status, reply.body['errcode']], [status, errcode], JSON.stringify(reply.body));
  };
  const fetchEvents = (user: TestUser, deviceId: string, body: JsonObject): Promise<JsonObject> =>
    succeed(server, 'POST', `${PATH}/${encodeURIComponent(deviceId)}/events`, { token: user, body });

  it('is announced among the unstable features', async () => {
    const { unstable_features: features } = await succeed(server, 'GET', '/_matrix/client/versions');
    assert.equal(at(features, 'org.matrix.msc3814'), true);
  });

  it('is stored with its keys, which others query and claim', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await refuse(alice, ['GET', PATH], [404, 'M_NOT_FOUND']);
    await refuse(alice, ['DELETE', PATH], [404, 'M_NOT_FOUND']);
    const deviceId = namedKey('identity').publicKey;
    const body = bodyFor(alice, deviceId, { initial_device_display_name: 'dried' });
    assert.deepEqual(await put(alice, body), { device_id: deviceId });
    assert.deepEqual(await succeed(server, 'GET', PATH, { token: alice }), {
      device_id: deviceId,
      device_data: DATA,
    });
    const queried = await postKeys(server, bob, 'query', { device_keys: { [alice.userId]: [] } });
    const keys = at(queried, 'device_keys', alice.userId, deviceId);
    assert.deepEqual([at(keys, 'dehydrated'), at(keys, 'unsigned', 'device_display_name')], [true, 'dried']);
    const wish = { one_time_keys: { [alice.userId]: { [deviceId]: 'signed_curve25519' } } };
    const names: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const claimed = await postKeys(server, bob, 'claim', wish);
      names.push(...Object.keys(at(claimed, 'one_time_keys', alice.userId, deviceId) ?? {}));
    }
    assert.deepEqual(names, ['signed_curve25519:A', 'signed_curve25519:F']);
  });

  it('makes room for another, and goes when it is deleted', async () => {
    const alice = await newUser();
    await put(alice, bodyFor(alice, 'FIRST'));
    await put(alice, bodyFor(alice, 'FIRST'));
    await put(alice, bodyFor(alice, 'SECOND'));
    const devices = async (): Promise<string[]> => {
      const { devices: all } = await succeed(server, 'GET', '/_matrix/client/v3/devices', { token: alice });
      return (Array.isArray(all) ? all : []).map((device) => String(at(device, 'device_id'))).toSorted();
    };
    assert.deepEqual(await devices(), [alice.deviceId, 'SECOND'].sort());
    assert.deepEqual(await succeed(server, 'DELETE', PATH, { token: alice }), { device_id: 'SECOND' });
    assert.deepEqual(await devices(), [alice.deviceId]);
    await refuse(alice, ['GET', PATH], [404, 'M_NOT_FOUND']);
  });

  it('cannot take the place of a device that is logged in, nor of a public key', async () => {
    const alice = await newUser();
    await refuse(alice, ['PUT', PATH, bodyFor(alice, alice.deviceId)], [403, 'M_FORBIDDEN']);
    const { upload, master } = crossSigning(alice.userId);
    await postKeys(server, alice, 'device_signing/upload', upload);
    await put(alice, bodyFor(alice, 'DRIED'));
    await refuse(alice, ['PUT', PATH, bodyFor(alice, master.publicKey)], [403, 'M_FORBIDDEN']);
    assert.equal((await succeed(server, 'GET', PATH, { token: alice }))['device_id'], 'DRIED');
  });

  it('is refused in another form', async () => {
    const alice = await newUser();
    const { device_keys: keys, ...bare } = bodyFor(alice, 'DRIED');
    await refuse(alice, ['PUT', PATH, bare], [400, 'M_MISSING_PARAM']);
    await refuse(alice, ['PUT', PATH, { ...bare, device_keys: keys, device_data: {} }], [400, 'M_BAD_JSON']);
    await refuse(alice, ['PUT', PATH, { ...bare, device_keys: deviceKeys(alice) }], [400, 'M_INVALID_PARAM']);
    await refuse(alice, ['PUT', PATH, { ...bare, device_keys: {} }], [400, 'M_BAD_JSON']);
    await refuse(alice, ['GET', PATH], [404, 'M_NOT_FOUND']);
  });

  it('gives its messages in batches, which stay until it goes', async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    await put(alice, bodyFor(alice, 'DRIED'));
    for (let index = 0; index < 103; index += 1) {
      await succeed(server, 'PUT', `/_matrix/client/v3/sendToDevice/m.room.encrypted/t${index}`, {
        token: bob,
        body: { messages: { [alice.userId]: { DRIED: { index } } } },
      });
    }
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const first = await fetchEvents(alice, 'DRIED', {});
      const second = await fetchEvents(alice, 'DRIED', { next_batch: textAt(first, 'next_batch') });
      const third = await fetchEvents(alice, 'DRIED', { next_batch: textAt(second, 'next_batch') });
      const events = [first, second].flatMap(({ events: list }) => (Array.isArray(list) ? list : []));
      assert.deepEqual(
        events.map((event) => at(event, 'content', 'index')),
        Array.from({ length: 103 }, (_, index) => index),
      );
      assert.deepEqual(events[0], { sender: bob.userId, type: 'm.room.encrypted', content: { index: 0 } });
      assert.deepEqual([third['events'], typeof third['next_batch']], [[], 'string']);
    }
    const path = `${PATH}/DRIED/events`;
    await refuse(alice, ['POST', `${PATH}/${alice.deviceId}/events`, {}], [403, 'M_FORBIDDEN']);
    await refuse(bob, ['POST', path, {}], [404, 'M_NOT_FOUND']);
    await refuse(alice, ['POST', path, { next_batch: 'nonsense' }], [400, 'M_INVALID_PARAM']);
    await put(alice, bodyFor(alice, 'OTHER'));
    await refuse(alice, ['POST', path, {}], [403, 'M_FORBIDDEN']);
    assert.deepEqual((await fetchEvents(alice, 'OTHER', {}))['events'], []);
  });
});
