import assert from 'node:assert/strict';
import { registerUser, request, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { checkedFetch } from '../support/spec-check.ts';
import {
  create,
  download,
  fetchMedia,
  refusalOf,
  tryUpload,
  upload,
  type MediaReply,
} from './media-client.ts';

const CONTENT = Buffer.from('<p>some content</p>');

describe('downloading', () => {
  let server: TestServer;
  let alice: TestUser;
  before(async () => {
    server = await startTestServer();
    alice = await registerUser(server, 'alice');
  });
  after(() => server[Symbol.asyncDispose]());

  /** The headers of a download after an upload with this type and name. */
  async function headersFor(contentType?: string, filename?: string): Promise<Headers> {
    const path = await upload(server, alice, CONTENT, {
      ...(contentType === undefined ? {} : { contentType }),
      ...(filename === undefined ? {} : { filename }),
    });
    return (await download(server, alice, path)).headers;
  }

  it('carries the headers that keep browsers from running what it brings', async () => {
    const headers = await headersFor('text/html');
    assert.equal(
      headers.get('content-security-policy'),
      "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';",
    );
    assert.equal(headers.get('cross-origin-resource-policy'), 'cross-origin');
    assert.equal(headers.get('content-length'), String(CONTENT.length));
    assert.equal(headers.get('cache-control'), 'private, max-age=86400, immutable');
  });

  for (const [sent, served, disposition] of [
    ['image/png', 'image/png', 'inline'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8', 'inline'],
    ['VIDEO/MP4', 'VIDEO/MP4', 'inline'],
    ['text/html', 'text/html', 'attachment'],
    ['image/svg+xml', 'image/svg+xml', 'attachment'],
    ['image/png, text/html', 'application/octet-stream', 'attachment'],
    ['image/png; x=a, text/html', 'application/octet-stream', 'attachment'],
    ['nonsense', 'application/octet-stream', 'attachment'],
    [undefined, 'application/octet-stream', 'attachment'],
  ] as const) {
    it(`serves ${sent ?? 'no type'} as ${served}, ${disposition}`, async () => {
      const headers = await headersFor(sent);
      assert.deepEqual(
        [headers.get('content-type'), headers.get('content-disposition')],
        [served, disposition],
      );
    });
  }

  for (const [filename, parameter] of [
    ['photo of us.png', 'filename="photo of us.png"'],
    ['a;b=c.png', 'filename="a;b=c.png"'],
    ['a"b\\c.png', 'filename="a\\"b\\\\c.png"'],
    ['größe 🐔.png', "filename*=UTF-8''gr%C3%B6%C3%9Fe%20%F0%9F%90%94.png"],
    ["it's (1)*!.pñg", "filename*=UTF-8''it%27s%20%281%29%2A%21.p%C3%B1g"],
    ['a\r\nSet-Cookie: b', "filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b"],
  ] as const) {
    it(`names the file ${JSON.stringify(filename)}`, async () => {
      const headers = await headersFor('image/png', filename);
      assert.equal(headers.get('content-disposition'), `inline; ${parameter}`);
    });
  }

  it('names the file as the path does, whatever its uploader called it', async () => {
    const path = await upload(server, alice, CONTENT, { contentType: 'image/png', filename: 'old.png' });
    const { headers, bytes } = await download(server, alice, `${path}/n%C3%A9w%2F.png`);
    assert.equal(headers.get('content-disposition'), "inline; filename*=UTF-8''n%C3%A9w%2F.png");
    assert.deepEqual(bytes, CONTENT);
  });

  it('works without a token at the older paths only', async () => {
    const path = await upload(server, alice, CONTENT);
    for (const version of ['r0', 'v1', 'v3']) {
      const reply = await fetchMedia(server, `/_matrix/media/${version}/download${path}`);
      assert.deepEqual(reply.bytes, CONTENT);
      assert.equal(reply.headers.get('cache-control'), 'public, max-age=86400, immutable');
    }
    assert.equal((await fetchMedia(server, `/_matrix/media/v3/download${path}/name`)).status, 200);
    for (const kind of ['download', 'thumbnail']) {
      const refused = await fetchMedia(server, `/_matrix/client/v1/media/${kind}${path}`);
      assert.deepEqual(refusalOf(refused), [401, 'M_MISSING_TOKEN']);
    }
  });

  it('does not mind what servers are asked about remote media and redirects', async () => {
    const path = await upload(server, alice, CONTENT);
    const query = '?allow_remote=false&allow_redirect=true';
    const reply = await fetchMedia(server, `/_matrix/media/v3/download${path}${query}`);
    assert.deepEqual(reply.bytes, CONTENT);
  });

  it('answers HEAD with the headers alone', async () => {
    const path = await upload(server, alice, CONTENT);
    const url = `${server.baseUrl}/_matrix/media/v3/download${path}`;
    const response = await checkedFetch(url, { method: 'HEAD' });
    assert.deepEqual(
      [response.status, response.headers.get('content-length')],
      [200, String(CONTENT.length)],
    );
  });

  for (const [what, path] of [
    ['an unknown media id', '/localhost/unknown'],
    ['another server', '/elsewhere.example/abc'],
    ['this server in other letters', '/LOCALHOST/abc'],
    ['a path for a media id', '/localhost/..%2F..%2Fmorrow.yaml'],
    ['a dot for a media id', '/localhost/a.b'],
    ['a path for a server name', '/..%2F../abc'],
  ] as const) {
    it(`finds nothing at ${what}`, async () => {
      assert.deepEqual(refusalOf(await download(server, alice, path)), [404, 'M_NOT_FOUND']);
      const legacy = await fetchMedia(server, `/_matrix/media/v3/download${path}`);
      assert.deepEqual(refusalOf(legacy), [404, 'M_NOT_FOUND']);
    });
  }

  it('refuses a time to wait that is none', async () => {
    const path = await upload(server, alice, CONTENT);
    for (const timeout of ['-1', '1.5', 'soon']) {
      const refused = await download(server, alice, path, `?timeout_ms=${timeout}`);
      assert.deepEqual(refusalOf(refused), [400, 'M_INVALID_PARAM']);
    }
  });
});

describe('downloading what is still to be uploaded', () => {
  let server: TestServer;
  let alice: TestUser;
  let path: string;
  before(async () => {
    server = await startTestServer();
    alice = await registerUser(server, 'alice');
  });
  beforeEach(async () => {
    path = await create(server, alice);
  });
  afterEach(() => assert.equal(server.services.mediaArrivals.waiting, 0));
  after(() => server[Symbol.asyncDispose]());

  async function untilWaiting(on: TestServer, count = 1): Promise<void> {
    while (on.services.mediaArrivals.waiting < count) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves time until the answer is there. */
  async function advanceUntil(answer: Promise<MediaReply>, stepMs: number): Promise<MediaReply> {
    const settled = { yet: false };
    void answer.finally(() => (settled.yet = true));
    while (!settled.yet) {
      server.clock.advance(stepMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return answer;
  }

  it('waits for it, like a thumbnail', async () => {
    const answers = [
      download(server, alice, path),
      fetchMedia(server, `/_matrix/media/v3/thumbnail${path}?width=1&height=1`),
    ];
    await untilWaiting(server, 2);
    await tryUpload(server, alice, CONTENT, { to: path });
    const [downloaded, thumbnail] = await Promise.all(answers);
    assert.deepEqual(downloaded?.bytes, CONTENT);
    assert.equal(thumbnail?.status, 400);
  });

  it('waits no longer than asked to, and then says that it has not come yet', async () => {
    const start = server.clock.nowMs();
    const answer = download(server, alice, path, '?timeout_ms=5000');
    await untilWaiting(server);
    assert.deepEqual(refusalOf(await advanceUntil(answer, 100)), [504, 'M_NOT_YET_UPLOADED']);
    assert.ok(server.clock.nowMs() - start >= 5000);
  });

  it('does not wait at all when asked so', async () => {
    const refused = await download(server, alice, path, '?timeout_ms=0');
    assert.deepEqual(refusalOf(refused), [504, 'M_NOT_YET_UPLOADED']);
  });

  it('waits a minute at most, whatever is asked', async () => {
    const answer = download(server, alice, path, '?timeout_ms=999999999999');
    await untilWaiting(server);
    server.clock.advance(60_000);
    assert.equal((await advanceUntil(answer, 100)).status, 504);
  });

  it('notices what another process was sent', async () => {
    const { database, clock } = server;
    const { dataDir } = server.services.config;
    await using other = await startTestServer({ database, clock, dataDir });
    const answer = download(server, alice, path);
    await untilWaiting(server);
    await tryUpload(other, alice, CONTENT, { to: path });
    assert.deepEqual((await advanceUntil(answer, 500)).bytes, CONTENT);
  });

  it('ends when the client goes away', async () => {
    const controller = new AbortController();
    const url = `/_matrix/client/v1/media/download${path}`;
    const answer = request(server, 'GET', url, { token: alice, signal: controller.signal });
    await untilWaiting(server);
    controller.abort();
    await assert.rejects(answer);
    while (server.services.mediaArrivals.waiting > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
