import type Koa from 'koa';

/** What is known of a request while it is answered: koa's `ctx.state`. */
export interface CallState {
  readonly requestId: string;
  readonly ip: string;
  readonly startedMs: number;
  /** The name of the endpoint, once it was found. Raw paths hold secrets (delay ids, tokens) and are never logged. */
  endpoint?: string;
  userId?: string;
}

export type CallContext = Koa.ParameterizedContext<CallState>;
