import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { tooLarge, unknownError } from '../matrix/errors.ts';
import { ClientGone } from './client-gone.ts';
import type { HttpLimits } from './limits.ts';

/** A body that is not JSON: its handler reads the bytes as they come, if at all. */
export class RawBody {
  /** As the client sent it. */
  readonly contentType: string | undefined;
  readonly #request: IncomingMessage;
  readonly #limits: Pick<HttpLimits, 'maxDiscardedBytes'>;

  constructor(request: IncomingMessage, limits: Pick<HttpLimits, 'maxDiscardedBytes'>) {
    this.contentType = request.headers['content-type'];
    this.#request = request;
    this.#limits = limits;
  }

  /**
   * The bytes, once. Throws 413 M_TOO_LARGE when there are more than `maxBytes`, 400 M_UNKNOWN for a compressed body,
   * and {@link ClientGone} when the connection ends before the body does. Never yields more than `maxBytes`.
   */
  async *read(maxBytes: number): AsyncGenerator<Buffer, void> {
    const request = this.#request;
    const mostBytes = maxBytes + this.#limits.maxDiscardedBytes;
    const refusal = tooLarge(`The body is larger than ${maxBytes} bytes`);
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity')
      throw unknownError('Compressed request bodies are not supported');
    if (Number(request.headers['content-length'] ?? 0) > mostBytes) throw refusal;
    let size = 0;
    try {
      for await (const chunk of chunksOf(request)) {
        size += chunk.length;
        if (size <= maxBytes) yield chunk;
        // A client that is cut off while it sends never gets to see why.
        else if (size > mostBytes) throw refusal;
      }
    } finally {
      // Whatever was left unread must not stay in the way of the next request on this connection.
      request.resume();
    }
    if (size > maxBytes) throw refusal;
  }
}

/** For endpoints that take bytes: the body of such a row. */
export const rawBody: z.ZodType<RawBody> = z.instanceof(RawBody);

/** The request is left open when the reader stops early: the refusal is still to be written on its connection. */
async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (Buffer.isBuffer(chunk)) yield chunk;
    }
  } catch {
    throw new ClientGone();
  }
}
