import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { Arrivals } from '../support/arrivals.ts';
import { closeAtOnce, listenOnLoopback } from '../support/loopback.ts';

interface GatewayAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly location?: string;
}

/** A push gateway on 127.0.0.1 that keeps what it is told. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** The notifications that came in and were not asked for yet, oldest first. */
  readonly arrived: JsonObject[];
  /** Paths of all requests. */
  readonly paths: string[];
  /** What is answered from now on. */
  answer: (notification: JsonObject) => GatewayAnswer;
  /** Calls back for every connection. */
  onConnection(heard: () => void): void;
  /** The next notification, when it comes. */
  next(): Promise<JsonObject>;
}

const ACCEPT: Gateway['answer'] = () => ({ status: 200, body: { rejected: [] } });

export async function startGateway(): Promise<Gateway> {
  const arrivals = new Arrivals<JsonObject>();
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    readJson(request).then(
      (body) => {
        const notification = body['notification'];
        if (!isJsonObject(notification)) return refuse(response);
        arrivals.add(notification);
        const { status, body: answer, location } = gateway.answer(notification);
        const headers = {
          'Content-Type': 'application/json',
          ...(location === undefined ? {} : { location }),
        };
        response.writeHead(status, headers).end(JSON.stringify(answer));
      },
      () => refuse(response),
    );
  });
  const port = await listenOnLoopback(server);
  const gateway: Gateway = {
    url: `http://127.0.0.1:${port}/_matrix/push/v1/notify`,
    arrived: arrivals.items,
    paths,
    answer: ACCEPT,
    onConnection: (heard) => server.on('connection', heard),
    next: () => arrivals.next(),
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
  return gateway;
}

async function readJson(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const json: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (!isJsonObject(json)) throw new Error('no object');
  return json;
}

function refuse(response: ServerResponse): void {
  response.writeHead(400).end();
}
