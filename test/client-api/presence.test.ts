import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { clientPath, presenceIn, syncAs } from './facts-client.ts';
import { makeSharedRoom, makeTwo, objectAt, refusalOf, say } from './rooms-client.ts';

const MINUTE_MS = 60_000;

describe('presence', () => {
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

  const put = (user: TestUser, body: JsonObject, of = user): Promise<TestReply> =>
    request(server, 'PUT', clientPath('presence', of.userId, 'status'), { token: user, body });
  const get = (user: TestUser, viewer = user): Promise<TestReply> =>
    request(server, 'GET', clientPath('presence', user.userId, 'status'), { token: viewer });
  const stateOf = async (user: TestUser): Promise<unknown> => (await get(user)).body['presence'];
  const advance = async (byMs: number): Promise<void> => {
    server.clock.advance(byMs);
    await server.services.presenceBoard.idle();
  };

  it('of who was never there is offline', async () => {
    assert.deepEqual((await get(bob, alice)).json, { presence: 'offline', currently_active: false });
    assert.deepEqual(presenceIn(await syncAs(server, alice)), {});
  });

  it('is what the user says, and how long ago they did something', async () => {
    assert.deepEqual((await put(bob, { presence: 'online', status_msg: 'here' })).json, {});
    await advance(1_000);
    assert.deepEqual((await get(bob, alice)).json, {
      presence: 'online',
      currently_active: true,
      last_active_ago: 1_000,
      status_msg: 'here',
    });
    await put(bob, { presence: 'unavailable' });
    await advance(1_000);
    assert.deepEqual((await get(bob, alice)).json, {
      presence: 'unavailable',
      currently_active: false,
      last_active_ago: 2_000,
    });
  });

  it('reaches everyone who shares a room, with name and message, at once', async () => {
    const { next } = await syncAs(server, alice);
    const waiting = syncAs(server, alice, { since: next, timeout: '30000' });
    await put(bob, { presence: 'online', status_msg: 'here' });
    const name = bob.userId.slice(1).split(':')[0];
    const expected = {
      presence: 'online',
      currently_active: true,
      last_active_ago: 0,
      status_msg: 'here',
      displayname: name,
    };
    assert.deepEqual(presenceIn(await waiting), { [bob.userId]: expected });
    assert.deepEqual(presenceIn(await syncAs(server, alice)), { [bob.userId]: expected });
    assert.deepEqual(presenceIn(await syncAs(server, bob)), { [bob.userId]: expected });
  });

  it('reaches nobody else', async () => {
    const [carol] = await makeTwo(server);
    const { next } = await syncAs(server, carol);
    await put(bob, { presence: 'online' });
    assert.deepEqual(presenceIn(await syncAs(server, carol, { since: next })), {});
    assert.deepEqual(refusalOf(await get(bob, carol)), [403, 'M_FORBIDDEN']);
    const unknown = await request(server, 'GET', clientPath('presence', '@nobody:localhost', 'status'), {
      token: carol,
    });
    assert.deepEqual(refusalOf(unknown), [403, 'M_FORBIDDEN']);
  });

  it('is told when two come to share a room', async () => {
    const [carol] = await makeTwo(server);
    await put(carol, { presence: 'online' });
    await put(bob, { presence: 'online' });
    const [one, other] = [await syncAs(server, bob), await syncAs(server, carol)];
    await succeed(server, 'POST', clientPath('rooms', roomId, 'join'), { token: carol });
    assert.ok(carol.userId in presenceIn(await syncAs(server, bob, { since: one.next })));
    assert.ok(bob.userId in presenceIn(await syncAs(server, carol, { since: other.next })));
  });

  it('is for oneself to set, to one of three states', async () => {
    assert.deepEqual(refusalOf(await put(alice, { presence: 'online' }, bob)), [403, 'M_FORBIDDEN']);
    assert.deepEqual(refusalOf(await put(alice, { presence: 'asleep' })), [400, 'M_BAD_JSON']);
    assert.deepEqual(refusalOf(await put(alice, {})), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(refusalOf(await put(alice, { presence: 'online', status_msg: 7 })), [400, 'M_BAD_JSON']);
  });

  it('is online while a client syncs, unless it asks not to be', async () => {
    await syncAs(server, bob);
    assert.equal(await stateOf(bob), 'offline');
    await syncAs(server, bob, { set_presence: 'online' });
    assert.equal(await stateOf(bob), 'online');
    await syncAs(server, bob, { set_presence: 'unavailable' });
    assert.equal(await stateOf(bob), 'unavailable');
    await succeed(server, 'GET', clientPath('sync'), { token: alice });
    assert.equal(await stateOf(alice), 'online');
  });

  it('becomes offline when the clients are gone, of which others are told', async () => {
    await syncAs(server, bob, { set_presence: 'online' });
    const first = await syncAs(server, alice);
    await advance(5 * MINUTE_MS);
    const presence = objectAt(presenceIn(await syncAs(server, alice, { since: first.next })), bob.userId);
    assert.deepEqual(
      { ...presence, displayname: '' },
      { presence: 'offline', currently_active: false, last_active_ago: 5 * MINUTE_MS, displayname: '' },
    );
  });

  it('becomes unavailable when nothing is done, and online again by typing, reading or sending', async () => {
    const acts: readonly (() => Promise<unknown>)[] = [
      () =>
        request(server, 'PUT', clientPath('rooms', roomId, 'typing', bob.userId), {
          token: bob,
          body: { typing: true },
        }),
      async () => {
        const eventId = await say(server, alice, roomId, 'hello');
        return request(server, 'POST', clientPath('rooms', roomId, 'receipt', 'm.read', eventId), {
          token: bob,
        });
      },
      async () => {
        await say(server, bob, roomId, 'hello');
        await server.services.presenceBoard.idle();
      },
    ];
    for (const act of acts) {
      for (let step = 0; step < 11; step += 1) {
        await syncAs(server, bob, { set_presence: 'online' });
        await advance(MINUTE_MS / 2);
      }
      assert.equal(await stateOf(bob), 'unavailable');
      await act();
      assert.equal(await stateOf(bob), 'online');
    }
  });

  it('of a busy client takes no position in the stream again and again', async () => {
    await using quiet = await startTestServer();
    const [carol, dan] = await makeTwo(quiet);
    await makeSharedRoom(quiet, carol, dan);
    await syncAs(quiet, dan, { set_presence: 'online' });
    const { next } = await syncAs(quiet, carol);
    for (let step = 0; step < 8; step += 1) {
      quiet.clock.advance(MINUTE_MS / 2);
      await quiet.services.presenceBoard.idle();
      for (let times = 0; times < 2; times += 1) await syncAs(quiet, dan, { set_presence: 'online' });
    }
    assert.equal((await syncAs(quiet, carol, { since: next })).next, next);
  });

  it('is told again with a new name', async () => {
    await put(bob, { presence: 'online' });
    const { next } = await syncAs(server, alice);
    const path = clientPath('profile', bob.userId, 'displayname');
    await succeed(server, 'PUT', path, { token: bob, body: { displayname: 'Bobby' } });
    const presence = presenceIn(await syncAs(server, alice, { since: next }));
    assert.equal(objectAt(presence, bob.userId)['displayname'], 'Bobby');
  });

  it('obeys the filter, and says nothing of who is ignored', async () => {
    await put(bob, { presence: 'online' });
    for (const presence of [
      { types: [] },
      { not_types: ['*'] },
      { not_senders: [bob.userId] },
      { senders: [alice.userId] },
    ])
      assert.deepEqual(presenceIn(await syncAs(server, alice, { filter: JSON.stringify({ presence }) })), {});
    const path = clientPath('user', alice.userId, 'account_data', 'm.ignored_user_list');
    await succeed(server, 'PUT', path, { token: alice, body: { ignored_users: { [bob.userId]: {} } } });
    assert.deepEqual(presenceIn(await syncAs(server, alice)), {});
  });

  it('is ended by another process when this one is gone', async () => {
    await using first = await startTestServer();
    const [carol, dan] = await makeTwo(first);
    await makeSharedRoom(first, carol, dan);
    await syncAs(first, dan, { set_presence: 'online' });
    const { next } = await syncAs(first, carol);
    await first.server.stop();
    first.clock.advance(5 * MINUTE_MS);
    await using second = await startTestServer({ database: first.database, clock: first.clock });
    await second.services.presenceBoard.idle();
    const presence = presenceIn(await syncAs(second, carol, { since: next }));
    assert.equal(objectAt(presence, dan.userId)['presence'], 'offline');
  });
});
