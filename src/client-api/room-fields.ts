import { z } from 'zod';
import { DELAY_PARAMETER, PARENT_DELAY_PARAMETER } from '../futures/delay-request.ts';
import { agreeOnSticky, FINAL_STICKY_PARAMETER, STICKY_PARAMETER } from '../futures/sticky-request.ts';
import { invalidParam, threepidDenied, type MatrixError } from '../matrix/errors.ts';
import { parseRoomAlias, parseRoomId, parseUserId, type RoomAlias } from '../matrix/identifiers.ts';
import { isStickyDuration, MAX_STICKY_MS } from '../matrix/sticky.ts';
import { parseStreamToken } from '../storage/stream-token.ts';

/** A parser of text that must be an identifier; `what` ends the complaint. */
export function identifier<Id>(parse: (value: unknown) => Id | undefined, what: string): z.ZodType<Id> {
  return z.string().transform((text, context) => {
    const id = parse(text);
    if (id !== undefined) return id;
    context.addIssue({ code: 'custom', message: `not a ${what}` });
    return z.NEVER;
  });
}

export const userIdField = identifier(parseUserId, 'user id');
export const roomIdField = identifier(parseRoomId, 'room id');

/** The alias in a path. Throws 400 M_INVALID_PARAM. */
export function roomAliasParam(text: string): RoomAlias {
  const alias = parseRoomAlias(text);
  if (alias === undefined) throw invalidParam(`${JSON.stringify(text)} is not a room alias`);
  return alias;
}

/** A number in a query, at least 0; more than `max` counts as `max`. */
export function limitField(byDefault: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^[0-9]{1,15}$/, 'not a whole number')
    .transform((text) => Math.min(max, Number(text)))
    .default(byDefault);
}

/** A token that /sync or /messages gave out, as the position it stands for. */
export const streamTokenField: z.ZodType<number> = z.string().transform((text, context) => {
  const position = parseStreamToken(text);
  if (position !== undefined) return position;
  context.addIssue({ code: 'custom', message: 'not a token of this server' });
  return z.NEVER;
});

/** What makes a send a delayed one (MSC4140). */
export const delayQuery = z.object({
  [DELAY_PARAMETER]: z.string().optional(),
  [PARENT_DELAY_PARAMETER]: z.string().optional(),
});

const stickyField = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'not a whole number')
  .transform(Number)
  .refine(isStickyDuration, `more than ${MAX_STICKY_MS} ms`)
  .optional();

/** What makes an event sticky (MSC4354): its duration in milliseconds, at most an hour. */
export const stickyQuery = z.object({
  [STICKY_PARAMETER]: stickyField,
  [FINAL_STICKY_PARAMETER]: stickyField,
});

/** What may make a send a delayed one, a sticky one, or both. */
export const sendQuery = delayQuery.extend(stickyQuery.shape);

/** The stickiness that a query asks for; undefined for none. Throws 400 M_INVALID_PARAM when it asks for two. */
export function stickyDurationIn(query: z.infer<typeof stickyQuery>): number | undefined {
  return agreeOnSticky(query[STICKY_PARAMETER], query[FINAL_STICKY_PARAMETER]);
}

/** The same path under the prefix of the oldest releases, which old clients still use. */
export function oldPath(path: `/_matrix/client/v3/${string}`): string {
  return path.replace('/_matrix/client/v3/', '/_matrix/client/r0/');
}

/** Inviting by e-mail or telephone number takes an identity server, and this server asks none. */
export function thirdPartyInvitesDenied(): MatrixError {
  return threepidDenied('This server does not invite by e-mail address or telephone number.');
}
