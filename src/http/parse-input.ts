import { z } from 'zod';
import { badJson, invalidParam, missingParam, notJson, type MatrixError } from '../matrix/errors.ts';
import { rawBody } from './raw-body.ts';
import { isJsonArray, isJsonObject, type JsonObject } from '../util/json.ts';

/**
 * Takes any JSON object and hands on the very same one, whatever its keys (`__proto__` included): for event content,
 * account data and all else that the server stores and does not look into.
 */
export const jsonObject: z.ZodType<JsonObject> = z.custom<JsonObject>(isJsonObject, 'expected object');

/** A body that waits to be parsed: a repeated request is answered as before, whatever its body, or without one. */
export interface LateBody {
  /** The body as `schema` makes it; throws as for every other endpoint. */
  readonly parse: <Body>(schema: z.ZodType<Body>) => Body;
}

/** For endpoints that must look at something else first, such as a transaction id. */
export const lateBody: z.ZodType<LateBody> = z
  .unknown()
  .transform((body): LateBody => ({ parse: (schema) => parseBody(schema, body, false) }));

type Refuse = (message: string) => MatrixError;

/**
 * The body as `schema` makes it; undefined when the row has no schema.
 * Throws 400: M_NOT_JSON without a body, M_BAD_JSON, or M_MISSING_PARAM; the message names the key.
 */
export function parseBody<Body>(schema: z.ZodType<Body> | undefined, body: unknown, optional: boolean): Body {
  if (schema === undefined) return nothing(schema);
  if (isLate(schema) || isRaw(schema)) return schema.parse(body);
  const present = body === undefined && optional ? {} : body;
  if (present === undefined) throw notJson('The request needs a JSON object as its body');
  if (!isJsonObject(present)) throw badJson('The body must be a JSON object');
  return parseWith(schema, present, badJson);
}

/**
 * The query as `schema` makes it from an object of texts; undefined when the row has no schema. Keys in `repeatable`
 * are lists of texts. Throws 400 M_MISSING_PARAM or M_INVALID_PARAM; the message names the parameter.
 */
export function parseQuery<Query>(
  schema: z.ZodType<Query> | undefined,
  query: URLSearchParams,
  repeatable: readonly string[],
): Query {
  if (schema === undefined) return nothing(schema);
  const texts = new Map<string, string | string[]>(query);
  for (const key of repeatable) if (query.has(key)) texts.set(key, query.getAll(key));
  return parseWith(schema, Object.fromEntries(texts), invalidParam);
}

/** Without a schema there was nothing to infer T from, so that it is `undefined`, its default. */
function nothing<T>(schema: z.ZodType<T> | undefined): T {
  const absent: unknown = undefined;
  if (!standsFor(schema, absent)) throw new Error('a row with a schema must parse by it');
  return absent;
}

function isLate(schema: z.ZodType): boolean {
  return schema === lateBody;
}

/** True for the body of rows that read bytes. */
export function isRaw(schema: z.ZodType): boolean {
  return schema === rawBody;
}

function standsFor<T>(schema: z.ZodType<T> | undefined, absent: unknown): absent is T {
  return schema === undefined && absent === undefined;
}

function parseWith<T>(schema: z.ZodType<T>, input: JsonObject, refuse: Refuse): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue === undefined) throw refuse('The request does not parse');
  const key = issue.path.map(String).join('.');
  if (key !== '' && valueAt(input, issue.path) === undefined) throw missingParam(`Missing parameter: ${key}`);
  const problem = issue.message.replace(/^Invalid (?:input|option): /, '');
  throw refuse(key === '' ? problem : `${key}: ${problem}`);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (!isJsonObject(value) && !isJsonArray(value)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}
