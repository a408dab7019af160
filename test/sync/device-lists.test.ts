import assert from 'node:assert/strict';
import { signJson } from '../../src/matrix/signing.ts';
import type { JsonObject } from '../../src/util/json.ts';
import {
  at,
  bareDevice,
  crossSigning,
  deviceKeys,
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
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

const SYNC = '/_matrix/client/v3/sync';
const NEVER_MS = 1_000_000;
const ENCRYPTION = {
  type: 'm.room.encryption',
  state_key: '',
  content: { algorithm: 'm.megolm.v1.aes-sha2' },
};

interface DeviceLists {
  readonly changed: readonly string[];
  readonly left: readonly string[];
}

function deviceListsOf(body: JsonObject): DeviceLists {
  const list = (key: string): readonly string[] => {
    const value = at(body, 'device_lists', key);
    return Array.isArray(value) ? value.map(String) : [];
  };
  return { changed: list('changed'), left: list('left') };
}

describe('device lists', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const newUsers = (count: number): Promise<TestUser[]> =>
    Promise.all(Array.from({ length: count }, newUser));
  const call = (user: TestUser, method: string, path: string, body?: unknown): Promise<JsonObject> =>
    succeed(server, method, `/_matrix/client/v3${path}`, {
      token: user,
      ...(body === undefined ? {} : { body }),
    });
  const syncOnce = (user: TestUser, since?: string): Promise<JsonObject> =>
    succeed(server, 'GET', since === undefined ? SYNC : `${SYNC}?since=${since}`, { token: user });
  const waitingSync = (user: TestUser, since: string): Promise<JsonObject> =>
    succeed(server, 'GET', `${SYNC}?since=${since}&timeout=${NEVER_MS}`, { token: user });
  const nextBatch = async (user: TestUser): Promise<string> => textAt(await syncOnce(user), 'next_batch');
  /** A token after all that has happened: numbers of keys are as fresh as can be, an answer may be older than they are. */
  const settledAfter = async (user: TestUser, answer: JsonObject): Promise<string> =>
    textAt(await syncOnce(user, textAt(answer, 'next_batch')), 'next_batch');
  const listsSince = async (user: TestUser, since: string): Promise<DeviceLists> => {
    const body = await syncOnce(user, since);
    const lists = deviceListsOf(body);
    const query = `from=${since}&to=${textAt(body, 'next_batch')}`;
    const changes = await call(user, 'GET', `/keys/changes?${query}`);
    assert.deepEqual(changes, { changed: lists.changed, left: lists.left }, '/keys/changes says the same');
    return lists;
  };
  const createRoom = async (user: TestUser, encrypted = false): Promise<string> => {
    const initial = encrypted ? [ENCRYPTION] : [];
    return textAt(
      await call(user, 'POST', '/createRoom', { preset: 'public_chat', initial_state: initial }),
      'room_id',
    );
  };
  const join = (user: TestUser, room: string): Promise<JsonObject> => call(user, 'POST', `/join/${room}`, {});
  const leave = (user: TestUser, room: string): Promise<JsonObject> =>
    call(user, 'POST', `/rooms/${room}/leave`, {});
  const nothing: DeviceLists = { changed: [], left: [] };

  it('say nothing to a client that knows nothing', async () => {
    const [alice] = await newUsers(1);
    assert.ok(alice);
    await publishDevice(server, alice);
    assert.equal((await syncOnce(alice))['device_lists'], undefined);
  });

  it('tell whoever shares a room, and the user, of new keys, once', async () => {
    const [alice, bob, carol] = await newUsers(3);
    assert.ok(alice && bob && carol);
    await join(bob, await createRoom(alice));
    const since = { alice: await nextBatch(alice), bob: await nextBatch(bob), carol: await nextBatch(carol) };
    await publishDevice(server, bob);
    assert.deepEqual(await listsSince(alice, since.alice), { changed: [bob.userId], left: [] });
    assert.deepEqual(await listsSince(bob, since.bob), { changed: [bob.userId], left: [] });
    assert.deepEqual(await listsSince(carol, since.carol), nothing);
    const later = await nextBatch(alice);
    await publishDevice(server, bob);
    assert.deepEqual(await listsSince(alice, later), nothing, 'the same keys again are no news');
  });

  it('tell of names, logouts, deleted devices and cross-signing', async () => {
    const [alice, bob] = await newUsers(2);
    assert.ok(alice && bob);
    await join(bob, await createRoom(alice));
    const second = await logInAgain(server, bob, 'SECOND');
    for (const device of [bob, second]) await publishDevice(server, device);
    const { upload, selfSigning } = crossSigning(bob.userId);
    const signed = signJson(bareDevice(bob), bob.userId, selfSigning);
    const steps: Readonly<Record<string, () => Promise<unknown>>> = {
      name: () => call(bob, 'PUT', '/devices/SECOND', { display_name: 'new name' }),
      keys: () => postKeys(server, bob, 'device_signing/upload', upload),
      signature: () =>
        postKeys(server, bob, 'signatures/upload', { [bob.userId]: { [bob.deviceId]: signed } }),
      logout: () => call(second, 'POST', '/logout'),
    };
    for (const [name, step] of Object.entries(steps)) {
      const since = await nextBatch(alice);
      await step();
      assert.deepEqual(await listsSince(alice, since), { changed: [bob.userId], left: [] }, name);
    }
  });

  it('name others whose master key the user has signed, to that user only', async () => {
    const [alice, bob] = await newUsers(2);
    assert.ok(alice && bob);
    const [alices, bobs] = [crossSigning(alice.userId), crossSigning(bob.userId)];
    await postKeys(server, alice, 'device_signing/upload', alices.upload);
    await postKeys(server, bob, 'device_signing/upload', bobs.upload);
    const since = await nextBatch(alice);
    const sinceOfBob = await nextBatch(bob);
    const waiting = waitingSync(alice, since);
    const signed = signJson(bobs.upload.master_key, alice.userId, alices.userSigning);
    await postKeys(server, alice, 'signatures/upload', { [bob.userId]: { [bobs.master.publicKey]: signed } });
    assert.deepEqual(deviceListsOf(await waiting), { changed: [bob.userId], left: [] });
    assert.deepEqual(await listsSince(bob, sinceOfBob), nothing);
  });

  it('name who comes into a room, and everyone who is there to who comes', async () => {
    const [alice, bob, carol] = await newUsers(3);
    assert.ok(alice && bob && carol);
    const room = await createRoom(alice);
    await join(bob, room);
    const since = { alice: await nextBatch(alice), carol: await nextBatch(carol) };
    await join(carol, room);
    assert.deepEqual(await listsSince(alice, since.alice), { changed: [carol.userId], left: [] });
    const { changed, left } = await listsSince(carol, since.carol);
    assert.deepEqual([changed.toSorted(), left], [[alice.userId, bob.userId].toSorted(), []]);
  });

  it('name who leaves the last shared room, and everyone to who leaves', async () => {
    const [alice, bob, carol] = await newUsers(3);
    assert.ok(alice && bob && carol);
    const [one, two] = [await createRoom(alice), await createRoom(alice)];
    for (const room of [one, two]) await join(bob, room);
    await join(carol, one);
    let since = { alice: await nextBatch(alice), bob: await nextBatch(bob) };
    await leave(bob, one);
    assert.deepEqual(await listsSince(alice, since.alice), nothing, 'another room is shared');
    assert.deepEqual(await listsSince(bob, since.bob), { changed: [], left: [carol.userId] });
    since = { alice: await nextBatch(alice), bob: await nextBatch(bob) };
    await publishDevice(server, bob);
    assert.deepEqual(await listsSince(alice, since.alice), { changed: [bob.userId], left: [] });
    since = { alice: await nextBatch(alice), bob: await nextBatch(bob) };
    await leave(bob, two);
    assert.deepEqual(await listsSince(alice, since.alice), { changed: [], left: [bob.userId] });
    assert.deepEqual(await listsSince(bob, since.bob), { changed: [], left: [alice.userId] });
    since = { alice: await nextBatch(alice), bob: await nextBatch(bob) };
    await postKeys(server, bob, 'upload', { device_keys: { ...deviceKeys(bob), algorithms: [] } });
    assert.deepEqual(await listsSince(alice, since.alice), nothing, 'nothing is shared any more');
    await join(bob, two);
    assert.deepEqual(await listsSince(alice, since.alice), { changed: [bob.userId], left: [] });
  });

  it('take who was kicked or banned for gone, and an invitation for nothing', async () => {
    const [alice, bob, carol] = await newUsers(3);
    assert.ok(alice && bob && carol);
    const room = await createRoom(alice);
    for (const user of [bob, carol]) await join(user, room);
    const since = await nextBatch(alice);
    await call(alice, 'POST', `/rooms/${room}/kick`, { user_id: bob.userId });
    await call(alice, 'POST', `/rooms/${room}/ban`, { user_id: carol.userId });
    const { changed, left } = await listsSince(alice, since);
    assert.deepEqual([changed, left.toSorted()], [[], [bob.userId, carol.userId].toSorted()]);
    const later = await nextBatch(alice);
    await call(alice, 'POST', `/rooms/${room}/invite`, { user_id: bob.userId });
    assert.deepEqual(await listsSince(alice, later), nothing);
  });

  it('are silent about profiles, and about who came and went in between', async () => {
    const [alice, bob, carol] = await newUsers(3);
    assert.ok(alice && bob && carol);
    const room = await createRoom(alice);
    await join(bob, room);
    const since = await nextBatch(alice);
    await call(bob, 'PUT', `/rooms/${room}/state/m.room.member/${bob.userId}`, {
      membership: 'join',
      displayname: 'Bob',
    });
    await join(carol, room);
    await leave(carol, room);
    assert.deepEqual(await listsSince(alice, since), nothing);
  });

  it('name company in an encrypted room anew, unless an encrypted room was shared before', async () => {
    const [alice, bob] = await newUsers(2);
    assert.ok(alice && bob);
    await join(bob, await createRoom(alice));
    const [secret, more] = [await createRoom(alice, true), await createRoom(alice, true)];
    let since = await nextBatch(alice);
    await join(bob, secret);
    assert.deepEqual(await listsSince(alice, since), { changed: [bob.userId], left: [] });
    since = await nextBatch(alice);
    await join(bob, more);
    assert.deepEqual(await listsSince(alice, since), nothing);
    await leave(bob, secret);
    assert.deepEqual(await listsSince(alice, since), nothing);
    since = await nextBatch(alice);
    await leave(bob, more);
    assert.deepEqual(await listsSince(alice, since), { changed: [], left: [bob.userId] });
  });

  it('name everyone in a room that becomes encrypted', async () => {
    const [alice, bob] = await newUsers(2);
    assert.ok(alice && bob);
    const room = await createRoom(alice);
    await join(bob, room);
    const since = await nextBatch(bob);
    await call(alice, 'PUT', `/rooms/${room}/state/m.room.encryption/`, ENCRYPTION.content);
    assert.deepEqual(await listsSince(bob, since), { changed: [alice.userId], left: [] });
  });

  it('wake whoever waits and shares a room', async () => {
    const [alice, bob] = await newUsers(2);
    assert.ok(alice && bob);
    await join(bob, await createRoom(alice));
    const waiting = waitingSync(alice, await nextBatch(alice));
    await publishDevice(server, bob);
    assert.deepEqual(deviceListsOf(await waiting), { changed: [bob.userId], left: [] });
  });

  it('reach a reader of another process', async () => {
    const [alice, bob] = await newUsers(2);
    assert.ok(alice && bob);
    await join(bob, await createRoom(alice));
    await using other = await startTestServer({ database: server.database });
    const since = await nextBatch(alice);
    const waiting = succeed(other, 'GET', `${SYNC}?since=${since}&timeout=${NEVER_MS}`, { token: alice });
    await publishDevice(server, bob);
    assert.deepEqual(deviceListsOf(await waiting), { changed: [bob.userId], left: [] });
  });

  it('refuse tokens that were never handed out', async () => {
    const [alice] = await newUsers(1);
    const path = '/_matrix/client/v3/keys/changes';
    const refusal = async (query: string): Promise<unknown[]> => {
      const reply = await request(server, 'GET', path + query, { token: alice });
      return [reply.status, reply.body['errcode']];
    };
    assert.deepEqual(await refusal('?from=s1'), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await refusal('?from=nonsense&to=s1'), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(await refusal('?from=s1&to='), [400, 'M_INVALID_PARAM']);
  });

  describe('beside the numbers of one-time keys', () => {
    const countsOf = (body: JsonObject): unknown[] => [
      body['device_one_time_keys_count'],
      body['device_unused_fallback_key_types'],
    ];
    const claim = (user: TestUser, from: TestUser): Promise<JsonObject> =>
      postKeys(server, user, 'claim', {
        one_time_keys: { [from.userId]: { [from.deviceId]: 'signed_curve25519' } },
      });

    it('every answer says how many are left, and which fallback keys are unused', async () => {
      const [alice] = await newUsers(1);
      assert.ok(alice);
      const first = await syncOnce(alice);
      assert.deepEqual(countsOf(first), [{ signed_curve25519: 0 }, []]);
      await postKeys(server, alice, 'upload', {
        one_time_keys: oneTimeKeys(alice, ['A', 'B']),
        fallback_keys: oneTimeKeys(alice, ['F'], { fallback: true }),
      });
      const after = await syncOnce(alice, textAt(first, 'next_batch'));
      assert.deepEqual(countsOf(after), [{ signed_curve25519: 2 }, ['signed_curve25519']]);
      const second = await logInAgain(server, alice, 'SECOND');
      assert.deepEqual(countsOf(await syncOnce(second)), [{ signed_curve25519: 0 }, []]);
    });

    it('whoever waits is woken when only they change, and not when a used fallback key is used again', async () => {
      const [alice, bob] = await newUsers(2);
      assert.ok(alice && bob);
      await postKeys(server, alice, 'upload', {
        one_time_keys: oneTimeKeys(alice, ['A']),
        fallback_keys: oneTimeKeys(alice, ['F'], { fallback: true }),
      });
      const since = await nextBatch(alice);
      const waiting = waitingSync(alice, since);
      await claim(bob, alice);
      const woken = await waiting;
      assert.deepEqual(countsOf(woken), [{ signed_curve25519: 0 }, ['signed_curve25519']]);
      const waitingAgain = waitingSync(alice, await settledAfter(alice, woken));
      await claim(bob, alice);
      const wokenAgain = await waitingAgain;
      assert.deepEqual(countsOf(wokenAgain), [{ signed_curve25519: 0 }, []]);
      await claim(bob, alice);
      const quiet = waitingSync(alice, await settledAfter(alice, wokenAgain));
      await postKeys(server, alice, 'upload', { one_time_keys: oneTimeKeys(alice, ['B']) });
      assert.deepEqual(countsOf(await quiet), [{ signed_curve25519: 1 }, []]);
      assert.equal((await tryKeys(server, alice, 'upload', {})).status, 200);
    });
  });
});
