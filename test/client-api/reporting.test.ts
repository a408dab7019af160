import assert from 'node:assert/strict';
import { listReports } from '../../src/storage/reports.ts';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath } from './facts-client.ts';
import { makeRoom, makeSharedRoom, makeTwo, refusalOf, say } from './rooms-client.ts';

describe('reports', () => {
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

  const report = (user: TestUser, path: readonly string[], body: JsonObject): Promise<TestReply> =>
    request(server, 'POST', clientPath(...path), { token: user, body });
  const newest = async () => {
    const [first] = await listReports(server.services.db, 1);
    return first;
  };

  it('of events are kept', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    const eventId = await say(server, alice, roomId, 'rude');
    const path = ['rooms', roomId, 'report', eventId];
    assert.deepEqual((await report(bob, path, { reason: 'rude', score: -100 })).json, {});
    const kept = await newest();
    assert.deepEqual(kept?.reported, { kind: 'event', roomId, eventId });
    assert.deepEqual([kept?.reason, kept?.reportedTs], ['rude', server.clock.nowMs()]);
    assert.equal((await report(bob, path, {})).status, 200);
    assert.equal((await newest())?.reason, '');
  });

  it('of events are for who is in the room and sees them', async () => {
    const roomId = await makeRoom(server, alice);
    const eventId = await say(server, alice, roomId, 'rude');
    assert.deepEqual(refusalOf(await report(bob, ['rooms', roomId, 'report', eventId], {})), [
      404,
      'M_NOT_FOUND',
    ]);
    assert.deepEqual(refusalOf(await report(alice, ['rooms', roomId, 'report', '$unknown'], {})), [
      404,
      'M_NOT_FOUND',
    ]);
  });

  it('of rooms are kept, whoever makes them', async () => {
    const roomId = await makeRoom(server, alice);
    assert.deepEqual((await report(bob, ['rooms', roomId, 'report'], { reason: '' })).json, {});
    assert.deepEqual((await newest())?.reported, { kind: 'room', roomId });
    const unknown = await report(bob, ['rooms', '!unknown:localhost', 'report'], { reason: 'x' });
    assert.deepEqual(refusalOf(unknown), [404, 'M_NOT_FOUND']);
  });

  it('of users are kept', async () => {
    assert.deepEqual((await report(bob, ['users', alice.userId, 'report'], { reason: 'rude' })).json, {});
    assert.deepEqual((await newest())?.reported, { kind: 'user', userId: alice.userId });
    const unknown = await report(bob, ['users', '@nobody:localhost', 'report'], { reason: 'x' });
    assert.deepEqual(refusalOf(unknown), [404, 'M_NOT_FOUND']);
  });

  it('say why', async () => {
    for (const path of [
      ['rooms', await makeRoom(server, alice), 'report'],
      ['users', alice.userId, 'report'],
    ]) {
      assert.deepEqual(refusalOf(await report(bob, path, {})), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await report(bob, path, { reason: 7 })), [400, 'M_BAD_JSON']);
      assert.deepEqual(refusalOf(await report(bob, path, { reason: 'x'.repeat(5_000) })), [
        400,
        'M_BAD_JSON',
      ]);
    }
  });
});
