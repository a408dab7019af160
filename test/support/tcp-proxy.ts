import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A network between a server and its database that a test can break, on a port of 127.0.0.1.
 *
 *     passing ── refuse ──► refusing: nobody listens, and all connections are reset
 *     passing ── silence ─► silent: connections are taken and kept, and nothing gets through
 *     refusing, silent ── pass ──► passing: what was held back goes on
 */
export class TcpProxy implements AsyncDisposable {
  readonly #target: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #isSilent = false;

  constructor(target: { readonly path: string } | { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  get port(): number {
    return this.#port;
  }

  async pass(): Promise<void> {
    this.#isSilent = false;
    for (const socket of this.#sockets) socket.resume();
    if (this.#server !== undefined) return;
    this.#server = createServer((socket) => this.#carry(socket));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    const bound = this.#server.address();
    if (typeof bound === 'object' && bound !== null) this.#port = bound.port;
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  silence(): void {
    this.#isSilent = true;
    for (const socket of this.#sockets) socket.pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse();
  }

  #carry(here: Socket): void {
    const there =
      'path' in this.#target ? connect(this.#target.path) : connect(this.#target.port, this.#target.host);
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#isSilent) from.pause();
    }
  }
}
