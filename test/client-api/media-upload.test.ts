import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepMedia } from '../../src/media/upload.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { create, download, pathIn, refusalOf, tryUpload, upload } from './media-client.ts';

const MAX_BYTES = 100_000;
const DAY_MS = 24 * 3_600_000;

describe('uploading', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer({ config: { maxUploadBytes: MAX_BYTES } });
    alice = await registerUser(server, 'alice');
    bob = await registerUser(server, 'bob');
  });
  after(() => server[Symbol.asyncDispose]());

  async function storedFiles(): Promise<string[]> {
    const root = join(server.services.config.dataDir, 'media');
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  it('keeps bytes as they are, and another user may read them', async () => {
    const bytes = Buffer.from([0, 255, 1, 254, 10, 13]);
    const path = await upload(server, alice, bytes);
    assert.deepEqual((await download(server, bob, path)).bytes, bytes);
  });

  it('works at the paths of older clients', async () => {
    for (const version of ['r0', 'v1', 'v3']) {
      const path = `/_matrix/media/${version}/upload`;
      const { status } = await request(server, 'POST', path, { token: alice, body: {} });
      assert.equal(status, 200);
    }
  });

  it('takes an empty file', async () => {
    const path = await upload(server, alice, Buffer.alloc(0));
    assert.equal((await download(server, alice, path)).bytes.length, 0);
  });

  it('takes the greatest size, refuses one byte more with 413, and leaves no file of it', async () => {
    await upload(server, alice, Buffer.alloc(MAX_BYTES));
    const before = await storedFiles();
    const refused = await tryUpload(server, alice, Buffer.alloc(MAX_BYTES + 1));
    assert.deepEqual(refusalOf(refused), [413, 'M_TOO_LARGE']);
    assert.deepEqual(await storedFiles(), before);
  });

  it('says how much may be uploaded, to users only', async () => {
    for (const path of ['/_matrix/client/v1/media/config', '/_matrix/media/v3/config']) {
      assert.deepEqual(await succeed(server, 'GET', path, { token: alice }), { 'm.upload.size': MAX_BYTES });
      assert.deepEqual(refusalOf(await request(server, 'GET', path)), [401, 'M_MISSING_TOKEN']);
    }
  });

  it('needs a token', async () => {
    for (const [method, path] of [
      ['POST', '/_matrix/media/v3/upload'],
      ['POST', '/_matrix/media/v1/create'],
      ['PUT', `/_matrix/media/v3/upload${await create(server, alice)}`],
    ] as const) {
      assert.deepEqual(refusalOf(await request(server, method, path)), [401, 'M_MISSING_TOKEN']);
    }
  });

  it('refuses names that are too long or hold NUL', async () => {
    for (const filename of ['x'.repeat(256), 'a\0b']) {
      const refused = await tryUpload(server, alice, Buffer.from('x'), { filename });
      assert.deepEqual(refusalOf(refused), [400, 'M_INVALID_PARAM']);
    }
  });

  it('offers no previews of URLs, and says so', async () => {
    for (const path of ['/_matrix/client/v1/media/preview_url', '/_matrix/media/v3/preview_url']) {
      const refused = await request(server, 'GET', `${path}?url=https://example.org`, { token: alice });
      assert.deepEqual(refusalOf(refused), [404, 'M_UNRECOGNIZED']);
    }
  });

  describe('to a URI that was created in advance', () => {
    it('brings its content, with its type and name', async () => {
      const body = await succeed(server, 'POST', '/_matrix/media/v1/create', { token: alice });
      assert.equal(body['unused_expires_at'], server.clock.nowMs() + DAY_MS);
      const to = pathIn(body);
      const put = await tryUpload(server, alice, Buffer.from('later'), {
        to,
        contentType: 'text/plain',
        filename: 'later.txt',
      });
      assert.deepEqual([put.status, put.json], [200, {}]);
      const reply = await download(server, bob, to);
      assert.equal(reply.bytes.toString(), 'later');
      assert.equal(reply.headers.get('content-type'), 'text/plain');
      assert.equal(reply.headers.get('content-disposition'), 'inline; filename="later.txt"');
    });

    it('works once: neither then nor after an upload without a URI may anyone write over it', async () => {
      const created = await create(server, alice);
      await tryUpload(server, alice, Buffer.from('first'), { to: created });
      const uploaded = await upload(server, alice, Buffer.from('first'));
      for (const to of [created, uploaded]) {
        const again = await tryUpload(server, alice, Buffer.from('second'), { to });
        assert.deepEqual(refusalOf(again), [409, 'M_CANNOT_OVERWRITE_MEDIA']);
        assert.equal((await download(server, alice, to)).bytes.toString(), 'first');
      }
    });

    it('works once for uploads at the same time, and leaves no file of those that lost', async () => {
      const to = await create(server, alice);
      const before = await storedFiles();
      const replies = await Promise.all(
        ['a', 'b', 'c', 'd'].map((text) => tryUpload(server, alice, Buffer.from(text), { to })),
      );
      assert.deepEqual(replies.map((reply) => reply.status).toSorted(byNumber), [200, 409, 409, 409]);
      assert.equal((await storedFiles()).length, before.length + 1);
    });

    it('is refused to other users', async () => {
      const to = await create(server, alice);
      const refused = await tryUpload(server, bob, Buffer.from('x'), { to });
      assert.deepEqual(refusalOf(refused), [403, 'M_FORBIDDEN']);
    });

    it('is refused when it is too large, and may be tried again', async () => {
      const to = await create(server, alice);
      const refused = await tryUpload(server, alice, Buffer.alloc(MAX_BYTES + 1), { to });
      assert.deepEqual(refusalOf(refused), [413, 'M_TOO_LARGE']);
      assert.equal((await tryUpload(server, alice, Buffer.from('x'), { to })).status, 200);
    });

    for (const [what, to] of [
      ['that nobody created', '/localhost/neverCreated'],
      ['of another server', '/elsewhere.example/abc'],
      ['with a malformed media id', '/localhost/..%2f..%2fetc'],
      ['with a malformed server name', '/local%20host/abc'],
    ] as const) {
      it(`is refused for one ${what}`, async () => {
        const refused = await tryUpload(server, alice, Buffer.from('x'), { to });
        assert.deepEqual(refusalOf(refused), [404, 'M_NOT_FOUND']);
      });
    }
  });
});

