import assert from 'node:assert/strict';
import { loadConfig, type Config } from '../../src/config/config.ts';

type Env = Readonly<Record<string, string>>;

function load(env: Env, yaml?: string): ReturnType<typeof loadConfig> {
  const readFile = (path: string): string => {
    if (yaml === undefined || path !== 'morrow.yaml') throw new Error(`ENOENT: no such file, open '${path}'`);
    return yaml;
  };
  return loadConfig({
    env: yaml === undefined ? env : { MORROW_CONFIG: 'morrow.yaml', ...env },
    readFile,
    listDirectory: () => undefined,
  });
}

function configOf(env: Env, yaml?: string): Config {
  const loaded = load(env, yaml);
  assert.equal(loaded.kind, 'config', JSON.stringify(loaded));
  return loaded.config;
}

function complaintsOf(env: Env, yaml?: string): readonly string[] {
  const loaded = load(env, yaml);
  assert.equal(loaded.kind, 'complaints', JSON.stringify(loaded));
  return loaded.complaints;
}

describe('the configuration', () => {
  it('has a default for every key', () => {
    assert.deepEqual(configOf({}), {
      serverName: 'localhost',
      dataDir: './data',
      databaseUrl: undefined,
      postgresBin: undefined,
      listen: { host: '127.0.0.1', port: 8008 },
      federationListen: undefined,
      tlsCertPath: undefined,
      tlsKeyPath: undefined,
      federationCaPath: undefined,
      registration: 'open',
      registrationSharedSecret: undefined,
      rateLimits: true,
      defaultRoomVersion: '12',
      maxDelayMs: 31_622_400_000,
      maxDelayedEvents: 100,
      maxUploadBytes: 52_428_800,
      passwordCost: 'normal',
      directoryPublishing: 'anyone',
      userDirectorySearchAllUsers: false,
      appservices: [],
      allowPrivateIps: false,
      testClock: false,
      logLevel: 'info',
      metricsListen: undefined,
      livekitServiceUrl: undefined,
      publicBaseUrl: undefined,
      futures: { unsuffixedUnit: 'seconds', cancelOnOthersState: false, restartGraceMs: 0 },
      loginTokenLifetimeMs: 120_000,
      turn: undefined,
      support: { contacts: [], page: undefined },
      urlPreviews: false,
      legacyMentions: false,
      threadSubscriptions: false,
    });
  });

  it('takes every key from the environment', () => {
    const config = configOf({
      MORROW_SERVER_NAME: 'example.org:8448',
      MORROW_DATA_DIR: '/var/lib/morrow',
      MORROW_DATABASE_URL: 'postgres://morrow:secret@db/morrow',
      MORROW_POSTGRES_BIN: '/usr/lib/postgresql/15/bin',
      MORROW_LISTEN: '[::]:80',
      MORROW_FEDERATION_LISTEN: '0.0.0.0:8448',
      MORROW_TLS_CERT: '/etc/tls/cert.pem',
      MORROW_TLS_KEY: '/etc/tls/key.pem',
      MORROW_REGISTRATION: 'token',
      MORROW_REGISTRATION_SHARED_SECRET: 'hush',
      MORROW_RATE_LIMITS: 'off',
      MORROW_DEFAULT_ROOM_VERSION: '11',
      MORROW_MAX_DELAY_MS: '86400000',
      MORROW_MAX_DELAYED_EVENTS: '0',
      MORROW_MAX_UPLOAD_BYTES: '1000000',
      MORROW_PASSWORD_COST: 'low',
      MORROW_DIRECTORY_PUBLISHING: 'admins',
      MORROW_USER_DIRECTORY_SEARCH_ALL_USERS: 'on',
      MORROW_ALLOW_PRIVATE_IPS: 'true',
      MORROW_LOG_LEVEL: 'debug',
      MORROW_METRICS_LISTEN: '[::1]:9090',
      MORROW_LIVEKIT_SERVICE_URL: 'https://rtc.example.org/livekit/jwt',
      MORROW_PUBLIC_BASE_URL: 'https://matrix.example.org',
      MORROW_FUTURES_TIMEOUT_UNIT: 'milliseconds',
      MORROW_FUTURES_CANCEL_ON_STATE: 'on',
      MORROW_FUTURES_RESTART_GRACE_MS: '30000',
      MORROW_LOGIN_TOKEN_LIFETIME_MS: '60000',
      MORROW_TURN_URIS: 'turn:turn.example.org:3478?transport=udp, turns:turn.example.org',
      MORROW_TURN_SHARED_SECRET: 'hush',
      MORROW_TURN_TTL_SECONDS: '600',
      MORROW_SUPPORT_CONTACTS: 'admin=@alice:example.org, security=s@example.org, org.example.press=p@x.org',
      MORROW_SUPPORT_PAGE: 'https://example.org/help',
      MORROW_URL_PREVIEWS: 'on',
      MORROW_LEGACY_MENTIONS: 'on',
      MORROW_THREAD_SUBSCRIPTIONS: 'on',
    });
    assert.deepEqual(
      { ...config },
      {
        ...configOf({}),
        serverName: 'example.org:8448',
        dataDir: '/var/lib/morrow',
        databaseUrl: 'postgres://morrow:secret@db/morrow',
        postgresBin: '/usr/lib/postgresql/15/bin',
        listen: { host: '::', port: 80 },
        federationListen: { host: '0.0.0.0', port: 8448 },
        tlsCertPath: '/etc/tls/cert.pem',
        tlsKeyPath: '/etc/tls/key.pem',
        registration: 'token',
        registrationSharedSecret: 'hush',
        rateLimits: false,
        defaultRoomVersion: '11',
        maxDelayMs: 86_400_000,
        maxDelayedEvents: 0,
        maxUploadBytes: 1_000_000,
        passwordCost: 'low',
        directoryPublishing: 'admins',
        userDirectorySearchAllUsers: true,
        allowPrivateIps: true,
        logLevel: 'debug',
        metricsListen: { host: '::1', port: 9090 },
        livekitServiceUrl: 'https://rtc.example.org/livekit/jwt',
        publicBaseUrl: 'https://matrix.example.org',
        futures: { unsuffixedUnit: 'milliseconds', cancelOnOthersState: true, restartGraceMs: 30_000 },
        loginTokenLifetimeMs: 60_000,
        turn: {
          uris: ['turn:turn.example.org:3478?transport=udp', 'turns:turn.example.org'],
          sharedSecret: 'hush',
          ttlSeconds: 600,
        },
        support: {
          contacts: [
            { role: 'm.role.admin', matrixId: '@alice:example.org' },
            { role: 'm.role.security', emailAddress: 's@example.org' },
            { role: 'org.example.press', emailAddress: 'p@x.org' },
          ],
          page: 'https://example.org/help',
        },
        urlPreviews: true,
        legacyMentions: true,
        threadSubscriptions: true,
      },
    );
  });

  it('takes keys from the YAML file, and the environment wins over it', () => {
    const yaml =
      'server_name: example.org\ndefault_room_version: 10\nrate_limits: off\nregistration_shared_secret: 0123\n';
    const config = configOf({ MORROW_DEFAULT_ROOM_VERSION: '11' }, yaml);
    assert.equal(config.serverName, 'example.org');
    assert.equal(config.defaultRoomVersion, '11');
    assert.equal(config.rateLimits, false);
    assert.equal(config.registrationSharedSecret, '0123');
  });

  it('takes an empty YAML file and variables that are set to nothing as no wish', () => {
    assert.deepEqual(configOf({ MORROW_DATABASE_URL: '' }, ''), configOf({}));
    assert.deepEqual(configOf({}, '# nothing yet\n'), configOf({}));
  });

  for (const [listen, registration] of [
    ['127.0.0.1:8008', 'open'],
    ['127.8.9.10:8008', 'open'],
    ['localhost:8008', 'open'],
    ['[::1]:8008', 'open'],
    ['0.0.0.0:8008', 'closed'],
    ['[::]:8008', 'closed'],
    ['192.168.1.2:8008', 'closed'],
    ['127.example.org:8008', 'closed'],
  ] as const) {
    it(`leaves registration ${registration} when listening on ${listen}`, () => {
      assert.equal(configOf({ MORROW_LISTEN: listen }).registration, registration);
    });
  }

  it('opens registration on a public address only when told to', () => {
    assert.equal(configOf({ MORROW_LISTEN: '0.0.0.0:80', MORROW_REGISTRATION: 'open' }).registration, 'open');
  });
});

