import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { BenchClient, Refused } from '../../bench/client.ts';
import { listenOnLoopback } from '../support/loopback.ts';

/** A server that answers each request with the pieces that `answers` gives for it, in writes of their own. */
async function serve(answers: readonly (readonly string[])[]): Promise<{
  readonly baseUrl: string;
  readonly requests: string[];
  readonly sockets: Socket[];
  readonly server: Server;
}> {
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.setEncoding('utf8').on('data', (text: string) => {
      const pieces = answers[requests.length] ?? [];
      requests.push(text);
      void writeAll(socket, pieces);
    });
  });
  const port = await listenOnLoopback(server);
  return { baseUrl: `http://127.0.0.1:${port}`, requests, sockets, server };
}

/** Each piece is on its way before the next one is written. */
async function writeAll(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function whole(body: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

describe('the client of the bench', () => {
  const closing: (() => void)[] = [];

  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  async function clientFor(
    connections: number,
    ...answers: readonly (readonly string[])[]
  ): Promise<Awaited<ReturnType<typeof serve>> & { readonly client: BenchClient }> {
    const served = await serve(answers);
    const client = new BenchClient(served.baseUrl, connections);
    closing.push(
      () => client.close(),
      () => served.server.close(),
    );
    return { ...served, client };
  }

  it('reads an answer in one piece, and in any pieces', async () => {
    const text = whole('{"a":"ä"}');
    const cuts = [5, text.indexOf('\r\n\r\n') + 2, text.indexOf('{') + 3];
    const pieces = [0, ...cuts].map((cut, index) => text.slice(cut, cuts[index]));
    const { client } = await clientFor(1, [text], pieces);
    assert.deepEqual(await client.call('GET', '/a'), { a: 'ä' });
    assert.deepEqual(await client.call('GET', '/b'), { a: 'ä' });
  });

  it('reads chunks, though a piece ends like the last of them', async () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
    const misleading = [`${head}d\r\n{"a": 0\r\n\r\n`, ' }\r\n0\r\n\r\n'];
    const { client } = await clientFor(1, [`${head}5\r\n{"a":\r\n2\r\n1}\r`, '\n0\r\n\r\n'], misleading);
    assert.deepEqual(await client.call('GET', '/a'), { a: 1 });
    assert.deepEqual(await client.call('GET', '/b'), { a: 0 });
  });

  it('keeps its connection, says who asks, and sends what it was given', async () => {
    const { client, requests, sockets } = await clientFor(1, [whole('{}')], [whole('{}')]);
    await client.skim('PUT', '/path', 'token', { text: 'ö' });
    await client.skim('GET', '/other');
    assert.equal(sockets.length, 1);
    const [put = '', get = ''] = requests;
    assert.match(put, /^PUT \/path HTTP\/1\.1\r\n/);
    assert.match(put, /\r\nauthorization: Bearer token\r\n.*content-length: 13\r\n\r\n\{"text":"ö"\}$/s);
    assert.match(get, /^GET \/other HTTP\/1\.1\r\nhost: 127\.0\.0\.1\r\n\r\n$/);
  });

  it('rejects what is not 200 with what the server says, read or not', async () => {
    const refusal = whole('{"errcode":"M_FORBIDDEN"}', '403 Forbidden');
    const { client } = await clientFor(1, [refusal], [refusal], [whole('{}')]);
    await assert.rejects(
      client.call('GET', '/a'),
      (error) => error instanceof Refused && error.status === 403,
    );
    await assert.rejects(client.skim('GET', '/b'), /M_FORBIDDEN/);
    await client.skim('GET', '/c');
  });

  it('asks again when a connection that it had used was closed meanwhile', async () => {
    const { client, requests, sockets } = await clientFor(1, [whole('{}')], [], [whole('{"again":1}')]);
    await client.skim('GET', '/a');
    const [first] = sockets;
    first?.once('data', () => first.destroy());
    assert.deepEqual(await client.call('GET', '/b'), { again: 1 });
    assert.equal(requests.length, 3);
  });

  it('does not ask again when the connection was new', async () => {
    const { client, requests, server } = await clientFor(1);
    server.once('connection', (socket: Socket) => socket.destroy());
    await assert.rejects(client.call('GET', '/a'));
    assert.deepEqual(requests, []);
  });

  it('does not ask again once it was closed', async () => {
    const { client, requests } = await clientFor(1, [whole('{}')]);
    await client.skim('GET', '/a');
    const asking = client.call('GET', '/b');
    client.close();
    await assert.rejects(asking);
    assert.ok(requests.length <= 2);
  });

  it('makes no more connections than it may, and lets requests wait for one', async () => {
    const answers = Array.from({ length: 6 }, () => [whole('{}')]);
    const { client, sockets } = await clientFor(2, ...answers);
    await Promise.all(answers.map(() => client.skim('GET', '/')));
    assert.equal(sockets.length, 2);
  });

  it('rejects an answer without a length, one that is longer than it says, and a chunk of no size', async () => {
    const { client } = await clientFor(
      1,
      ['HTTP/1.1 200 OK\r\n\r\n'],
      ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}'],
      ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n0\r\n\r\n'],
    );
    await assert.rejects(client.call('GET', '/a'), /without its length/);
    await assert.rejects(client.call('GET', '/b'), /longer than it says/);
    await assert.rejects(client.call('GET', '/c'), /how long it is/);
  });
});
