import assert from 'node:assert/strict';
import { sendAlternative } from '../../src/futures/manage.ts';
import { resolvePlaceholder } from '../../src/futures/placeholder.ts';
import { parseEventId } from '../../src/matrix/identifiers.ts';
import { isJsonObject } from '../../src/util/json.ts';
import { createFutureWorld, message, type FutureWorld } from './future-world.ts';

describe('a future and what goes wrong around it', () => {
  let world: FutureWorld;

  before(async () => {
    world = await createFutureWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  it('is stored with its send_now, or neither is: a fault in between leaves nothing behind (13)', async () => {
    const alice = await world.user('alice');
    const roomId = await world.room(alice);
    const { pool } = world.database.database;
    await pool.query(`
      create function break_futures() returns trigger language plpgsql as $$ begin raise 'broken'; end $$;
      create trigger broken before insert on future_alternatives execute function break_futures()`);
    const body = { timeout: 10, send_now: message('now'), send_on_timeout: message('late') };
    await assert.rejects(world.createAnswer(alice, roomId, body, 'again'), /broken/);
    assert.deepEqual(await world.bodies(roomId), []);
    await pool.query('drop trigger broken on future_alternatives');
    await world.createAnswer(alice, roomId, body, 'again');
    await world.advance(10_000);
    assert.deepEqual(await world.bodies(roomId), ['now', 'late']);
  });

  it('keeps those that are pending when the operator lowers the limit (86)', async () => {
    const clock = world.clock;
    const alice = await world.user('alice2');
    const roomId = await world.room(alice);
    for (let count = 0; count < 3; count += 1)
      await world.create(alice, roomId, { timeout: 10, send_on_timeout: message(`kept ${count}`) });
    await using stricter = await createFutureWorld({
      database: world.database,
      clock,
      seed: 'stricter',
      config: { maxDelayedEvents: 1 },
    });
    const body = { timeout: 10, send_on_timeout: message('refused') };
    await assert.rejects(stricter.createAnswer(alice, roomId, body), { errcode: 'M_LIMIT_EXCEEDED' });
    await stricter.advance(10_000);
    assert.deepEqual(await world.bodies(roomId), ['kept 0', 'kept 1', 'kept 2']);
  });

  it('is not sent for an account that has ended, even if it was made at that very moment (38)', async () => {
    const bob = await world.user('bob');
    const roomId = await world.room(bob);
    await world.deps.db
      .insertInto('accounts')
      .values({
        user_nid: bob.userNid,
        password_hash: null,
        is_guest: false,
        is_admin: false,
        created_ts: 0,
        deactivated_ts: 1,
      })
      .execute();
    const token = await world.create(bob, roomId, {
      timeout: 10,
      send_on_timeout: message('late'),
      send_on_action: { a: message('a') },
    });
    const { tokenId = '' } = await world.stored(token);
    const handle = { name: { tokenId }, ownerNid: undefined };
    await assert.rejects(
      sendAlternative(world.deps, handle, ({ trigger }) => trigger === 'action:a'),
      {
        errcode: 'M_USER_DEACTIVATED',
      },
    );
    await world.advance(10_000);
    assert.equal((await world.stored(token)).status, 'failed');
    assert.deepEqual(await world.bodies(roomId), []);
  });

  it('redacts by the usual rules, whether its target is redacted already or its author is gone (72)', async () => {
    const alice = await world.user('alice3');
    const bob = await world.user('bob3');
    const roomId = await world.room(alice, [bob]);
    const selfDestruct = (body: string): Parameters<FutureWorld['create']>[2] => ({
      timeout: 10,
      send_now: message(body),
      send_on_timeout: { type: 'm.room.redaction', content: { redacts: '$m.send_now.event_id' } },
    });
    const redacted = await world.createAnswer(bob, roomId, selfDestruct('redacted already'));
    const now = redacted['m.send_now'];
    assert.ok(isJsonObject(now));
    await world.rooms.propose(roomId, alice.userId, {
      type: 'm.room.redaction',
      content: { redacts: now['event_id'] ?? '' },
    });
    await world.advance(10_000);
    const redactions = (await world.timeline(roomId)).filter((event) => event.type === 'm.room.redaction');
    assert.deepEqual(
      redactions.map((event) => event.sender),
      [alice.userId, bob.userId],
    );
    const banned = await world.create(bob, roomId, selfDestruct('of who is banned'));
    await world.setMembership(roomId, alice, bob, 'ban');
    await world.advance(10_000);
    assert.match((await world.stored(banned)).error ?? '', /M_FORBIDDEN/);
  });

  it('sends plaintext into a room that was encrypted meanwhile: nobody could know (46)', async () => {
    const alice = await world.user('alice4');
    const roomId = await world.room(alice);
    await world.create(alice, roomId, { timeout: 10, send_on_timeout: message('plain') });
    await world.setState(roomId, alice, 'm.room.encryption', '', { algorithm: 'm.megolm.v1.aes-sha2' });
    await world.advance(10_000);
    assert.deepEqual(await world.bodies(roomId), ['plain']);
  });

  it('has placeholders that lead nowhere when they are made up', async () => {
    const alice = await world.user('alice5');
    for (const text of [
      '$future.x.timeout:morrow.test',
      '$future.x.action1:morrow.test',
      '$future',
      '$x:morrow.test',
    ]) {
      const eventId = parseEventId(text);
      assert.ok(eventId !== undefined);
      assert.equal(await resolvePlaceholder(world.deps.db, eventId, alice), undefined);
    }
  });
});
