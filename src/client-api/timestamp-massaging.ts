import { z } from 'zod';
import type { Requester } from '../http/endpoint.ts';
import { invalidParam } from '../matrix/errors.ts';

/** When an event is said to have been sent, in a query. */
export const timestampQuery = z.object({ ts: z.string().optional() });

/**
 * The time that an application service gives to its event, in milliseconds since the epoch. From anybody else the
 * parameter means nothing. Throws 400 M_INVALID_PARAM.
 * https://spec.matrix.org/v1.19/application-service-api/#timestamp-massaging
 */
export function findTimestamp(
  { ts }: z.infer<typeof timestampQuery>,
  requester: Pick<Requester, 'appservice'>,
): number | undefined {
  if (ts === undefined || requester.appservice === undefined) return undefined;
  const timestamp = /^[0-9]{1,16}$/.test(ts) ? Number(ts) : Number.NaN;
  if (!Number.isSafeInteger(timestamp)) throw invalidParam('ts must be milliseconds since the epoch');
  return timestamp;
}
