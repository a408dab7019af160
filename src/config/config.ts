import type { Appservice } from '../matrix/appservices.ts';
import type { ServerName } from '../matrix/identifiers.ts';
import type { RoomVersion } from '../matrix/room-version.ts';
import type { LogLevel } from '../util/log.ts';
import { readAppservices } from './appservice-files.ts';
import { collectTexts, type ConfigSources, type GivenTexts } from './sources.ts';
import * as settings from './settings.ts';
import * as clientSettings from './client-settings.ts';
import type { Setting } from './setting.ts';
import type { SupportContact } from './support-contacts.ts';
import { isLoopback, type ListenAddress } from './values.ts';

/** What an operator decides, parsed. Each key is described in settings.ts. */
export interface Config {
  readonly serverName: ServerName;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly postgresBin: string | undefined;
  readonly listen: ListenAddress;
  readonly federationListen: ListenAddress | undefined;
  readonly tlsCertPath: string | undefined;
  readonly tlsKeyPath: string | undefined;
  readonly federationCaPath: string | undefined;
  readonly registration: settings.RegistrationMode;
  readonly registrationSharedSecret: string | undefined;
  readonly rateLimits: boolean;
  readonly defaultRoomVersion: RoomVersion;
  readonly maxDelayMs: number;
  readonly maxDelayedEvents: number;
  readonly maxUploadBytes: number;
  readonly passwordCost: 'normal' | 'low';
  readonly directoryPublishing: 'anyone' | 'admins';
  readonly userDirectorySearchAllUsers: boolean;
  readonly appservices: readonly Appservice[];
  readonly allowPrivateIps: boolean;
  readonly testClock: boolean;
  readonly logLevel: LogLevel;
  readonly metricsListen: ListenAddress | undefined;
  readonly livekitServiceUrl: string | undefined;
  readonly publicBaseUrl: string | undefined;
  readonly futures: {
    readonly unsuffixedUnit: 'seconds' | 'milliseconds';
    readonly cancelOnOthersState: boolean;
    readonly restartGraceMs: number;
  };
  readonly loginTokenLifetimeMs: number;
  /** undefined: no TURN servers. */
  readonly turn:
    | { readonly uris: readonly string[]; readonly sharedSecret: string; readonly ttlSeconds: number }
    | undefined;
  readonly support: {
    readonly contacts: readonly SupportContact[];
    readonly page: string | undefined;
  };
  readonly urlPreviews: boolean;
  readonly legacyMentions: boolean;
  readonly threadSubscriptions: boolean;
}

/** A configuration, or everything that is wrong with it: each complaint names the key, the value and what would be right. */
export type LoadedConfig =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'complaints'; readonly complaints: readonly string[] };

