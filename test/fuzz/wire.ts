import { connect, type Socket } from 'node:net';

/** What came of the bytes of a request. */
export type Outcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Names in lower case; of equal ones the last. */
      readonly headers: ReadonlyMap<string, string>;
      readonly body: Buffer;
      /** The server closed the connection, or said that it will. */
      readonly isClosing: boolean;
    }
  /** The connection ended without a whole answer. */
  | { readonly kind: 'closed'; readonly received: string }
  /** Nothing whole had come when patience ended. */
  | { readonly kind: 'waiting' };

/** Sends bytes that no HTTP client would, on a connection that is kept for as long as it is good. */
export class Wire implements Disposable {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends one request and reads its answer; `keep` false ends the connection after it. */
  async send(
    bytes: Buffer,
    method: string,
    options: { patienceMs: number; keep: boolean },
  ): Promise<Outcome> {
    const socket = this.#socket ?? (await open(this.#port));
    this.#socket = socket;
    const outcome = await exchange(socket, bytes, method, options.patienceMs);
    const isKept = options.keep && outcome.kind === 'answered' && !outcome.isClosing;
    if (!isKept) this[Symbol.dispose]();
    return outcome;
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    // What breaks later shows in the exchange that it breaks.
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => undefined);
      resolve(socket);
    });
  });
}

function exchange(socket: Socket, bytes: Buffer, method: string, patienceMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose).off('end', onClose);
      resolve(outcome);
    };
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const answer = parseAnswer(received, method, false);
      if (answer !== undefined) settle(answer);
    };
    const onClose = (): void => {
      const answer = parseAnswer(received, method, true);
      settle(answer ?? { kind: 'closed', received: received.toString('latin1').slice(0, 200) });
    };
    const timer = setTimeout(() => settle({ kind: 'waiting' }), patienceMs);
    socket.on('data', onData).on('close', onClose).on('end', onClose);
    if (socket.destroyed || socket.readableEnded) onClose();
    else socket.write(bytes);
  });
}

/** The first answer in what was received; undefined until it is whole. */
function parseAnswer(received: Buffer, method: string, isEnd: boolean): Outcome | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN);
  const rest = received.subarray(headEnd + 4);
  if (status >= 100 && status < 200) return parseAnswer(rest, method, isEnd);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const body = hasNoBody(method, status) ? Buffer.alloc(0) : readBody(rest, headers, isEnd);
  if (body === undefined) return undefined;
  const isClosing = isEnd || headers.get('connection')?.toLowerCase() === 'close';
  return { kind: 'answered', status, headers, body, isClosing };
}

function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}

function readBody(rest: Buffer, headers: ReadonlyMap<string, string>, isEnd: boolean): Buffer | undefined {
  const length = headers.get('content-length');
  if (length !== undefined)
    return rest.length < Number(length) ? undefined : rest.subarray(0, Number(length));
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(rest);
  return isEnd ? rest : undefined;
}

function readChunks(rest: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
    if (size === 0) return rest.length < lineEnd + 4 ? undefined : Buffer.concat(chunks);
    if (rest.length < lineEnd + 4 + size) return undefined;
    chunks.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
