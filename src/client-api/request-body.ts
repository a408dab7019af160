import { z } from 'zod';
import { jsonObject } from '../http/parse-input.ts';
import { parseDeviceId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';

/** A body of which the parsed fields and the whole are needed: user-interactive authentication is bound to the whole. */
export interface BodyWithFields<Fields> {
  readonly fields: Fields;
  readonly whole: JsonObject;
}

/** Parses a body by `shape` and keeps it whole beside. */
export function bodyWithFields<Fields>(shape: z.ZodType<Fields>): z.ZodType<BodyWithFields<Fields>> {
  return jsonObject.transform((whole, context) => {
    const parsed = shape.safeParse(whole);
    if (parsed.success) return { fields: parsed.data, whole };
    for (const { path, message } of parsed.error.issues)
      context.addIssue({ code: 'custom', path: [...path], message });
    return z.NEVER;
  });
}

/** Text that the database can hold: PostgreSQL has no NUL. */
export const storedText = z.string().refine((text) => !text.includes('\0'), 'must not contain NUL');

/** A device id in a body. */
export const deviceIdField = z.string().transform((text, context) => {
  const deviceId = parseDeviceId(text);
  if (deviceId !== undefined) return deviceId;
  context.addIssue({ code: 'custom', message: 'not a device id' });
  return z.NEVER;
});
