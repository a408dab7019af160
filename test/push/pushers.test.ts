import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { clientPath } from '../client-api/facts-client.ts';
import { refusalOf } from '../client-api/rooms-client.ts';
import { logInAgain, passwordOf } from '../support/logins.ts';
import { registerUser, request, startTestServer, succeed, type TestReply } from '../support/server.ts';
import { sharePushServer } from './push-scene.ts';

const HTTPS_URL = 'https://push.example.org/_matrix/push/v1/notify';

describe('pushers are set', () => {
  const scene = sharePushServer();

  it('and listed as they were set', async () => {
    const { alice, bob, pusher, mustSet, list } = scene();
    await mustSet(bob, { profile_tag: 'tag' }, { format: 'event_id_only', 'org.example': 1 });
    const expected = pusher({ profile_tag: 'tag' }, { format: 'event_id_only', 'org.example': 1 });
    assert.deepEqual(await list(bob), [expected]);
    await mustSet(bob, { lang: 'de' });
    assert.deepEqual(await list(bob), [pusher({ lang: 'de' })]);
    assert.deepEqual(await list(alice), []);
  });

  it('to nothing, whether they were there or not', async () => {
    const { bob, set, mustSet, list } = scene();
    await mustSet(bob);
    for (let time = 0; time < 2; time++) {
      const reply = await set(bob, { kind: null, app_id: 'org.example.app', pushkey: 'key' });
      assert.deepEqual([reply.status, reply.json], [200, {}]);
      assert.deepEqual(await list(bob), []);
    }
  });

  it('in place of those that other users have with the key, unless they are to be kept', async () => {
    const { alice, bob, mustSet, keys } = scene();
    await mustSet(alice);
    await mustSet(bob, { append: true });
    assert.deepEqual([await keys(alice), await keys(bob)], [['key'], ['key']]);
    await mustSet(bob, { app_id: 'org.example.other' });
    assert.deepEqual(await keys(alice), ['key']);
    await mustSet(bob);
    assert.deepEqual(await keys(alice), []);
  });

  it('with all that they need, or not at all', async () => {
    const { bob, pusher, set, list } = scene();
    const refusals: readonly (readonly [JsonObject, string])[] = [
      [{ kind: 'http' }, 'M_MISSING_PARAM'],
      [{ ...pusher(), kind: 1 }, 'M_BAD_JSON'],
      [{ ...pusher(), app_id: 'x'.repeat(65) }, 'M_BAD_JSON'],
      [{ ...pusher(), pushkey: 'ü'.repeat(257) }, 'M_BAD_JSON'],
      [{ ...pusher(), kind: 'pigeon' }, 'M_INVALID_PARAM'],
      [{ ...pusher(), data: {} }, 'M_MISSING_PARAM'],
      [{ ...pusher(), data: 'x' }, 'M_BAD_JSON'],
      [pusher({}, { url: HTTPS_URL, format: 7 }), 'M_BAD_JSON'],
      [{ kind: 'http', app_id: 'a', pushkey: 'b', data: { url: HTTPS_URL } }, 'M_MISSING_PARAM'],
    ];
    for (const [body, errcode] of refusals) {
      assert.deepEqual(refusalOf(await set(bob, body)), [400, errcode], JSON.stringify(body));
    }
    const bare = { kind: 'http', app_id: 'a', pushkey: 'b' };
    const { body } = await set(bob, bare);
    assert.equal(
      body['error'],
      'Missing parameters: app_display_name, device_display_name, lang, data, data.url',
    );
    assert.deepEqual(await list(bob), []);
  });

  it('to no e-mail address, since nothing here sends e-mail', async () => {
    const { bob, pusher, set, list } = scene();
    const email = { ...pusher(), kind: 'email', app_id: 'm.email', pushkey: 'bob@example.org', data: {} };
    const { status, body } = await set(bob, email);
    assert.deepEqual([status, body['errcode']], [400, 'M_INVALID_PARAM']);
    assert.equal(body['error'], 'There are no pushers of kind "email" here');
    assert.deepEqual(await list(bob), []);
  });

  it('to HTTPS URLs of the right path, and to plain ones on this machine where that is allowed', async () => {
    const { bob, pusher, set } = scene();
    const local = 'http://localhost:1/_matrix/push/v1/notify';
    for (const url of [HTTPS_URL, `${HTTPS_URL}?x=1`, local, 'http://[::1]/_matrix/push/v1/notify'])
      assert.equal((await set(bob, pusher({}, { url }))).status, 200, url);
    for (const url of [
      'http://push.example.org/_matrix/push/v1/notify',
      'http://127.0.0.1.example.org/_matrix/push/v1/notify',
      'https://push.example.org/',
      'https://push.example.org/_matrix/push/v1/notify/',
      'https://push.example.org/x/_matrix/push/v1/notify',
      'https://user:secret@push.example.org/_matrix/push/v1/notify',
      'ftp://push.example.org/_matrix/push/v1/notify',
      '/_matrix/push/v1/notify',
      '',
      7,
    ])
      assert.deepEqual(refusalOf(await set(bob, pusher({}, { url }))), [400, 'M_INVALID_PARAM'], String(url));
  });

  it('to no plain URL where private addresses are not allowed', async () => {
    const { gateway, pusher } = scene();
    await using strict = await startTestServer();
    const user = await registerUser(strict, 'strict');
    const asked = (url: string): Promise<TestReply> =>
      request(strict, 'POST', '/_matrix/client/v3/pushers/set', { token: user, body: pusher({}, { url }) });
    assert.deepEqual(refusalOf(await asked(gateway.url)), [400, 'M_INVALID_PARAM']);
    assert.equal((await asked(HTTPS_URL)).status, 200);
  });
});

describe('pushers end', () => {
  const scene = sharePushServer();

  it('with the device that set them', async () => {
    const { server, bob, mustSet, keys } = scene();
    const phone = await logInAgain(server, bob);
    await mustSet(phone, { pushkey: 'phone' });
    await mustSet(bob, { pushkey: 'desk' });
    assert.deepEqual(await keys(bob), ['phone', 'desk']);
    await succeed(server, 'POST', '/_matrix/client/v3/logout', { token: phone });
    assert.deepEqual(await keys(bob), ['desk']);
  });

  it('with a new password, but for the ones of the device that set it', async () => {
    const { server, bob, mustSet, keys } = scene();
    const phone = await logInAgain(server, bob);
    await mustSet(phone, { pushkey: 'phone' });
    await mustSet(bob, { pushkey: 'desk' });
    const body = { new_password: 'another one', auth: passwordOf(bob) };
    await succeed(server, 'POST', clientPath('account', 'password'), { token: bob, body });
    assert.deepEqual(await keys(bob), ['desk']);
  });
});
