import type { Appservice } from '../matrix/appservices.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';

/** A request to an application service. */
export interface AppserviceRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** As the specification has it, parts escaped. */
  readonly path: string;
  /** What the path was before it had a version: tried when the service does not know the other. */
  readonly olderPath?: string;
  readonly query?: URLSearchParams | undefined;
  /** JSON text is sent as it is. */
  readonly body?: JsonObject | string;
}

/** What became of a request. */
export type CallOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'timed-out' }
  /** The service takes no traffic. */
  | { readonly kind: 'no-url' };

export interface CallDeps {
  readonly clock: Clock;
}

export const CALL_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * Asks an application service, and follows no redirects. Where it listens is the operator's choice: any address will do.
 * https://spec.matrix.org/v1.19/application-service-api/#homeserver---application-service-api
 */
export async function callAppservice(
  deps: CallDeps,
  appservice: Pick<Appservice, 'url' | 'hsToken'>,
  request: AppserviceRequest,
  signal?: AbortSignal,
): Promise<CallOutcome> {
  const { path, olderPath } = request;
  const first = await callPath(deps, appservice, request, path, signal);
  const isUnknown = first.kind === 'answered' && (first.status === 404 || first.status === 405);
  return isUnknown && olderPath !== undefined
    ? callPath(deps, appservice, request, olderPath, signal)
    : first;
}

async function callPath(
  deps: CallDeps,
  { url, hsToken }: Pick<Appservice, 'url' | 'hsToken'>,
  { method, query, body }: AppserviceRequest,
  path: string,
  signal: AbortSignal | undefined,
): Promise<CallOutcome> {
  if (url === undefined) return { kind: 'no-url' };
  const timeout = new AbortController();
  const timer = deps.clock.schedule(deps.clock.nowMs() + CALL_TIMEOUT_MS, () => timeout.abort());
  try {
    const search = query === undefined || query.size === 0 ? '' : `?${query.toString()}`;
    const response = await fetch(`${url}${path}${search}`, {
      method,
      headers: { Authorization: `Bearer ${hsToken}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.any([timeout.signal, ...(signal === undefined ? [] : [signal])]),
    });
    return { kind: 'answered', status: response.status, text: await readText(response) };
  } catch (error) {
    if (timeout.signal.aborted) return { kind: 'timed-out' };
    return { kind: 'unreachable', reason: reasonOf(error) };
  } finally {
    timer.cancel();
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** What fetch hides behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** The answer as JSON when it is a good one; undefined for every other outcome. */
export function goodAnswer(outcome: CallOutcome): unknown {
  if (outcome.kind !== 'answered' || outcome.status < 200 || outcome.status > 299) return undefined;
  try {
    return JSON.parse(outcome.text);
  } catch {
    return undefined;
  }
}