describe('a bad configuration', () => {
  it('yields all complaints at once, each with the key, the value and what would be right', () => {
    assert.deepEqual(
      complaintsOf(
        { MORROW_LISTEN: '8008', MORROW_RATE_LIMITS: 'maybe', MORROW_LISTNE: 'x' },
        'server_name: "not a name"\nmax_delay_ms: soon\n',
      ),
      [
        'MORROW_LISTNE: is no setting; did you mean MORROW_LISTEN?',
        'MORROW_LISTEN: "8008" must be host:port, such as 127.0.0.1:8008 or [::1]:8008.',
        'morrow.yaml: server_name: "not a name" must be a server name, such as example.org or example.org:8448.',
        'MORROW_RATE_LIMITS: "maybe" must be on or off.',
        'morrow.yaml: max_delay_ms: "soon" must be a whole number of milliseconds, at least 1.',
      ],
    );
  });

  for (const [name, value] of [
    ['MORROW_SERVER_NAME', 'https://example.org'],
    ['MORROW_DATABASE_URL', 'mysql://db/morrow'],
    ['MORROW_DATABASE_URL', 'db/morrow'],
    ['MORROW_LISTEN', '127.0.0.1'],
    ['MORROW_LISTEN', '127.0.0.1:65536'],
    ['MORROW_LISTEN', '::1:8008'],
    ['MORROW_REGISTRATION', 'Open'],
    ['MORROW_DEFAULT_ROOM_VERSION', '13'],
    ['MORROW_DEFAULT_ROOM_VERSION', '012'],
    ['MORROW_MAX_DELAY_MS', '0'],
    ['MORROW_MAX_DELAY_MS', '1e3'],
    ['MORROW_MAX_DELAY_MS', '9007199254740993'],
    ['MORROW_MAX_DELAYED_EVENTS', '-1'],
    ['MORROW_MAX_UPLOAD_BYTES', '50M'],
    ['MORROW_PASSWORD_COST', 'none'],
    ['MORROW_DIRECTORY_PUBLISHING', 'nobody'],
    ['MORROW_ALLOW_PRIVATE_IPS', '1'],
    ['MORROW_LOG_LEVEL', 'verbose'],
    ['MORROW_METRICS_LISTEN', 'on'],
    ['MORROW_LIVEKIT_SERVICE_URL', 'rtc.example.org'],
    ['MORROW_FUTURES_TIMEOUT_UNIT', 'ms'],
    ['MORROW_TURN_URIS', 'stun:turn.example.org'],
    ['MORROW_TURN_URIS', ','],
    ['MORROW_TURN_TTL_SECONDS', '0'],
    ['MORROW_SUPPORT_CONTACTS', '@alice:example.org'],
    ['MORROW_SUPPORT_CONTACTS', 'admin=nobody'],
    ['MORROW_SUPPORT_CONTACTS', 'boss=@alice:example.org'],
    ['MORROW_SUPPORT_PAGE', 'example.org'],
  ] as const) {
    it(`refuses ${name}=${value}`, () => {
      const complaints = complaintsOf({ [name]: value });
      assert.equal(complaints.length, 1);
      assert.ok(complaints[0]?.startsWith(`${name}: `), complaints[0]);
    });
  }

  for (const [name, value] of [
    ['MORROW_FEDERATION_CA', 'ca.pem'],
    ['MORROW_TEST_CLOCK', 'on'],
  ] as const) {
    it(`refuses ${name}, which would have no effect yet`, () => {
      assert.deepEqual(complaintsOf({ [name]: value }), [
        `${name}: "${value}" asks for what is not available yet; remove it.`,
      ]);
    });
  }

  it('accepts that a feature that does not exist is off', () => {
    assert.equal(configOf({ MORROW_TEST_CLOCK: 'off' }).testClock, false);
  });

  it('asks for all that TLS needs, or for nothing of it', () => {
    assert.deepEqual(complaintsOf({ MORROW_FEDERATION_LISTEN: '0.0.0.0:8448' }), [
      'MORROW_FEDERATION_LISTEN: has no use without tls_cert and tls_key.',
    ]);
    assert.deepEqual(complaintsOf({ MORROW_TLS_KEY: 'key.pem' }, 'tls_cert: cert.pem\n'), [
      'morrow.yaml: tls_cert: has no use without federation_listen.',
      'MORROW_TLS_KEY: has no use without federation_listen.',
    ]);
  });

  it('asks for both halves of what TURN servers need', () => {
    assert.deepEqual(complaintsOf({ MORROW_TURN_URIS: 'turn:turn.example.org' }), [
      'MORROW_TURN_URIS: has no use without turn_shared_secret.',
    ]);
    assert.deepEqual(complaintsOf({ MORROW_TURN_SHARED_SECRET: 'hush' }), [
      'MORROW_TURN_SHARED_SECRET: has no use without turn_uris.',
    ]);
  });

  it('never prints a secret', () => {
    const complaints = complaintsOf({ MORROW_DATABASE_URL: 'postgre://u:hunter2@db/x' });
    assert.ok(!complaints.join().includes('hunter2'));
  });

  it('names a file that cannot be read', () => {
    assert.deepEqual(complaintsOf({ MORROW_CONFIG: '/nowhere.yaml' }), [
      `MORROW_CONFIG: cannot read "/nowhere.yaml": ENOENT: no such file, open '/nowhere.yaml'`,
    ]);
  });

  it('names the line of a file that is no YAML', () => {
    assert.match(
      complaintsOf({}, 'listen: [\n').join(),
      /^MORROW_CONFIG: cannot read "morrow\.yaml": .*line 2/,
    );
    assert.match(complaintsOf({}, 'listen: a:1\nlisten: b:2\n').join(), /unique.*line 2/);
  });

  it('refuses unknown keys, lists, maps and empty values in the file', () => {
    const yaml = 'servername: x\nlisten:\n  - 127.0.0.1:8008\nregistration:\n  mode: open\nlog_level:\n';
    assert.deepEqual(complaintsOf({}, yaml), [
      'morrow.yaml: servername: is no setting; did you mean server_name?',
      'morrow.yaml: listen: must be a single value, not a list or a map.',
      'morrow.yaml: registration: must be a single value, not a list or a map.',
      'morrow.yaml: log_level: is empty; give it a value or remove the line.',
    ]);
  });

  it('refuses a file that is a list or a word', () => {
    for (const yaml of ['- a\n', 'morrow\n']) {
      assert.deepEqual(complaintsOf({}, yaml), [
        'morrow.yaml: must hold lines like "server_name: example.org".',
      ]);
    }
  });

  it('leaves variables of other programs alone', () => {
    assert.deepEqual(configOf({ PATH: '/bin', MORROWIND: '1' }), configOf({}));
  });
});
