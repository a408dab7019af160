import assert from 'node:assert/strict';
import { currentPosition } from '../../src/storage/database.ts';
import { listToDevice } from '../../src/storage/to-device.ts';
import { findUserNid } from '../../src/storage/users.ts';
import type { JsonValue } from '../../src/util/json.ts';
import { deviceId, userId } from '../support/accounts.ts';
import { shareAccountServer, textIn, type Answer } from '../support/account-server.ts';

const DEVICES = '/_matrix/client/v3/devices';

const password = (user: string): JsonValue => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user },
  password: 'secret',
});

describe('device management', () => {
  const server = shareAccountServer();
  const logIn = async (device: string, name?: string): Promise<string> => {
    const body = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'alice' },
      password: 'secret',
      device_id: device,
      initial_device_display_name: name,
    };
    return textIn((await server().ask('POST', '/_matrix/client/v3/login', { body })).json, 'access_token');
  };
  const deleteDevice = (token: string, device: string, body?: JsonValue): Promise<Answer> =>
    server().ask('DELETE', `${DEVICES}/${device}`, { token, ...(body === undefined ? {} : { body }) });

  it('lists devices with all the keys that clients rely on', async () => {
    const { token, deviceId: first } = await server().register('alice');
    await logIn('SECOND', 'device display');
    const { json } = await server().ask('GET', DEVICES, { token });
    const seen = { last_seen_ip: '127.0.0.1', last_seen_ts: server().world.clock.nowMs() };
    const devices = Array.isArray(json['devices']) ? json['devices'] : [];
    assert.equal(devices.length, 2);
    for (const expected of [
      { device_id: first, display_name: '', ...seen },
      { device_id: 'SECOND', display_name: 'device display', ...seen },
    ]) {
      const one = await server().ask('GET', `${DEVICES}/${expected.device_id}`, { token });
      assert.deepEqual(one.json, expected);
      assert.ok(devices.some((device) => JSON.stringify(device) === JSON.stringify(one.json)));
    }
  });

  it('renames a device, and knows none that is not there', async () => {
    const { token, deviceId: device } = await server().register('alice');
    const rename = (path: string): Promise<Answer> =>
      server().ask('PUT', path, { token, body: { display_name: 'new' } });
    assert.deepEqual(await rename(`${DEVICES}/${device}`), { status: 200, json: {} });
    assert.equal((await server().ask('GET', `${DEVICES}/${device}`, { token })).json['display_name'], 'new');
    assert.equal((await rename(`${DEVICES}/unknown`)).status, 404);
    assert.equal((await server().ask('GET', `${DEVICES}/unknown`, { token })).json['errcode'], 'M_NOT_FOUND');
  });

  it('deletes a device only by its owner’s password', async () => {
    const { token } = await server().register('alice');
    await server().register('bob');
    const other = await logIn('OTHER');
    const asked = await deleteDevice(token, 'OTHER');
    assert.equal(asked.status, 401);
    assert.ok(asked.json['session'] && asked.json['flows'] && asked.json['params']);
    const wrong = await deleteDevice(token, 'OTHER', { auth: { type: 'm.login.password', password: 'no' } });
    assert.deepEqual([wrong.status, wrong.json['errcode']], [401, 'M_FORBIDDEN']);
    assert.equal((await deleteDevice(token, 'OTHER', { auth: password('bob') })).status, 403);
    assert.equal((await server().ask('GET', `${DEVICES}/OTHER`, { token })).status, 200);
    assert.deepEqual(await deleteDevice(token, 'OTHER', { auth: password('alice') }), {
      status: 200,
      json: {},
    });
    assert.equal((await server().ask('GET', `${DEVICES}/OTHER`, { token })).status, 404);
    assert.equal((await server().ask('GET', DEVICES, { token: other })).status, 401);
  });

  it('does not take the session of one deletion for another device', async () => {
    const { token } = await server().register('alice');
    await logIn('ONE');
    await logIn('TWO');
    const session = textIn((await deleteDevice(token, 'ONE')).json, 'session');
    const auth = { type: 'm.login.password', password: 'secret', session };
    assert.equal((await deleteDevice(token, 'TWO', { auth })).status, 403);
    assert.equal((await server().ask('GET', `${DEVICES}/TWO`, { token })).status, 200);
  });

  it('deletes many devices at once', async () => {
    const { token } = await server().register('alice');
    for (const device of ['ONE', 'TWO', 'THREE']) await logIn(device);
    const ask = (body: JsonValue): Promise<Answer> =>
      server().ask('POST', '/_matrix/client/v3/delete_devices', { token, body });
    const devices = ['ONE', 'TWO', 'NONE'];
    const session = textIn((await ask({ devices })).json, 'session');
    const auth = { type: 'm.login.password', password: 'secret', session };
    assert.equal((await ask({ devices: ['THREE'], auth })).status, 403);
    assert.equal((await ask({ devices, auth })).status, 200);
    const left = await Promise.all(
      ['ONE', 'TWO', 'THREE'].map((device) => server().ask('GET', `${DEVICES}/${device}`, { token })),
    );
    assert.deepEqual(
      left.map((answer) => answer.status),
      [404, 404, 200],
    );
    assert.equal((await ask({ devices: 'ONE' })).json['errcode'], 'M_BAD_JSON');
    assert.equal((await ask({})).json['errcode'], 'M_MISSING_PARAM');
  });

  it('sends messages to devices', async () => {
    const alice = await server().register('alice');
    const bob = await server().register('bob');
    const path = '/_matrix/client/v3/sendToDevice/org.example.ping/txn';
    const put = (at: string, body: JsonValue): Promise<Answer> =>
      server().ask('PUT', at, { token: alice.token, body });
    const messages = { '@bob:test': { [bob.deviceId]: { n: 1 } } };
    for (let repeat = 0; repeat < 2; repeat++)
      assert.deepEqual(await put(path, { messages }), { status: 200, json: {} });
    const { db } = server().world;
    const userNid = (await findUserNid(db, userId('@bob:test'))) ?? 0;
    const mailbox = { userNid, deviceId: deviceId(bob.deviceId) };
    const waiting = await listToDevice(db, mailbox, 0, await currentPosition(db), 10);
    assert.deepEqual(
      waiting.map((message) => message.content),
      ['{"n":1}'],
    );
    assert.equal((await put(path, {})).json['errcode'], 'M_MISSING_PARAM');
    assert.equal((await put(`${path}2`, { messages: [] })).json['errcode'], 'M_BAD_JSON');
    assert.equal((await put(`${path}%00`, { messages })).status, 400);
  });
});
