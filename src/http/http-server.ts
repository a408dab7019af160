import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { Roster } from '../util/roster.ts';
import { refuseBrokenRequest } from './broken-request.ts';
import type { HttpLimits } from './limits.ts';
import type { LiveCalls } from './live-calls.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** PEM texts; absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

interface HttpServerParts {
  readonly listener: RequestListener;
  readonly calls: LiveCalls;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
}

/** How long after its time a connection that is too slow may end. */
const MOST_LATE_MS = 2_000;
/** Longer than any event or filter in a query, shorter than what floods memory. */
const MAX_HEADER_BYTES = 32 * 1024;

/**
 * The listening sockets of one app.
 *
 *     made ──listen──► listening ──stop──► stopping ──all replies sent, or the grace over──► stopped
 *
 * While stopping, nothing is accepted, long polls are ended, other requests may finish, and idle connections close.
 */
export class HttpServer implements AsyncDisposable {
  readonly #parts: HttpServerParts;
  readonly #servers: Server[] = [];
  /** Connections without a request yet: node counts them as busy, and clients open them in advance. */
  readonly #unused = new Set<Socket>();
  readonly #answering = new Roster<ServerResponse>();
  #stopped: Promise<void> | undefined;

  constructor(parts: HttpServerParts) {
    this.#parts = parts;
  }

  /** How many requests are being answered; long polls are. */
  get openCalls(): number {
    return this.#parts.calls.open;
  }

  /** Opens one more socket for the same endpoints; rejects when the address is taken. Returns the port it got. */
  async listen(address: ListenAddress): Promise<{ readonly port: number }> {
    const server = this.#createServer(address);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address.port, address.host, () => {
        // Out of file handles, for one: those who knock are let in when there are some again.
        server
          .off('error', reject)
          .on('error', (error) => this.#parts.log.warn({ err: error }, 'not accepted'));
        resolve();
      });
    });
    this.#servers.push(server);
    const bound = server.address();
    return { port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
  }

  /** Stops within `stopGraceMs`; whatever is unfinished then is cut. Calling it again waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    const { calls, clock, limits } = this.#parts;
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#unused) socket.destroy();
    calls.stop();
    const grace = clock.schedule(clock.nowMs() + limits.stopGraceMs, () => {
      for (const server of this.#servers) server.closeAllConnections();
    });
    await Promise.all(closed);
    grace.cancel();
  }

  #createServer({ tls }: ListenAddress): Server {
    const { limits, listener } = this.#parts;
    const options: ServerOptions = {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      // Node looks for what is late this often only.
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs, MOST_LATE_MS),
      maxHeaderSize: MAX_HEADER_BYTES,
      // It is asked for where refusals can be written.
      requireHostHeader: false,
    };
    const server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls });
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#unused.add(socket);
      socket.once('close', () => this.#unused.delete(socket));
    });
    server.on('clientError', (error, socket) => refuseBrokenRequest(error, socket, this.#answering));
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#unused.delete(request.socket);
      const entry = this.#answering.add(response);
      response.once('close', () => entry.leave());
      listener(request, response);
    };
    // Who expects what no server offers is answered all the same, as HTTP allows.
    return server.on('request', answer).on('checkExpectation', answer);
  }
}
