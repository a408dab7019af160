import assert from 'node:assert/strict';
import type { JsonValue } from '../../src/util/json.ts';
import { act, makeRoom, objectAt, objectsAt, pathOf, putState, say } from '../client-api/rooms-client.ts';
import { startTestServer, succeed } from '../support/server.ts';
import { startGateway } from './gateway.ts';
import { sharePushServer } from './push-scene.ts';

describe('pushers tell a gateway', () => {
  const scene = sharePushServer();

  it('all that there is to say of an event', async () => {
    const { server, gateway, alice, bob, roomId, aliceSays, mustSet } = scene();
    await mustSet(bob, {}, { 'org.example': 'kept' });
    await putState(
      server,
      alice,
      roomId,
      'm.room.member',
      { membership: 'join', displayname: 'Alice' },
      alice.userId,
    );
    const eventId = await aliceSays('hello');
    assert.deepEqual(await gateway.next(), {
      event_id: eventId,
      room_id: roomId,
      type: 'm.room.message',
      sender: alice.userId,
      sender_display_name: 'Alice',
      room_name: 'Mission Control',
      prio: 'high',
      content: { msgtype: 'm.text', body: 'hello' },
      counts: { unread: 1 },
      devices: [
        {
          app_id: 'org.example.app',
          pushkey: 'key',
          pushkey_ts: Math.floor(server.clock.nowMs() / 1_000),
          data: { 'org.example': 'kept' },
          tweaks: { sound: 'default' },
        },
      ],
    });
    assert.deepEqual(gateway.paths, ['/_matrix/push/v1/notify']);
  });

  it('ids alone where that is the format', async () => {
    const { gateway, bob, roomId, aliceSays, mustSet } = scene();
    await mustSet(bob, {}, { format: 'event_id_only' });
    const eventId = await aliceSays('secret');
    const told = await gateway.next();
    assert.deepEqual(Object.keys(told).toSorted(), ['counts', 'devices', 'event_id', 'prio', 'room_id']);
    assert.deepEqual([told['event_id'], told['room_id']], [eventId, roomId]);
    assert.deepEqual(objectAt(objectsAt(told, 'devices')[0] ?? {}, 'data'), { format: 'event_id_only' });
  });

  it('of an invite, that its user is meant', async () => {
    const { server, gateway, alice, bob, mustSet } = scene();
    await mustSet(bob);
    const other = await makeRoom(server, alice);
    await act(server, alice, other, 'invite', { user_id: bob.userId });
    const told = await gateway.next();
    assert.deepEqual([told['type'], told['user_is_target'], told['room_id']], ['m.room.member', true, other]);
  });

  it('of highlights, as tweaks', async () => {
    const { server, gateway, alice, bob, roomId, mustSet } = scene();
    await mustSet(bob);
    const content = { msgtype: 'm.text', body: 'x', 'm.mentions': { user_ids: [bob.userId] } };
    await succeed(server, 'PUT', pathOf(roomId, 'send', 'm.room.message', 'mention'), {
      token: alice,
      body: content,
    });
    const [device] = objectsAt(await gateway.next(), 'devices');
    assert.deepEqual(device?.['tweaks'], { sound: 'default', highlight: true });
  });

  it('everything in order, and nothing of what their user sent or the rules keep quiet', async () => {
    const { server, gateway, alice, bob, roomId, aliceSays, settled, mustSet } = scene();
    await mustSet(bob);
    const sent: string[] = [];
    for (const text of ['a', 'b', 'c']) sent.push(await aliceSays(text));
    await putState(server, alice, roomId, 'm.room.topic', { topic: 'quiet' });
    const told = [await gateway.next(), await gateway.next(), await gateway.next()];
    assert.deepEqual(
      told.map((one) => one['event_id']),
      sent,
    );
    await say(server, bob, roomId, 'my own');
    // The badge of who has answered.
    assert.deepEqual((await gateway.next())['counts'], { unread: 0 });
    await settled();
    assert.deepEqual(gateway.arrived, []);
  });

  it('the new number of unread notifications once some are read', async () => {
    const { server, gateway, bob, roomId, aliceSays, mustSet } = scene();
    await mustSet(bob);
    const one = await aliceSays('one');
    assert.deepEqual((await gateway.next())['counts'], { unread: 1 });
    await aliceSays('two');
    assert.deepEqual((await gateway.next())['counts'], { unread: 2 });
    await succeed(server, 'POST', pathOf(roomId, 'receipt', 'm.read', one), { token: bob, body: {} });
    const badge = await gateway.next();
    assert.deepEqual([badge['counts'], badge['event_id']], [{ unread: 1 }, undefined]);
    assert.deepEqual(
      objectsAt(badge, 'devices').map((device) => device['pushkey']),
      ['key'],
    );
  });

  it('what is new, and look no further back than to what they told last', async () => {
    const { server, gateway, bob, roomId, aliceSays, settled, mustSet } = scene();
    await mustSet(bob);
    const one = await aliceSays('one');
    await gateway.next();
    await succeed(server, 'POST', pathOf(roomId, 'receipt', 'm.read', one), { token: bob, body: {} });
    await gateway.next();
    await settled();
    const { rows } = await server.services.database.pool.query(
      `select p.position = (select position from push_progress) as is_far
       from pushers p join users u on u.user_nid = p.user_nid where u.user_id = $1`,
      [bob.userId],
    );
    assert.deepEqual(rows, [{ is_far: true }]);
  });

  it('nothing of what was there before them', async () => {
    const { gateway, bob, aliceSays, settled, mustSet } = scene();
    await aliceSays('before');
    await settled();
    await mustSet(bob);
    const after = await aliceSays('after');
    const told = await gateway.next();
    assert.deepEqual([told['event_id'], told['counts']], [after, { unread: 2 }]);
  });

  it('each of them, whatever the others do', async () => {
    const { gateway, bob, aliceSays, settled, set, mustSet } = scene();
    await using slow = await startGateway();
    slow.answer = () => ({ status: 500, body: {} });
    await mustSet(bob, { pushkey: 'slow' }, { url: slow.url });
    await mustSet(bob, { pushkey: 'quick' });
    await aliceSays('hello');
    assert.equal(objectsAt(await gateway.next(), 'devices')[0]?.['pushkey'], 'quick');
    assert.equal(objectsAt(await slow.next(), 'devices')[0]?.['pushkey'], 'slow');
    await settled();
    await set(bob, { kind: null, app_id: 'org.example.app', pushkey: 'slow' });
  });

  it('from one process alone', async () => {
    const { server, gateway, alice, bob, roomId, aliceSays, settled, mustSet } = scene();
    await using second = await startTestServer({
      database: server.database,
      clock: server.clock,
      config: { allowPrivateIps: true },
    });
    await mustSet(bob);
    const sent: string[] = [];
    for (let round = 0; round < 5; round++) {
      sent.push(await aliceSays('here'), await say(second, alice, roomId, 'there'));
    }
    const told: (JsonValue | undefined)[] = [];
    while (told.length < sent.length) told.push((await gateway.next())['event_id']);
    assert.deepEqual(told, sent);
    await settled();
    await second.services.pushSender.idle();
    assert.deepEqual(gateway.arrived, []);
  });
});
