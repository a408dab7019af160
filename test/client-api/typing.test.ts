import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath, syncAs, type Synced } from './facts-client.ts';
import { makeRoom, makeSharedRoom, makeTwo, refusalOf } from './rooms-client.ts';

describe('typing', () => {
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
    roomId = await makeSharedRoom(server, alice, bob);
  });

  const put = (user: TestUser, body: JsonObject, of = user, room = roomId): Promise<TestReply> =>
    request(server, 'PUT', clientPath('rooms', room, 'typing', of.userId), { token: user, body });
  /** The lists of typers that somebody gets for the room. */
  const typersIn = (synced: Synced): (JsonValue | undefined)[] =>
    synced.ephemeral(roomId, 'm.typing').map((event) => {
      const content = event['content'];
      return typeof content === 'object' && content !== null && 'user_ids' in content
        ? content['user_ids']
        : undefined;
    });

  it('is told at once to everyone in the room, with all who type', async () => {
    const { next } = await syncAs(server, alice);
    const waiting = syncAs(server, alice, { since: next, timeout: '30000' });
    assert.deepEqual((await put(bob, { typing: true, timeout: 10_000 })).json, {});
    const heard = await waiting;
    assert.deepEqual(typersIn(heard), [[bob.userId]]);
    await put(alice, { typing: true });
    const both = await syncAs(server, bob, { since: heard.next });
    assert.deepEqual(typersIn(both), [[alice.userId, bob.userId].toSorted()]);
  });

  it('ends when the user stops', async () => {
    await put(bob, { typing: true, timeout: 10_000 });
    const first = await syncAs(server, alice);
    assert.deepEqual(typersIn(first), [[bob.userId]]);
    await put(bob, { typing: false });
    const second = await syncAs(server, alice, { since: first.next });
    assert.deepEqual(typersIn(second), [[]]);
    await put(bob, { typing: false });
    assert.deepEqual(typersIn(await syncAs(server, alice, { since: second.next })), []);
    assert.deepEqual(typersIn(await syncAs(server, alice)), []);
  });

  it('ends when its time is over, of which waiting clients are told', async () => {
    await put(bob, { typing: true, timeout: 10_000 });
    const { next } = await syncAs(server, alice);
    const waiting = syncAs(server, alice, { since: next, timeout: '60000' });
    server.clock.advance(9_999);
    await server.services.typing.idle();
    assert.deepEqual(typersIn(await syncAs(server, bob)), [[bob.userId]]);
    server.clock.advance(1);
    assert.deepEqual(typersIn(await waiting), [[]]);
  });

  it('goes on while the client says so, without telling everyone again', async () => {
    await put(bob, { typing: true, timeout: 10_000 });
    const { next } = await syncAs(server, alice);
    server.clock.advance(8_000);
    await put(bob, { typing: true, timeout: 10_000 });
    server.clock.advance(8_000);
    await server.services.typing.idle();
    assert.deepEqual(typersIn(await syncAs(server, alice, { since: next })), []);
    assert.deepEqual(typersIn(await syncAs(server, alice)), [[bob.userId]]);
    server.clock.advance(2_000);
    await server.services.typing.idle();
    assert.deepEqual(typersIn(await syncAs(server, alice, { since: next })), [[]]);
  });

  it('ends after two minutes at the latest', async () => {
    await put(bob, { typing: true, timeout: 3_600_000 });
    server.clock.advance(120_000);
    await server.services.typing.idle();
    assert.deepEqual(typersIn(await syncAs(server, alice)), []);
  });

  it('ends when the user leaves', async () => {
    await put(bob, { typing: true, timeout: 10_000 });
    await succeed(server, 'POST', clientPath('rooms', roomId, 'leave'), { token: bob });
    assert.deepEqual(typersIn(await syncAs(server, alice)), []);
  });

  it('is said by oneself, in rooms that one is in, with a sensible time', async () => {
    assert.deepEqual(refusalOf(await put(alice, { typing: true }, bob)), [403, 'M_FORBIDDEN']);
    const other = await makeRoom(server, alice);
    assert.deepEqual(refusalOf(await put(bob, { typing: true }, bob, other)), [403, 'M_FORBIDDEN']);
    assert.deepEqual(refusalOf(await put(bob, {})), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(refusalOf(await put(bob, { typing: 'yes' })), [400, 'M_BAD_JSON']);
    assert.deepEqual(refusalOf(await put(bob, { typing: true, timeout: -1 })), [400, 'M_BAD_JSON']);
  });

  it('of somebody who is ignored is not told', async () => {
    const path = clientPath('user', alice.userId, 'account_data', 'm.ignored_user_list');
    await succeed(server, 'PUT', path, { token: alice, body: { ignored_users: { [bob.userId]: {} } } });
    await put(bob, { typing: true });
    assert.deepEqual(typersIn(await syncAs(server, alice)), []);
  });

  it('is told by another process, and ended by it when this one is gone', async () => {
    await using first = await startTestServer();
    const [carol, dan] = await makeTwo(first);
    roomId = await makeSharedRoom(first, carol, dan);
    await using second = await startTestServer({ database: first.database, clock: first.clock });
    const { next } = await syncAs(second, carol);
    const waiting = syncAs(second, carol, { since: next, timeout: '30000' });
    const path = clientPath('rooms', roomId, 'typing', dan.userId);
    await succeed(first, 'PUT', path, { token: dan, body: { typing: true, timeout: 10_000 } });
    const heard = await waiting;
    assert.deepEqual(typersIn(heard), [[dan.userId]]);
    await first.server.stop();
    first.clock.advance(10_000);
    await using third = await startTestServer({ database: first.database, clock: first.clock });
    await third.services.typing.idle();
    assert.deepEqual(typersIn(await syncAs(third, carol, { since: heard.next })), [[]]);
  });
});
