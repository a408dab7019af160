import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import { endpoint } from '../../src/http/endpoint.ts';
import { startApp, type Answer, type AppUnderTest } from './app-under-test.ts';
import { echo } from './plain-endpoints.ts';

const relaxed = endpoint({
  name: 'relaxed',
  method: 'POST',
  path: '/relaxed',
  auth: 'none',
  rateLimit: 'none',
  body: z.object({ reason: z.string().optional() }),
  bodyOptional: true,
  handle: (_deps: object, { body }) => ({ body }),
});

const bodiless = endpoint({
  name: 'bodiless',
  method: 'POST',
  path: '/bodiless',
  auth: 'none',
  rateLimit: 'none',
  handle: (_deps: object) => ({ body: {} }),
});

const limits = { maxBodyBytes: 1000, maxDiscardedBytes: 50_000 };

/** A body of so many bytes. */
function bodyOf(bytes: number): string {
  return JSON.stringify({ a: 'x'.repeat(bytes - 8) });
}

/** A body of so many levels, with brackets inside a string that do not count. */
function nested(depth: number): string {
  return `{"a":${'['.repeat(depth - 1)}"[{\\"["${']'.repeat(depth - 1)}}`;
}

async function refuses(answer: Promise<Answer>, status: number, errcode: string): Promise<Answer> {
  const { json, ...rest } = await answer;
  assert.deepEqual([rest.status, json['errcode']], [status, errcode]);
  assert.equal(rest.headers.get('Access-Control-Allow-Origin'), '*');
  return { json, ...rest };
}

describe('a request body', () => {
  let app: AppUnderTest;
  before(async () => (app = await startApp([echo, relaxed, bodiless], { limits })));
  after(() => app.server.stop());

  const post = (
    body: NonNullable<RequestInit['body']>,
    headers: Record<string, string> = {},
  ): Promise<Answer> => app.ask('POST', '/echo', { body, headers });
  it('is JSON whatever its content type says', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'image/png', 'nonsense']) {
      assert.deepEqual((await post('{"a":1}', { 'Content-Type': type })).json, { a: 1 });
    }
  });

  it('is taken up to the limit and refused one byte beyond it as M_TOO_LARGE', async () => {
    assert.equal((await post(bodyOf(limits.maxBodyBytes))).status, 200);
    await refuses(post(bodyOf(limits.maxBodyBytes + 1)), 413, 'M_TOO_LARGE');
  });

  it('is read to its end when it is somewhat too large, so that the connection stays good', async () => {
    const { headers } = await refuses(post('x'.repeat(limits.maxDiscardedBytes)), 413, 'M_TOO_LARGE');
    assert.notEqual(headers.get('Connection'), 'close');
  });

  it('ends the connection when far too much is announced', async () => {
    const socket = connect(app.port, '127.0.0.1');
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n');
    const text = await readAll(socket);
    assert.match(text, /^HTTP\/1\.1 413 .*M_TOO_LARGE/s);
    assert.match(text, /^connection: close/im);
  });

  it('ends the connection when far too much is sent unannounced', async () => {
    const socket = connect(app.port, '127.0.0.1');
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
    socket.write(chunk.repeat(6));
    assert.match(await readAll(socket), /^HTTP\/1\.1 413 .*M_TOO_LARGE/s);
  });

  it('may be split anywhere, also inside a character', async () => {
    const bytes = Buffer.from('{"a":"é€😀"}');
    const socket = connect(app.port, '127.0.0.1').setNoDelay();
    socket.write(
      `POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    for (const byte of bytes) {
      await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(await readAll(socket), /^HTTP\/1\.1 200 .*\{"a":"é€😀"\}$/s);
  });

  it('is refused as M_NOT_JSON when it is not UTF-8 or not JSON', async () => {
    await refuses(post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400, 'M_NOT_JSON');
    await refuses(post(Buffer.from('{"a":"é"}').subarray(0, -3)), 400, 'M_NOT_JSON');
    for (const text of ['{', '{"a":}', "{'a':1}", 'a=1&b=2', '{"a":10*60}', ' ', '{"a":1}{']) {
      await refuses(post(text), 400, 'M_NOT_JSON');
    }
  });

  it('is refused as M_NOT_JSON when it is compressed', async () => {
    await refuses(post('{}', { 'Content-Encoding': 'gzip' }), 400, 'M_NOT_JSON');
    assert.equal((await post('{}', { 'Content-Encoding': 'Identity' })).status, 200);
  });

  it('is refused as M_BAD_JSON when it is not an object', async () => {
    for (const text of ['[]', 'null', '"text"', '1', 'true']) await refuses(post(text), 400, 'M_BAD_JSON');
  });

  it('keeps a __proto__ key as plain data', async () => {
    const text = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":1}}';
    assert.equal((await post(text)).text, text);
  });

  it('has the last of equal keys', async () => {
    assert.deepEqual((await post('{"a":1,"a":2}')).json, { a: 2 });
  });

  it('may be nested up to the limit of depth', async () => {
    assert.equal((await post(nested(100))).status, 200);
    await refuses(post(nested(101)), 400, 'M_BAD_JSON');
  });

  it('may be absent or empty only where the row says so', async () => {
    await refuses(app.ask('POST', '/echo'), 400, 'M_NOT_JSON');
    await refuses(post(''), 400, 'M_NOT_JSON');
    assert.deepEqual((await app.ask('POST', '/relaxed')).json, {});
    assert.deepEqual((await app.ask('POST', '/relaxed', { body: '' })).json, {});
    assert.deepEqual((await app.ask('POST', '/relaxed', { body: '{"reason":"r"}' })).json, { reason: 'r' });
    await refuses(app.ask('POST', '/relaxed', { body: 'null' }), 400, 'M_BAD_JSON');
    await refuses(app.ask('POST', '/relaxed', { body: '{"reason":1}' }), 400, 'M_BAD_JSON');
  });

  it('is not looked at where the row takes none', async () => {
    assert.equal((await app.ask('POST', '/bodiless', { body: '{not json' })).status, 200);
    assert.equal((await app.ask('POST', '/bodiless', { body: 'x'.repeat(5000) })).status, 200);
  });
});

describe('a large or slow body', () => {
  it('of 200 000 levels is refused and does no harm', async () => {
    await using app = await startApp([echo]);
    for (const level of ['[', '{"a":']) {
      const { status, json } = await app.ask('POST', '/echo', { body: `{"a":${level.repeat(200_000)}` });
      assert.deepEqual([status, json['errcode']], [400, 'M_BAD_JSON']);
    }
    assert.equal((await app.ask('POST', '/echo', { body: '{}' })).status, 200);
  });

  it('that stops arriving is refused in time and its connection closed', async () => {
    await using app = await startApp([echo]);
    const socket = connect(app.port, '127.0.0.1');
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"a"');
    while (app.clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    app.clock.advance(29_999);
    assert.equal(app.clock.pendingTimers, 1);
    app.clock.advance(1);
    assert.match(await readAll(socket), /^HTTP\/1\.1 408 .*M_UNKNOWN/s);
  });

  it('whose client goes away is logged as such and not as a fault', async () => {
    await using app = await startApp([echo]);
    const socket = connect(app.port, '127.0.0.1');
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"a"');
    while (app.clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    const requests = () => app.logged.filter(({ msg }) => msg === 'request');
    while (requests().length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(requests()[0]?.['status'], 499);
    assert.ok(app.logged.every(({ level }) => level !== 'error' && level !== 'warn'));
    assert.equal(app.clock.pendingTimers, 0);
  });
});

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
