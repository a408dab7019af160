import { internalError, invalidParam, MatrixError, unavailable } from '../matrix/errors.ts';

/** The database comes back within seconds or not for a long while; clients ask again after this. */
const RETRY_DATABASE_MS = 2_000;
const MAX_CAUSES = 5;

const LOST_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '25P03',
  '53300',
]);
const LOST_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (was closed|has encountered a connection))/;
/** PostgreSQL holds no U+0000 in text. */
const NUL_IN_TEXT = new Set(['22021', '22P05']);

/** What the client is told of anything thrown: refusals as they are, a lost database as 503, all else as a bare 500. */
export function toMatrixError(thrown: unknown): MatrixError {
  if (thrown instanceof MatrixError) return thrown;
  if (isDatabaseAway(thrown)) return unavailable('The database is away for the moment', RETRY_DATABASE_MS);
  if (withCauses(thrown).some(({ code }) => NUL_IN_TEXT.has(code)))
    return invalidParam('Text must not hold U+0000');
  return internalError();
}

/** True for errors of the PostgreSQL driver that say that the server is gone, starting, stopping or full. */
export function isDatabaseAway(thrown: unknown): boolean {
  return withCauses(thrown).some(
    ({ code, syscall, message }) =>
      LOST_CODES.has(code) ||
      /^08.{3}$/.test(code) ||
      // There is no socket where a server is down that listens on one.
      (code === 'ENOENT' && syscall === 'connect') ||
      LOST_MESSAGES.test(message),
  );
}

interface Fault {
  readonly code: string;
  /** Of an error of the operating system. */
  readonly syscall: string;
  readonly message: string;
}

function withCauses(thrown: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  for (let error = thrown; error instanceof Error && faults.length < MAX_CAUSES; error = error.cause) {
    faults.push({
      code: 'code' in error && typeof error.code === 'string' ? error.code : '',
      syscall: 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : '',
      message: error.message,
    });
  }
  return faults;
}
