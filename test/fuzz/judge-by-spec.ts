import { findViolation } from '../support/spec-check.ts';
import type { FuzzRequest } from './fuzz-request.ts';
import type { Outcome } from './wire.ts';

/** What an answer says against the specification's schemas; undefined too where there are none, or for bytes that are no HTTP. */
export function findSpecFault(
  { isSound, method, bytes }: FuzzRequest,
  { status, headers, body }: Extract<Outcome, { kind: 'answered' }>,
): string | undefined {
  if (!isSound || method === 'HEAD') return undefined;
  const [, path = ''] = bytes.subarray(0, bytes.indexOf('\r\n')).toString('latin1').split(' ');
  const contentType = headers.get('content-type') ?? null;
  const json = contentType === 'application/json' ? parseJson(body) : undefined;
  return findViolation(method, path, { status, contentType, json });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
