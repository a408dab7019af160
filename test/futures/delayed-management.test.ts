import assert from 'node:assert/strict';
import { CONTENT, DELAY, shareDelayedServer, stable, STABLE, unstable } from './delayed-scene.ts';
import { C, objectAt, refusalOf, startFutureServer, textIn, UNSTABLE } from './future-server.ts';

describe('delayed events are managed', () => {
  const scene = shareDelayedServer();

  it('without a token, with no body, an empty one, or the action in it (81, 83)', async () => {
    const { server, bob, roomId, delayed, manage } = scene();
    for (const ask of [
      (id: string) => manage(unstable(id, 'restart')),
      (id: string) => manage(unstable(id, 'restart'), undefined, {}),
      (id: string) => manage(`${UNSTABLE}/delayed_events/${id}`, undefined, { action: 'restart' }),
      (id: string) => manage(unstable(id, 'restart'), bob),
      (id: string) => manage(`${UNSTABLE}/delayed_events/${id}`, bob, { action: 'restart' }),
      (id: string) => manage(stable(id, 'restart'), bob),
    ]) {
      const before = (await server.bodies(roomId, bob)).length;
      const id = await delayed();
      await server.advance(9_000);
      assert.equal((await ask(id)).status, 200);
      await server.advance(9_999);
      assert.equal((await server.bodies(roomId, bob)).length, before);
      await server.advance(1);
      assert.equal((await server.bodies(roomId, bob)).length, before + 1);
    }
  });

  it('sent early, and cancelled', async () => {
    const { server, bob, roomId, delayed, manage } = scene();
    const sent = await manage(unstable(await delayed(), 'send'));
    assert.equal(sent.status, 200);
    assert.equal(sent.body['event_id'], (await server.events(roomId, bob)).at(-1)?.['event_id']);
    assert.equal((await manage(unstable(await delayed(), 'cancel'))).status, 200);
    await server.advance(20_000);
    assert.deepEqual(await server.bodies(roomId, bob), ['delayed']);
  });

  it('agreeing with what has happened, and conflicting as each path has it (80)', async () => {
    const { server, bob, roomId, delayed, manage } = scene();
    const sent = await delayed();
    const cancelled = await delayed();
    await manage(unstable(sent, 'send'));
    await manage(unstable(cancelled, 'cancel'));
    for (const path of [unstable, stable]) {
      const token = path === stable ? bob : undefined;
      assert.equal((await manage(path(sent, 'send'), token)).status, 200);
      assert.equal((await manage(path(cancelled, 'cancel'), token)).status, 200);
      const expected = path === stable ? [409, 'M_UNKNOWN'] : [404, 'M_NOT_FOUND'];
      for (const [id, action] of [
        [sent, 'cancel'],
        [sent, 'restart'],
        [cancelled, 'send'],
        [cancelled, 'restart'],
      ] as const)
        assert.deepEqual(refusalOf(await manage(path(id, action), token)), expected, action);
    }
    assert.deepEqual(await server.bodies(roomId, bob), ['delayed']);
  });

  it('by their owner only where there is a token, and always on the final paths (45)', async () => {
    const { server, alice, delayed, manage } = scene();
    const id = await delayed();
    for (const action of ['restart', 'send', 'cancel']) {
      assert.deepEqual(refusalOf(await manage(unstable(id, action), alice)), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await manage(stable(id, action), alice)), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await manage(stable(id, action))), [401, 'M_MISSING_TOKEN']);
    }
    for (const prefix of [UNSTABLE, STABLE]) {
      const path = `${prefix}/delayed_events/${id}`;
      assert.deepEqual(refusalOf(await server.ask('GET', path, alice)), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await server.ask('GET', path)), [401, 'M_MISSING_TOKEN']);
    }
    assert.equal((await manage(unstable(id, 'send'))).status, 200);
  });

  it('telling an unknown id from an unknown action (81)', async () => {
    const { bob, delayed, manage } = scene();
    const id = await delayed();
    for (const prefix of [UNSTABLE, STABLE]) {
      const token = prefix === STABLE ? bob : undefined;
      const path = `${prefix}/delayed_events`;
      assert.deepEqual(refusalOf(await manage(`${path}/unknown/send`, token)), [404, 'M_NOT_FOUND']);
      assert.deepEqual(refusalOf(await manage(`${path}/${id}/refresh`, token)), [404, 'M_UNRECOGNIZED']);
    }
    const byBody = `${UNSTABLE}/delayed_events/${id}`;
    assert.deepEqual(refusalOf(await manage(byBody, undefined, {})), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(refusalOf(await manage(byBody, undefined, { action: 'x' })), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(refusalOf(await manage(byBody, undefined, { action: 1 })), [400, 'M_INVALID_PARAM']);
  });

  it('without MSC4195, whose probe finds nothing here (84)', async () => {
    const { manage } = scene();
    const path = '/_matrix/client/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave';
    assert.deepEqual(refusalOf(await manage(path, undefined, {})), [404, 'M_UNRECOGNIZED']);
    assert.deepEqual(refusalOf(await manage(path)), [404, 'M_UNRECOGNIZED']);
  });

  it('staying scheduled when the room refuses to send them early', async () => {
    const { server, alice, bob, roomId, roomPath, manage } = scene();
    const path = `${C}${roomPath}/state/org.example.state/k?${DELAY}=10000`;
    const id = textIn((await server.ask('PUT', path, bob, { a: 1 })).body, 'delay_id');
    assert.deepEqual(refusalOf(await manage(stable(id, 'send'), bob)), [403, 'M_FORBIDDEN']);
    await server.setPowers(roomId, alice, [bob]);
    await server.advance(10_000);
    assert.deepEqual(await server.get(`${C}${roomPath}/state/org.example.state/k`, bob), { a: 1 });
  });

  it('by twenty callers behind one address without one refusal (85)', async () => {
    await using limited = await startFutureServer({ config: { rateLimits: true } });
    const user = await limited.user('alice');
    const room = await limited.room(user);
    const ids: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      const path = `${C}/rooms/${encodeURIComponent(room)}/send/m.room.message/t${count}?${DELAY}=10000`;
      ids.push(textIn((await limited.ask('PUT', path, user, CONTENT)).body, 'delay_id'));
    }
    for (let round = 0; round < 10; round += 1) {
      for (const id of ids) assert.equal((await limited.ask('POST', unstable(id, 'restart'))).status, 200);
      limited.server.clock.advance(4_000);
    }
    const guesses = await Promise.all(
      Array.from({ length: 60 }, (_, index) => limited.ask('POST', unstable(`guess${index}`, 'restart'))),
    );
    assert.ok(guesses.some((reply) => reply.status === 429 && reply.headers.has('retry-after')));
    assert.equal((await limited.ask('POST', unstable(ids[0] ?? '', 'restart'))).status, 200);
  });
});

