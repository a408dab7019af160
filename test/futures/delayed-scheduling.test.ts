import assert from 'node:assert/strict';
import { isJsonObject } from '../../src/util/json.ts';
import { makeUsers } from '../client-api/rooms-client.ts';
import { CONTENT, DELAY, shareDelayedServer } from './delayed-scene.ts';
import { C, refusalOf, UNSTABLE } from './future-server.ts';

describe('delayed events are scheduled', () => {
  const scene = shareDelayedServer();

  it('by a query parameter of a plain send and of state, with and without a state key', async () => {
    const { server, alice, bob, roomId, roomPath, sendDelayed } = scene();
    await server.setPowers(roomId, alice, [bob]);
    const type = 'org.example.state';
    const sent = await Promise.all([
      sendDelayed('1000'),
      server.ask('PUT', `${C}${roomPath}/state/${type}/key?${DELAY}=1000`, bob, { key: 'key' }),
      server.ask('PUT', `${C}${roomPath}/state/${type}/?${DELAY}=1000`, bob, { key: 'none' }),
      server.ask('PUT', `${C}${roomPath}/state/${type}.other?${DELAY}=1000`, bob, { key: 'absent' }),
    ]);
    for (const reply of sent)
      assert.deepEqual(Object.keys(reply.body), ['delay_id'], JSON.stringify(reply.json));
    assert.deepEqual(await server.bodies(roomId, bob), []);
    await server.advance(1_000);
    assert.deepEqual(await server.bodies(roomId, bob), ['delayed']);
    assert.deepEqual(await server.get(`${C}${roomPath}/state/${type}/key`, bob), { key: 'key' });
    assert.deepEqual(await server.get(`${C}${roomPath}/state/${type}/`, bob), { key: 'none' });
    assert.deepEqual(await server.get(`${C}${roomPath}/state/${type}.other`, bob), { key: 'absent' });
  });

  it('by an endpoint of their own, with both names of the delay', async () => {
    const { server, bob, roomId, roomPath, newTxnId } = scene();
    const bodies = [{ delay_ms: 700 }, { delay: 800 }, { delay: 900, delay_ms: 900 }];
    for (const prefix of [C, UNSTABLE]) {
      for (const delay of bodies) {
        const path = `${prefix}${roomPath}/delayed_event/m.room.message/${newTxnId()}`;
        const reply = await server.ask('PUT', path, bob, { ...delay, content: CONTENT });
        assert.deepEqual(Object.keys(reply.body), ['delay_id'], JSON.stringify(reply.json));
      }
    }
    await server.advance(700);
    assert.equal((await server.bodies(roomId, bob)).length, 2);
    await server.advance(200);
    assert.equal((await server.bodies(roomId, bob)).length, 6);
  });

  it('as state when there is a state key', async () => {
    const { server, alice, bob, roomId, roomPath } = scene();
    await server.setPowers(roomId, alice, [bob]);
    const path = `${C}${roomPath}/delayed_event/org.example.state/s1`;
    await server.ask('PUT', path, bob, { delay_ms: 1_000, state_key: 'k', content: { a: 1 } });
    await server.advance(1_000);
    assert.deepEqual(await server.get(`${C}${roomPath}/state/org.example.state/k`, bob), { a: 1 });
  });

  it('once for one transaction id, beside a plain send that came later with the same, and not after one', async () => {
    const { server, bob, roomId, roomPath } = scene();
    const send = async (txnId: string, query: string) => {
      const path = `${C}${roomPath}/send/m.room.message/${txnId}${query}`;
      return (await server.ask('PUT', path, bob, CONTENT)).body;
    };
    const delayed = await send('both', `?${DELAY}=1000`);
    const plain = await send('both', '');
    assert.deepEqual([Object.keys(delayed), Object.keys(plain)], [['delay_id'], ['event_id']]);
    assert.deepEqual([await send('both', `?${DELAY}=1000`), await send('both', '')], [delayed, plain]);
    const sent = await send('sent', '');
    assert.deepEqual(await send('sent', `?${DELAY}=1000`), sent);
    assert.equal((await server.bodies(roomId, bob)).length, 2);
    await server.advance(1_000);
    assert.equal((await server.bodies(roomId, bob)).length, 3);
  });

  it('once for one transaction id, even when the repeat has no body', async () => {
    const { server, bob, roomId, roomPath } = scene();
    for (const path of [
      `${C}${roomPath}/delayed_event/m.room.message/same`,
      `${UNSTABLE}${roomPath}/delayed_event/m.room.message/same2`,
      `${C}${roomPath}/send/m.room.message/same?${DELAY}=1000`,
    ]) {
      const body = path.includes('?') ? CONTENT : { delay_ms: 1_000, content: CONTENT };
      const first = await server.ask('PUT', path, bob, body);
      assert.equal(first.status, 200, JSON.stringify(first.json));
      assert.deepEqual((await server.ask('PUT', path, bob)).json, first.json);
    }
    await server.advance(1_000);
    assert.equal((await server.bodies(roomId, bob)).length, 3);
  });

  it('never at once when the parameter makes no sense', async () => {
    const { server, bob, roomId, roomPath, sendDelayed } = scene();
    for (const delay of ['', '0', '-1', '1.5', 'soon', '1e3', 'Infinity'])
      assert.deepEqual(refusalOf(await sendDelayed(delay)), [400, 'M_INVALID_PARAM'], delay);
    const parent = await sendDelayed('1000', CONTENT, '&org.matrix.msc4140.parent_delay_id=x');
    assert.deepEqual(refusalOf(parent), [400, 'M_INVALID_PARAM']);
    const only = `${C}${roomPath}/send/m.room.message/p?org.matrix.msc4140.parent_delay_id=x`;
    assert.deepEqual(refusalOf(await server.ask('PUT', only, bob, CONTENT)), [400, 'M_INVALID_PARAM']);
    assert.deepEqual(await server.bodies(roomId, bob), []);
  });

  it('with a body that says what is missing or wrong', async () => {
    const { server, bob, roomPath, newTxnId } = scene();
    for (const [body, errcode] of [
      [{ content: CONTENT }, 'M_MISSING_PARAM'],
      [{ delay_ms: 1_000 }, 'M_MISSING_PARAM'],
      [{ delay_ms: 0, content: CONTENT }, 'M_INVALID_PARAM'],
      [{ delay_ms: '1000', content: CONTENT }, 'M_INVALID_PARAM'],
      [{ delay_ms: 1, delay: 2, content: CONTENT }, 'M_INVALID_PARAM'],
      [{ delay_ms: 1_000, content: [] }, 'M_BAD_JSON'],
      [{ delay_ms: 1_000, content: CONTENT, state_key: 1 }, 'M_BAD_JSON'],
      [{ delay_ms: 1_000, content: {} }, 'M_BAD_JSON'],
    ] as const) {
      const reply = await server.ask(
        'PUT',
        `${C}${roomPath}/delayed_event/m.room.message/${newTxnId()}`,
        bob,
        body,
      );
      assert.deepEqual(refusalOf(reply), [400, errcode], JSON.stringify(body));
    }
  });

  it('up to the maximum: beyond it each path says so in its own words (79)', async () => {
    const { server, bob, roomPath, sendDelayed } = scene();
    const query = await sendDelayed('100001');
    assert.deepEqual(refusalOf(query), [400, 'M_UNKNOWN']);
    assert.equal(query.body['org.matrix.msc4140.errcode'], 'M_MAX_DELAY_EXCEEDED');
    assert.equal(query.body['org.matrix.msc4140.max_delay'], 100_000);
    for (const [prefix, errcode] of [
      [C, 'M_DELAY_TOO_LARGE'],
      [UNSTABLE, 'ORG.MATRIX.MSC4140_DELAY_TOO_LARGE'],
    ] as const) {
      const path = `${prefix}${roomPath}/delayed_event/m.room.message/long`;
      const reply = await server.ask('PUT', path, bob, { delay_ms: 100_001, content: CONTENT });
      assert.deepEqual(refusalOf(reply), [400, errcode]);
      assert.equal(reply.body['org.matrix.msc4140.max_delay'], 100_000);
    }
    assert.equal((await sendDelayed('100000')).status, 200);
  });

  it('only by who is in the room', async () => {
    const { server, roomPath } = scene();
    const [carol] = await makeUsers(server.server, 'carol');
    const path = `${C}${roomPath}/delayed_event/m.room.message/c`;
    const reply = await server.ask('PUT', path, carol, { delay_ms: 1_000, content: CONTENT });
    assert.deepEqual(refusalOf(reply), [403, 'M_FORBIDDEN']);
    const query = `${C}${roomPath}/send/m.room.message/c?${DELAY}=1000`;
    assert.deepEqual(refusalOf(await server.ask('PUT', query, carol, CONTENT)), [403, 'M_FORBIDDEN']);
  });

  it('as capabilities and versions announce', async () => {
    const { server, bob } = scene();
    const { capabilities } = await server.get(`${C}/capabilities`, bob);
    assert.ok(isJsonObject(capabilities));
    for (const key of ['m.delayed_events', 'org.matrix.msc4140.delayed_events'])
      assert.deepEqual(capabilities[key], { max_delay_ms: 100_000, max_scheduled: 100 });
    const { unstable_features: features } = await server.get('/_matrix/client/versions', bob);
    assert.ok(isJsonObject(features));
    assert.equal(features['org.matrix.msc4140'], true);
    assert.equal(features['org.matrix.msc4140.stable'], true);
  });
});
