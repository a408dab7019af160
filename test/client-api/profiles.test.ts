import assert from 'node:assert/strict';
import { passwordOf } from '../support/logins.ts';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath } from './facts-client.ts';
import {
  act,
  getState,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  membershipOf,
  objectAt,
  refusalOf,
} from './rooms-client.ts';

describe('profiles', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });

  const put = (user: TestUser, key: string, value: JsonValue, of = user): Promise<TestReply> =>
    request(server, 'PUT', clientPath('profile', of.userId, key), { token: user, body: { [key]: value } });
  const get = (user: TestUser, ...key: readonly string[]): Promise<TestReply> =>
    request(server, 'GET', clientPath('profile', user.userId, ...key));
  const memberOf = (roomId: string, user: TestUser, viewer = user): Promise<JsonObject> =>
    getState(server, viewer, roomId, 'm.room.member', user.userId);

  it('begin with the localpart as the name', async () => {
    const name = alice.userId.slice(1).split(':')[0];
    assert.deepEqual((await get(alice)).body, { displayname: name });
    assert.deepEqual((await get(alice, 'displayname')).body, { displayname: name });
  });

  it('of guests are empty', async () => {
    const guest = await makeGuest(server);
    assert.deepEqual((await get(guest)).json, {});
  });

  it('hold any key and any JSON value, and lose what is deleted', async () => {
    for (const value of ['text', 0, false, null, ['a'], { b: 1 }])
      for (const step of [
        await put(alice, 'org.example.thing', value),
        await get(alice, 'org.example.thing'),
      ])
        assert.equal(step.status, 200);
    assert.deepEqual((await get(alice)).body['org.example.thing'], { b: 1 });
    const path = clientPath('profile', alice.userId, 'org.example.thing');
    for (let times = 0; times < 2; times += 1)
      assert.deepEqual((await request(server, 'DELETE', path, { token: alice })).json, {});
    assert.deepEqual(refusalOf(await get(alice, 'org.example.thing')), [404, 'M_NOT_FOUND']);
  });

  it('are served at the paths of older clients', async () => {
    const path = `/_matrix/client/unstable/uk.tcpip.msc4133/profile/${encodeURIComponent(alice.userId)}`;
    await succeed(server, 'PUT', `${path}/m.tz`, { token: alice, body: { 'm.tz': 'Europe/London' } });
    assert.equal((await succeed(server, 'GET', path))['m.tz'], 'Europe/London');
    const old = `/_matrix/client/r0/profile/${encodeURIComponent(alice.userId)}/m.tz`;
    assert.deepEqual(await succeed(server, 'GET', old), { 'm.tz': 'Europe/London' });
  });

  it('take any text for an avatar, as other servers do', async () => {
    assert.equal((await put(alice, 'avatar_url', 'LemurLover')).status, 200);
    assert.equal((await get(alice)).body['avatar_url'], 'LemurLover');
    assert.equal((await put(alice, 'avatar_url', '')).status, 200);
  });

  it('refuse keys and values that are none', async () => {
    assert.deepEqual(refusalOf(await put(alice, 'Upper', 1)), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await put(alice, 'a'.repeat(256), 1)), [400, 'M_KEY_TOO_LARGE']);
    assert.deepEqual(refusalOf(await put(alice, 'displayname', 7)), [400, 'M_BAD_JSON']);
    assert.deepEqual(refusalOf(await put(alice, 'avatar_url', { url: 'mxc://a/b' })), [400, 'M_BAD_JSON']);
    const path = clientPath('profile', alice.userId, 'displayname');
    const without = await request(server, 'PUT', path, { token: alice, body: { other: 'x' } });
    assert.deepEqual(refusalOf(without), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(refusalOf(await request(server, 'PUT', path, { token: alice })), [400, 'M_NOT_JSON']);
  });

  it('are smaller than 64 KiB as a whole', async () => {
    assert.equal((await put(alice, 'org.example.a', 'x'.repeat(40_000))).status, 200);
    assert.deepEqual(refusalOf(await put(alice, 'org.example.b', 'x'.repeat(30_000))), [
      400,
      'M_PROFILE_TOO_LARGE',
    ]);
    assert.equal((await put(alice, 'org.example.a', 'x'.repeat(60_000))).status, 200);
  });

  it('are changed by nobody else', async () => {
    assert.deepEqual(refusalOf(await put(bob, 'displayname', 'not alice', alice)), [403, 'M_FORBIDDEN']);
    const path = clientPath('profile', alice.userId, 'displayname');
    assert.deepEqual(refusalOf(await request(server, 'DELETE', path, { token: bob })), [403, 'M_FORBIDDEN']);
    assert.deepEqual(refusalOf(await request(server, 'DELETE', path)), [401, 'M_MISSING_TOKEN']);
  });

  it('of users who are not here are not found', async () => {
    for (const userId of ['@nobody:localhost', '@alice:elsewhere.example'])
      assert.deepEqual(refusalOf(await request(server, 'GET', clientPath('profile', userId))), [
        404,
        'M_NOT_FOUND',
      ]);
    assert.deepEqual(refusalOf(await request(server, 'GET', clientPath('profile', 'alice'))), [
      400,
      'M_INVALID_PARAM',
    ]);
  });

  it('end with the account', async () => {
    await succeed(server, 'POST', clientPath('account', 'deactivate'), {
      token: alice,
      body: { auth: passwordOf(alice) },
    });
    assert.deepEqual(refusalOf(await get(alice)), [404, 'M_NOT_FOUND']);
  });

  describe('in rooms', () => {
    const AVATAR = 'mxc://localhost/avatar';

    it('are shown by joins and invites', async () => {
      await put(alice, 'displayname', 'Alice A.');
      await put(bob, 'avatar_url', AVATAR);
      const roomId = await makeRoom(server, alice, { invite: [bob.userId] });
      const invited = await memberOf(roomId, bob, alice);
      assert.equal((await memberOf(roomId, alice))['displayname'], 'Alice A.');
      assert.deepEqual([invited['membership'], invited['avatar_url']], ['invite', AVATAR]);
      await act(server, bob, roomId, 'join');
      assert.equal((await memberOf(roomId, bob))['avatar_url'], AVATAR);
    });

    it('change wherever the user is, and nowhere else', async () => {
      const [one, two, left] = [
        await makeSharedRoom(server, bob, alice),
        await makeRoom(server, alice),
        await makeSharedRoom(server, bob, alice),
      ];
      await act(server, alice, left, 'leave');
      assert.equal((await put(alice, 'displayname', 'Alice again')).status, 200);
      for (const roomId of [one, two])
        assert.deepEqual(await memberOf(roomId, alice), { membership: 'join', displayname: 'Alice again' });
      assert.equal(await membershipOf(server, bob, left, alice), 'leave');
      await succeed(server, 'DELETE', clientPath('profile', alice.userId, 'displayname'), { token: alice });
      assert.deepEqual(await memberOf(one, alice), { membership: 'join' });
    });

    it('of other keys change nothing', async () => {
      const roomId = await makeRoom(server, alice);
      const eventId = async (): Promise<unknown> => {
        const path = `${clientPath('rooms', roomId, 'state', 'm.room.member', alice.userId)}?format=event`;
        return (await succeed(server, 'GET', path, { token: alice }))['event_id'];
      };
      const before = await eventId();
      await put(alice, 'm.tz', 'Europe/London');
      assert.equal(await eventId(), before);
      // The same name once more is no change either.
      await put(alice, 'displayname', (await memberOf(roomId, alice))['displayname'] ?? null);
      assert.equal(await eventId(), before);
    });
  });

  it('may be changed, as the capabilities say', async () => {
    const { body } = await request(server, 'GET', clientPath('capabilities'), { token: alice });
    assert.deepEqual(objectAt(body, 'capabilities')['m.profile_fields'], { enabled: true });
  });
});