describe('delayed events', () => {
  it('are not cancelled by state of others, unless the operator wants that (31)', async () => {
    for (const isWanted of [false, true]) {
      const config = {
        futures: { unsuffixedUnit: 'seconds', cancelOnOthersState: isWanted, restartGraceMs: 0 },
      } as const;
      await using other = await startFutureServer({ config });
      const owner = await other.user('alice');
      const member = await other.user('bob');
      const room = await other.room(owner, [member]);
      await other.setPowers(room, owner, [member]);
      const path = `${C}/rooms/${encodeURIComponent(room)}/state/org.example.call/k`;
      const id = textIn(
        (await other.ask('PUT', `${path}?${DELAY}=10000`, member, { left: true })).body,
        'delay_id',
      );
      await other.setState(room, member, 'org.example.call', 'k', { by: 'its owner' });
      assert.equal((await other.ask('POST', unstable(id, 'restart'))).status, 200);
      await other.setState(room, owner, 'org.example.call', 'k', { by: 'somebody else' });
      await other.advance(10_000);
      const expected = isWanted ? { by: 'somebody else' } : { left: true };
      assert.deepEqual(await other.get(path, member), expected);
      if (!isWanted) continue;
      const item = await other.get(`${UNSTABLE}/delayed_events/${id}`, member);
      assert.equal(objectAt(item, 'error')['errcode'], 'M_CANCELLED_BY_STATE_UPDATE');
    }
  });
});
