import { join } from 'node:path';
import type { Passwords } from '../accounts/passwords.ts';
import { askForAlias } from '../appservices/queries.ts';
import { AppserviceSender } from '../appservices/sender.ts';
import { makeSenders } from '../appservices/senders.ts';
import { createPasswords } from '../accounts/passwords.ts';
import { deleteAccountDataOnDeactivation } from '../accounts/account-data.ts';
import type { DeactivationHook } from '../accounts/deactivate.ts';
import { followUpgrade } from '../accounts/follow-upgrade.ts';
import { deleteProfileOnDeactivation, findMemberProfile } from '../accounts/profiles.ts';
import type { Config } from '../config/config.ts';
import { PresenceBoard } from '../ephemeral/presence.ts';
import { Typing } from '../ephemeral/typing.ts';
import { forgetEncryption } from '../devices/forget-encryption.ts';
import { createFiringLimiter } from '../futures/firing-limiter.ts';
import { FutureScheduler } from '../futures/scheduler.ts';
import { forgetPush } from '../push/forget-push.ts';
import { PushMover } from '../push/mover.ts';
import { PushSender } from '../push/sender.ts';
import { NameKeeper } from '../directory/name-keeper.ts';
import { SearchIndex } from '../search/search-index.ts';
import { SyncFeed } from '../sync/sync-feed.ts';
import { MediaArrivals } from '../media/arrivals.ts';
import type { FileStore } from '../media/file-store.ts';
import { FileSystemStore } from '../media/file-system-store.ts';
import { UrlPreviews } from '../media/url-previews.ts';
import { createThumbnailer, type Thumbnailer } from '../media/thumbnailer.ts';
import { createRateLimiter, type RateLimiter } from '../http/rate-limit.ts';
import { serverNameOf, type RoomAlias, type ServerName } from '../matrix/identifiers.ts';
import type { SigningKey } from '../matrix/signing-key.ts';
import type { Identity } from '../rooms/decision.ts';
import { findPredecessor } from '../rooms/find-predecessor.ts';
import { GuestLeaves } from '../rooms/guest-leaves.ts';
import { Pipeline } from '../rooms/pipeline.ts';
import { StickyUpkeep } from '../rooms/sticky-upkeep.ts';
import { UpgradeFollowers } from '../rooms/upgrade-followers.ts';
import type { FindMemberProfile, OnJoined } from '../rooms/membership.ts';
import type { CommittedChange } from '../rooms/room-queue.ts';
import type { StateKeys } from '../storage/rooms.ts';
import type { StateTrie } from '../storage/state-trie.ts';
import { PostgresBus } from '../storage/bus.ts';
import { currentPosition, type Database, type Db } from '../storage/database.ts';
import { IgnoredUsers } from '../storage/ignored-users.ts';
import { deletePresence } from '../storage/presence.ts';
import { purgeFuturesOfUser } from '../storage/future-updates.ts';
import { listRoomNidsOf } from '../storage/presence.ts';
import { StreamHub } from '../storage/stream-hub.ts';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { randomToken, type Random } from '../util/random.ts';
import type { Metrics } from './metrics.ts';

/** The few things with a lifetime and the settings, by the names under which endpoints ask for them. */
export interface Services
  extends
    Pick<
      Config,
      | 'appservices'
      | 'registration'
      | 'registrationSharedSecret'
      | 'defaultRoomVersion'
      | 'maxDelayMs'
      | 'maxDelayedEvents'
      | 'maxUploadBytes'
      | 'livekitServiceUrl'
      | 'publicBaseUrl'
      | 'loginTokenLifetimeMs'
      | 'turn'
      | 'support'
      | 'legacyMentions'
      | 'threadSubscriptions'
    >,
    AsyncDisposable {
  readonly config: Config;
  readonly database: Database;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly identity: Identity;
  readonly serverName: ServerName;
  readonly bus: PostgresBus;
  readonly hub: StreamHub;
  readonly syncFeed: SyncFeed;
  readonly pipeline: Pipeline;
  readonly trie: StateTrie;
  readonly stateKeys: StateKeys;
  readonly memberProfile: FindMemberProfile;
  readonly onJoined: OnJoined;
  readonly ignoredUsers: IgnoredUsers;
  readonly typing: Typing;
  readonly presenceBoard: PresenceBoard;
  readonly appserviceSender: AppserviceSender;
  readonly askForAlias: (alias: RoomAlias) => Promise<boolean>;
  readonly pushMover: PushMover;
  readonly pushSender: PushSender;
  readonly catchUpPush: (upTo: number) => Promise<void>;
  readonly searchIndex: SearchIndex;
  readonly nameKeeper: NameKeeper;
  readonly futureScheduler: FutureScheduler;
  readonly guestLeaves: GuestLeaves;
  readonly upgradeFollowers: UpgradeFollowers;
  readonly fileStore: FileStore;
  readonly mediaArrivals: MediaArrivals;
  readonly thumbnailer: Thumbnailer;
  readonly urlPreviewer: UrlPreviews;
  readonly rateLimiter: RateLimiter;
  readonly passwords: Passwords;
  readonly unstableFeatures: Readonly<Record<string, boolean>>;
  readonly onDeactivated: readonly DeactivationHook[];
  readonly deviceListChanged: (userNid: number) => void;
  readonly toDeviceArrived: (userNids: readonly number[]) => void;
}

