import assert from 'node:assert/strict';
import { syncAs } from '../client-api/facts-client.ts';
import { makeSharedRoom, makeTwo, objectsAt, say } from '../client-api/rooms-client.ts';
import { startTestServer, succeed } from '../support/server.ts';
import { startGateway } from './gateway.ts';
import { pusherTo, sharePushServer } from './push-scene.ts';

describe('pushers whose gateway', () => {
  const scene = sharePushServer();

  it('fails try again, later and later, until it takes the message', async () => {
    const { server, gateway, bob, aliceSays, settled, mustSet } = scene();
    let failures = 0;
    gateway.answer = () => ({ status: failures < 3 ? 502 : 200, body: { rejected: [] } });
    await mustSet(bob);
    const eventId = await aliceSays('hello');
    for (failures = 0; failures < 4; failures++) {
      assert.equal((await gateway.next())['event_id'], eventId);
      await settled();
      assert.deepEqual(gateway.arrived, []);
      server.clock.advance(2_000 * 2 ** failures);
    }
    await settled();
    assert.deepEqual(gateway.arrived, []);
  });

  it('is away lose nothing while it is', async () => {
    const { server, gateway, bob, aliceSays, settled, mustSet } = scene();
    const { url } = gateway;
    gateway.answer = () => ({ status: 503, body: {} });
    await mustSet(bob, {}, { url });
    const one = await aliceSays('one');
    await gateway.next();
    await settled();
    const two = await aliceSays('two');
    await settled();
    assert.deepEqual(gateway.arrived, [], 'a new event is no reason to try sooner');
    gateway.answer = () => ({ status: 200, body: { rejected: [] } });
    server.clock.advance(2_000);
    assert.deepEqual([(await gateway.next())['event_id'], (await gateway.next())['event_id']], [one, two]);
  });

  it('fails for a day drop what waits, and try again with what comes', async () => {
    const { server, gateway, bob, aliceSays, settled, mustSet } = scene();
    gateway.answer = () => ({ status: 500, body: {} });
    await mustSet(bob);
    await aliceSays('old');
    await gateway.next();
    for (let hours = 0; hours < 26; hours++) {
      await settled();
      server.clock.advance(3_600_000);
    }
    await settled();
    gateway.arrived.length = 0;
    gateway.answer = () => ({ status: 200, body: { rejected: [] } });
    const fresh = await aliceSays('new');
    assert.equal((await gateway.next())['event_id'], fresh);
  });

  it('rejects the key are removed', async () => {
    const { gateway, bob, aliceSays, settled, mustSet, keys } = scene();
    gateway.answer = (told) => ({
      status: 200,
      body: { rejected: objectsAt(told, 'devices').map((device) => device['pushkey']) },
    });
    await mustSet(bob, { pushkey: 'dead' });
    await aliceSays('hello');
    await gateway.next();
    await settled();
    assert.deepEqual(await keys(bob), []);
  });

  it('answers with anything else than JSON have delivered all the same', async () => {
    const { server, gateway, bob, aliceSays, settled, mustSet } = scene();
    gateway.answer = () => ({ status: 200, body: 'fine' });
    await mustSet(bob);
    await aliceSays('hello');
    await gateway.next();
    await settled();
    server.clock.advance(60_000);
    await settled();
    assert.deepEqual(gateway.arrived, []);
  });

  it('redirects are not led astray', async () => {
    const { gateway, bob, aliceSays, settled, mustSet } = scene();
    await using elsewhere = await startGateway();
    gateway.answer = () => ({ status: 307, body: {}, location: elsewhere.url });
    await mustSet(bob);
    await aliceSays('hello');
    await gateway.next();
    await settled();
    assert.deepEqual(elsewhere.paths, []);
  });
});

describe('a gateway at a private address', () => {
  it('is not connected to, whatever name leads there', async () => {
    await using gateway = await startGateway();
    await using server = await startTestServer();
    const [alice, bob] = await makeTwo(server);
    const roomId = await makeSharedRoom(server, alice, bob);
    const port = new URL(gateway.url).port;
    for (const [index, host] of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '10.0.0.1'].entries()) {
      const body = pusherTo(`https://${host}:${port}/_matrix/push/v1/notify`, { pushkey: `key${index}` });
      await succeed(server, 'POST', '/_matrix/client/v3/pushers/set', { token: bob, body });
    }
    let connections = 0;
    gateway.onConnection(() => {
      connections += 1;
    });
    await say(server, alice, roomId, 'hello');
    await syncAs(server, bob);
    await server.services.pushSender.idle();
    assert.equal(connections, 0);
    const { rows } = await server.database.database.pool.query<{ failures: number }>(
      'select failures from pushers',
    );
    assert.deepEqual(
      rows.map((row) => row.failures),
      [1, 1, 1, 1],
    );
  });
});
