import assert from 'node:assert/strict';
import { crossSigning } from '../support/encryption.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
} from '../support/server.ts';
import { AS_TOKEN, bridge, C, registerBridged, requestAs, succeedAs } from './bridge.ts';

const ALICE = '@irc_alice:localhost';

describe('devices of the users of an application service', () => {
  let server: TestServer;

  before(async () => {
    server = await startTestServer({ config: { appservices: [bridge()] } });
    await registerBridged(server, 'irc_alice');
  });
  after(() => server[Symbol.asyncDispose]());

  const put = (deviceId: string, name: string) =>
    requestAs(server, ALICE, 'PUT', `${C}/devices/${deviceId}`, { display_name: name });

  it('are made by naming them, and renamed when they are there', async () => {
    assert.equal((await put('ONE', 'first')).status, 201);
    assert.equal((await put('ONE', 'second')).status, 200);
    const device = await succeedAs(server, ALICE, 'GET', `${C}/devices/ONE?device_id=ONE`);
    assert.equal(device['display_name'], 'second');
  });

  it('are removed without further authentication', async () => {
    await put('TWO', 'second');
    await put('THREE', 'third');
    await succeedAs(server, ALICE, 'DELETE', `${C}/devices/TWO`, {});
    await succeedAs(server, ALICE, 'POST', `${C}/delete_devices`, { devices: ['THREE'] });
    for (const deviceId of ['TWO', 'THREE'])
      assert.equal((await requestAs(server, ALICE, 'GET', `${C}/devices/${deviceId}`)).status, 404);
  });

  it('have cross-signing keys that are replaced without further authentication', async () => {
    for (const seed of ['first', 'second']) {
      const body = crossSigning(ALICE, seed).upload;
      await succeedAs(server, ALICE, 'POST', `${C}/keys/device_signing/upload`, body);
    }
  });

  it('have the pushers that the service sets, which must name one', async () => {
    await put('PUSHED', 'a telephone');
    const pusher = {
      kind: 'http',
      app_id: 'app',
      pushkey: 'key',
      app_display_name: 'App',
      device_display_name: 'Phone',
      lang: 'en',
      data: { url: 'https://push.example/_matrix/push/v1/notify' },
    };
    const path = `${C}/pushers/set`;
    const refused = await requestAs(server, ALICE, 'POST', path, pusher);
    assert.deepEqual([refused.status, refused.body['errcode']], [400, 'M_UNKNOWN_DEVICE']);
    await succeedAs(server, ALICE, 'POST', `${path}?device_id=PUSHED`, pusher);
    const removed = { kind: null, app_id: 'app', pushkey: 'key' };
    await succeedAs(server, ALICE, 'POST', path, removed);
  });

  it('send once for a transaction id, each of them and who names none', async () => {
    await put('PHONE', 'a telephone');
    const room = await succeedAs(server, ALICE, 'POST', `${C}/createRoom`, {});
    const path = `${C}/rooms/${encodeURIComponent(textAt(room, 'room_id'))}/send/m.room.message/1`;
    const sent = new Set<unknown>();
    for (let round = 0; round < 2; round += 1) {
      for (const device of ['', '?device_id=ONE', '?device_id=PHONE']) {
        const body = { msgtype: 'm.text', body: `${round} from ${device}` };
        sent.add((await succeedAs(server, ALICE, 'PUT', `${path}${device}`, body))['event_id']);
      }
    }
    assert.equal(sent.size, 3);
  });

  it('do not send again for a service what the session that it opened has sent', async () => {
    const identifier = { type: 'm.id.user', user: 'irc_alice' };
    const login = { type: 'm.login.application_service', identifier, device_id: 'SESSION' };
    const body = { ...login, initial_device_display_name: 'a session' };
    const token = textAt(
      await succeed(server, 'POST', `${C}/login`, { token: AS_TOKEN, body }),
      'access_token',
    );
    const room = await succeedAs(server, ALICE, 'POST', `${C}/createRoom`, {});
    const path = `${C}/rooms/${encodeURIComponent(textAt(room, 'room_id'))}/send/m.room.message`;
    const send = async (txnId: string, asService: boolean): Promise<unknown> => {
      server.clock.advance(1);
      const content = { msgtype: 'm.text', body: 'hello' };
      const sent = asService
        ? await succeedAs(server, ALICE, 'PUT', `${path}/${txnId}?device_id=SESSION`, content)
        : await succeed(server, 'PUT', `${path}/${txnId}`, { token, body: content });
      return sent['event_id'];
    };
    const sent = await send('one', false);
    assert.deepEqual([await send('one', true), await send('one', false)], [sent, sent]);
  });

  it('are not made by naming them when a user does so', async () => {
    const bob = await registerUser(server, 'bob');
    const body = { display_name: 'mine' };
    assert.equal((await request(server, 'PUT', `${C}/devices/ONE`, { token: bob, body })).status, 404);
    assert.equal(
      (await request(server, 'DELETE', `${C}/devices/${bob.deviceId}`, { token: bob })).status,
      401,
    );
    await succeed(server, 'GET', `${C}/devices/${bob.deviceId}`, { token: bob });
  });
});