export interface ServiceParts {
  readonly config: Config;
  readonly database: Database;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent: nobody counts. */
  readonly metrics?: Pick<Metrics, 'onBatch' | 'firingWatch'> | undefined;
}

/** Whatever is served beyond the released specification, as GET /versions says it. */
const UNSTABLE_FEATURES: Readonly<Record<string, boolean>> = {
  'org.matrix.msc3391': true,
  'org.matrix.msc3814': true,
  'org.matrix.msc4140': true,
  'org.matrix.msc4140.stable': true,
  'org.matrix.msc4143': true,
  'org.matrix.msc4155': true,
  'org.matrix.msc4222': true,
  'org.matrix.msc4354': true,
  'org.matrix.msc4380.stable': true,
  'org.matrix.simplified_msc3575': false,
  'uk.tcpip.msc4133': true,
  'uk.timedout.msc4323': true,
};

/** Builds what the endpoints work with, in the order of floors, and starts it. */
export async function startServices(parts: ServiceParts): Promise<Services> {
  const { config, database, key, clock, random, log } = parts;
  const { db } = database;
  const identity: Identity = { serverName: config.serverName, key };
  const bus = new PostgresBus({ database, clock, log, random, self: randomToken(random, 9) });
  const hub = new StreamHub({ db, bus });
  const typing = new Typing({ db, hub, clock, log });
  const presenceBoard = new PresenceBoard({ db, hub, clock, log });
  const pipeline = new Pipeline({
    database,
    clock,
    identity,
    log,
    onBatch: parts.metrics?.onBatch,
    onCommitted: (change) => {
      announce(hub, change);
      noteSenders(presenceBoard, identity, change);
      stickyUpkeep.note(change);
      guestLeaves.note(change);
      upgradeFollowers.note(change);
    },
  });
  const futureScheduler = new FutureScheduler({
    db,
    bus,
    log,
    clock,
    random,
    identity,
    pipeline,
    watch: parts.metrics?.firingWatch,
    restartGraceMs: config.futures.restartGraceMs,
    firingLimiter: createFiringLimiter({
      enabled: config.rateLimits,
      clock,
      maxDelayedEvents: config.maxDelayedEvents,
    }),
  });
  const { trie, stateKeys } = pipeline;
  const stickyUpkeep = new StickyUpkeep({ db, pipeline, clock, log });
  const onJoined: OnJoined = async (user, roomId) => {
    const rooms = await findPredecessor({ db, trie, stateKeys }, roomId);
    if (rooms !== undefined) await followUpgrade({ db, hub, ...predefinedRules }, user, rooms);
  };
  const upgradeFollowers = new UpgradeFollowers({ db, log, onJoined });
  const { serverName, legacyMentions, threadSubscriptions } = config;
  const predefinedRules = { legacyMentions, threadSubscriptions };
  const guestLeaves = new GuestLeaves({ db, trie, stateKeys, pipeline, clock, random, serverName, log });
  const { allowPrivateIps } = config;
  const pushSender = new PushSender({ db, trie, stateKeys, clock, random, log, allowPrivateIps });
  const onPushersDue = (): void => pushSender.wake();
  const pushMover = new PushMover({
    database,
    trie,
    stateKeys,
    hub,
    clock,
    log,
    onPushersDue,
    ...predefinedRules,
  });
  const searchIndex = new SearchIndex({ db, hub, clock, log });
  const nameKeeper = new NameKeeper({ db, clock, log });
  const { appservices } = config;
  const appserviceSender = new AppserviceSender({
    db,
    trie,
    stateKeys,
    hub,
    clock,
    random,
    log,
    appservices,
  });
  await makeSenders({ db, clock, appservices });
  await hub.start();
  await bus.start();
  await appserviceSender.start();
  futureScheduler.start();
  stickyUpkeep.start();
  pushMover.start();
  pushSender.start();
  searchIndex.start();
  nameKeeper.start();
  await guestLeaves.start();
  typing.start();
  presenceBoard.start();
  const ignoredUsers = new IgnoredUsers({ db, hub });
  const syncFeed = new SyncFeed({ db, hub, clock });
  const fileStore = new FileSystemStore(join(config.dataDir, 'media'), random);
  const mediaArrivals = new MediaArrivals();
  const wake = (userNids: readonly number[]): void => announceUsers(db, hub, log, userNids);
  return {
    ...config,
    config,
    database,
    db,
    clock,
    random,
    log,
    identity,
    bus,
    hub,
    syncFeed,
    pipeline,
    trie,
    stateKeys,
    memberProfile: (userId) => findMemberProfile({ db }, userId),
    onJoined,
    upgradeFollowers,
    ignoredUsers,
    typing,
    presenceBoard,
    appserviceSender,
    askForAlias: (alias) => askForAlias({ clock, appservices }, alias),
    pushMover,
    pushSender,
    catchUpPush: (upTo) => pushMover.catchUp(upTo),
    searchIndex,
    nameKeeper,
    futureScheduler,
    guestLeaves,
    fileStore,
    mediaArrivals,
    urlPreviewer: new UrlPreviews({ ...config, db, clock, random, log, fileStore, mediaArrivals }),
    thumbnailer: createThumbnailer(),
    rateLimiter: createRateLimiter({ enabled: config.rateLimits, clock }),
    passwords: createPasswords(config.passwordCost),
    unstableFeatures: { ...UNSTABLE_FEATURES, 'org.matrix.msc4306': threadSubscriptions },
    onDeactivated: [
      (tx, userNid, nowMs) => purgeFuturesOfUser(tx, userNid, nowMs),
      (tx, userNid) => forgetEncryption(tx, userNid),
      deleteProfileOnDeactivation,
      deleteAccountDataOnDeactivation,
      (tx, userNid) => deletePresence(tx, userNid),
      (tx, userNid) => forgetPush(tx, userNid),
    ],
    deviceListChanged: (userNid) => announceDevices(db, hub, log, userNid),
    toDeviceArrived: wake,
    async [Symbol.asyncDispose]() {
      syncFeed[Symbol.dispose]();
      await futureScheduler[Symbol.asyncDispose]();
      await stickyUpkeep[Symbol.asyncDispose]();
      await guestLeaves[Symbol.asyncDispose]();
      await pipeline[Symbol.asyncDispose]();
      await upgradeFollowers[Symbol.asyncDispose]();
      await appserviceSender[Symbol.asyncDispose]();
      await pushMover[Symbol.asyncDispose]();
      await pushSender[Symbol.asyncDispose]();
      await searchIndex[Symbol.asyncDispose]();
      await nameKeeper[Symbol.asyncDispose]();
      await typing[Symbol.asyncDispose]();
      await presenceBoard[Symbol.asyncDispose]();
      ignoredUsers[Symbol.dispose]();
      await hub.idle();
      await bus[Symbol.asyncDispose]();
    },
  };
}

