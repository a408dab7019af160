import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { endpoint } from '../../src/http/endpoint.ts';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { startApp, type AppUnderTest } from './app-under-test.ts';
import { hello } from './plain-endpoints.ts';

/** Everything that comes back on a connection until the server closes it. */
async function exchange(app: AppUnderTest, text: string): Promise<{ head: string; json: JsonObject }> {
  const socket = connect(app.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  const json: unknown = body === '' ? {} : JSON.parse(body);
  assert.ok(isJsonObject(json));
  return { head, json };
}

describe('what is no request', () => {
  for (const [what, text, status, errcode] of [
    ['an unknown method', 'BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'M_UNKNOWN'],
    ['another protocol', '\x16\x03\x01\x02\x00', 400, 'M_UNKNOWN'],
    [
      'two lengths',
      'GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'M_UNKNOWN',
    ],
    [
      'a broken chunk',
      'GET /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
      'M_UNKNOWN',
    ],
    ['a request line that is too long', `GET /hello?${'x'.repeat(40_000)} HTTP/1.1\r\n`, 431, 'M_TOO_LARGE'],
    [
      'headers that are too long',
      `GET /hello HTTP/1.1\r\n${'A-Header: of some length\r\n'.repeat(2000)}`,
      431,
      'M_TOO_LARGE',
    ],
  ] as const) {
    it(`such as ${what} is refused with a sentence, for web pages as well, and the connection closed`, async () => {
      await using app = await startApp([hello]);
      const { head, json } = await exchange(app, text);
      assert.match(head, new RegExp(`HTTP/1\\.1 ${status} .*`));
      assert.match(head, /^access-control-allow-origin: \*/im);
      assert.match(head, /^connection: close/im);
      assert.equal(json['errcode'], errcode);
      assert.notEqual(json['error'], '');
    });
  }

  it('is not answered in the middle of another answer', async () => {
    const half = endpoint({
      name: 'half',
      method: 'GET',
      path: '/half',
      auth: 'none',
      rateLimit: 'none',
      handle: (_deps: object) => {
        const stream = new PassThrough();
        stream.write('half of it');
        return { headers: { 'Content-Length': '100' }, stream };
      },
    });
    await using app = await startApp([half]);
    const socket = connect(app.port, '127.0.0.1');
    socket.on('error', () => undefined).write('GET /half HTTP/1.1\r\nHost: x\r\n\r\n');
    let text = '';
    while (!text.includes('half of it')) text += String((await once(socket, 'data'))[0]);
    socket.on('data', (chunk) => (text += String(chunk))).write('BREW\r\n\r\n');
    await once(socket, 'close');
    assert.match(text, /^HTTP\/1\.1 200 .*half of it$/s);
  });

  it('but for an unknown expectation, which changes nothing', async () => {
    await using app = await startApp([hello]);
    const text = 'GET /hello HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nConnection: close\r\n\r\n';
    assert.match((await exchange(app, text)).head, /^HTTP\/1\.1 200/);
  });

  it('nor is one without a host, but in HTTP/1.0', async () => {
    await using app = await startApp([hello]);
    const refused = await exchange(app, 'GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n');
    assert.match(refused.head, /^HTTP\/1\.1 400/);
    assert.equal(refused.json['errcode'], 'M_UNKNOWN');
    assert.match((await exchange(app, 'GET /hello HTTP/1.0\r\n\r\n')).head, /^HTTP\/1\.1 200/);
  });
});
