import type { IncomingMessage } from 'node:http';
import { isRateLimited } from '../matrix/appservices.ts';
import type { Clock } from '../util/clock.ts';
import { addressBlock } from './client-address.ts';
import { admit, findAccessToken, findAssertedIdentity, type Authenticate } from './authenticate.ts';
import type { CallContext } from './call-context.ts';
import type { Endpoint, RateLimitClass, Reply, Requester, StreamReply } from './endpoint.ts';
import type { LiveCalls } from './live-calls.ts';
import type { RateLimiter } from './rate-limit.ts';
import { RawBody } from './raw-body.ts';
import { readJson, type BodyLimits } from './read-json.ts';
import type { Answer } from './route-table.ts';

interface AnswerParts<Deps> {
  readonly deps: Deps;
  readonly authenticate: Authenticate;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly limits: BodyLimits;
  readonly calls: LiveCalls;
}

/** Answers requests for one endpoint: who asks, whether they may and may now, what they sent, then the handler. */
export function answerWith<Deps>(row: Endpoint<Deps>, parts: AnswerParts<Deps>): Answer {
  return async (context, params) => {
    const { req, state } = context;
    state.endpoint = row.name;
    const live = parts.calls.begin(context.res);
    const query = new URLSearchParams(context.querystring);
    const userAgent = req.headers['user-agent'];
    const origin = { ip: state.ip, userAgent };
    const requester = await admit(
      row,
      findAccessToken(req, query),
      findAssertedIdentity(query),
      (token, asserted) => parts.authenticate(token, origin, asserted),
    );
    if (requester !== undefined) state.userId = requester.userId;
    if (requester === undefined || isRateLimited(requester.appservice, requester.userId))
      parts.rateLimiter.consume(limitedByMount(row.rateLimit), limitKey(requester, state.ip));
    const body = await bodyOf(row, req, parts);
    // The token has done its work; no handler gets to see it. Where nobody authenticates the name is free for others.
    if (row.auth !== 'none') query.delete('access_token');
    const reply = await row.run(parts.deps, {
      params,
      query,
      body,
      requester,
      ip: state.ip,
      userAgent,
      live,
    });
    if ('stream' in reply) writeStream(context, reply);
    else writeReply(context, reply);
  };
}

async function bodyOf(
  row: Pick<Endpoint<never>, 'readsBody' | 'takesBytes'>,
  request: IncomingMessage,
  { limits, clock }: Pick<AnswerParts<never>, 'limits' | 'clock'>,
): Promise<unknown> {
  if (row.takesBytes) return new RawBody(request, limits);
  return row.readsBody ? readJson(request, limits, clock) : undefined;
}

/** Users are counted by themselves wherever they are; an address only counts for those who have no account. */
function limitKey(requester: Requester | undefined, ip: string): string {
  return requester === undefined ? `ip ${addressBlock(ip)}` : `user ${requester.userId}`;
}

/** A future's token is in the body: its handler counts by it. */
function limitedByMount(limited: RateLimitClass): RateLimitClass {
  return limited === 'future-token' ? 'none' : limited;
}

/** Writes a JSON reply. The type is exactly `application/json`: JSON has no charset parameter. */
export function writeReply(context: CallContext, reply: Reply): void {
  context.status = reply.status ?? 200;
  context.set('Content-Type', 'application/json');
  if (reply.headers !== undefined) context.set({ ...reply.headers });
  context.body = JSON.stringify(reply.body);
}

function writeStream(context: CallContext, reply: StreamReply): void {
  context.status = reply.status ?? 200;
  context.set({ ...reply.headers });
  context.body = reply.stream;
}
