import { parseDeviceId, parseEventId, parseRoomId, parseUserId } from '../matrix/identifiers.ts';
import type { DeviceId, EventId, RoomId, UserId } from '../matrix/identifiers.ts';
import { invalidParam } from '../matrix/errors.ts';

/** Parameters whose name says what they hold; every other one is text. */
interface ParsedParams {
  readonly roomId: RoomId;
  readonly userId: UserId;
  readonly eventId: EventId;
  readonly deviceId: DeviceId;
}

type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

/** The parameters of a path template: `/rooms/{roomId}/send/{eventType}/{txnId}` has three, `roomId` a RoomId. */
export type PathParams<Path extends string> = {
  readonly [Name in NamesIn<Path>]: Name extends keyof ParsedParams ? ParsedParams[Name] : string;
};

const parserOf = new Map<string, (value: unknown) => string | undefined>([
  ['roomId', parseRoomId],
  ['userId', parseUserId],
  ['eventId', parseEventId],
  ['deviceId', parseDeviceId],
]);

/** The names between the braces of a path template, in order. */
export function listParamNames(path: string): readonly string[] {
  return [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name ?? '');
}

/**
 * A parser for the decoded parameters of one template: roomId, userId, eventId and deviceId must be well-formed.
 * It returns the very object it was given, and throws 400 M_INVALID_PARAM that names the parameter.
 */
export function pathParamsParser<Path extends string>(
  path: Path,
): (params: Readonly<Record<string, string>>) => PathParams<Path> {
  const checks = listParamNames(path).map((name) => ({ name, parse: parserOf.get(name) }));
  // An identifier is a string that was checked, so that checking is all there is to parsing.
  const hold = (params: Readonly<Record<string, string>>): params is typeof params & PathParams<Path> =>
    checks.every(({ name, parse }) => {
      const value = params[name];
      if (value === undefined) return false;
      // The database has no NUL, and no identifier holds one.
      if (value.includes('\0')) throw invalidParam(`${name} in the path contains NUL`);
      if (parse !== undefined && parse(value) === undefined)
        throw invalidParam(`${name} in the path is malformed`);
      return true;
    });
  return (params) => {
    if (!hold(params)) throw new Error(`${path} was reached without all of its parameters`);
    return params;
  };
}