describe('URIs that were created in advance', () => {
  let server: TestServer;
  let alice: TestUser;
  beforeEach(async () => {
    server = await startTestServer();
    alice = await registerUser(server, 'alice');
  });
  afterEach(() => server[Symbol.asyncDispose]());

  it('expire after a day without content', async () => {
    const to = await create(server, alice);
    server.clock.advance(DAY_MS);
    const refused = await tryUpload(server, alice, Buffer.from('x'), { to });
    assert.deepEqual(refusalOf(refused), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await download(server, alice, to)), [404, 'M_NOT_FOUND']);
  });

  it('are swept away once they have expired, and nothing else is', async () => {
    await create(server, alice);
    const kept = [await upload(server, alice, Buffer.from('x')), await create(server, alice)];
    await tryUpload(server, alice, Buffer.from('x'), { to: kept[1] ?? '' });
    server.clock.advance(DAY_MS);
    const pending = await create(server, alice);
    await sweepMedia(server.services);
    const rows = await server.services.db.selectFrom('media').select('media_id').execute();
    const left = rows.map((row) => `/localhost/${row.media_id}`);
    assert.deepEqual(new Set(left), new Set([...kept, pending]));
  });

  it('may be few at a time for each user, until some expire or get their content', async () => {
    const asked = Array.from({ length: 25 }, () =>
      request(server, 'POST', '/_matrix/media/v1/create', { token: alice }),
    );
    const replies = await Promise.all(asked);
    const refused = replies.filter((reply) => reply.status !== 200);
    assert.equal(refused.length, 5);
    assert.deepEqual(refusalOf(await request(server, 'POST', '/_matrix/media/v1/create', { token: alice })), [
      429,
      'M_LIMIT_EXCEEDED',
    ]);
    assert.equal(refused[0]?.body['retry_after_ms'], DAY_MS);
    await create(server, await registerUser(server, 'bob'));

    const made = replies.find((reply) => reply.status === 200);
    const to = pathIn(made?.body ?? {});
    assert.equal((await tryUpload(server, alice, Buffer.from('x'), { to })).status, 200);
    await create(server, alice);
    server.clock.advance(DAY_MS);
    await create(server, alice);
  });
});

function byNumber(a: number, b: number): number {
  return a - b;
}
