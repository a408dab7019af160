import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { registerAdmin } from '../support/moderation.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath, syncAs } from './facts-client.ts';
import { act, getState, makeTwo, objectAt, objectsAt, putState, refusalOf, textsOf } from './rooms-client.ts';

const PATH = '/_synapse/admin/v1/send_server_notice';
const SENDER = '@_server:localhost';
const CONTENT = { msgtype: 'm.server_notice', body: 'The server moves on Sunday.' };
const TURNED_DOWN = [403, 'M_CANNOT_LEAVE_SERVER_NOTICE_ROOM'];

describe('server notices', () => {
  let server: TestServer;
  let admin: TestUser;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    admin = await registerAdmin(server, 'admin');
  });
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const tell = (user: TestUser, wishes: JsonObject = {}, txnId?: string): Promise<TestReply> =>
    request(server, txnId === undefined ? 'POST' : 'PUT', txnId === undefined ? PATH : `${PATH}/${txnId}`, {
      token: admin,
      body: { user_id: user.userId, content: CONTENT, ...wishes },
    });
  const told = async (user: TestUser, wishes: JsonObject = {}, txnId?: string): Promise<string> =>
    textAt((await tell(user, wishes, txnId)).body, 'event_id');
  const invitesOf = async (user: TestUser): Promise<JsonObject> =>
    objectAt(objectAt((await syncAs(server, user)).body, 'rooms'), 'invite');
  const invitedTo = async (user: TestUser): Promise<string> => {
    const [roomId, ...others] = Object.keys(await invitesOf(user));
    assert.ok(roomId !== undefined && others.length === 0);
    return roomId;
  };
  const timelineOf = async (user: TestUser, roomId: string): Promise<JsonObject[]> =>
    objectsAt(objectAt((await syncAs(server, user)).joined(roomId), 'timeline'), 'events');

  it('reach a user in a room of their own, by an invite of the server', async () => {
    const eventId = await told(alice);
    const roomId = await invitedTo(alice);
    const state = objectsAt(objectAt(objectAt(await invitesOf(alice), roomId), 'invite_state'), 'events');
    assert.deepEqual(new Set(state.map((event) => event['sender'])), new Set([SENDER]));
    assert.equal((await act(server, alice, roomId, 'join')).status, 200);
    const last = (await timelineOf(alice, roomId)).find((event) => event['event_id'] === eventId);
    assert.deepEqual([last?.['sender'], last?.['content']], [SENDER, CONTENT]);
    const tags = await succeed(server, 'GET', clientPath('user', alice.userId, 'rooms', roomId, 'tags'), {
      token: alice,
    });
    assert.deepEqual(tags, { tags: { 'm.server_notice': {} } });
    const sender = await getState(server, alice, roomId, 'm.room.member', SENDER);
    assert.equal(sender['displayname'], 'Server notices');
  });

  it('cannot be turned down, by any request', async () => {
    await told(alice);
    const roomId = await invitedTo(alice);
    assert.deepEqual(refusalOf(await act(server, alice, roomId, 'leave')), TURNED_DOWN);
    const reply = await putState(
      server,
      alice,
      roomId,
      'm.room.member',
      { membership: 'leave' },
      alice.userId,
    );
    assert.deepEqual(refusalOf(reply), TURNED_DOWN);
    assert.equal(await invitedTo(alice), roomId);
  });

  it('come to the same room for who has left it, with a new invite', async () => {
    await told(alice);
    const roomId = await invitedTo(alice);
    await act(server, alice, roomId, 'join');
    assert.equal((await act(server, alice, roomId, 'leave')).status, 200);
    assert.deepEqual(await invitesOf(alice), {});
    await told(alice);
    assert.equal(await invitedTo(alice), roomId);
    assert.deepEqual(refusalOf(await act(server, alice, roomId, 'leave')), TURNED_DOWN);
  });

  it('come to each user in another room, in which they can only read', async () => {
    await told(alice);
    await told(bob);
    const roomId = await invitedTo(alice);
    assert.notEqual(roomId, await invitedTo(bob));
    await act(server, alice, roomId, 'join');
    const path = clientPath('rooms', roomId, 'send', 'm.room.message', 'answer');
    const reply = await request(server, 'PUT', path, { token: alice, body: CONTENT });
    assert.deepEqual(refusalOf(reply), [403, 'M_FORBIDDEN']);
    const invite = await act(server, alice, roomId, 'invite', { user_id: bob.userId });
    assert.deepEqual(refusalOf(invite), [403, 'M_FORBIDDEN']);
  });

  it('come to one room when many are sent at once', async () => {
    const bodies = ['one', 'two', 'three', 'four'];
    await Promise.all(bodies.map((body) => told(alice, { content: { ...CONTENT, body } })));
    const roomId = await invitedTo(alice);
    await act(server, alice, roomId, 'join');
    const texts = textsOf(await timelineOf(alice, roomId));
    assert.deepEqual(
      bodies.filter((body) => !texts.includes(body)),
      [],
    );
  });

  it('are sent once per transaction, also when the user has left in between', async () => {
    const first = await told(alice, {}, 'again');
    const roomId = await invitedTo(alice);
    await act(server, alice, roomId, 'join');
    await act(server, alice, roomId, 'leave');
    assert.equal(await told(alice, {}, 'again'), first);
    assert.deepEqual(await invitesOf(alice), {});
    assert.notEqual(await told(alice, {}, 'once more'), first);
  });

  it('can be of any type, and state as well', async () => {
    await told(alice, { type: 'm.room.topic', state_key: '', content: { topic: 'Moving' } });
    const roomId = await invitedTo(alice);
    await act(server, alice, roomId, 'join');
    assert.equal((await getState(server, alice, roomId, 'm.room.topic'))['topic'], 'Moving');
  });

  it('are for administrators to send, to users of this server, as events', async () => {
    const body = { user_id: bob.userId, content: CONTENT };
    const forbidden = [403, 'M_FORBIDDEN'];
    assert.deepEqual(refusalOf(await request(server, 'POST', PATH, { token: alice, body })), forbidden);
    assert.deepEqual(refusalOf(await request(server, 'PUT', `${PATH}/1`, { token: alice, body })), forbidden);
    assert.deepEqual(refusalOf(await tell(bob, { user_id: '@bob:elsewhere.test' })), [
      400,
      'M_INVALID_PARAM',
    ]);
    assert.deepEqual(refusalOf(await tell(bob, { user_id: '@nobody:localhost' })), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await tell(bob, { content: { body: 'x' } })), [400, 'M_BAD_JSON']);
    assert.deepEqual(await invitesOf(bob), {});
  });
});
