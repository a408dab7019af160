import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import type { FuzzRequest } from './fuzz-request.ts';
import { findSpecFault } from './judge-by-spec.ts';
import type { Outcome } from './wire.ts';

/** Answers of the specification that are no fault of the server: another server or site, a service, or content that is not there yet. */
const ALLOWED_ABOVE_500: readonly (readonly [name: RegExp, status: number, errcode: RegExp])[] = [
  [/^getContent/, 504, /^M_NOT_YET_UPLOADED$/],
  [/^getUrlPreview/, 502, /^M_UNKNOWN$/],
  [/^pingAppservice$/, 502, /^M_(?:BAD_STATUS|CONNECTION_FAILED)$/],
  [/^pingAppservice$/, 504, /^M_CONNECTION_TIMEOUT$/],
];

/** What is wrong with what came of a request, in words; undefined when it is as it should be. */
export function findFault(request: FuzzRequest, outcome: Outcome): string | undefined {
  if (outcome.kind === 'waiting') return request.mayWait ? undefined : 'there was no answer in time';
  if (outcome.kind === 'closed')
    return request.isSound ? `the connection closed without an answer (${outcome.received})` : undefined;
  const { status, body, isClosing } = outcome;
  if (status < 400)
    return isClosing && request.isSound
      ? `status ${status} closed the connection`
      : findSpecFault(request, outcome);
  // An answer to HEAD has no body, and so no errcode.
  if (request.method === 'HEAD') return findFaultInStatus(request.name, status, undefined);
  const refusal = parseObject(body);
  if (refusal === undefined) return `status ${status} is no JSON object: ${describe(body)}`;
  return (
    findFaultInRefusal(status, refusal, body) ??
    findFaultInStatus(request.name, status, refusal) ??
    findFaultInClosing(request, outcome) ??
    findSpecFault(request, outcome)
  );
}

function findFaultInRefusal(status: number, refusal: JsonObject, body: Buffer): string | undefined {
  // Interactive authentication asks for more in a form of its own.
  if (status === 401 && Array.isArray(refusal['flows']) && typeof refusal['session'] === 'string')
    return undefined;
  const { errcode, error } = refusal;
  if (typeof errcode !== 'string' || !/^(?:M|ORG\.MATRIX|IO\.ELEMENT)[A-Z0-9_.]+$/.test(errcode))
    return `status ${status} has no errcode: ${describe(body)}`;
  if (typeof error !== 'string' || error.trim() === '')
    return `status ${status} has no sentence: ${describe(body)}`;
  return undefined;
}

/** `refusal`: the body, where there is one. */
function findFaultInStatus(
  name: string,
  status: number,
  refusal: JsonObject | undefined,
): string | undefined {
  if (status < 500) return undefined;
  const isAllowed = ALLOWED_ABOVE_500.some(
    ([names, allowed, errcodes]) =>
      names.test(name) && status === allowed && (refusal === undefined || isOf(refusal, errcodes)),
  );
  return isAllowed ? undefined : `status ${status} ${JSON.stringify(refusal ?? {})}`;
}

function isOf({ errcode }: JsonObject, errcodes: RegExp): boolean {
  return typeof errcode === 'string' && errcodes.test(errcode);
}

function findFaultInClosing(
  { isSound }: FuzzRequest,
  { status, isClosing }: Extract<Outcome, { kind: 'answered' }>,
): string | undefined {
  // What is too large or too slow is not read to its end, so that nothing can follow it.
  if (!isSound || !isClosing || [408, 413, 431].includes(status)) return undefined;
  return `status ${status} closed the connection`;
}

function parseObject(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function describe(body: Buffer): string {
  return JSON.stringify(body.toString().slice(0, 200));
}
