import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { closeAtOnce, listenOnLoopback } from '../support/loopback.ts';

/** A request on its way to the server. */
export interface Passing {
  readonly method: string;
  /** With its query, as it was sent. */
  readonly path: string;
  readonly token: string | undefined;
  readonly text: string;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  /** Absent where there is nothing to wait for. */
  readonly retryAfter?: string | undefined;
}

/** What a proxy does to what passes; what it does not say passes as it is. */
export interface Tampering {
  /** Another request in its place, or a reply without one. */
  readonly request?: (passing: Passing, forward: Forward) => Passing | Reply | Promise<Reply>;
  readonly reply?: (reply: Reply, passing: Passing) => Reply | Promise<Reply>;
}

/** Asks the server behind the proxy. */
export type Forward = (passing: Passing) => Promise<Reply>;

export interface TamperingProxy extends AsyncDisposable {
  readonly url: string;
}

/** A server on a free port of 127.0.0.1 that behaves as the one behind it, but for one thing. */
export async function startTamperingProxy(behind: string, tampering: Tampering): Promise<TamperingProxy> {
  const { hostname, port: portBehind } = new URL(behind);
  const forward: Forward = (passing) => ask({ hostname, port: portBehind }, passing);
  const server = createServer((incoming, outgoing) => {
    const handle = async (): Promise<Reply> => {
      const passing = await read(incoming);
      const changed = (await tampering.request?.(passing, forward)) ?? passing;
      const reply = 'status' in changed ? changed : await forward(changed);
      return (await tampering.reply?.(reply, passing)) ?? reply;
    };
    const answer = async (): Promise<void> => {
      const { status, text, retryAfter } = await handle().catch((): Reply => ({ status: 502, text: '{}' }));
      if (retryAfter !== undefined) outgoing.setHeader('retry-after', retryAfter);
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(text);
    };
    void answer();
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
}

async function read(incoming: IncomingMessage): Promise<Passing> {
  const { method = 'GET', url: path = '/', headers } = incoming;
  return { method, path, token: tokenIn(headers), text: await textOf(incoming) };
}

function tokenIn({ authorization }: IncomingHttpHeaders): string | undefined {
  return authorization?.replace(/^Bearer /, '');
}

function ask(address: { hostname: string; port: string }, passing: Passing): Promise<Reply> {
  const { method, path, token, text } = passing;
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(text === '' ? {} : { 'content-type': 'application/json' }),
      'content-length': Buffer.byteLength(text),
    };
    const request = httpRequest({ ...address, method, path, headers }, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      const retryAfter = answered['retry-after'];
      textOf(response).then((body) => resolve({ status, text: body, retryAfter }), reject);
    });
    request.once('error', reject);
    request.end(text);
  });
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
