import assert from 'node:assert/strict';
import { passwordOf } from '../support/logins.ts';
import { allEndpoints } from '../../src/server/endpoints.ts';
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
  makeRoom,
  makeSharedRoom,
  makeTwo,
  membershipOf,
  pathOf,
  putState,
  refusalOf,
  say,
} from './rooms-client.ts';

const C = '/_matrix/client/v3';
const SUSPENDED = [403, 'M_USER_SUSPENDED'];
const TEXT = { msgtype: 'm.text', body: 'words' };

describe('a suspended user', () => {
  let server: TestServer;
  let admin: TestUser;
  let alice: TestUser;
  let bob: TestUser;
  let txns = 0;
  before(async () => {
    server = await startTestServer();
    admin = await registerAdmin(server, 'admin');
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const suspend = (isOn = true): Promise<void> => restrict(server, admin, bob, 'suspend', isOn);
  const ask = (method: string, path: string, body?: unknown): Promise<TestReply> =>
    request(server, method, path, { token: bob, body });
  const redact = (roomId: string, eventId: string): Promise<TestReply> =>
    ask('PUT', pathOf(roomId, 'redact', eventId, `r${(txns += 1)}`), {});
  const send = (roomId: string, type: string, content: unknown): Promise<TestReply> =>
    ask('PUT', pathOf(roomId, 'send', type, `s${(txns += 1)}`), content);

  it('sends neither messages nor state, until that is over', async () => {
    const roomId = await makeSharedRoom(server, bob, alice);
    await suspend();
    assert.deepEqual(refusalOf(await send(roomId, 'm.room.message', TEXT)), SUSPENDED);
    assert.deepEqual(refusalOf(await send(roomId, 'm.room.encrypted', {})), SUSPENDED);
    assert.deepEqual(
      refusalOf(await putState(server, bob, roomId, 'm.room.topic', { topic: 'x' })),
      SUSPENDED,
    );
    const join = { membership: 'join', displayname: 'words' };
    const member = await putState(server, bob, roomId, 'm.room.member', join, bob.userId);
    assert.deepEqual(refusalOf(member), SUSPENDED);
    await suspend(false);
    await say(server, bob, roomId, 'back');
  });

  it('is not told otherwise for state that is so already, and is answered again for what was sent before', async () => {
    const roomId = await makeRoom(server, bob, { topic: 'x' });
    const path = pathOf(roomId, 'send', 'm.room.message', 'before');
    const before = await ask('PUT', path, TEXT);
    await suspend();
    const topic = { topic: 'x', 'm.topic': { 'm.text': [{ body: 'x' }] } };
    assert.deepEqual(refusalOf(await putState(server, bob, roomId, 'm.room.topic', topic)), SUSPENDED);
    assert.deepEqual((await ask('PUT', path, TEXT)).body, before.body);
  });

  it('neither joins, knocks nor makes rooms', async () => {
    const open = await makeRoom(server, alice);
    const invited = await makeRoom(server, alice, { preset: 'private_chat', invite: [bob.userId] });
    const knockable = await makeRoom(server, alice, {
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }],
    });
    await suspend();
    assert.deepEqual(refusalOf(await act(server, bob, open, 'join')), SUSPENDED);
    assert.deepEqual(refusalOf(await ask('POST', `${C}/join/${encodeURIComponent(open)}`, {})), SUSPENDED);
    assert.deepEqual(refusalOf(await act(server, bob, invited, 'join')), SUSPENDED);
    assert.deepEqual(
      refusalOf(await ask('POST', `${C}/knock/${encodeURIComponent(knockable)}`, {})),
      SUSPENDED,
    );
    assert.deepEqual(refusalOf(await ask('POST', `${C}/createRoom`, {})), SUSPENDED);
  });

  it('neither invites nor moderates', async () => {
    const roomId = await makeSharedRoom(server, bob, alice);
    await suspend();
    for (const action of ['invite', 'kick', 'ban', 'unban'])
      assert.deepEqual(
        refusalOf(await act(server, bob, roomId, action, { user_id: alice.userId })),
        SUSPENDED,
        action,
      );
    const kick = await putState(server, bob, roomId, 'm.room.member', { membership: 'leave' }, alice.userId);
    assert.deepEqual(refusalOf(kick), SUSPENDED);
    const upgrade = { new_version: '12' };
    assert.deepEqual(refusalOf(await act(server, bob, roomId, 'upgrade', upgrade)), SUSPENDED);
    assert.equal(await membershipOf(server, alice, roomId, alice), 'join');
  });

  it('changes neither profile, aliases nor the directory', async () => {
    const roomId = await makeRoom(server, bob, { room_alias_name: 'suspended' });
    await suspend();
    const name = `${C}/profile/${encodeURIComponent(bob.userId)}/displayname`;
    assert.deepEqual(refusalOf(await ask('PUT', name, { displayname: 'words' })), SUSPENDED);
    assert.deepEqual(refusalOf(await ask('DELETE', name)), SUSPENDED);
    const alias = (localpart: string): string =>
      `${C}/directory/room/${encodeURIComponent(`#${localpart}:localhost`)}`;
    assert.deepEqual(refusalOf(await ask('PUT', alias('words'), { room_id: roomId })), SUSPENDED);
    assert.deepEqual(refusalOf(await ask('DELETE', alias('suspended'))), SUSPENDED);
    const listing = `${C}/directory/list/room/${encodeURIComponent(roomId)}`;
    assert.deepEqual(refusalOf(await ask('PUT', listing, { visibility: 'public' })), SUSPENDED);
  });

  it('redacts what it sent, and nothing of others', async () => {
    const roomId = await makeSharedRoom(server, bob, alice);
    const [own, others] = [
      await say(server, bob, roomId, 'sorry'),
      await say(server, alice, roomId, 'hello'),
    ];
    const second = await say(server, bob, roomId, 'sorry, too');
    await suspend();
    assert.equal((await redact(roomId, own)).status, 200);
    assert.equal((await send(roomId, 'm.room.redaction', { redacts: second })).status, 200);
    assert.deepEqual(refusalOf(await redact(roomId, others)), SUSPENDED);
    assert.deepEqual(refusalOf(await redact(roomId, '$nothing')), SUSPENDED);
    assert.deepEqual(refusalOf(await send(roomId, 'm.room.redaction', { redacts: others })), SUSPENDED);
    const shown = await succeed(server, 'GET', pathOf(roomId, 'event', second), { token: alice });
    assert.deepEqual(shown['content'], {});
  });

  it('leaves rooms and turns invites down', async () => {
    const [first, second] = [
      await makeSharedRoom(server, alice, bob),
      await makeSharedRoom(server, alice, bob),
    ];
    const invited = await makeRoom(server, alice, { invite: [bob.userId] });
    await suspend();
    assert.equal((await act(server, bob, first, 'leave')).status, 200);
    assert.equal((await act(server, bob, first, 'forget')).status, 200);
    const leave = await putState(server, bob, second, 'm.room.member', { membership: 'leave' }, bob.userId);
    assert.equal(leave.status, 200);
    assert.equal((await act(server, bob, invited, 'leave')).status, 200);
    for (const roomId of [first, second, invited])
      assert.equal(await membershipOf(server, alice, roomId, bob), 'leave');
  });

  it('reads, and looks after devices and keys', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await suspend();
    await say(server, alice, roomId, 'for you to read');
    for (const path of [
      `${C}/sync`,
      `${pathOf(roomId, 'messages')}?dir=b`,
      `${C}/devices`,
      `${C}/account/whoami`,
    ])
      assert.equal((await ask('GET', path)).status, 200, path);
    const calls = [
      ['POST', `${C}/keys/query`, { device_keys: { [bob.userId]: [] } }],
      ['POST', `${C}/keys/upload`, {}],
      ['PUT', `${C}/sendToDevice/m.key.verification.request/t1`, { messages: {} }],
      ['PUT', `${C}/devices/${bob.deviceId}`, { display_name: 'mine' }],
      ['POST', pathOf(roomId, 'read_markers'), {}],
    ] as const;
    for (const [method, path, body] of calls) assert.equal((await ask(method, path, body)).status, 200, path);
  });

  it('logs in, changes the password, logs out and ends the account', async () => {
    await suspend();
    const auth = passwordOf(bob);
    const second = textAt(await succeed(server, 'POST', `${C}/login`, { body: auth }), 'access_token');
    const body = { auth, new_password: 'another', logout_devices: false };
    assert.equal((await ask('POST', `${C}/account/password`, body)).status, 200);
    assert.deepEqual(
      refusalOf(await request(server, 'POST', `${C}/createRoom`, { token: second, body: {} })),
      SUSPENDED,
    );
    await succeed(server, 'POST', `${C}/logout`, { token: second });
    const end = { auth: { ...auth, password: 'another' } };
    assert.equal((await ask('POST', `${C}/account/deactivate`, end)).status, 200);
  });
});

describe('the endpoints', () => {
  const namesOf = (rule: string): string[] =>
    [...new Set(allEndpoints.filter((row) => row.whileSuspended === rule).map((row) => row.name))].sort();

  it('that reach other people say that they are closed to suspended users, or judge the event', () => {
    assert.deepEqual(namesOf('refused'), [
      'ban',
      'createRoom',
      'deleteProfileField',
      'deleteRoomAlias',
      'inviteUser',
      'joinRoom',
      'joinRoomById',
      'kick',
      'knockRoom',
      'setProfileField',
      'setRoomAlias',
      'setRoomVisibilityOnDirectory',
      'unban',
      'upgradeRoom',
    ]);
    assert.deepEqual(namesOf('by-event'), [
      'createFuture',
      'putDelayedEvent',
      'putUnstableDelayedEvent',
      'redactEvent',
      'sendMessage',
      'setRoomStateWithEmptyKey',
      'setRoomStateWithKey',
    ]);
  });

  it('that a locked user may call are those that log out', () => {
    const open = allEndpoints.filter((row) => row.allowedWhileLocked).map((row) => row.name);
    assert.deepEqual(open, ['logout', 'logout_all']);
  });
});
