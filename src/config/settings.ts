import { parseServerName, type ServerName } from '../matrix/identifiers.ts';
import { ROOM_VERSIONS, type RoomVersion } from '../matrix/room-version.ts';
import { LOG_LEVELS, type LogLevel } from '../util/log.ts';
import { CLIENT_SETTINGS } from './client-settings.ts';
import type { Setting } from './setting.ts';
import {
  oneOf,
  parseDatabaseUrl,
  parseHttpUrl,
  parseList,
  parseListenAddress,
  parseSwitch,
  parseText,
  wholeNumberFrom,
  type ListenAddress,
} from './values.ts';

const MAX_UPLOAD_BYTES = 50 * 1024 * 1024;
const MAX_DELAY_MS = 366 * 24 * 60 * 60 * 1000;
const SWITCH = { expects: 'on or off', parse: parseSwitch };
const PATH = { expects: 'a path', parse: parseText, fallback: undefined, fallbackText: 'none' };
const ADDRESS = { expects: 'host:port, such as 127.0.0.1:8008 or [::1]:8008', parse: parseListenAddress };

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a default does not parse');
  return value;
}

/** The environment variable of a key. */
export function envName(key: string): string {
  return `MORROW_${key.toUpperCase()}`;
}

export const SERVER_NAME: Setting<ServerName> = {
  key: 'server_name',
  about: 'The domain of user ids, room aliases and keys; never changes once users exist',
  expects: 'a server name, such as example.org or example.org:8448',
  parse: parseServerName,
  fallback: known(parseServerName('localhost')),
  fallbackText: 'localhost',
};

export const DATA_DIR: Setting<string> = {
  key: 'data_dir',
  about: 'Directory of the signing key, media and the embedded database',
  expects: 'a path',
  parse: parseText,
  fallback: './data',
  fallbackText: './data',
};

export const DATABASE_URL: Setting<string | undefined> = {
  key: 'database_url',
  about: 'PostgreSQL to use, 15 or newer',
  expects: 'a URL such as postgres://user:password@host/database',
  parse: parseDatabaseUrl,
  fallback: undefined,
  fallbackText: 'an embedded PostgreSQL in the data directory',
  secret: true,
};

export const POSTGRES_BIN: Setting<string | undefined> = {
  key: 'postgres_bin',
  about: 'The bin directory of an installed PostgreSQL to embed, where the packaged one does not run',
  ...PATH,
  expects: 'a directory that holds postgres and initdb',
  fallbackText: 'the packaged one',
};

export const LISTEN: Setting<ListenAddress> = {
  key: 'listen',
  about: 'Where all APIs are served over plain HTTP; port 0 takes any free one',
  ...ADDRESS,
  fallback: { host: '127.0.0.1', port: 8008 },
  fallbackText: '127.0.0.1:8008',
};

export const FEDERATION_LISTEN: Setting<ListenAddress | undefined> = {
  key: 'federation_listen',
  about: 'Where all APIs are served over TLS as well, with `tls_cert` and `tls_key`',
  ...ADDRESS,
  fallback: undefined,
  fallbackText: 'off',
};

export const TLS_CERT: Setting<string | undefined> = {
  key: 'tls_cert',
  about: 'PEM file of the certificate chain for `federation_listen`, read at the start',
  ...PATH,
};

export const TLS_KEY: Setting<string | undefined> = {
  key: 'tls_key',
  about: 'PEM file of the private key for `federation_listen`, read at the start',
  ...PATH,
};

export const FEDERATION_CA: Setting<string | undefined> = {
  key: 'federation_ca',
  about: 'PEM file of certificate authorities to trust besides the usual ones',
  ...PATH,
  unavailable: true,
};

export const REGISTRATION_MODES = ['open', 'token', 'closed'] as const;
export type RegistrationMode = (typeof REGISTRATION_MODES)[number];

export const REGISTRATION: Setting<RegistrationMode | undefined> = {
  key: 'registration',
  about: 'Who may register: anyone, who has a token, or nobody',
  expects: 'open, token or closed',
  parse: oneOf(REGISTRATION_MODES),
  fallback: undefined,
  fallbackText: 'open when only this machine can reach `listen`, else closed',
};

export const REGISTRATION_SHARED_SECRET: Setting<string | undefined> = {
  key: 'registration_shared_secret',
  about: 'Lets who knows it make accounts at /_synapse/admin/v1/register',
  expects: 'a text',
  parse: parseText,
  fallback: undefined,
  fallbackText: 'none',
  secret: true,
};

export const RATE_LIMITS: Setting<boolean> = {
  key: 'rate_limits',
  about: 'Whether clients that ask too often are told to wait',
  ...SWITCH,
  fallback: true,
  fallbackText: 'on',
};

export const DEFAULT_ROOM_VERSION: Setting<RoomVersion> = {
  key: 'default_room_version',
  about: 'Version of rooms that are made without naming one',
  expects: `a room version: ${ROOM_VERSIONS.join(', ')}`,
  parse: oneOf(ROOM_VERSIONS),
  fallback: '12',
  fallbackText: '12',
};

export const MAX_DELAY: Setting<number> = {
  key: 'max_delay_ms',
  about: 'Longest timeout of a future, in milliseconds',
  expects: 'a whole number of milliseconds, at least 1',
  parse: wholeNumberFrom(1),
  fallback: MAX_DELAY_MS,
  fallbackText: `${MAX_DELAY_MS} (366 days)`,
};

export const MAX_DELAYED_EVENTS: Setting<number> = {
  key: 'max_delayed_events',
  about: 'How many futures of one user may be pending',
  expects: 'a whole number',
  parse: wholeNumberFrom(0),
  fallback: 100,
  fallbackText: '100',
};

