import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { badJson, notJson, requestTimedOut, tooLarge } from '../matrix/errors.ts';
import type { Clock } from '../util/clock.ts';
import { ClientGone } from './client-gone.ts';
import { isNestedDeeper } from './json-depth.ts';
import type { HttpLimits } from './limits.ts';

export type BodyLimits = Pick<
  HttpLimits,
  'maxBodyBytes' | 'maxDiscardedBytes' | 'maxJsonDepth' | 'bodyTimeoutMs'
>;

/**
 * Reads a request's body as JSON, whatever its Content-Type; undefined when it is empty. The last of equal keys counts.
 * Throws 413 M_TOO_LARGE, 408 M_UNKNOWN for a body that trickles in, 400 M_NOT_JSON (not UTF-8, not JSON, compressed)
 * or M_BAD_JSON (nested too deep), and {@link ClientGone}.
 */
export async function readJson(request: IncomingMessage, limits: BodyLimits, clock: Clock): Promise<unknown> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw notJson('Compressed request bodies are not supported');
  const bytes = await readBytes(request, limits, clock);
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw notJson('The body is not valid UTF-8');
  if (isNestedDeeper(bytes, limits.maxJsonDepth)) {
    throw badJson(`The body is nested deeper than ${limits.maxJsonDepth} levels`);
  }
  return parseText(bytes.toString('utf8'));
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson('The body is not valid JSON');
  }
}

function readBytes(request: IncomingMessage, limits: BodyLimits, clock: Clock): Promise<Buffer> {
  const refusal = (): Error => tooLarge(`The body is larger than ${limits.maxBodyBytes} bytes`);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.maxBodyBytes + limits.maxDiscardedBytes) return Promise.reject(refusal());
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limits.maxBodyBytes) chunks.push(chunk);
      else chunks = [];
      if (size > limits.maxBodyBytes + limits.maxDiscardedBytes) stop(() => reject(refusal()));
    };
    const onEnd = (): void =>
      stop(() => (size > limits.maxBodyBytes ? reject(refusal()) : resolve(Buffer.concat(chunks, size))));
    const onLost = (): void => stop(() => reject(new ClientGone()));
    const timer = clock.schedule(clock.nowMs() + limits.bodyTimeoutMs, () =>
      stop(() => reject(requestTimedOut('The body took too long to arrive'))),
    );
    // The request is left paused: what was not read is discarded after the reply, or the connection closed.
    const stop = (settle: () => void): void => {
      timer.cancel();
      request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      settle();
    };
    request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
  });
}
