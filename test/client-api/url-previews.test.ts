import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { sweepUrlPreviews } from '../../src/media/url-previews.ts';
import {
  registerUser,
  request,
  startTestServer,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { checkedFetch } from '../support/spec-check.ts';
import { until } from '../support/until.ts';
import { startWebSite, type WebSite } from '../support/web-site.ts';
import { refusalOf } from './rooms-client.ts';

const HOUR_MS = 3_600_000;
const FAILED = [502, 'M_UNKNOWN'];

describe('previews of URLs', () => {
  let server: TestServer;
  let site: WebSite;
  let alice: TestUser;
  let png: Buffer;
  before(async () => {
    png = await sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const html = (body: string) => ({ type: 'text/html; charset=utf-8', body });
    const image = (at: string) => html(`<title>T</title><meta property="og:image" content="${at}">`);
    const moved = (to: string) => (response: ServerResponse) => {
      response.writeHead(302, { Location: to }).end();
    };
    site = await startWebSite({
      '/page': html(
        '<meta property="og:title" content="The Rock"><meta property="og:image" content="rock.png">' +
          '<meta property="og:image:width" content="9999"><meta property="og:image:url" content="http://evil/">',
      ),
      '/rock.png': { type: 'image/png', body: png },
      '/moved': moved('/moved-again'),
      '/moved-again': moved('page'),
      '/round': moved('/round'),
      '/to-file': moved('file:///etc/passwd'),
      '/no-image': image('/missing.png'),
      '/script': image('/fake.png'),
      '/fake.png': { type: 'image/svg+xml', body: '<svg onload="alert(1)"/>' },
      '/large-image': image('/large.png'),
      '/large.png': { type: 'image/png', body: Buffer.concat([png, Buffer.alloc(200_000)]) },
      '/archive': { type: 'application/zip', body: 'PK' },
      '/long': html(`<title>Long</title>${' '.repeat(2_000_000)}<meta property="og:type" content="late">`),
      '/zipped': { type: 'text/html', body: '<title>T</title>', headers: { 'Content-Encoding': 'gzip' } },
      '/once': html('<title>Once</title>'),
    });
    const config = { urlPreviews: true, allowPrivateIps: true, maxUploadBytes: 100_000 };
    server = await startTestServer({ config });
    alice = await registerUser(server, 'alice');
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });

  const PATH = '/_matrix/client/v1/media/preview_url';
  const preview = (
    path: string,
    at = PATH,
    on: Pick<TestServer, 'baseUrl'> = server,
    as = alice,
  ): Promise<TestReply> =>
    request(on, 'GET', `${at}?ts=1&url=${encodeURIComponent(new URL(path, site.url).href)}`, {
      token: as,
    });

  it('hold what a page says about itself, and its image from here', async () => {
    for (const at of [PATH, '/_matrix/media/v3/preview_url', '/_matrix/media/r0/preview_url']) {
      const { status, body } = await preview('/page', at);
      assert.equal(status, 200);
      const { 'og:image': image, ...rest } = body;
      assert.deepEqual(rest, {
        'og:title': 'The Rock',
        'og:image:type': 'image/png',
        'og:image:width': 40,
        'og:image:height': 30,
        'matrix:image:size': png.length,
      });
      const [, mediaId] =
        /^mxc:\/\/localhost\/(\w[\w-]*)$/.exec(typeof image === 'string' ? image : '') ?? [];
      assert.ok(mediaId !== undefined);
      const download = `${server.baseUrl}/_matrix/client/v1/media/download/localhost/${mediaId}`;
      const reply = await checkedFetch(download, {
        headers: { authorization: `Bearer ${alice.accessToken}` },
      });
      assert.equal(reply.headers.get('content-type'), 'image/png');
      assert.deepEqual(Buffer.from(await reply.arrayBuffer()), png);
    }
  });

  it('follow redirects, a few of them', async () => {
    assert.equal((await preview('/moved')).body['og:title'], 'The Rock');
    assert.deepEqual(refusalOf(await preview('/round')), FAILED);
    assert.ok(site.asked.filter((path) => path === '/round').length <= 6);
    assert.deepEqual(refusalOf(await preview('/to-file')), FAILED);
  });

  it('leave out images that cannot be had, are none, or are too large', async () => {
    for (const path of ['/no-image', '/script', '/large-image'])
      assert.deepEqual((await preview(path)).body, { 'og:title': 'T' });
  });

  it('of images are those images, and of all other files empty', async () => {
    const { body } = await preview('/rock.png');
    assert.equal(body['og:image:width'], 40);
    assert.deepEqual((await preview('/large.png')).body, {});
    assert.deepEqual((await preview('/archive')).body, {});
  });

  it('read only the beginning of long pages, and nothing that is compressed unasked', async () => {
    assert.deepEqual((await preview('/long')).body, { 'og:title': 'Long' });
    assert.deepEqual(refusalOf(await preview('/zipped')), FAILED);
  });

  it('are made once for all who ask within an hour', async () => {
    const count = (): number => site.asked.filter((path) => path === '/once').length;
    const replies = await Promise.all(['/once', '/once#part', '/once'].map((path) => preview(path)));
    for (const reply of replies) assert.deepEqual(reply.body, { 'og:title': 'Once' });
    server.clock.advance(HOUR_MS - 1);
    await preview('/once');
    assert.equal(count(), 1);
    server.clock.advance(1);
    await preview('/once');
    assert.equal(count(), 2);
  });

  it('of what fails are tried again after five minutes', async () => {
    const count = (): number => site.asked.filter((path) => path === '/missing').length;
    assert.deepEqual(refusalOf(await preview('/missing')), FAILED);
    assert.deepEqual(refusalOf(await preview('/missing')), FAILED);
    assert.equal(count(), 1);
    server.clock.advance(5 * 60_000);
    assert.deepEqual(refusalOf(await preview('/missing')), FAILED);
    assert.equal(count(), 2);
  });

  it('go, and their images with them, when nobody shows them any more', async () => {
    const files = async (): Promise<number> =>
      (
        await readdir(join(server.services.config.dataDir, 'media'), { recursive: true, withFileTypes: true })
      ).filter((entry) => entry.isFile()).length;
    await preview('/page');
    assert.notEqual(await files(), 0);
    await sweepUrlPreviews(server.services);
    assert.notEqual(await files(), 0);
    server.clock.advance(50 * HOUR_MS);
    await sweepUrlPreviews(server.services);
    // The server sweeps by itself as well, and may be at it.
    await until('the files to go', async () => (await files()) === 0);
    const { rows } = await server.database.database.pool.query(
      'select 1 from url_previews union all select 1 from media',
    );
    assert.deepEqual(rows, []);
  });

  it('are of http and https URLs that are not too long, and for users alone', async () => {
    for (const url of [
      'nothing',
      'file:///etc/passwd',
      'ftp://example.org/',
      `${site.url}/${'a'.repeat(2_000)}`,
    ]) {
      const reply = await request(server, 'GET', `${PATH}?url=${encodeURIComponent(url)}`, { token: alice });
      assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM']);
    }
    assert.deepEqual(refusalOf(await request(server, 'GET', PATH, { token: alice })), [
      400,
      'M_MISSING_PARAM',
    ]);
    assert.deepEqual(refusalOf(await request(server, 'GET', `${PATH}?url=${site.url}`)), [
      401,
      'M_MISSING_TOKEN',
    ]);
  });

  it('are given up when there is no answer in time', async () => {
    let isAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    await using silent = await startWebSite({ '/': () => isAsked() });
    const reply = preview(`${silent.url}/`);
    await asked;
    server.clock.advance(10_000);
    assert.deepEqual(refusalOf(await reply), FAILED);
  });

  it('are never of private addresses unless that is allowed, and off unless they are wanted', async () => {
    await using careful = await startTestServer({ config: { urlPreviews: true } });
    const bob = await registerUser(careful, 'bob');
    const before = site.asked.length;
    assert.deepEqual(refusalOf(await preview('/page', PATH, careful, bob)), FAILED);
    assert.equal(site.asked.length, before);
    await using without = await startTestServer({ config: { allowPrivateIps: true } });
    const carol = await registerUser(without, 'carol');
    assert.deepEqual(refusalOf(await preview('/page', PATH, without, carol)), [404, 'M_UNRECOGNIZED']);
    assert.equal(site.asked.length, before);
  });
});
