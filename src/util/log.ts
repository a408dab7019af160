import { pino, type DestinationStream, type Logger } from 'pino';

/** The one logger type; whoever logs takes it as a parameter. */
export type Log = Logger;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Keys whose values never reach the log, at the top of a record and inside any object one or two levels down. */
const SECRET_KEYS = [
  'access_token',
  'accessToken',
  'refresh_token',
  'refreshToken',
  'token',
  'password',
  'new_password',
  'passwordHash',
  'authorization',
  'cookie',
  'as_token',
  'hs_token',
  'mac',
  'registrationSharedSecret',
  'databaseUrl',
];
const SECRET_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** Standard output, written to in pieces: at once would cost a system call a line. What waits is written before the process ends. */
export function bufferedOutput(): DestinationStream {
  return pino.destination({ sync: false, minLength: 4_096, periodicFlush: 100 });
}

/**
 * The same log without the search for secrets, which costs several times what the line does: for lines that are written
 * often, of values that are none.
 */
export function unredacted(log: Log): Log {
  return log.child({}, { redact: [] });
}

/** Writes JSON lines to `destination` (standard output when absent). Secrets are replaced by `[redacted]`. */
export function createLog(options: {
  readonly level: LogLevel;
  readonly destination?: DestinationStream;
}): Log {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** Deep enough for any error that somebody wrapped. */
const MOST_CAUSES = 5;
/** What is said of an error besides its message: names, never values. */
const TOLD = ['code', 'errcode', 'status', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'];

/**
 * What the log says of an error: of its fields only those that cannot hold what people wrote. Errors of the database come
 * with the row that was refused, and complaints about values of a wrong form, there and in JSON, quote them.
 */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const fields = new Map<string, unknown>(Object.entries(error));
  const code = fields.get('code');
  const quotes = error instanceof SyntaxError || (typeof code === 'string' && /^22.{3}$/.test(code));
  const message = quotes ? 'a value has the wrong form' : error.message;
  const calls = (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line));
  const told = TOLD.filter((name) => ['string', 'number'].includes(typeof fields.get(name)));
  return {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    message,
    stack: [`${error.name}: ${message}`, ...calls].join('\n'),
    ...Object.fromEntries(told.map((name) => [name, fields.get(name)])),
    ...(error.cause === undefined || depth >= MOST_CAUSES
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}
