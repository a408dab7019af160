import type { Middleware } from 'koa';
import type { Clock } from '../util/clock.ts';
import { unredacted, type Log } from '../util/log.ts';
import { writeReply } from './answer.ts';
import type { CallContext, CallState } from './call-context.ts';
import { clientAddress } from './client-address.ts';
import { ClientGone } from './client-gone.ts';
import { corsHeaders } from './cors.ts';
import { isDatabaseAway, toMatrixError } from './error-reply.ts';
import type { LiveCalls } from './live-calls.ts';

/** A request that has been answered, for whoever counts. */
export interface AnsweredRequest {
  readonly method: string;
  /** The name of the endpoint; undefined when there was none to be found. */
  readonly endpoint: string | undefined;
  /** 499: the client did not wait. */
  readonly status: number;
  readonly ms: number;
}

interface ObserveParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly trustProxy: boolean;
  readonly calls: LiveCalls;
  readonly onAnswered?: ((request: AnsweredRequest) => void) | undefined;
}

/** The status that the log shows for a client that did not wait for its reply. */
const CLIENT_GONE = 499;

/**
 * The outermost layer: gives each request its id and the CORS headers, turns whatever was thrown into a reply (the one
 * place that does), and writes one line about it into the log. The line holds no path, no query and no body.
 */
export function observe(parts: ObserveParts): Middleware<CallState> {
  const { log, clock, calls } = parts;
  const lines = unredacted(log);
  const prefix = clock.nowMs().toString(36);
  let count = 0;
  return async (context, next) => {
    const startedMs = clock.nowMs();
    const requestId = `${prefix}-${++count}`;
    context.state = { requestId, startedMs, ip: clientAddress(context.req, parts.trustProxy) };
    context.set(corsHeaders);
    context.set('X-Request-Id', requestId);
    let gone = false;
    try {
      await next();
    } catch (thrown) {
      gone = thrown instanceof ClientGone;
      if (!gone) writeRefusal(context, thrown, log);
    }
    if (calls.stopping) context.set('Connection', 'close');
    const { endpoint, userId } = context.state;
    const status = gone ? CLIENT_GONE : context.status;
    const ms = clock.nowMs() - startedMs;
    parts.onAnswered?.({ method: context.method, endpoint, status, ms });
    lines.info({ requestId, method: context.method, endpoint, status, ms, userId }, 'request');
  };
}

function writeRefusal(context: CallContext, thrown: unknown, log: Log): void {
  const { requestId, endpoint } = context.state;
  const refusal = toMatrixError(thrown);
  if (isDatabaseAway(thrown)) log.warn({ err: thrown, requestId, endpoint }, 'database away');
  else if (refusal !== thrown && refusal.status >= 500)
    log.error({ err: thrown, requestId, endpoint }, 'request failed');
  // The rest of a body that is too large or too slow is not worth waiting for, and nothing can follow on it.
  if ((refusal.status === 413 || refusal.status === 408) && !context.req.complete)
    context.set('Connection', 'close');
  writeReply(context, { status: refusal.status, headers: refusal.headers, body: refusal.toBody() });
}
