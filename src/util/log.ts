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
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
