import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import { Failure, NotApplicable } from './verdict.ts';

/** What a peer answered, whatever it was. Times are this machine's, in milliseconds since the epoch. */
export interface Answer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined when the body is no JSON. */
  readonly json: JsonValue | undefined;
  /** The body where it is an object, else an empty one. */
  readonly body: JsonObject;
  readonly askedMs: number;
  readonly answeredMs: number;
}

export interface Ask {
  readonly token?: string | undefined;
  /** Sent as JSON; absent means no body at all. */
  readonly body?: unknown;
  /** The body as it is, where it is to be no JSON or one that JSON.stringify cannot write. */
  readonly text?: string;
  /** Takes a 429 for an answer like any other, where it is what was asked for. */
  readonly takesLimit?: boolean;
  readonly timeoutMs?: number;
}

const ANSWER_WITHIN_MS = 20_000;
const MOST_ATTEMPTS = 6;
const LONGEST_WAIT_MS = 6_000;

/** The homeserver under test. Paths are sent as they are: nothing tidies up what is encoded in them. */
export class Peer {
  readonly base: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #request: typeof httpRequest;

  constructor(base: URL) {
    this.base = base;
    const options = { keepAlive: true, maxSockets: 64 };
    this.#agent = base.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
    this.#request = base.protocol === 'https:' ? httpsRequest : httpRequest;
  }

  /**
   * One request. Waits and tries again when the peer limits the rate, as a client would; throws `NotApplicable` when it
   * goes on doing so, and `Failure` when no answer comes.
   */
  async ask(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#exchange(method, path, ask);
      if (answer.status !== 429 || ask.takesLimit === true) return answer;
      const waitMs = retryAfterMs(answer);
      if (attempt === MOST_ATTEMPTS || waitMs > LONGEST_WAIT_MS)
        throw new NotApplicable(`the peer limits the rate: ${method} ${path} is answered with 429`);
      await sleep(waitMs);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(method: string, path: string, ask: Ask): Promise<Answer> {
    const text = ask.text ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body));
    const askedMs = Date.now();
    return new Promise((resolve, reject) => {
      const lost = (why: string): void => reject(new Failure(`${method} ${path} has no answer: ${why}`));
      const { hostname, port, pathname } = this.base;
      const request = this.#request({
        agent: this.#agent,
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        path: `${pathname.replace(/\/$/, '')}${path}`,
        method,
        headers: {
          ...(ask.token === undefined ? {} : { authorization: `Bearer ${ask.token}` }),
          ...(text === undefined
            ? { 'content-length': 0 }
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
        timeout: ask.timeoutMs ?? ANSWER_WITHIN_MS,
      });
      request.once('timeout', () => request.destroy(new Error('it takes too long')));
      request.once('error', (error) => lost(error.message));
      request.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', (error) => lost(error.message));
        response.once('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          const json = parseJson(body);
          resolve({
            method,
            path,
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: body,
            json,
            body: isJsonObject(json) ? json : {},
            askedMs,
            answeredMs: Date.now(),
          });
        });
      });
      request.end(text);
    });
  }
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** What a refusal asks to wait: by its header in seconds or as a date, or by its body; else half a second. */
function retryAfterMs(answer: Answer): number {
  const header = answer.headers['retry-after'] ?? '';
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  const inBody = answer.body['retry_after_ms'];
  return typeof inBody === 'number' ? inBody : 500;
}

/** One segment of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
