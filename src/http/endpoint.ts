import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { AccountState } from '../matrix/account-state.ts';
import type { Appservice } from '../matrix/appservices.ts';
import type { DeviceId, UserId } from '../matrix/identifiers.ts';
import type { JsonValue } from '../util/json.ts';
import { isRaw, parseBody, parseQuery } from './parse-input.ts';
import { pathParamsParser, type PathParams } from './path-params.ts';

/**
 * Who may call: `none` ignores any Authorization header; `optional` uses a token if there is one; `user` refuses
 * guests (403 M_GUEST_ACCESS_FORBIDDEN), `guest-ok` takes them; `admin` wants a server administrator.
 * `none-or-appservice` recognises an application service by its token, whomever it asserts, and ignores other tokens.
 */
export type AuthKind = 'none' | 'none-or-appservice' | 'optional' | 'user' | 'guest-ok' | 'admin';

/**
 * What becomes of a call by a user whose account is suspended: `allowed`; `refused` (403 M_USER_SUSPENDED), because it does
 * something that reaches other people; `by-event`: it hangs on the event, which is judged with the sender's account in mind.
 * https://spec.matrix.org/v1.19/client-server-api/#account-suspension
 */
export type WhileSuspended = 'allowed' | 'refused' | 'by-event';

/** Rate-limit classes; the budget of each is configuration. */
export type RateLimitClass =
  | 'none'
  | 'read'
  | 'write'
  | 'login'
  | 'registration'
  | 'join'
  | 'invite'
  | 'search'
  | 'delayed-event-management'
  | 'future-token';

/** The user, session and device behind a request's access token. */
export interface Requester {
  readonly userId: UserId;
  /** The interned id of the user in the database. */
  readonly userNid: number;
  readonly deviceId: DeviceId;
  /** The session's row: a token refresh keeps it. */
  readonly sessionNid: number;
  readonly isGuest: boolean;
  readonly isAdmin: boolean;
  readonly accountState: AccountState;
  /** The application service that acts for the user; left out when the user does so. */
  readonly appservice?: Appservice | undefined;
  /** True when the service names no device: `deviceId` is the name of none then, and `sessionNid` of no session. */
  readonly isDeviceless?: boolean | undefined;
}

interface RequesterByAuth {
  readonly none: undefined;
  readonly 'none-or-appservice': Requester | undefined;
  readonly optional: Requester | undefined;
  readonly user: Requester;
  readonly 'guest-ok': Requester;
  readonly admin: Requester;
}

/** One request, parsed: what a handler gets beside its dependencies. */
export interface Call<Path extends string, Auth extends AuthKind, Body, Query> {
  readonly params: PathParams<Path>;
  readonly query: Query;
  readonly body: Body;
  readonly requester: RequesterByAuth[Auth];
  /** The address the request came from, for rate limits and device lists. */
  readonly ip: string;
  readonly userAgent: string | undefined;
  readonly live: Live;
}

/** A request that is being answered. */
export interface Live {
  /** Aborted when the client has gone away or the server stops: long polls end then. Made when somebody looks at it. */
  readonly signal: AbortSignal;
}

/** What a handler answers; a plain status 200 JSON body is `{ body }`. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}

/** What a handler answers that is no JSON. */
export interface StreamReply {
  readonly status?: number;
  /** Content-Type is among them; Content-Length as well if it is known. */
  readonly headers: Readonly<Record<string, string>>;
  /** Read once the headers are written, and destroyed when the client goes away. */
  readonly stream: Readable;
  readonly body?: undefined;
}

/** An endpoint as its module writes it down. `Deps` is what `handle` uses and no more. */
export interface EndpointRow<Deps, Path extends string, Auth extends AuthKind, Body, Query> {
  /** The operationId of the specification, or a name of the same kind for what it lacks. */
  readonly name: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** As in the specification, `{braces}` around parameters. */
  readonly path: Path;
  /** Unstable and older paths with the same parameters. */
  readonly alsoAt?: readonly string[];
  readonly auth: Auth;
  /** Left out: `allowed`. */
  readonly whileSuspended?: WhileSuspended;
  /** True for what a user whose account is locked may do all the same; everything else is 401 M_USER_LOCKED. */
  readonly allowedWhileLocked?: boolean;
  readonly rateLimit: RateLimitClass;
  /** Parser of the JSON body, or `rawBody` for bytes. Absent: no body is read. */
  readonly body?: z.ZodType<Body>;
  /** Most requests must carry a JSON object; true lets an absent or empty body count as `{}`. */
  readonly bodyOptional?: boolean;
  /** Parser of the query string: every parameter is text here, the last one of a repeated key. Absent: none is read. */
  readonly query?: z.ZodType<Query>;
  /** Keys of the query that may be repeated: the parser gets a list of texts for each of them that is there. */
  readonly repeatable?: readonly string[];
  readonly handle: (
    deps: Deps,
    call: Call<Path, Auth, Body, Query>,
  ) => Promise<Reply | StreamReply> | Reply | StreamReply;
}

