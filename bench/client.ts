import { Agent, request } from 'node:http';
import { isJsonObject, type JsonObject } from '../src/util/json.ts';

/** A keep-alive HTTP client that costs the machine under test as little as possible. */
export class BenchClient {
  readonly #base: URL;
  readonly #agent: Agent;

  constructor(baseUrl: string, sockets: number) {
    this.#base = new URL(baseUrl);
    this.#agent = new Agent({ keepAlive: true, maxSockets: sockets });
  }

  /** The JSON answer; rejects unless the status is 200. */
  call(method: string, path: string, token?: string, body?: unknown): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = request(
        {
          host: this.#base.hostname,
          port: this.#base.port,
          path,
          method,
          agent: this.#agent,
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            if (response.statusCode !== 200) {
              reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
              return;
            }
            const parsed: unknown = JSON.parse(answer);
            resolve(isJsonObject(parsed) ? parsed : {});
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A text member that must be there. */
export function textAt(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value !== 'string') throw new Error(`${key} is missing in an answer`);
  return value;
}
