import assert from 'node:assert/strict';
import { logInAgain } from '../support/logins.ts';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { accountDataIn, clientPath, syncAs } from './facts-client.ts';
import { makeGuest, makeRoom, makeTwo, objectAt, refusalOf } from './rooms-client.ts';

describe('account data', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let roomId: string;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
    roomId = await makeRoom(server, alice);
  });

  const globalPath = (type: string, of = alice): string =>
    clientPath('user', of.userId, 'account_data', type);
  const roomPath = (type: string, room = roomId): string =>
    clientPath('user', alice.userId, 'rooms', room, 'account_data', type);
  const tagsPath = (...tag: readonly string[]): string =>
    clientPath('user', alice.userId, 'rooms', roomId, 'tags', ...tag);
  const put = (path: string, body: JsonObject, token = alice): Promise<TestReply> =>
    request(server, 'PUT', path, { token, body });
  const get = (path: string, token = alice): Promise<TestReply> => request(server, 'GET', path, { token });

  it('is kept as it was written, of a room and of none apart', async () => {
    const content = { number: 0.5, nested: { list: [1, null] } };
    assert.deepEqual((await put(globalPath('org.example'), content)).json, {});
    assert.deepEqual(refusalOf(await get(roomPath('org.example'))), [404, 'M_NOT_FOUND']);
    await put(roomPath('org.example'), { other: true });
    assert.deepEqual((await get(globalPath('org.example'))).json, content);
    assert.deepEqual((await get(roomPath('org.example'))).json, { other: true });
  });

  it('belongs to its user', async () => {
    for (const reply of [
      await put(globalPath('org.example'), {}, bob),
      await get(globalPath('org.example'), bob),
      await put(roomPath('org.example'), {}, bob),
      await get(roomPath('org.example'), bob),
    ])
      assert.deepEqual(refusalOf(reply), [403, 'M_FORBIDDEN']);
  });

  it('that the server writes itself cannot be set', async () => {
    for (const type of ['m.fully_read', 'm.push_rules'])
      for (const path of [globalPath(type), roomPath(type)])
        assert.deepEqual(refusalOf(await put(path, {})), [405, 'M_BAD_JSON']);
  });

  it('is a JSON object, of a room that is one, and not for guests', async () => {
    const array = await request(server, 'PUT', globalPath('org.example'), { token: alice, body: [] });
    assert.deepEqual(refusalOf(array), [400, 'M_BAD_JSON']);
    assert.deepEqual(refusalOf(await put(roomPath('org.example', 'room'), {})), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await put(roomPath('org.example', '!none:localhost'), {})), [
      404,
      'M_NOT_FOUND',
    ]);
    assert.deepEqual(refusalOf(await put(globalPath('x'.repeat(256)), {})), [400, 'M_INVALID_PARAM']);
    const guest = await makeGuest(server);
    assert.equal((await put(globalPath('org.example', guest), {}, guest)).status, 403);
  });

  it('comes with /sync, first all of it and then what changed', async () => {
    await put(globalPath('org.example.one'), { n: 1 });
    await put(roomPath('org.example.two'), { n: 2 });
    const first = await syncAs(server, alice);
    assert.deepEqual(accountDataIn(first.body)['org.example.one'], { n: 1 });
    assert.deepEqual(accountDataIn(first.joined(roomId))['org.example.two'], { n: 2 });
    const none = await syncAs(server, alice, { since: first.next });
    assert.deepEqual(accountDataIn(none.body), {});
    await put(globalPath('org.example.one'), { n: 3 });
    const second = await syncAs(server, alice, { since: none.next });
    assert.deepEqual(accountDataIn(second.body), { 'org.example.one': { n: 3 } });
    assert.deepEqual(second.joined(roomId), {});
  });

  it('wakes who waits for it', async () => {
    const { next } = await syncAs(server, alice);
    const waiting = syncAs(server, alice, { since: next, timeout: '30000' });
    await put(roomPath('org.example'), { n: 1 });
    assert.deepEqual(accountDataIn((await waiting).joined(roomId)), { 'org.example': { n: 1 } });
  });

  it('obeys the filters', async () => {
    await put(globalPath('org.example.one'), {});
    await put(roomPath('org.example.one'), {});
    const filter = JSON.stringify({
      account_data: { not_types: ['org.example.*'] },
      room: { account_data: { types: ['other'] } },
    });
    const { body, joined } = await syncAs(server, alice, { filter });
    assert.equal(accountDataIn(body)['org.example.one'], undefined);
    assert.deepEqual(accountDataIn(joined(roomId)), {});
  });

  it('can be deleted, of which clients learn', async () => {
    await put(globalPath('org.example'), { n: 1 });
    const { next } = await syncAs(server, alice);
    const path = globalPath('org.example').replace('/v3/', '/unstable/org.matrix.msc3391/');
    await succeed(server, 'DELETE', path, { token: alice });
    assert.deepEqual(refusalOf(await get(globalPath('org.example'))), [404, 'M_NOT_FOUND']);
    assert.deepEqual(accountDataIn((await syncAs(server, alice, { since: next })).body), {
      'org.example': {},
    });
    assert.equal(accountDataIn((await syncAs(server, alice)).body)['org.example'], undefined);
    assert.equal((await request(server, 'DELETE', path, { token: bob })).status, 403);
  });

  it('is deleted by empty content too, of a room and of none', async () => {
    for (const path of [globalPath('org.example.emptied'), roomPath('org.example.emptied')]) {
      await put(path, { n: 1 });
      await put(path, {});
      assert.deepEqual(refusalOf(await get(path)), [404, 'M_NOT_FOUND']);
    }
    const { body } = await syncAs(server, alice);
    assert.equal(accountDataIn(body)['org.example.emptied'], undefined);
    const rooms = objectAt(objectAt(body, 'rooms'), 'join');
    for (const room of Object.keys(rooms))
      assert.ok(Array.isArray(objectAt(objectAt(rooms, room), 'account_data')['events']), room);
  });

  it('of a device goes with the device', async () => {
    const types = ['m.local_notification_settings.', 'org.matrix.msc3890.local_notification_settings.'];
    const paths = types.map((type) => globalPath(type + alice.deviceId));
    for (const path of paths) await put(path, { is_silenced: true });
    const other = await logInAgain(server, alice);
    await put(globalPath(`${types[0]}${other.deviceId}`), { is_silenced: true });
    const { next } = await syncAs(server, other);
    await succeed(server, 'POST', clientPath('logout'), { token: alice, body: {} });
    for (const path of paths) assert.equal((await get(path, other)).status, 404);
    assert.equal((await get(globalPath(`${types[0]}${other.deviceId}`), other)).status, 200);
    const told = accountDataIn((await syncAs(server, other, { since: next })).body);
    assert.deepEqual(Object.values(told), [{}, {}]);
  });

  it('of a room comes whole when the user comes back', async () => {
    await put(roomPath('org.example'), { n: 1 });
    await succeed(server, 'POST', clientPath('rooms', roomId, 'invite'), {
      token: alice,
      body: { user_id: bob.userId },
    });
    await succeed(server, 'POST', clientPath('rooms', roomId, 'join'), { token: bob });
    await succeed(server, 'POST', clientPath('rooms', roomId, 'leave'), { token: alice });
    const { next } = await syncAs(server, alice);
    await succeed(server, 'POST', clientPath('rooms', roomId, 'join'), { token: alice });
    const back = await syncAs(server, alice, { since: next });
    assert.deepEqual(accountDataIn(back.joined(roomId)), { 'org.example': { n: 1 } });
  });

  describe('as tags of rooms', () => {
    const tag = (name: string, content: JsonObject, token = alice): Promise<TestReply> =>
      put(tagsPath(name), content, token);

    it('are none at first, and then what was given', async () => {
      assert.deepEqual((await get(tagsPath())).json, { tags: {} });
      await tag('m.favourite', { order: 0.25 });
      await tag('u.work', {});
      assert.deepEqual((await get(tagsPath())).json, {
        tags: { 'm.favourite': { order: 0.25 }, 'u.work': {} },
      });
      await succeed(server, 'DELETE', tagsPath('u.work'), { token: alice });
      await succeed(server, 'DELETE', tagsPath('u.never'), { token: alice });
      assert.deepEqual((await get(tagsPath())).json, { tags: { 'm.favourite': { order: 0.25 } } });
      const { joined } = await syncAs(server, alice);
      assert.deepEqual(accountDataIn(joined(roomId)), {
        'm.tag': { tags: { 'm.favourite': { order: 0.25 } } },
      });
    });

    it('have an order from 0 to 1 and a name of at most 255 bytes', async () => {
      for (const order of [0, 1]) assert.equal((await tag('u.x', { order })).status, 200);
      for (const order of [-0.1, 1.1, '0.5', null] satisfies JsonValue[])
        assert.deepEqual(refusalOf(await tag('u.x', { order })), [400, 'M_INVALID_PARAM']);
      assert.deepEqual(refusalOf(await tag('u'.repeat(256), {})), [400, 'M_INVALID_PARAM']);
    });

    it('belong to their user', async () => {
      assert.deepEqual(refusalOf(await tag('u.x', {}, bob)), [403, 'M_FORBIDDEN']);
      assert.deepEqual(refusalOf(await get(tagsPath(), bob)), [403, 'M_FORBIDDEN']);
      const removed = await request(server, 'DELETE', tagsPath('u.x'), { token: bob });
      assert.deepEqual(refusalOf(removed), [403, 'M_FORBIDDEN']);
    });
  });
});
