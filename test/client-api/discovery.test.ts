import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { parseUserId } from '../../src/matrix/identifiers.ts';
import { isJsonObject } from '../../src/util/json.ts';
import { shareAccountServer } from '../support/account-server.ts';

const LIVEKIT = { type: 'livekit', livekit_service_url: 'https://sfu.test/livekit/jwt' };
const RTC = '/_matrix/client/unstable/org.matrix.msc4143/rtc/transports';
const TURN = '/_matrix/client/v3/voip/turnServer';
const SUPPORT = '/.well-known/matrix/support';
const ADMIN = parseUserId('@admin:elsewhere');
const CONTACTS = [
  ...(ADMIN === undefined ? [] : [{ role: 'm.role.admin', matrixId: ADMIN }]),
  { role: 'm.role.security', emailAddress: 'security@test' },
];

describe('what the server says of itself', () => {
  const server = shareAccountServer({
    publicBaseUrl: 'https://matrix.test',
    livekitServiceUrl: LIVEKIT.livekit_service_url,
    turn: { uris: ['turn:turn.test:3478?transport=udp'], sharedSecret: 'hush', ttlSeconds: 600 },
    support: { contacts: CONTACTS, page: 'https://test/help' },
  });

  it('is its versions and the unstable features that are served', async () => {
    const { status, json } = await server().ask('GET', '/_matrix/client/versions');
    assert.equal(status, 200);
    assert.ok(Array.isArray(json['versions']) && json['versions'].includes('v1.11'));
    assert.deepEqual(json['unstable_features'], { 'org.matrix.msc4143': true });
    const bad = await server().ask('GET', '/_matrix/client/versions', { token: 'x' });
    assert.equal(bad.json['errcode'], 'M_UNKNOWN_TOKEN');
  });

  it('is its capabilities, to users', async () => {
    const { token } = await server().register('alice');
    const { json } = await server().ask('GET', '/_matrix/client/v3/capabilities', { token });
    const capabilities = isJsonObject(json['capabilities']) ? json['capabilities'] : {};
    const versions = capabilities['m.room_versions'];
    assert.ok(isJsonObject(versions) && isJsonObject(versions['available']));
    assert.equal(versions['default'], '12');
    const stabilities = Object.values(versions['available']);
    assert.equal(stabilities.filter((stability) => stability === 'stable').length, 12);
    assert.equal(versions['available']['org.matrix.msc3757.10'], 'unstable');
    const delayed = { max_delay_ms: 1000, max_scheduled: 100 };
    assert.deepEqual(capabilities['m.delayed_events'], delayed);
    assert.deepEqual(capabilities['org.matrix.msc4140.delayed_events'], delayed);
    assert.deepEqual(capabilities['m.change_password'], { enabled: true });
    assert.equal((await server().ask('GET', '/_matrix/client/v3/capabilities')).status, 401);
  });

  it('is where clients and calls find it', async () => {
    const { token } = await server().register('alice');
    assert.deepEqual((await server().ask('GET', '/.well-known/matrix/client')).json, {
      'm.homeserver': { base_url: 'https://matrix.test' },
      'org.matrix.msc4143.rtc_foci': [LIVEKIT],
    });
    assert.deepEqual((await server().ask('GET', RTC, { token })).json, { rtc_transports: [LIVEKIT] });
    assert.equal((await server().ask('GET', RTC)).status, 401);
  });

  it('is its TURN servers, to users, with credentials that expire', async () => {
    const { token } = await server().register('alice');
    const { json } = await server().ask('GET', TURN, { token });
    const username = `${Math.floor(server().world.clock.nowMs() / 1000) + 600}:@alice:test`;
    assert.deepEqual(json, {
      username,
      password: createHmac('sha1', 'hush').update(username).digest('base64'),
      uris: ['turn:turn.test:3478?transport=udp'],
      ttl: 600,
    });
    assert.equal((await server().ask('GET', TURN)).status, 401);
  });

  it('is whom to turn to', async () => {
    assert.deepEqual((await server().ask('GET', SUPPORT)).json, {
      contacts: [
        { role: 'm.role.admin', matrix_id: '@admin:elsewhere' },
        { role: 'm.role.security', email_address: 'security@test' },
      ],
      support_page: 'https://test/help',
    });
  });

  describe('where nothing is configured', () => {
    const bare = shareAccountServer();

    it('is no address, no help, no TURN server, and an empty list of transports', async () => {
      const { token } = await bare().register('alice');
      const wellKnown = await bare().ask('GET', '/.well-known/matrix/client');
      assert.deepEqual([wellKnown.status, wellKnown.json['errcode']], [404, 'M_NOT_FOUND']);
      const support = await bare().ask('GET', SUPPORT);
      assert.deepEqual([support.status, support.json['errcode']], [404, 'M_NOT_FOUND']);
      assert.deepEqual((await bare().ask('GET', TURN, { token })).json, {});
      assert.deepEqual((await bare().ask('GET', RTC, { token })).json, { rtc_transports: [] });
    });
  });
});

describe('filters and OpenID tokens over HTTP', () => {
  const server = shareAccountServer();

  it('store a filter and give it back to its owner', async () => {
    const [alice, bob] = [await server().register('alice'), await server().register('bob')];
    const path = '/_matrix/client/v3/user/@alice:test/filter';
    const filter = { room: { timeline: { limit: 3 } } };
    const { json } = await server().ask('POST', path, { token: alice.token, body: filter });
    const id = json['filter_id'];
    assert.ok(typeof id === 'string');
    assert.deepEqual((await server().ask('GET', `${path}/${id}`, { token: alice.token })).json, filter);
    assert.equal((await server().ask('GET', `${path}/${id}`, { token: bob.token })).status, 403);
    assert.equal((await server().ask('GET', `${path}/x`, { token: alice.token })).status, 404);
    const bad = await server().ask('POST', path, { token: alice.token, body: { presence: 'text' } });
    assert.deepEqual([bad.status, bad.json['errcode']], [400, 'M_BAD_JSON']);
  });

  it('exchange an OpenID token for its owner’s user id', async () => {
    const { token } = await server().register('alice');
    const ask = (user: string) =>
      server().ask('POST', `/_matrix/client/v3/user/${user}/openid/request_token`, { token, body: {} });
    const { json } = await ask('@alice:test');
    const openId = json['access_token'];
    assert.ok(typeof openId === 'string');
    assert.deepEqual(json, {
      access_token: openId,
      token_type: 'Bearer',
      matrix_server_name: 'test',
      expires_in: 3600,
    });
    assert.equal((await ask('@bob:test')).status, 403);
    const userInfo = '/_matrix/federation/v1/openid/userinfo';
    const known = await server().ask('GET', `${userInfo}?access_token=${openId}`);
    assert.deepEqual(known, { status: 200, json: { sub: '@alice:test' } });
    for (const query of ['', '?access_token=', '?access_token=x']) {
      const unknown = await server().ask('GET', `${userInfo}${query}`);
      assert.deepEqual([unknown.status, unknown.json['errcode']], [401, 'M_UNKNOWN_TOKEN']);
    }
  });
});