function announce(hub: StreamHub, change: CommittedChange): void {
  if (change.position === undefined) return;
  const userNids = change.memberships.filter((member) => member.isLocal).map((member) => member.userNid);
  hub.announce({
    position: change.position,
    // The events of a room stand together in their commit.
    first: change.position - change.events.filter(({ position }) => position !== undefined).length + 1,
    roomNids: [change.roomNid],
    userNids,
    // Who comes into a room brings their presence along.
    ephemeralRoomNids: userNids.length === 0 ? [] : [change.roomNid],
  });
}

/** Who sends is there. */
function noteSenders(board: PresenceBoard, identity: Identity, change: CommittedChange): void {
  for (const { event, position } of change.events) {
    if (position !== undefined && serverNameOf(event.sender) === identity.serverName)
      board.noteSender(event.sender);
  }
}

/** Wakes users for whom something was written whose position the writer has not kept. */
function announceUsers(db: Db, hub: StreamHub, log: Log, userNids: readonly number[]): void {
  currentPosition(db).then(
    (position) => hub.announce({ position, roomNids: [], userNids }),
    (error: unknown) => log.warn({ err: error }, 'could not wake the readers of a change'),
  );
}

/** Wakes a user whose devices changed, and who shares a room with the user. */
function announceDevices(db: Db, hub: StreamHub, log: Log, userNid: number): void {
  Promise.all([currentPosition(db), listRoomNidsOf(db, [userNid])]).then(
    ([position, ephemeralRoomNids]) =>
      hub.announce({ position, roomNids: [], userNids: [userNid], ephemeralRoomNids }),
    (error: unknown) => log.warn({ err: error }, 'could not wake the readers of a change of devices'),
  );
}
