import assert from 'node:assert/strict';
import { registerAdmin, restrict } from '../support/moderation.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  act,
  getState,
  makeRoom,
  makeSharedRoom,
  makeUsers,
  membershipOf,
  nameOf,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
  textsOf,
} from './rooms-client.ts';

const C = '/_matrix/client/v3';

describe('a shadow-banned user', () => {
  let server: TestServer;
  let admin: TestUser;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  before(async () => {
    server = await startTestServer();
    admin = await registerAdmin(server, 'admin');
  });
  beforeEach(async () => {
    [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
  });
  after(() => server[Symbol.asyncDispose]());

  const ban = (isOn = true): Promise<void> => restrict(server, admin, bob, 'shadow_ban', isOn);
  const ask = (method: string, path: string, body?: unknown): Promise<TestReply> =>
    request(server, method, path, { token: bob, body });
  const readBy = async (user: TestUser, roomId: string): Promise<unknown[]> =>
    textsOf(
      objectsAt(
        await succeed(server, 'GET', `${pathOf(roomId, 'messages')}?dir=b&limit=5`, { token: user }),
        'chunk',
      ),
    );
  const inviteOf = (user: TestUser, roomId: string): Promise<TestReply> =>
    request(server, 'GET', pathOf(roomId, 'state', 'm.room.member', user.userId), { token: alice });

  it('is told that messages were sent, and nobody sees them', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await say(server, alice, roomId, 'before');
    await ban();
    const eventId = await say(server, bob, roomId, 'spam');
    assert.match(eventId, /^\$[A-Za-z0-9_-]{43}$/);
    assert.notEqual(await say(server, bob, roomId, 'more spam'), eventId);
    await say(server, alice, roomId, 'after');
    assert.deepEqual((await readBy(alice, roomId)).slice(0, 2), ['after', 'before']);
    assert.equal(
      (await request(server, 'GET', pathOf(roomId, 'event', eventId), { token: alice })).status,
      404,
    );
    await ban(false);
    await say(server, bob, roomId, 'sorry');
    assert.deepEqual((await readBy(alice, roomId)).slice(0, 3), ['sorry', 'after', 'before']);
  });

  it('gets the same answer to the same request', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await ban();
    const path = pathOf(roomId, 'send', 'm.room.message', 'once');
    const first = await ask('PUT', path, { msgtype: 'm.text', body: 'spam' });
    server.clock.advance(1);
    assert.deepEqual((await ask('PUT', path, { msgtype: 'm.text', body: 'spam' })).body, first.body);
    assert.ok(!(await readBy(alice, roomId)).includes('spam'));
  });

  it('gets the same answer to a request of before', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const path = pathOf(roomId, 'send', 'm.room.message', 'once');
    const first = await ask('PUT', path, { msgtype: 'm.text', body: 'fine' });
    await ban();
    server.clock.advance(1);
    assert.deepEqual((await ask('PUT', path, { msgtype: 'm.text', body: 'fine' })).body, first.body);
    assert.equal((await readBy(alice, roomId)).filter((text) => text === 'fine').length, 1);
  });

  it('is refused what anybody would be refused', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const elsewhere = await makeRoom(server, alice);
    await ban();
    const text = { msgtype: 'm.text', body: 'spam' };
    assert.deepEqual(refusalOf(await ask('PUT', pathOf(elsewhere, 'send', 'm.room.message', 't'), text)), [
      403,
      'M_FORBIDDEN',
    ]);
    assert.deepEqual(refusalOf(await ask('PUT', pathOf(roomId, 'send', 'm.room.message', 't'), {})), [
      400,
      'M_BAD_JSON',
    ]);
    assert.deepEqual(refusalOf(await putState(server, bob, roomId, 'm.room.topic', { topic: 'x' })), [
      403,
      'M_FORBIDDEN',
    ]);
    const kick = await act(server, bob, roomId, 'kick', { user_id: alice.userId });
    assert.deepEqual(refusalOf(kick), [403, 'M_FORBIDDEN']);
  });

  it('is told that state was set and events redacted, and both stay as they are', async () => {
    const roomId = await makeSharedRoom(server, bob, alice, { topic: 'the topic' });
    const [own, others] = [await say(server, bob, roomId, 'mine'), await say(server, alice, roomId, 'hers')];
    await ban();
    const topic = await putState(server, bob, roomId, 'm.room.topic', { topic: 'spam' });
    assert.equal(topic.status, 200);
    assert.equal((await getState(server, alice, roomId, 'm.room.topic'))['topic'], 'the topic');
    for (const eventId of [own, others]) {
      textAt((await ask('PUT', pathOf(roomId, 'redact', eventId, `r${eventId}`), {})).body, 'event_id');
      const shown = await succeed(server, 'GET', pathOf(roomId, 'event', eventId), { token: alice });
      assert.notDeepEqual(shown['content'], {});
    }
  });

  it('is told that a message was redacted that never was', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await ban();
    const eventId = await say(server, bob, roomId, 'spam');
    assert.equal((await ask('PUT', pathOf(roomId, 'redact', eventId, 'r'), {})).status, 200);
  });

  it('invites, kicks and bans nobody', async () => {
    const roomId = await makeSharedRoom(server, bob, alice);
    await ban();
    const invite = { membership: 'invite' };
    assert.equal((await act(server, bob, roomId, 'invite', { user_id: carol.userId })).status, 200);
    assert.equal((await putState(server, bob, roomId, 'm.room.member', invite, carol.userId)).status, 200);
    assert.equal((await inviteOf(carol, roomId)).status, 404);
    for (const action of ['kick', 'ban'])
      assert.equal((await act(server, bob, roomId, action, { user_id: alice.userId })).status, 200);
    assert.equal(await membershipOf(server, alice, roomId, alice), 'join');
    const synced = await succeed(server, 'GET', `${C}/sync`, { token: carol });
    assert.deepEqual(objectAt(objectAt(synced, 'rooms'), 'invite'), {});
  });

  it('makes rooms to which nobody is invited', async () => {
    await ban();
    const member = { type: 'm.room.member', state_key: alice.userId, content: { membership: 'invite' } };
    const roomId = await makeRoom(server, bob, {
      invite: [carol.userId],
      initial_state: [member],
      name: 'spam',
    });
    assert.equal((await getState(server, bob, roomId, 'm.room.name'))['name'], 'spam');
    for (const user of [alice, carol]) {
      const path = pathOf(roomId, 'state', 'm.room.member', user.userId);
      assert.equal((await ask('GET', path)).status, 404);
    }
  });

  it('is told of a new room by an upgrade that does not take place', async () => {
    for (const [version, shape] of [
      ['11', /^![A-Za-z]+:localhost$/],
      ['12', /^![A-Za-z0-9_-]{43}$/],
    ] as const) {
      const roomId = await makeSharedRoom(server, bob, alice);
      await ban();
      const reply = await act(server, bob, roomId, 'upgrade', { new_version: version });
      assert.match(textAt(reply.body, 'replacement_room'), shape);
      const tombstone = request(server, 'GET', pathOf(roomId, 'state', 'm.room.tombstone', ''), {
        token: alice,
      });
      assert.equal((await tombstone).status, 404);
      await ban(false);
    }
  });

  it('comes and goes, without a word', async () => {
    const roomId = await makeRoom(server, alice);
    await ban();
    const join = await ask('POST', pathOf(roomId, 'join'), { reason: 'spam', 'org.example.note': 'spam' });
    assert.equal(join.status, 200);
    assert.deepEqual(await getState(server, alice, roomId, 'm.room.member', bob.userId), {
      membership: 'join',
      displayname: nameOf(bob),
    });
    assert.equal((await act(server, bob, roomId, 'leave', { reason: 'spam' })).status, 200);
    assert.deepEqual(await getState(server, alice, roomId, 'm.room.member', bob.userId), {
      membership: 'leave',
    });
  });

  it('has a profile of its own that rooms do not show', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await ban();
    const path = `${C}/profile/${encodeURIComponent(bob.userId)}/displayname`;
    await succeed(server, 'PUT', path, { token: bob, body: { displayname: 'spam' } });
    assert.equal((await succeed(server, 'GET', path, { token: bob }))['displayname'], 'spam');
    const rejoin = { membership: 'join', displayname: 'spam' };
    assert.equal((await putState(server, bob, roomId, 'm.room.member', rejoin, bob.userId)).status, 200);
    const shown = await getState(server, alice, roomId, 'm.room.member', bob.userId);
    assert.equal(shown['displayname'], nameOf(bob));
  });

  it('is not seen typing', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await ban();
    const type = { typing: true, timeout: 30_000 };
    assert.deepEqual((await ask('PUT', pathOf(roomId, 'typing', bob.userId), type)).body, {});
    const synced = await succeed(server, 'GET', `${C}/sync`, { token: alice });
    const room = objectAt(objectAt(objectAt(synced, 'rooms'), 'join'), roomId);
    const typing = objectsAt(objectAt(room, 'ephemeral'), 'events').filter(
      (event) => event['type'] === 'm.typing',
    );
    assert.ok(!JSON.stringify(typing).includes(bob.userId));
    const other = await ask('PUT', pathOf(roomId, 'typing', alice.userId), type);
    assert.deepEqual(refusalOf(other), [403, 'M_FORBIDDEN']);
  });
});
