import { createServer, type IncomingMessage } from 'node:http';
import { Arrivals } from '../support/arrivals.ts';
import { closeAtOnce, listenOnLoopback } from '../support/loopback.ts';

/** A request that came in. */
export interface HeardRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authorization: string | undefined;
  /** undefined for no body. */
  readonly body: unknown;
}

export interface ListenerAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The side of an application service that listens, on 127.0.0.1. */
export interface Listener extends AsyncDisposable {
  readonly url: string;
  /** All that came in and was not asked for yet, oldest first. */
  readonly heard: HeardRequest[];
  /** What is answered from now on; a promise that never settles is a service that hangs. */
  answer: (request: HeardRequest) => ListenerAnswer | Promise<ListenerAnswer>;
  /** The next request, when it comes. */
  next(): Promise<HeardRequest>;
}

export const OK: ListenerAnswer = { status: 200, body: {} };

export async function startListener(): Promise<Listener> {
  const arrivals = new Arrivals<HeardRequest>();
  const server = createServer((request, response) => {
    void (async () => {
      const one = await read(request);
      arrivals.add(one);
      const { status, body } = await listener.answer(one);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    })();
  });
  const port = await listenOnLoopback(server);
  const listener: Listener = {
    url: `http://127.0.0.1:${port}`,
    heard: arrivals.items,
    answer: () => OK,
    next: () => arrivals.next(),
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
  return listener;
}

async function read(request: IncomingMessage): Promise<HeardRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString();
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    body: text === '' ? undefined : JSON.parse(text),
  };
}
