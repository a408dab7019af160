import assert from 'node:assert/strict';
import { isJsonArray, isJsonObject } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { AS_TOKEN, bridge, C, HS_TOKEN, otherBridge } from './bridge.ts';
import { OK, startListener, type HeardRequest, type Listener, type ListenerAnswer } from './listener.ts';

const PROTOCOL = {
  user_fields: ['nickname'],
  location_fields: ['channel'],
  icon: 'mxc://localhost/icon',
  field_types: {
    nickname: { regexp: '.*', placeholder: 'nick' },
    channel: { regexp: '#.*', placeholder: '#c' },
  },
};
const instance = (network: string) => ({ desc: network, network_id: network, fields: {} });
const LOCATION = { alias: '#irc_rust:localhost', protocol: 'irc', fields: { channel: '#rust' } };
const USER = { userid: '@irc_alice:localhost', protocol: 'irc', fields: { nickname: 'alice' } };

function answerIrc({ path }: HeardRequest): ListenerAnswer {
  if (path.includes('/protocol/irc'))
    return { status: 200, body: { ...PROTOCOL, instances: [instance('libera')] } };
  if (path.includes('/location')) return { status: 200, body: [LOCATION] };
  if (path.includes('/user')) return { status: 200, body: [USER] };
  return { status: 404, body: {} };
}

describe('third-party networks', () => {
  let server: TestServer;
  let irc: Listener;
  let other: Listener;
  let bob: TestUser;

  before(async () => {
    [irc, other] = [await startListener(), await startListener()];
    const appservices = [
      bridge({ url: irc.url, protocols: ['irc'] }),
      otherBridge({ url: other.url, protocols: ['irc', 'slack'] }),
    ];
    server = await startTestServer({ config: { appservices } });
    bob = await registerUser(server, 'bob');
    irc.answer = answerIrc;
  });
  beforeEach(() => {
    irc.heard.length = 0;
    other.answer = () => ({ status: 404, body: {} });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await irc[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  const get = (path: string) => request(server, 'GET', `${C}/thirdparty/${path}`, { token: bob });

  it('are described by all services that lead there, each with its instances', async () => {
    other.answer = ({ path }) =>
      path.includes('/irc') ? { status: 200, body: { ...PROTOCOL, instances: [instance('oftc')] } } : OK;
    const described = {
      ...PROTOCOL,
      instances: [
        { ...instance('libera'), instance_id: 'irc|libera' },
        { ...instance('oftc'), instance_id: 'slack|oftc' },
      ],
    };
    assert.deepEqual((await get('protocol/irc')).body, described);
    assert.equal((await irc.next()).authorization, `Bearer ${HS_TOKEN}`);
    const { body } = await get('protocols');
    assert.deepEqual(body['irc'], described);
  });

  it('are left out when no service describes them', async () => {
    assert.deepEqual(Object.keys((await get('protocols')).body), ['irc']);
    for (const name of ['slack', 'telegram']) {
      const { status, body } = await get(`protocol/${name}`);
      assert.deepEqual([status, body['errcode']], [404, 'M_NOT_FOUND']);
    }
  });

  it('are asked for rooms and users by their fields', async () => {
    assert.deepEqual((await get('location/irc?channel=%23rust')).json, [LOCATION]);
    assert.equal((await irc.next()).path, '/_matrix/app/v1/thirdparty/location/irc?channel=%23rust');
    assert.deepEqual((await get('user/irc?nickname=alice')).json, [USER]);
    const { status, body } = await get('user/slack?nickname=alice');
    assert.deepEqual([status, body['errcode']], [404, 'M_NOT_FOUND']);
  });

  it('are asked for what is behind an alias or a user id', async () => {
    assert.deepEqual((await get('location?alias=%23irc_rust%3Alocalhost')).json, [LOCATION]);
    assert.deepEqual((await get('user?userid=%40irc_alice%3Alocalhost')).json, [USER]);
    assert.equal((await get('user')).status, 400);
  });

  it('are asked at the older path when a service does not know the other', async () => {
    irc.answer = (heard) =>
      heard.path.startsWith('/_matrix/app/v1/') ? { status: 404, body: {} } : answerIrc(heard);
    assert.deepEqual((await get('user/irc?nickname=alice')).json, [USER]);
    irc.answer = answerIrc;
  });

  it('are none where there is no service', async () => {
    await using plain = await startTestServer();
    const carol = await registerUser(plain, 'carol');
    const ask = (path: string) => request(plain, 'GET', `${C}/thirdparty/${path}`, { token: carol });
    assert.deepEqual((await ask('protocols')).body, {});
    for (const path of [
      'protocol/irc',
      'location/irc',
      'user/irc',
      'location?alias=%23a%3Ab',
      'user?userid=%40a%3Ab',
    ])
      assert.equal((await ask(path)).status, 404);
  });

  it('have directories that their services fill', async () => {
    const made = await succeed(server, 'POST', `${C}/createRoom`, { token: bob, body: { name: 'Rust' } });
    const roomId = textAt(made, 'room_id');
    const path = `${C}/directory/list/appservice/libera/${encodeURIComponent(roomId)}`;
    const list = async (body: object): Promise<unknown> => {
      const { chunk } = await succeed(server, 'POST', `${C}/publicRooms`, { token: bob, body });
      return isJsonArray(chunk) ? chunk.map((entry) => isJsonObject(entry) && entry['room_id']) : chunk;
    };
    await succeed(server, 'PUT', path, { token: AS_TOKEN, body: { visibility: 'public' } });
    assert.deepEqual(await list({ third_party_instance_id: 'irc|libera' }), [roomId]);
    assert.deepEqual(await list({ include_all_networks: true }), [roomId]);
    for (const body of [
      {},
      { third_party_instance_id: 'irc|oftc' },
      { third_party_instance_id: 'slack|libera' },
    ])
      assert.deepEqual(await list(body), []);
    await succeed(server, 'PUT', path, { token: AS_TOKEN, body: { visibility: 'private' } });
    assert.deepEqual(await list({ third_party_instance_id: 'irc|libera' }), []);
    const refused = await request(server, 'PUT', path, { token: bob, body: { visibility: 'public' } });
    assert.deepEqual([refused.status, refused.body['errcode']], [403, 'M_FORBIDDEN']);
    const unknown = path.replace(encodeURIComponent(roomId), encodeURIComponent('!nowhere:localhost'));
    const missing = await request(server, 'PUT', unknown, {
      token: AS_TOKEN,
      body: { visibility: 'public' },
    });
    assert.deepEqual([missing.status, missing.body['errcode']], [404, 'M_NOT_FOUND']);
  });
});