export const MAX_UPLOAD: Setting<number> = {
  key: 'max_upload_bytes',
  about: 'Largest file that may be uploaded, in bytes',
  expects: 'a whole number of bytes, at least 1',
  parse: wholeNumberFrom(1),
  fallback: MAX_UPLOAD_BYTES,
  fallbackText: `${MAX_UPLOAD_BYTES} (50 MiB)`,
};

export const PASSWORD_COST: Setting<'normal' | 'low'> = {
  key: 'password_cost',
  about: 'Work per password check; low is for test servers only',
  expects: 'normal or low',
  parse: oneOf(['normal', 'low']),
  fallback: 'normal',
  fallbackText: 'normal',
};

export const DIRECTORY_PUBLISHING: Setting<'anyone' | 'admins'> = {
  key: 'directory_publishing',
  about: 'Who may publish a room in the directory',
  expects: 'anyone or admins',
  parse: oneOf(['anyone', 'admins']),
  fallback: 'anyone',
  fallbackText: 'anyone',
};

export const USER_DIRECTORY_SEARCH_ALL_USERS: Setting<boolean> = {
  key: 'user_directory_search_all_users',
  about:
    'Whether a search for users finds all of this server, not only those who share a room or are in a public one',
  ...SWITCH,
  fallback: false,
  fallbackText: 'off',
};

export const APPSERVICES: Setting<readonly string[] | undefined> = {
  key: 'appservices',
  about:
    'Registration files of application services, separated by commas; a directory stands for all YAML files in it',
  expects: 'paths',
  parse: parseList,
  fallback: undefined,
  fallbackText: 'none',
  isList: true,
};

export const ALLOW_PRIVATE_IPS: Setting<boolean> = {
  key: 'allow_private_ips',
  about: 'Whether outbound requests may go to private and loopback addresses',
  ...SWITCH,
  fallback: false,
  fallbackText: 'off',
};

export const TEST_CLOCK: Setting<boolean> = {
  key: 'test_clock',
  about: 'Lets an admin freeze and advance time',
  ...SWITCH,
  fallback: false,
  fallbackText: 'off',
  unavailable: true,
};

export const LOG_LEVEL: Setting<LogLevel> = {
  key: 'log_level',
  about: 'Least severity of what is logged',
  expects: `one of ${LOG_LEVELS.join(', ')}`,
  parse: oneOf(LOG_LEVELS),
  fallback: 'info',
  fallbackText: 'info',
};

export const METRICS_LISTEN: Setting<ListenAddress | undefined> = {
  key: 'metrics_listen',
  about: 'Where Prometheus metrics are served, at /metrics of an address of its own: not for everyone to see',
  ...ADDRESS,
  expects: 'host:port, such as 127.0.0.1:9090 or [::1]:9090',
  fallback: undefined,
  fallbackText: 'off',
};

export const LIVEKIT_SERVICE_URL: Setting<string | undefined> = {
  key: 'livekit_service_url',
  about: 'The MatrixRTC transport that clients are told of: the URL of a LiveKit JWT service',
  expects: 'an http:// or https:// URL',
  parse: parseHttpUrl,
  fallback: undefined,
  fallbackText: 'none',
};

export const PUBLIC_BASE_URL: Setting<string | undefined> = {
  key: 'public_base_url',
  about:
    'Where clients reach this server, for /.well-known/matrix/client; unset: discovery is left to others',
  expects: 'an http:// or https:// URL',
  parse: parseHttpUrl,
  fallback: undefined,
  fallbackText: 'none',
};

export const FUTURES_TIMEOUT_UNIT: Setting<'seconds' | 'milliseconds'> = {
  key: 'futures_timeout_unit',
  about: 'Unit of a `timeout` without suffix on the futures endpoint',
  expects: 'seconds or milliseconds',
  parse: oneOf(['seconds', 'milliseconds']),
  fallback: 'seconds',
  fallbackText: 'seconds',
};

export const FUTURES_CANCEL_ON_STATE: Setting<boolean> = {
  key: 'futures_cancel_on_state',
  about: 'Whether new state by another user cancels a delayed state event for the same key',
  ...SWITCH,
  fallback: false,
  fallbackText: 'off',
};

export const FUTURES_RESTART_GRACE: Setting<number> = {
  key: 'futures_restart_grace_ms',
  about:
    'How long overdue futures that were refreshed before wait for a refresh after a start, in milliseconds; 0: not at all',
  expects: 'a whole number of milliseconds',
  parse: wholeNumberFrom(0),
  fallback: 0,
  fallbackText: '0',
};

/** All of them, in the order in which they are printed. */
export const SETTINGS: readonly Setting<unknown>[] = [
  SERVER_NAME,
  DATA_DIR,
  DATABASE_URL,
  POSTGRES_BIN,
  LISTEN,
  FEDERATION_LISTEN,
  TLS_CERT,
  TLS_KEY,
  FEDERATION_CA,
  REGISTRATION,
  REGISTRATION_SHARED_SECRET,
  RATE_LIMITS,
  DEFAULT_ROOM_VERSION,
  MAX_DELAY,
  MAX_DELAYED_EVENTS,
  MAX_UPLOAD,
  PASSWORD_COST,
  DIRECTORY_PUBLISHING,
  USER_DIRECTORY_SEARCH_ALL_USERS,
  APPSERVICES,
  ALLOW_PRIVATE_IPS,
  TEST_CLOCK,
  LOG_LEVEL,
  METRICS_LISTEN,
  LIVEKIT_SERVICE_URL,
  PUBLIC_BASE_URL,
  FUTURES_TIMEOUT_UNIT,
  FUTURES_CANCEL_ON_STATE,
  FUTURES_RESTART_GRACE,
  ...CLIENT_SETTINGS,
];