/** Reads the YAML file that MORROW_CONFIG names, then the environment, which wins. Pure but for `sources`. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { texts, complaints } = collectTexts(sources);

  const read = <T>(setting: Setting<T>): T => {
    const given = texts.get(setting.key);
    if (given === undefined) return setting.fallback;
    const value = setting.parse(given.text);
    const shown = setting.secret === true ? '(not shown)' : JSON.stringify(given.text);
    if (value === undefined) complaints.push(`${given.name}: ${shown} must be ${setting.expects}.`);
    else if (setting.unavailable === true && value !== setting.fallback) {
      complaints.push(`${given.name}: ${shown} asks for what is not available yet; remove it.`);
    }
    return value ?? setting.fallback;
  };

  const listen = read(settings.LISTEN);
  const turnUris = read(clientSettings.TURN_URIS);
  const turnSecret = read(clientSettings.TURN_SHARED_SECRET);
  const turnTtlSeconds = read(clientSettings.TURN_TTL);
  const serverName = read(settings.SERVER_NAME);
  const config: Config = {
    serverName,
    dataDir: read(settings.DATA_DIR),
    databaseUrl: read(settings.DATABASE_URL),
    postgresBin: read(settings.POSTGRES_BIN),
    listen,
    federationListen: read(settings.FEDERATION_LISTEN),
    tlsCertPath: read(settings.TLS_CERT),
    tlsKeyPath: read(settings.TLS_KEY),
    federationCaPath: read(settings.FEDERATION_CA),
    registration: read(settings.REGISTRATION) ?? (isLoopback(listen.host) ? 'open' : 'closed'),
    registrationSharedSecret: read(settings.REGISTRATION_SHARED_SECRET),
    rateLimits: read(settings.RATE_LIMITS),
    defaultRoomVersion: read(settings.DEFAULT_ROOM_VERSION),
    maxDelayMs: read(settings.MAX_DELAY),
    maxDelayedEvents: read(settings.MAX_DELAYED_EVENTS),
    maxUploadBytes: read(settings.MAX_UPLOAD),
    passwordCost: read(settings.PASSWORD_COST),
    directoryPublishing: read(settings.DIRECTORY_PUBLISHING),
    userDirectorySearchAllUsers: read(settings.USER_DIRECTORY_SEARCH_ALL_USERS),
    appservices: readAppservices(read(settings.APPSERVICES) ?? [], serverName, sources, complaints),
    allowPrivateIps: read(settings.ALLOW_PRIVATE_IPS),
    testClock: read(settings.TEST_CLOCK),
    logLevel: read(settings.LOG_LEVEL),
    metricsListen: read(settings.METRICS_LISTEN),
    livekitServiceUrl: read(settings.LIVEKIT_SERVICE_URL),
    publicBaseUrl: read(settings.PUBLIC_BASE_URL),
    futures: {
      unsuffixedUnit: read(settings.FUTURES_TIMEOUT_UNIT),
      cancelOnOthersState: read(settings.FUTURES_CANCEL_ON_STATE),
      restartGraceMs: read(settings.FUTURES_RESTART_GRACE),
    },
    loginTokenLifetimeMs: read(clientSettings.LOGIN_TOKEN_LIFETIME),
    turn:
      turnUris === undefined || turnSecret === undefined
        ? undefined
        : { uris: turnUris, sharedSecret: turnSecret, ttlSeconds: turnTtlSeconds },
    support: {
      contacts: read(clientSettings.SUPPORT_CONTACTS) ?? [],
      page: read(clientSettings.SUPPORT_PAGE),
    },
    urlPreviews: read(clientSettings.URL_PREVIEWS),
    legacyMentions: read(clientSettings.LEGACY_MENTIONS),
    threadSubscriptions: read(clientSettings.THREAD_SUBSCRIPTIONS),
  };
  complaints.push(...listTlsGaps(config, texts), ...listTurnGaps(turnUris, turnSecret, texts));
  return complaints.length === 0 ? { kind: 'config', config } : { kind: 'complaints', complaints };
}

/** TLS takes all three: where, the certificate and its key. */
function listTlsGaps(config: Config, texts: GivenTexts['texts']): readonly string[] {
  return listGaps(
    [
      [settings.FEDERATION_LISTEN.key, config.federationListen],
      [settings.TLS_CERT.key, config.tlsCertPath],
      [settings.TLS_KEY.key, config.tlsKeyPath],
    ],
    texts,
  );
}

/** TURN servers take both: where they are, and what they know users by. */
function listTurnGaps(
  uris: readonly string[] | undefined,
  secret: string | undefined,
  texts: GivenTexts['texts'],
): readonly string[] {
  return listGaps(
    [
      [clientSettings.TURN_URIS.key, uris],
      [clientSettings.TURN_SHARED_SECRET.key, secret],
    ],
    texts,
  );
}

/** Complaints about settings that have a use together only, when some but not all are given. */
function listGaps(
  parts: readonly (readonly [key: string, value: unknown])[],
  texts: GivenTexts['texts'],
): readonly string[] {
  const missing = parts.filter(([, value]) => value === undefined).map(([key]) => key);
  if (missing.length === 0) return [];
  return parts.flatMap(([key, value]) =>
    value === undefined
      ? []
      : [`${texts.get(key)?.name ?? key}: has no use without ${missing.join(' and ')}.`],
  );
}
