import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { endpoint } from '../../src/http/endpoint.ts';
import { rawBody } from '../../src/http/raw-body.ts';
import { defaultHttpLimits, type HttpLimits } from '../../src/http/limits.ts';
import { startApp, type AppUnderTest } from '../http/app-under-test.ts';
import { echo, hello } from '../http/plain-endpoints.ts';

/** Node measures these by its own clock, so that they are short here. */
const SOON_MS = 50;
const LATE_MS = 60_000;

const upload = endpoint({
  name: 'upload',
  method: 'POST',
  path: '/upload',
  auth: 'none',
  rateLimit: 'none',
  body: rawBody,
  handle: async (_deps: object, { body }) => {
    for await (const _chunk of body.read(1000)) continue;
    return { body: {} };
  },
});

function start(limits: Partial<HttpLimits>): Promise<AppUnderTest> {
  const patient = {
    headersTimeoutMs: LATE_MS,
    requestTimeoutMs: LATE_MS,
    keepAliveTimeoutMs: LATE_MS,
  };
  return startApp([hello, upload, echo], { limits: { ...patient, ...limits } });
}

/** All that the server says until it closes the connection, which it must do by itself. */
async function heardUntilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString();
}

describe('a client that is too slow', () => {
  it('is not waited for when it says nothing at all', async () => {
    await using app = await start({ headersTimeoutMs: SOON_MS });
    assert.match(await heardUntilClosed(connect(app.port, '127.0.0.1')), /^HTTP\/1\.1 408 .*M_UNKNOWN/s);
  });

  it('is not waited for when its headers come byte by byte', async () => {
    await using app = await start({ headersTimeoutMs: SOON_MS });
    const socket = connect(app.port, '127.0.0.1').setNoDelay();
    socket.write('GET /hello HTTP/1.1\r\nHost: x\r\nA-Slow-Header: ');
    const dripping = setInterval(() => socket.write('.'), 10);
    const heard = await heardUntilClosed(socket);
    clearInterval(dripping);
    assert.match(heard, /^HTTP\/1\.1 408 .*M_UNKNOWN/s);
  });

  for (const path of ['/upload', '/hello'])
    it(`is not waited for when a body for ${path} comes byte by byte`, async () => {
      await using app = await start({ headersTimeoutMs: SOON_MS, requestTimeoutMs: 2 * SOON_MS });
      const socket = connect(app.port, '127.0.0.1').setNoDelay();
      const method = path === '/hello' ? 'GET' : 'POST';
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
      const dripping = setInterval(() => socket.write('.'), 10);
      const heard = await heardUntilClosed(socket);
      clearInterval(dripping);
      // What was answered before its body was there is not answered again.
      assert.match(heard, path === '/hello' ? /^HTTP\/1\.1 200 /s : /^HTTP\/1\.1 408 .*M_UNKNOWN/s);
    });

  it('loses a connection that it does not use', async () => {
    await using app = await start({ keepAliveTimeoutMs: SOON_MS });
    const socket = connect(app.port, '127.0.0.1');
    socket.write('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(await heardUntilClosed(socket), /^HTTP\/1\.1 200 /);
  });

  it('is waited for no longer than the operator would think', () => {
    const { headersTimeoutMs, bodyTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = defaultHttpLimits;
    assert.ok(headersTimeoutMs <= 30_000 && bodyTimeoutMs <= 60_000);
    assert.ok(requestTimeoutMs <= 300_000 && keepAliveTimeoutMs <= 120_000);
  });
});

describe('a client that sends too much', () => {
  const request = async (app: AppUnderTest, text: string): Promise<string> => {
    const socket = connect(app.port, '127.0.0.1');
    socket.write(text);
    return heardUntilClosed(socket);
  };

  it('is refused a query, headers, and ever more of them', async () => {
    await using app = await start({});
    for (const text of [
      `GET /hello?${'q'.repeat(33_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET /hello HTTP/1.1\r\nHost: x\r\nA: ${'h'.repeat(33_000)}\r\n\r\n`,
      `GET /hello HTTP/1.1\r\nHost: x\r\n${'Header: value\r\n'.repeat(3_000)}\r\n`,
    ])
      assert.match(await request(app, text), /^HTTP\/1\.1 431 .*M_TOO_LARGE/s);
  });

  it('is cut off while it sends, and not read to the end', async () => {
    await using app = await start({ maxBodyBytes: 1_000, maxDiscardedBytes: 10_000 });
    for (const path of ['/echo', '/upload']) {
      const socket = connect(app.port, '127.0.0.1');
      const heard = heardUntilClosed(socket);
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      // Without an end of its own: only the server can end it.
      const chunk = `3e8\r\n${'x'.repeat(1_000)}\r\n`;
      let sent = 0;
      while (!socket.destroyed && sent < 100_000_000) {
        sent += chunk.length;
        if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => undefined), heard]);
      }
      assert.ok(sent < 100_000_000, `${path} reads on and on`);
      const said = await heard;
      assert.ok(said === '' || /^HTTP\/1\.1 413 .*M_TOO_LARGE/s.test(said), said);
    }
  });
});
