import type { RequestListener } from 'node:http';
import type { RouterContext } from '@koa/router';
import Koa from 'koa';
import { unknownError } from '../matrix/errors.ts';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { answerWith } from './answer.ts';
import type { Authenticate } from './authenticate.ts';
import type { CallState } from './call-context.ts';
import type { Endpoint } from './endpoint.ts';
import { HttpServer } from './http-server.ts';
import { defaultHttpLimits, type HttpLimits } from './limits.ts';
import { LiveCalls } from './live-calls.ts';
import { observe, type AnsweredRequest } from './observe.ts';
import type { RateLimiter } from './rate-limit.ts';
import { mountEndpoints } from './route-table.ts';

export interface HttpAppOptions<Deps> {
  readonly endpoints: readonly Endpoint<Deps>[];
  /** What every handler gets as its first argument. */
  readonly deps: Deps;
  readonly authenticate: Authenticate;
  readonly rateLimiter: RateLimiter;
  readonly log: Log;
  readonly clock: Clock;
  /** Limits that are not given are {@link defaultHttpLimits}. */
  readonly limits?: Partial<HttpLimits>;
  /** True only behind a reverse proxy that writes X-Forwarded-For. */
  readonly trustProxy?: boolean;
  /** Called with each request once its answer is known. Must not throw. */
  readonly onAnswered?: ((request: AnsweredRequest) => void) | undefined;
}

/**
 * Mounts the endpoints; `listen` on the result opens it to the world, `stop` ends it. Every response has the CORS
 * headers and an X-Request-Id; every refusal is `{ errcode, error }`. Throws when two rows overlap.
 */
export function createHttpApp<Deps>(options: HttpAppOptions<Deps>): HttpServer {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const calls = new LiveCalls();
  const dispatch = mountEndpoints(options.endpoints, (row) => answerWith(row, { ...options, limits, calls }));
  const koa = new Koa<CallState>();
  koa.use(observe({ ...options, trustProxy: options.trustProxy ?? false, calls }));
  koa.use(async (context: RouterContext<CallState>) => {
    // https://www.rfc-editor.org/rfc/rfc9112.html#section-3.2-6
    if (context.req.headers.host === undefined && context.req.httpVersion === '1.1')
      throw unknownError('The request has no Host header');
    // A pre-flight asks what a page may do, not for an endpoint: it is answered alike for every path.
    if (context.method === 'OPTIONS') context.status = 204;
    else await dispatch(context);
  });
  // What was thrown has been answered by then: koa only reports connections that broke under a reply.
  koa.on('error', (error: unknown) => options.log.debug({ err: error }, 'connection lost'));
  const handle = koa.callback();
  const listener: RequestListener = (request, response) => void handle(request, response);
  return new HttpServer({ listener, calls, limits, clock: options.clock, log: options.log });
}
