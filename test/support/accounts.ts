import assert from 'node:assert/strict';
import { createAuthenticator, type Authenticator } from '../../src/accounts/authenticate.ts';
import type { DeactivationHook } from '../../src/accounts/deactivate.ts';
import { createPasswords, type Passwords } from '../../src/accounts/passwords.ts';
import { createUser, type RegistrationPolicy } from '../../src/accounts/register.ts';
import type { LoggedIn } from '../../src/accounts/login-session.ts';
import type { Appservice } from '../../src/matrix/appservices.ts';
import { parseDeviceId, parseServerName, parseUserId } from '../../src/matrix/identifiers.ts';
import type { DeviceId, ServerName, UserId } from '../../src/matrix/identifiers.ts';
import { PostgresBus } from '../../src/storage/bus.ts';
import type { Db } from '../../src/storage/database.ts';
import { findUserNid } from '../../src/storage/users.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { secureRandom, seededRandom, type Random } from '../../src/util/random.ts';
import { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './database.ts';

/** All that accounts and devices depend on, over a database of its own. */
export interface AccountWorld extends AsyncDisposable {
  readonly test: TestDatabase;
  readonly db: Db;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly passwords: Passwords;
  readonly serverName: ServerName;
  readonly registration: RegistrationPolicy;
  readonly appservices: readonly Appservice[];
  readonly registrationSharedSecret: string | undefined;
  readonly onDeactivated: readonly DeactivationHook[];
  readonly loginTokenLifetimeMs: number;
  readonly authenticator: Authenticator;
  /** Users whose device lists were said to have changed, in order. */
  readonly changedDeviceLists: number[];
  readonly deviceListChanged: (userNid: number) => void;
  /** Users who were said to have to-device messages, in order. */
  readonly arrivals: number[][];
  readonly toDeviceArrived: (userNids: readonly number[]) => void;
}

type Wishes = Partial<
  Pick<AccountWorld, 'registration' | 'registrationSharedSecret' | 'onDeactivated'> & TestDatabaseOptions
>;

export const ORIGIN = { ip: '192.0.2.7', userAgent: 'a browser' };

export async function createAccountWorld(wishes: Wishes = {}): Promise<AccountWorld> {
  const test = await createTestDatabase(wishes);
  const { db } = test.database;
  const clock = new ManualClock();
  const log = createLog({ level: 'silent' });
  const random = seededRandom('accounts');
  const bus = new PostgresBus({
    database: test.database,
    clock,
    log,
    random: secureRandom,
    self: 'accounts',
  });
  await bus.start();
  const authenticator = createAuthenticator({ db, bus, clock, log });
  const changedDeviceLists: number[] = [];
  const arrivals: number[][] = [];
  return {
    test,
    db,
    clock,
    random,
    passwords: createPasswords('low'),
    serverName: serverName('test'),
    registration: wishes.registration ?? 'open',
    appservices: [],
    registrationSharedSecret: wishes.registrationSharedSecret,
    onDeactivated: wishes.onDeactivated ?? [],
    loginTokenLifetimeMs: 120_000,
    authenticator,
    changedDeviceLists,
    deviceListChanged: (userNid) => changedDeviceLists.push(userNid),
    arrivals,
    toDeviceArrived: (userNids) => arrivals.push([...userNids]),
    async [Symbol.asyncDispose]() {
      await authenticator[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

/** A user with the password `secret`, logged in once. */
export async function makeUser(
  world: AccountWorld,
  localpart: string,
  device: { readonly deviceId?: string; readonly displayName?: string; readonly refreshable?: boolean } = {},
): Promise<LoggedIn & { readonly userNid: number }> {
  const session = {
    deviceId: device.deviceId === undefined ? undefined : deviceId(device.deviceId),
    displayName: device.displayName,
    refreshable: device.refreshable ?? false,
  };
  const user = { userId: userId(`@${localpart}:test`), password: 'secret', isAdmin: false };
  const { login } = await createUser(world, user, session, ORIGIN);
  assert.ok(login);
  const userNid = await findUserNid(world.db, user.userId);
  assert.ok(userNid !== undefined);
  return { ...login, userNid };
}

export function userId(text: string): UserId {
  const parsed = parseUserId(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

export function deviceId(text: string): DeviceId {
  const parsed = parseDeviceId(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

function serverName(text: string): ServerName {
  const parsed = parseServerName(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

/**
 * One world for all tests of a describe block, emptied before each: a database of its own for each test would take
 * longer than the test. Its clock and its random stream run on.
 */
export function shareAccountWorld(wishes: Wishes = {}): () => AccountWorld {
  let shared: AccountWorld | undefined;
  const world = (): AccountWorld => {
    assert.ok(shared, 'the world is there while tests run');
    return shared;
  };
  before(async () => {
    shared = await createAccountWorld(wishes);
  });
  beforeEach(() => emptyAccountWorld(world()));
  after(() => shared?.[Symbol.asyncDispose]());
  return world;
}

/** Deletes all accounts and what hangs on them. */
export async function emptyAccountWorld(world: AccountWorld): Promise<void> {
  await world.authenticator[Symbol.asyncDispose]();
  world.changedDeviceLists.length = 0;
  world.arrivals.length = 0;
  await world.test.database.pool.query(`
    delete from client_transactions; delete from device_list_changes; delete from devices; delete from filters;
    delete from openid_tokens; delete from login_tokens; delete from registration_nonces;
    delete from registration_tokens; delete from uia_sessions; delete from profile_fields; delete from accounts; delete from users`);
}
