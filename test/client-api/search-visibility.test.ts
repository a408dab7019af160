import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { startTestServer, succeed, textAt, type TestServer, type TestUser } from '../support/server.ts';
import { clientPath } from './facts-client.ts';
import {
  act,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  say,
  textsOf,
} from './rooms-client.ts';
import { idsIn, searchFor } from './search-client.ts';

describe('what a search finds', () => {
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

  const needlesOf = async (user: TestUser, criteria: JsonObject = {}): Promise<unknown[]> => {
    const found = await searchFor(server, user, 'needle', { order_by: 'recent', ...criteria });
    assert.equal(found['count'], idsIn(found).length);
    return idsIn(found);
  };
  const join = (user: TestUser, roomId: string): Promise<unknown> =>
    succeed(server, 'POST', pathOf(roomId, 'join'), { token: user });
  const leave = (user: TestUser, roomId: string): Promise<unknown> =>
    succeed(server, 'POST', pathOf(roomId, 'leave'), { token: user });
  const seenBy = (visibility: string): JsonObject => ({
    initial_state: [{ type: 'm.room.history_visibility', content: { history_visibility: visibility } }],
  });

  it('is nothing from rooms that the user was never in', async () => {
    const roomId = await makeRoom(server, alice, seenBy('world_readable'));
    await say(server, alice, roomId, 'needle');
    assert.deepEqual(await needlesOf(bob), []);
    assert.deepEqual(await needlesOf(bob, { filter: { rooms: [roomId] } }), []);
    await act(server, alice, roomId, 'invite', { user_id: bob.userId });
    assert.deepEqual(await needlesOf(bob), []);
  });

  it('is what the history shows to who came later', async () => {
    for (const [visibility, sees] of [
      ['shared', true],
      ['world_readable', true],
      ['invited', false],
      ['joined', false],
    ] as const) {
      const [carol] = await makeTwo(server);
      const roomId = await makeRoom(server, alice, seenBy(visibility));
      const before = await say(server, alice, roomId, 'needle before');
      await join(carol, roomId);
      const after = await say(server, alice, roomId, 'needle after');
      assert.deepEqual(await needlesOf(carol), sees ? [after, before] : [after], visibility);
    }
  });

  it('is what was said until the user left, and nothing of a room that they forgot', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const before = await say(server, alice, roomId, 'needle before');
    await leave(bob, roomId);
    await say(server, alice, roomId, 'needle after');
    const found = await searchFor(server, bob, 'needle', { event_context: {}, include_state: true });
    assert.deepEqual([found['count'], idsIn(found)], [1, [before]]);
    const context = objectAt(objectsAt(found, 'results')[0] ?? {}, 'context');
    assert.deepEqual(textsOf(objectsAt(context, 'events_after')), ['m.room.member']);
    assert.ok(objectsAt(objectAt(found, 'state'), roomId).length > 0);
    await succeed(server, 'POST', pathOf(roomId, 'forget'), { token: bob, body: {} });
    assert.deepEqual(await needlesOf(bob), []);
  });

  it('shows no more of what surrounds an event than the user may see', async () => {
    const roomId = await makeRoom(server, alice, seenBy('joined'));
    await say(server, alice, roomId, 'secret');
    await join(bob, roomId);
    await say(server, alice, roomId, 'needle');
    const found = await searchFor(server, bob, 'needle', { event_context: {} });
    const context = objectAt(objectsAt(found, 'results')[0] ?? {}, 'context');
    const before = textsOf(objectsAt(context, 'events_before'));
    assert.equal(before[0], 'm.room.member');
    assert.ok(!before.includes('secret'));
  });

  it('is nothing that was redacted', async () => {
    const roomId = await makeRoom(server, alice);
    const gone = await say(server, alice, roomId, 'needle to be redacted');
    const kept = await say(server, alice, roomId, 'needle to be kept');
    assert.deepEqual(await needlesOf(alice), [kept, gone]);
    const path = pathOf(roomId, 'redact', gone, 'r1');
    await succeed(server, 'PUT', path, { token: alice, body: {} });
    assert.deepEqual(await needlesOf(alice), [kept]);
    assert.deepEqual(await needlesOf(alice, { order_by: 'rank' }), [kept]);
    const { rows } = await server.database.database.pool.query(
      'select 1 from searchable_texts s join events e on e.position = s.position where e.event_id = $1',
      [gone],
    );
    assert.equal(rows.length, 0);
  });

  it('is nothing of what ignored users say', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    await say(server, bob, roomId, 'needle');
    const own = await say(server, alice, roomId, 'needle');
    const path = clientPath('user', alice.userId, 'account_data', 'm.ignored_user_list');
    await succeed(server, 'PUT', path, { token: alice, body: { ignored_users: { [bob.userId]: {} } } });
    assert.deepEqual(await needlesOf(alice), [own]);
  });

  let edits = 0;
  const edit = async (user: TestUser, roomId: string, eventId: string, body: string): Promise<string> => {
    // Of edits of the same moment the one with the greatest id counts.
    server.clock.advance(1);
    const content: JsonValue = {
      msgtype: 'm.text',
      body: `* ${body}`,
      'm.new_content': { msgtype: 'm.text', body },
      'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
    };
    const sent = pathOf(roomId, 'send', 'm.room.message', `edit${edits++}`);
    return textAt(await succeed(server, 'PUT', sent, { token: user, body: content }), 'event_id');
  };

  const replacementIn = (event: JsonObject): JsonObject =>
    objectAt(objectAt(objectAt(event, 'unsigned'), 'm.relations'), 'm.replace');

  it('is an edited message by what it says at last, at its own place', async () => {
    const roomId = await makeRoom(server, alice);
    const first = await say(server, alice, roomId, 'a neddle');
    const second = await say(server, alice, roomId, 'needle');
    await edit(alice, roomId, first, 'a nodle');
    const newest = await edit(alice, roomId, first, 'a needle');
    const found = await searchFor(server, alice, 'needle', { order_by: 'recent' });
    assert.deepEqual([found['count'], idsIn(found)], [2, [second, first]]);
    const replacement = replacementIn(objectAt(objectsAt(found, 'results')[1] ?? {}, 'result'));
    assert.equal(replacement['event_id'], newest);
    assert.equal(objectAt(objectAt(replacement, 'content'), 'm.new_content')['body'], 'a needle');
    for (const old of ['neddle', 'nodle']) assert.equal((await searchFor(server, alice, old))['count'], 0);
    await succeed(server, 'PUT', pathOf(roomId, 'redact', newest, 'r2'), { token: alice, body: {} });
    assert.deepEqual(idsIn(await searchFor(server, alice, 'nodle')), [first]);
    assert.deepEqual(await needlesOf(alice), [second]);
  });

  it('shows edits of what surrounds it too', async () => {
    const roomId = await makeRoom(server, alice);
    const neighbour = await say(server, alice, roomId, 'a hay');
    await say(server, alice, roomId, 'needle');
    const newest = await edit(alice, roomId, neighbour, 'hay');
    const found = await searchFor(server, alice, 'needle', { event_context: { before_limit: 1 } });
    const context = objectAt(objectsAt(found, 'results')[0] ?? {}, 'context');
    const [before = {}] = objectsAt(context, 'events_before');
    assert.deepEqual([before['event_id'], replacementIn(before)['event_id']], [neighbour, newest]);
  });

  it('is not changed by the edits of others', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const original = await say(server, alice, roomId, 'needle');
    await edit(bob, roomId, original, 'a haystack');
    assert.deepEqual(await needlesOf(alice), [original]);
  });

  it('tells nobody what a message became after they had left', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const original = await say(server, alice, roomId, 'needle');
    await leave(bob, roomId);
    await edit(alice, roomId, original, 'secret');
    assert.deepEqual(await needlesOf(bob), [original]);
    assert.equal((await searchFor(server, bob, 'secret'))['count'], 0);
    assert.deepEqual(idsIn(await searchFor(server, alice, 'secret')), [original]);
  });

  it('includes old names and topics of rooms', async () => {
    const roomId = await makeRoom(server, alice, { name: 'The needle' });
    await putState(server, alice, roomId, 'm.room.name', { name: 'The haystack' });
    assert.equal((await needlesOf(alice)).length, 1);
  });
});
