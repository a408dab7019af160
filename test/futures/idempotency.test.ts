import assert from 'node:assert/strict';
import { logInAgain } from '../support/logins.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '../support/database.ts';
import type { TestUser } from '../support/server.ts';
import { call, message } from './future-world.ts';
import { C, refusalOf, startFutureServer, type FutureServer } from './future-server.ts';

describe('the transaction id of a future', () => {
  let server: FutureServer;
  let alice: TestUser;
  let roomId: string;
  const body = { timeout: 10, send_now: message('now'), send_on_timeout: message('late') };

  before(async () => {
    server = await startFutureServer();
    alice = await server.user('alice');
  });
  beforeEach(async () => {
    roomId = await server.room(alice);
  });
  after(() => server[Symbol.asyncDispose]());

  it('makes one future of the same request twice, and does not start its timer again (14)', async () => {
    const first = await server.made(alice, roomId, body, 'same');
    await server.advance(9_000);
    assert.deepEqual(await server.made(alice, roomId, body, 'same'), first);
    await server.advance(1_000);
    assert.deepEqual(await server.bodies(roomId, alice), ['now', 'late']);
  });

  it('gets the first answer whatever comes with it, or when nothing does (15)', async () => {
    const first = await server.made(alice, roomId, body, 'same');
    for (const other of [{ timeout: 20, send_on_timeout: message('other') }, {}, 'text', undefined])
      assert.deepEqual(await server.made(alice, roomId, other, 'same'), first);
    assert.equal((await server.running(alice)).filter((future) => future['room_id'] === roomId).length, 1);
  });

  it('counts for one device only (16)', async () => {
    const first = await server.made(alice, roomId, body, 'same');
    const elsewhere = await logInAgain(server.server, alice);
    const second = await server.made(elsewhere, roomId, body, 'same');
    assert.notEqual(second['future_token'], first['future_token']);
    assert.deepEqual(await server.bodies(roomId, alice), ['now', 'now']);
  });

  it('has nothing to do with one of a plain send (17)', async () => {
    await server.made(alice, roomId, body, 'same');
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/same`;
    const sent = await server.ask('PUT', path, alice, message('plain')['content']);
    assert.equal(sent.status, 200);
    assert.deepEqual(await server.bodies(roomId, alice), ['now', 'plain']);
  });

  it('makes one future of identical requests at the same moment (18)', async () => {
    for (const wanted of [body, { timeout: 10, send_on_timeout: message('late') }]) {
      const txnId = `parallel${Object.keys(wanted).length}`;
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => server.made(alice, roomId, wanted, txnId)),
      );
      for (const answer of answers) assert.deepEqual(answer, answers[0]);
    }
    assert.deepEqual(await server.bodies(roomId, alice), ['now']);
    assert.equal((await server.running(alice)).filter((future) => future['room_id'] === roomId).length, 2);
  });

  it('gets the first answer, dead token included, after the future has ended (19)', async () => {
    const first = await server.made(alice, roomId, body, 'same');
    await server.advance(10_000);
    assert.deepEqual(await server.made(alice, roomId, body, 'same'), first);
    assert.equal((await server.refresh(first['future_token'])).status, 410);
  });

  it('is not spent by a request that was refused (12)', async () => {
    const refused = await server.create(
      alice,
      roomId,
      { timeout: 0, send_on_timeout: message('late') },
      'same',
    );
    assert.deepEqual(refusalOf(refused), [400, 'M_INVALID_PARAM']);
    await server.made(alice, roomId, body, 'same');
  });

  it('outlives the server, like the future itself and its token (20)', async () => {
    await using database = await createTestDatabase();
    const directory = await mkdtemp(join(tmpdir(), 'morrow-futures-'));
    const options = { database, dataDir: directory };
    const one = await startFutureServer(options);
    const user = await one.user('alice');
    const room = await one.room(user);
    const wanted = { timeout: 10, send_now: call('a', { in: true }), send_on_timeout: call('a', {}) };
    const first = await one.made(user, room, wanted, 'same');
    const { clock } = one.server;
    await one[Symbol.asyncDispose]();

    await using two = await startFutureServer({ ...options, clock });
    assert.deepEqual(await two.made(user, room, undefined, 'same'), first);
    assert.equal((await two.refresh(first['future_token'])).status, 200);
    await two.advance(10_000);
    const path = `${C}/rooms/${encodeURIComponent(room)}/state/org.example.call/a`;
    assert.deepEqual(await two.get(path, user), {});
    await rm(directory, { recursive: true });
  });
});
