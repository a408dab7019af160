import type { JsonObject } from '../util/json.ts';

/**
 * A refusal that a client or a server is told about: HTTP status, errcode, a sentence a person can act on, and
 * the extra fields that some errcodes carry. https://spec.matrix.org/v1.19/client-server-api/#standard-error-response
 */
export class MatrixError extends Error {
  readonly status: number;
  readonly errcode: string;
  readonly fields: JsonObject;
  /** Response headers that belong to the refusal, such as Retry-After. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    errcode: string,
    message: string,
    fields: JsonObject = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'MatrixError';
    this.status = status;
    this.errcode = errcode;
    this.fields = fields;
    this.headers = headers;
  }

  /** The response body: the extra fields beside `errcode` and `error`. */
  toBody(): JsonObject {
    return { ...this.fields, errcode: this.errcode, error: this.message };
  }
}

/** A constructor function for one errcode at its usual status. */
type MakeError = (message: string, fields?: JsonObject) => MatrixError;

const kind =
  (status: number, errcode: string): MakeError =>
  (message, fields) =>
    new MatrixError(status, errcode, message, fields);

export const badJson = kind(400, 'M_BAD_JSON');
export const notJson = kind(400, 'M_NOT_JSON');
export const missingParam = kind(400, 'M_MISSING_PARAM');
export const invalidParam = kind(400, 'M_INVALID_PARAM');
export const invalidUsername = kind(400, 'M_INVALID_USERNAME');
export const userInUse = kind(400, 'M_USER_IN_USE');
export const keyTooLarge = kind(400, 'M_KEY_TOO_LARGE');
export const profileTooLarge = kind(400, 'M_PROFILE_TOO_LARGE');
export const exclusive = kind(400, 'M_EXCLUSIVE');
export const roomInUse = kind(400, 'M_ROOM_IN_USE');
export const invalidRoomState = kind(400, 'M_INVALID_ROOM_STATE');
export const unsupportedRoomVersion = kind(400, 'M_UNSUPPORTED_ROOM_VERSION');
export const badAlias = kind(400, 'M_BAD_ALIAS');
export const duplicateAnnotation = kind(400, 'M_DUPLICATE_ANNOTATION');
export const unknownError = kind(400, 'M_UNKNOWN');
export const weakPassword = kind(400, 'M_WEAK_PASSWORD');
export const badState = kind(400, 'M_BAD_STATE');
export const unknownDevice = kind(400, 'M_UNKNOWN_DEVICE');
export const appserviceUrlNotSet = kind(400, 'M_URL_NOT_SET');
export const invalidSignature = kind(400, 'M_INVALID_SIGNATURE');
export const missingToken = kind(401, 'M_MISSING_TOKEN');
export const unknownToken = kind(401, 'M_UNKNOWN_TOKEN');
export const userLocked = kind(401, 'M_USER_LOCKED');
export const unauthorized = kind(401, 'M_UNAUTHORIZED');
export const forbidden = kind(403, 'M_FORBIDDEN');
export const guestAccessForbidden = kind(403, 'M_GUEST_ACCESS_FORBIDDEN');
export const inviteBlocked = kind(403, 'M_INVITE_BLOCKED');
export const cannotLeaveServerNoticeRoom = kind(403, 'M_CANNOT_LEAVE_SERVER_NOTICE_ROOM');
export const threepidDenied = kind(403, 'M_THREEPID_DENIED');
export const userDeactivated = kind(403, 'M_USER_DEACTIVATED');
export const userSuspended = kind(403, 'M_USER_SUSPENDED');
export const notFound = kind(404, 'M_NOT_FOUND');
export const unrecognized = kind(404, 'M_UNRECOGNIZED');
export const methodNotAllowed = kind(405, 'M_UNRECOGNIZED');
export const notInThread = kind(400, 'IO.ELEMENT.MSC4306.M_NOT_IN_THREAD');
export const conflictingUnsubscription = kind(409, 'IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION');
export const previewFailed = kind(502, 'M_UNKNOWN');
/** 405: account data that the server alone writes. */
export const serverControlled = kind(405, 'M_BAD_JSON');
export const requestTimedOut = kind(408, 'M_UNKNOWN');
export const conflict = kind(409, 'M_UNKNOWN');
export const cannotOverwriteMedia = kind(409, 'M_CANNOT_OVERWRITE_MEDIA');
export const tooLarge = kind(413, 'M_TOO_LARGE');

/** 502 and 504: what became of a request to an application service. */
export const appserviceBadStatus = kind(502, 'M_BAD_STATUS');
export const appserviceConnectionFailed = kind(502, 'M_CONNECTION_FAILED');
export const appserviceConnectionTimeout = kind(504, 'M_CONNECTION_TIMEOUT');

/** 504: the content of an mxc:// URI that was created in advance has not come. */
export const notYetUploaded = kind(504, 'M_NOT_YET_UPLOADED');

/** 410: a future's token that was good once; `fields` say how it ended. */
export const gone = kind(410, 'M_NOT_FOUND');
/** 400: a timeout beyond the server's limit on the futures endpoint. */
export const futureMaxTimeoutExceeded = kind(400, 'M_FUTURE_MAX_TIMEOUT_EXCEEDED');

/** 400: a delay beyond the server's limit, in the query of a send: the shape on which clients retry with the maximum. */
export function maxDelayExceeded(message: string, maxDelayMs: number): MatrixError {
  return unknownError(message, {
    'org.matrix.msc4140.errcode': 'M_MAX_DELAY_EXCEEDED',
    'org.matrix.msc4140.max_delay': maxDelayMs,
  });
}

/** 400: the same in the body of a delayed event, on its unstable path or the final one. */
export function delayTooLarge(message: string, maxDelayMs: number, isUnstable: boolean): MatrixError {
  const errcode = isUnstable ? 'ORG.MATRIX.MSC4140_DELAY_TOO_LARGE' : 'M_DELAY_TOO_LARGE';
  return new MatrixError(400, errcode, message, {
    'org.matrix.msc4140.max_delay': maxDelayMs,
    max_delay_ms: maxDelayMs,
  });
}

/** Why a future was not sent that newer state has overtaken; shown to its owner, never a response of its own. */
export const cancelledByStateUpdate = kind(400, 'M_CANCELLED_BY_STATE_UPDATE');

/** 403: the client writes to a backup of room keys that another has replaced; it is told which. */
export function wrongRoomKeysVersion(message: string, currentVersion: string): MatrixError {
  return new MatrixError(403, 'M_WRONG_ROOM_KEYS_VERSION', message, { current_version: currentVersion });
}

/** 429 with the wait both as `Retry-After` (whole seconds, rounded up) and as `retry_after_ms`. */
export function limitExceeded(message: string, retryAfterMs: number): MatrixError {
  const waitMs = Math.max(1, Math.ceil(retryAfterMs));
  return new MatrixError(
    429,
    'M_LIMIT_EXCEEDED',
    message,
    { retry_after_ms: waitMs },
    { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
  );
}

/** 503: the database is away; the client is told when to come back. */
export function unavailable(message: string, retryAfterMs: number): MatrixError {
  return new MatrixError(
    503,
    'M_UNKNOWN',
    message,
    { retry_after_ms: retryAfterMs },
    { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) },
  );
}

/** 500 without detail: what is told of a fault of ours. */
export const internalError = (): MatrixError => new MatrixError(500, 'M_UNKNOWN', 'Internal server error');
