import { isJsonObject, type JsonObject } from '../src/util/json.ts';
import type { HttpAnswer } from './http-answer.ts';
import { HttpConnection, type HttpAddress } from './http-connection.ts';

type Method = 'GET' | 'PUT' | 'POST';

/** An answer that is not 200. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * A keep-alive HTTP client that costs the machine under test as little as possible. At most `maxConnections` requests
 * are under way, one per connection; connections are made when they are needed, and further requests wait.
 */
export class BenchClient {
  readonly #address: HttpAddress;
  readonly #maxConnections: number;
  readonly #open = new Set<HttpConnection>();
  readonly #idle: HttpConnection[] = [];
  readonly #queue: (() => void)[] = [];
  #isClosed = false;

  constructor(baseUrl: string, maxConnections: number) {
    const { protocol, hostname, port } = new URL(baseUrl);
    if (protocol !== 'http:') throw new Error(`${baseUrl}: only http:// can be measured`);
    this.#address = { host: hostname, port: port === '' ? 80 : Number(port) };
    this.#maxConnections = maxConnections;
  }

  /** The JSON answer; rejects unless the status is 200. */
  async call(method: Method, path: string, token?: string, body?: unknown): Promise<JsonObject> {
    const parsed: unknown = JSON.parse((await this.#ask(method, path, token, body, true)).text);
    return isJsonObject(parsed) ? parsed : {};
  }

  /** The same without looking at the answer, which would cost more than the request. */
  async skim(method: Method, path: string, token?: string, body?: unknown): Promise<void> {
    await this.#ask(method, path, token, body, false);
  }

  /** Ends all connections; what is under way is rejected. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.close();
  }

  async #ask(
    method: Method,
    path: string,
    token: string | undefined,
    body: unknown,
    wantsText: boolean,
  ): Promise<HttpAnswer> {
    const answer = await this.#exchange(this.#compose(method, path, token, body), wantsText);
    if (answer.status !== 200)
      throw new Refused(answer.status, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  #compose(method: Method, path: string, token: string | undefined, body: unknown): string {
    const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`;
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#address.host}\r\n${authorization}`;
    if (body === undefined) return `${head}\r\n`;
    const text = JSON.stringify(body);
    return `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  }

  async #exchange(request: string, wantsText: boolean): Promise<HttpAnswer> {
    for (;;) {
      const connection = await this.#connection();
      const isUsed = connection.answers > 0;
      try {
        return await connection.request(request, wantsText);
      } catch (error) {
        // A server may close an idle connection in the moment in which it is used again.
        if (!isUsed || connection.isOpen || this.#isClosed) throw error;
      } finally {
        this.#release(connection);
      }
    }
  }

  async #connection(): Promise<HttpConnection> {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle?.isOpen === true) return idle;
      if (idle !== undefined) this.#open.delete(idle);
      else if (this.#open.size < this.#maxConnections) return this.#connect();
      else await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
  }

  #connect(): HttpConnection {
    const connection = new HttpConnection(this.#address);
    this.#open.add(connection);
    return connection;
  }

  #release(connection: HttpConnection): void {
    if (connection.isOpen) this.#idle.push(connection);
    else this.#open.delete(connection);
    this.#queue.shift()?.();
  }
}

/** A text member that must be there. */
export function textAt(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value !== 'string') throw new Error(`${key} is missing in an answer`);
  return value;
}
