import assert from 'node:assert/strict';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { cancelFuture, refreshFuture, sendAlternative } from '../../src/futures/manage.ts';
import { readFutureToken } from '../../src/futures/token.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { call, createFutureWorld, message, type FutureWorld } from './future-world.ts';

describe('a future, from its making to its end', () => {
  let world: FutureWorld;
  let alice: Requester;
  let bob: Requester;
  let roomId: RoomId;

  before(async () => {
    world = await createFutureWorld();
    alice = await world.user('alice');
    bob = await world.user('bob');
  });
  beforeEach(async () => {
    roomId = await world.room(alice, [bob]);
    await world.setPowers(roomId, alice, [bob]);
  });
  after(() => world[Symbol.asyncDispose]());

  const handle = (token: string): Parameters<typeof refreshFuture>[1] => {
    const tokenId = readFutureToken(world.deps.identity.key, token);
    assert.ok(tokenId !== undefined);
    return { name: { tokenId }, ownerNid: undefined };
  };
  const act = (token: string, name: string): ReturnType<typeof sendAlternative> =>
    sendAlternative(world.deps, handle(token), (alternative) => alternative.trigger === `action:${name}`);

  it('sends its timeout once, at its deadline and not before (1)', async () => {
    const token = await world.create(bob, roomId, { timeout: 10, send_on_timeout: message('late') });
    await world.advance(9_999);
    assert.deepEqual(await world.bodies(roomId), []);
    await world.advance(1);
    await world.advance(100_000);
    assert.deepEqual(await world.bodies(roomId), ['late']);
    assert.equal((await world.stored(token)).status, 'sent');
  });

  it('lives on as long as it is refreshed, and one whole period longer (2)', async () => {
    const token = await world.create(bob, roomId, { timeout: 10, send_on_timeout: message('late') });
    for (let count = 0; count < 20; count += 1) {
      await world.advance(9_000);
      assert.equal((await refreshFuture(world.deps, handle(token))).kind, 'done');
    }
    await world.advance(9_999);
    assert.deepEqual(await world.bodies(roomId), []);
    await world.advance(1);
    assert.deepEqual(await world.bodies(roomId), ['late']);
  });

  it('sends one action, the same for who asks again (6), and none besides (7)', async () => {
    const token = await world.create(bob, roomId, {
      timeout: 10,
      send_on_timeout: message('late'),
      send_on_action: { a: message('a'), b: message('b') },
    });
    const first = await act(token, 'a');
    assert.equal(first.kind, 'done');
    assert.deepEqual(await act(token, 'a'), first);
    assert.equal((await act(token, 'b')).kind, 'ended');
    await world.advance(20_000);
    assert.deepEqual(await world.bodies(roomId), ['a']);
  });

  it('does not mind an action that it does not have (60)', async () => {
    const token = await world.create(bob, roomId, { timeout: 10, send_on_timeout: message('late') });
    await world.advance(9_000);
    assert.equal((await act(token, 'none')).kind, 'unknown');
    assert.equal((await refreshFuture(world.deps, handle(token))).kind, 'done');
    await world.advance(9_000);
    assert.deepEqual(await world.bodies(roomId), []);
  });

  it('is superseded by newer state, of another user (21) and of its own (22)', async () => {
    for (const sender of [alice, bob]) {
      const token = await world.create(bob, roomId, {
        timeout: 10,
        send_now: call('bob', { in: true }),
        send_on_timeout: call('bob', {}),
      });
      await world.setState(roomId, sender, 'org.example.call', 'bob', { in: sender.userId });
      assert.equal((await world.stored(token)).status, 'superseded');
      assert.equal((await refreshFuture(world.deps, handle(token))).kind, 'ended');
      await world.advance(20_000);
      assert.deepEqual(await world.state(roomId, 'org.example.call', 'bob'), { in: sender.userId });
    }
  });

  it('survives its own state being set again (23), and other state (24)', async () => {
    const token = await world.create(bob, roomId, {
      timeout: 10,
      send_now: call('bob', { in: true }),
      send_on_timeout: call('bob', {}),
    });
    await world.setState(roomId, bob, 'org.example.call', 'bob', { in: true });
    await world.setState(roomId, bob, 'org.example.call', 'alice', { in: true });
    await world.setState(roomId, bob, 'org.example.other', 'bob', { in: true });
    assert.equal((await world.stored(token)).status, 'pending');
    await world.advance(10_000);
    assert.deepEqual(await world.state(roomId, 'org.example.call', 'bob'), {});
  });

  it('leaves the state to who sets it after the timeout (25)', async () => {
    await world.create(bob, roomId, {
      timeout: 10,
      send_now: call('bob', { in: true }),
      send_on_timeout: call('bob', { left: true }),
    });
    await world.advance(10_000);
    await world.setState(roomId, alice, 'org.example.call', 'bob', { by: 'alice' });
    const calls = (await world.timeline(roomId)).filter((event) => event.type === 'org.example.call');
    assert.deepEqual(
      calls.map((event) => event.content),
      [{ in: true }, { left: true }, { by: 'alice' }],
    );
  });

  it('watches nothing without a send_now that is state (30, 31)', async () => {
    const bodies = [{ send_now: message('now') }, {}];
    for (const extra of bodies) {
      await world.setState(roomId, bob, 'org.example.call', 'bob', {
        in: true,
        extra: Object.keys(extra).length,
      });
      await world.create(bob, roomId, {
        timeout: 10,
        ...extra,
        send_on_timeout: call('bob', { left: true }),
      });
      await world.setState(roomId, alice, 'org.example.call', 'bob', { by: 'alice' });
      await world.advance(10_000);
      assert.deepEqual(await world.state(roomId, 'org.example.call', 'bob'), { left: true });
    }
  });

  it('survives the redaction of its send_now (32)', async () => {
    const answer = await world.createAnswer(bob, roomId, {
      timeout: 10,
      send_now: call('bob', { in: true }),
      send_on_timeout: call('bob', { left: true }),
    });
    const now = answer['m.send_now'];
    assert.ok(typeof now === 'object' && now !== null && 'event_id' in now);
    await world.rooms.propose(roomId, alice.userId, {
      type: 'm.room.redaction',
      content: { redacts: now.event_id ?? '' },
    });
    await world.advance(10_000);
    assert.deepEqual(await world.state(roomId, 'org.example.call', 'bob'), { left: true });
  });

  it('is superseded by the send_now of the next one (33)', async () => {
    const first = await world.create(bob, roomId, lasting('first'));
    const second = await world.create(bob, roomId, lasting('second'));
    assert.equal((await world.stored(first)).status, 'superseded');
    assert.equal((await world.stored(second)).status, 'pending');
    await world.advance(10_000);
    assert.deepEqual(await world.state(roomId, 'org.example.call', 'bob'), { left: 'second' });
  });

  it('can be cancelled, and cancelled again', async () => {
    const token = await world.create(bob, roomId, { timeout: 10, send_on_timeout: message('late') });
    assert.equal((await cancelFuture(world.deps, handle(token))).kind, 'done');
    assert.equal((await cancelFuture(world.deps, handle(token))).kind, 'done');
    assert.equal((await refreshFuture(world.deps, handle(token))).kind, 'ended');
    await world.advance(10_000);
    assert.deepEqual(await world.bodies(roomId), []);
  });

  it('is judged by the power its sender has when it resolves (34)', async () => {
    await world.setPowers(roomId, alice, []);
    await world.create(bob, roomId, { timeout: 10, send_on_timeout: call('bob', { left: true }) });
    await world.setPowers(roomId, alice, [bob]);
    await world.advance(10_000);
    assert.deepEqual(await world.state(roomId, 'org.example.call', 'bob'), { left: true });
  });

  it('fails with the error when its sender has lost the power; an action may be tried again (35)', async () => {
    const future = {
      timeout: 10,
      send_on_timeout: call('bob', {}),
      send_on_action: { a: call('bob', { a: 1 }) },
    };
    const lost = await world.create(bob, roomId, future);
    await world.setPowers(roomId, alice, []);
    await world.advance(10_000);
    const failed = await world.stored(lost);
    assert.equal(failed.status, 'failed');
    assert.match(failed.error ?? '', /M_FORBIDDEN/);

    const kept = await world.create(bob, roomId, future);
    await assert.rejects(act(kept, 'a'), { errcode: 'M_FORBIDDEN' });
    assert.equal((await world.stored(kept)).status, 'pending');
    await world.setPowers(roomId, alice, [bob]);
    assert.equal((await act(kept, 'a')).kind, 'done');
  });

  it('fails when its sender has left (36) or is banned (37), and not when back again', async () => {
    for (const [leaver, membership, status] of [
      [bob, 'leave', 'failed'],
      [alice, 'ban', 'failed'],
    ] as const) {
      const token = await world.create(bob, roomId, { timeout: 10, send_on_timeout: message(membership) });
      await world.setMembership(roomId, leaver, bob, membership);
      await world.advance(10_000);
      assert.equal((await world.stored(token)).status, status);
      if (membership === 'ban') await world.setMembership(roomId, alice, bob, 'leave');
      await world.setMembership(roomId, bob, bob, 'join');
    }
    const token = await world.create(bob, roomId, { timeout: 10, send_on_timeout: message('back') });
    await world.setMembership(roomId, bob, bob, 'leave');
    await world.setMembership(roomId, bob, bob, 'join');
    await world.advance(10_000);
    assert.equal((await world.stored(token)).status, 'sent');
    assert.deepEqual(await world.bodies(roomId), ['back']);
  });
});

/** A future whose state says until when it lasts. */
function lasting(name: string): JsonObject {
  return { timeout: 10, send_now: call('bob', { in: name }), send_on_timeout: call('bob', { left: name }) };
}