/** A request before an endpoint parsed it: made by the HTTP floor. */
export interface RawCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** undefined when the request had no body; a RawBody for rows that read bytes. */
  readonly body: unknown;
  readonly requester: Requester | undefined;
  readonly ip: string;
  readonly userAgent: string | undefined;
  readonly live: Live;
}

/** An {@link EndpointRow} with its types closed over: what is mounted, and what lists of rows hold. */
export interface Endpoint<Deps> {
  readonly name: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly alsoAt: readonly string[];
  readonly auth: AuthKind;
  readonly whileSuspended: WhileSuspended;
  readonly allowedWhileLocked: boolean;
  readonly rateLimit: RateLimitClass;
  /** False: the row has no body parser, and the body is not even read. */
  readonly readsBody: boolean;
  /** True: the body is handed over unread, as a RawBody. */
  readonly takesBytes: boolean;
  /** Parses parameters, query and body (in that order), then handles. Throws a MatrixError for what does not parse. */
  readonly run: (deps: Deps, call: RawCall) => Promise<Reply | StreamReply>;
}

/**
 * An endpoint from its row. `Deps` comes from the annotation of the handler's first parameter, the rest from the row:
 *
 *     export const getTopic = endpoint({
 *       name: 'getTopic',
 *       method: 'GET',
 *       path: '/_matrix/client/v3/rooms/{roomId}/topic',
 *       auth: 'user',
 *       rateLimit: 'read',
 *       handle: async (deps: { readonly db: Db }, { params, requester }) => ({ body: … }),
 *     });
 *
 * Refusals: 400 M_INVALID_PARAM for a malformed identifier in the path; for the query M_MISSING_PARAM or
 * M_INVALID_PARAM; for the body M_NOT_JSON when there is none, M_BAD_JSON when it is not an object or a key has the
 * wrong type, M_MISSING_PARAM when a required key is absent. Without `body` or `query` the call holds undefined there.
 */
export function endpoint<
  Deps,
  const Path extends string,
  Auth extends AuthKind,
  Body = undefined,
  Query = undefined,
>(row: EndpointRow<Deps, Path, Auth, Body, Query>): Endpoint<Deps> {
  const parseParams = pathParamsParser(row.path);
  return {
    name: row.name,
    method: row.method,
    path: row.path,
    alsoAt: row.alsoAt ?? [],
    auth: row.auth,
    whileSuspended: row.whileSuspended ?? 'allowed',
    allowedWhileLocked: row.allowedWhileLocked ?? false,
    rateLimit: row.rateLimit,
    readsBody: row.body !== undefined,
    takesBytes: row.body !== undefined && isRaw(row.body),
    run: async (deps, raw) =>
      row.handle(deps, {
        params: parseParams(raw.params),
        query: parseQuery(row.query, raw.query, row.repeatable ?? []),
        body: parseBody(row.body, raw.body, row.bodyOptional ?? false),
        requester: requesterFor(row.auth, raw.requester),
        ip: raw.ip,
        userAgent: raw.userAgent,
        live: raw.live,
      }),
  };
}

function requesterFor<Auth extends AuthKind>(
  auth: Auth,
  requester: Requester | undefined,
): RequesterByAuth[Auth] {
  const visible = auth === 'none' ? undefined : requester;
  if (!fits(auth, visible))
    throw new Error(`a request without a requester reached an endpoint of auth kind ${auth}`);
  return visible;
}

const OPEN_TO_ALL: ReadonlySet<AuthKind> = new Set(['none', 'none-or-appservice', 'optional']);

function fits<Auth extends AuthKind>(
  auth: Auth,
  requester: Requester | undefined,
): requester is (Requester | undefined) & RequesterByAuth[Auth] {
  return requester !== undefined || OPEN_TO_ALL.has(auth);
}
