import assert from 'node:assert/strict';
import { isJsonObject } from '../../src/util/json.ts';
import { CONTENT, DELAY, shareDelayedServer, STABLE, unstable } from './delayed-scene.ts';
import { C, objectAt, refusalOf, startFutureServer, textIn, UNSTABLE } from './future-server.ts';

describe('delayed events are listed', () => {
  const scene = shareDelayedServer();

  it('for their owner by the time at which they will be sent, in the words of all drafts', async () => {
    const { server, alice, bob, roomId, delayed, list } = scene();
    const late = await delayed(20_000);
    const soon = await delayed(10_000);
    const items = await list();
    assert.deepEqual(
      items.map((item) => item['delay_id']),
      [soon, late],
    );
    const since = server.server.clock.nowMs();
    assert.deepEqual(items[0], {
      delay_id: soon,
      room_id: roomId,
      type: 'm.room.message',
      content: CONTENT,
      delay: 10_000,
      delay_ms: 10_000,
      running_since: since,
      delayed_since_ts: since,
    });
    assert.deepEqual(await list('', alice), []);
    assert.deepEqual(refusalOf(await server.ask('GET', `${UNSTABLE}/delayed_events`)), [
      401,
      'M_MISSING_TOKEN',
    ]);
    for (const prefix of [UNSTABLE, STABLE])
      assert.deepEqual(await server.get(`${prefix}/delayed_events/${soon}`, bob), items[0]);
  });

  it('with how they ended, when that is asked for', async () => {
    const { server, bob, roomId, roomPath, delayed, manage, list } = scene();
    const sent = await delayed(1_000);
    const cancelled = await delayed(2_000);
    await manage(unstable(cancelled, 'cancel'));
    await server.advance(1_000);
    const failed = textIn(
      (await server.ask('PUT', `${C}${roomPath}/state/org.example.state/k?${DELAY}=3000`, bob, {})).body,
      'delay_id',
    );
    await server.advance(3_000);
    const scheduled = await delayed(60_000);
    assert.deepEqual(
      (await list()).map((item) => item['delay_id']),
      [scheduled],
    );
    const finalised = await list('?status=finalised');
    assert.deepEqual(
      finalised.map((item) => item['delay_id']),
      [sent, cancelled, failed],
    );
    const eventId = (await server.events(roomId, bob)).at(-1)?.['event_id'];
    const end = objectAt(finalised[0] ?? {}, 'finalised');
    assert.equal(end['event_id'], eventId);
    assert.deepEqual(Object.keys(objectAt(finalised[1] ?? {}, 'finalised')), ['finalised_ts']);
    const error = objectAt(objectAt(finalised[2] ?? {}, 'finalised'), 'error');
    assert.equal(error['errcode'], 'M_FORBIDDEN');
    assert.ok(error['error']);
    for (const [status, expected] of [
      ['scheduled', [scheduled]],
      ['sent', [sent]],
      ['cancelled', [cancelled]],
      ['failed', [failed]],
      ['error', [failed]],
    ] as const)
      assert.deepEqual(
        (await list(`?status=${status}`)).map((item) => item['delay_id']),
        expected,
        status,
      );
    const { finalised: older } = await server.get(`${UNSTABLE}/delayed_events?status=finalised`, bob);
    assert.ok(Array.isArray(older));
    const described = older.filter(isJsonObject).map((item) => [item['outcome'], item['reason']]);
    assert.deepEqual(described, [
      ['send', 'delay'],
      ['cancel', 'action'],
      ['cancel', 'error'],
    ]);
  });

  it('narrowed by room, type and time, in either direction, page by page', async () => {
    const { server, bob, delayed, list } = scene();
    const other = await server.room(bob);
    const ids: string[] = [];
    for (let count = 1; count <= 3; count += 1) ids.push(await delayed(count * 1_000));
    const path = `${C}/rooms/${encodeURIComponent(other)}/send/org.example.other/o1?${DELAY}=4000`;
    ids.push(textIn((await server.ask('PUT', path, bob, {})).body, 'delay_id'));
    const now = server.server.clock.nowMs();
    const found = async (query: string): Promise<number[]> =>
      (await list(query)).map((item) => ids.indexOf(textIn(item, 'delay_id')));
    assert.deepEqual(await found(`?room_id=${encodeURIComponent(other)}`), [3]);
    assert.deepEqual(await found('?type=m.room.message'), [0, 1, 2]);
    assert.deepEqual(await found('?dir=b'), [3, 2, 1, 0]);
    assert.deepEqual(await found(`?from_ts=${now + 2_000}&to_ts=${now + 3_000}`), [1, 2]);
    for (const bad of ['status=x', 'dir=x', 'from=x', 'from_ts=x', 'room_id=x'])
      assert.deepEqual(
        refusalOf(await server.ask('GET', `${UNSTABLE}/delayed_events?${bad}`, bob)),
        [400, 'M_INVALID_PARAM'],
        bad,
      );
  });

  it('in pages', async () => {
    await using large = await startFutureServer({ config: { maxDelayedEvents: 1_000 } });
    const user = await large.user('alice');
    const room = encodeURIComponent(await large.room(user));
    for (let count = 0; count < 120; count += 1)
      await large.ask('PUT', `${C}/rooms/${room}/send/m.room.message/t${count}?${DELAY}=1000`, user, CONTENT);
    const seen = new Set<string>();
    let next: string | undefined = '';
    const sizes: number[] = [];
    while (next !== undefined) {
      const query: string = next === '' ? '' : `?from=${next}`;
      const page = await large.get(`${UNSTABLE}/delayed_events${query}`, user);
      assert.ok(Array.isArray(page['delayed_events']));
      const items = page['delayed_events'].filter(isJsonObject);
      sizes.push(items.length);
      for (const item of items) seen.add(textIn(item, 'delay_id'));
      next = page['next_batch'] === undefined ? undefined : textIn(page, 'next_batch');
    }
    assert.deepEqual(sizes, [100, 20]);
    assert.equal(seen.size, 120);
  });
});
