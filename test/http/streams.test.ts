import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { ClientGone } from '../../src/http/client-gone.ts';
import { endpoint, type Endpoint } from '../../src/http/endpoint.ts';
import { rawBody, type RawBody } from '../../src/http/raw-body.ts';
import { forbidden } from '../../src/matrix/errors.ts';
import { startApp, type AppUnderTest } from './app-under-test.ts';

const MAX_BYTES = 1000;

/** An endpoint that takes bytes; what `read` returns is its answer. */
function upload(read: (body: RawBody) => Promise<number>): Endpoint<object> {
  return endpoint({
    name: 'upload',
    method: 'POST',
    path: '/upload',
    auth: 'none',
    rateLimit: 'none',
    body: rawBody,
    handle: async (_deps: object, { body }) => ({
      body: { size: await read(body), type: body.contentType ?? null },
    }),
  });
}

async function countBytes(body: RawBody): Promise<number> {
  let size = 0;
  for await (const chunk of body.read(MAX_BYTES)) size += chunk.length;
  return size;
}

function start(read = countBytes): Promise<AppUnderTest> {
  return startApp([upload(read)], { limits: { maxDiscardedBytes: 1_000_000 } });
}

/** Sends without a Content-Length. */
function sendChunked(app: AppUnderTest, size: number): Promise<Awaited<ReturnType<AppUnderTest['ask']>>> {
  const body = Readable.toWeb(Readable.from([Buffer.alloc(size)]));
  return app.ask('POST', '/upload', { body, duplex: 'half' });
}

describe('an endpoint that takes bytes', () => {
  it('gets them as they are, with their Content-Type, whatever they look like', async () => {
    await using app = await start();
    const headers = { 'Content-Type': 'image/png; x=y' };
    const answer = await app.ask('POST', '/upload', { body: '{"not json', headers });
    assert.deepEqual([answer.status, answer.json], [200, { size: 10, type: 'image/png; x=y' }]);
  });

  it('gets a body of the greatest size, and an empty one', async () => {
    await using app = await start();
    for (const size of [MAX_BYTES, 0]) {
      const answer = await app.ask('POST', '/upload', { body: new Uint8Array(size) });
      assert.deepEqual(answer.json, { size, type: null });
    }
  });

  it('refuses more than that with 413, announced or not, and lets the client see it', async () => {
    await using app = await start();
    for (const size of [MAX_BYTES + 1, 500_000]) {
      const announced = await app.ask('POST', '/upload', { body: new Uint8Array(size) });
      const unannounced = await sendChunked(app, size);
      for (const { status, json } of [announced, unannounced])
        assert.deepEqual([status, json['errcode']], [413, 'M_TOO_LARGE']);
    }
  });

  it('refuses a body that is announced as far too large before it is sent', async () => {
    await using app = await start();
    const headers = { 'Content-Length': 1e12 };
    const asked = httpRequest(`${app.url}/upload`, { method: 'POST', headers });
    asked.flushHeaders();
    const [response] = await once(asked, 'response');
    assert.equal(response.statusCode, 413);
    asked.destroy();
  });

  it('refuses a compressed body', async () => {
    await using app = await start();
    const headers = { 'Content-Encoding': 'gzip' };
    const { status, json } = await app.ask('POST', '/upload', { body: 'x', headers });
    assert.deepEqual([status, json['errcode']], [400, 'M_UNKNOWN']);
  });

  it('may refuse without reading them, or after a part, and the connection stays of use', async () => {
    let reads = false;
    await using app = await start(async (body) => {
      if (reads) for await (const _chunk of body.read(MAX_BYTES)) break;
      throw forbidden('No');
    });
    for (reads of [false, true]) {
      const { status } = await app.ask('POST', '/upload', { body: new Uint8Array(MAX_BYTES) });
      assert.equal(status, 403);
    }
  });

  it('learns that the client has gone before all had come', async () => {
    const told = new EventEmitter();
    const [begun, failed] = [once(told, 'begun'), once(told, 'failed')];
    await using app = await start(async (body) => {
      try {
        for await (const _chunk of body.read(MAX_BYTES)) told.emit('begun');
      } catch (error) {
        told.emit('failed', error);
        throw error;
      }
      return 0;
    });
    const asked = httpRequest(`${app.url}/upload`, { method: 'POST', headers: { 'Content-Length': 100 } });
    asked.on('error', () => undefined).write('half');
    await begun;
    asked.destroy();
    assert.ok((await failed)[0] instanceof ClientGone);
  });
});

describe('an answer that is a stream', () => {
  const streams: Readable[] = [];
  const download = endpoint({
    name: 'download',
    method: 'GET',
    path: '/download',
    auth: 'none',
    rateLimit: 'none',
    handle: (_deps: object) => {
      const stream = Readable.from([Buffer.from('by'), Buffer.from('tes')]);
      streams.push(stream);
      return { headers: { 'Content-Type': 'text/plain', 'Content-Length': '5' }, stream };
    },
  });

  it('is sent as it is, with its headers and those of every response', async () => {
    await using app = await startApp([download]);
    const { status, text, headers } = await askForText(app);
    assert.deepEqual([status, text], [200, 'bytes']);
    assert.equal(headers.get('Content-Type'), 'text/plain');
    assert.equal(headers.get('Content-Length'), '5');
    assert.equal(headers.get('Access-Control-Allow-Origin'), '*');
  });

  it('is closed when only its headers were asked for', async () => {
    await using app = await startApp([download]);
    const answer = await app.ask('HEAD', '/download');
    assert.deepEqual([answer.status, answer.headers.get('Content-Length')], [200, '5']);
    const stream = streams.at(-1);
    if (stream?.destroyed === false) await once(stream, 'close');
    assert.equal(stream?.destroyed, true);
  });
});

async function askForText(app: AppUnderTest): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(`${app.url}/download`);
  return { status: response.status, headers: response.headers, text: await response.text() };
}
