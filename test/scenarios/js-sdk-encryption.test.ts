import assert from 'node:assert/strict';
import {
  AuthType,
  EventType,
  MsgType,
  Preset,
  RelationType,
  type MatrixEvent,
  type Room,
  type UIAuthCallback,
} from 'matrix-js-sdk';
import {
  CryptoEvent,
  VerifierEvent,
  type CryptoApi,
  type CryptoCallbacks,
  type GeneratedSecretStorageKey,
  type VerificationRequest,
  type Verifier,
} from 'matrix-js-sdk/lib/crypto-api/index.js';
import type { MatrixRTCSession } from 'matrix-js-sdk/lib/matrixrtc/MatrixRTCSession.js';
import {
  callMembersIn,
  joinCallIn,
  KEEP_ALIVE_MS,
  LEAVE_DELAY_MS,
  makeClient,
  startSyncing,
  type CrashableClient,
} from '../support/js-sdk.ts';
import { silenceConsole } from '../support/quiet-console.ts';
import {
  registerUser,
  startLiveTestServer,
  succeed,
  userIn,
  type LiveTestServer,
  type TestUser,
} from '../support/server.ts';
import { unrefTimers } from '../support/unref-timers.ts';
import { until } from '../support/until.ts';

/** Somebody with a password and, later, a recovery key. */
interface Person {
  readonly localpart: string;
  recoveryKey?: GeneratedSecretStorageKey;
}

interface Device extends CrashableClient {
  readonly crypto: CryptoApi;
  readonly user: TestUser;
}

function passwordOf({ localpart }: Person): object {
  return {
    type: AuthType.Password,
    identifier: { type: 'm.id.user', user: localpart },
    password: `the password of ${localpart}`,
  };
}

function authenticate(person: Person): UIAuthCallback<void> {
  return (makeRequest) => makeRequest({ type: AuthType.Password, ...passwordOf(person) });
}

/** The person types the recovery key in whenever a device asks for it. */
function secretsOf(person: Person): CryptoCallbacks {
  return {
    getSecretStorageKey: ({ keys }) => {
      const [keyId] = Object.keys(keys);
      const key = person.recoveryKey?.privateKey;
      return Promise.resolve(keyId === undefined || key === undefined ? null : [keyId, key]);
    },
  };
}

/** The first device of a person makes the keys that the later ones find. */
async function setUpSecrets(person: Person, { crypto }: Device): Promise<void> {
  await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: authenticate(person) });
  const recoveryKey = await crypto.createRecoveryKeyFromPassphrase();
  person.recoveryKey = recoveryKey;
  await crypto.bootstrapSecretStorage({
    createSecretStorageKey: () => Promise.resolve(recoveryKey),
    setupNewSecretStorage: true,
    setupNewKeyBackup: true,
  });
}

/** A later device takes the private keys out of the secret storage and signs itself. */
async function takeSecrets(person: Person, { crypto }: Device): Promise<void> {
  assert.ok(await crypto.userHasCrossSigningKeys(undefined, true));
  await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: authenticate(person) });
  await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
  await crypto.checkKeyBackupAndEnable();
}

/** One side of comparing emoji: says that they are the same. */
async function compareEmoji(verifier: Verifier): Promise<string> {
  const shown = new Promise<string>((resolve) => {
    verifier.on(VerifierEvent.ShowSas, (comparison) => {
      resolve(JSON.stringify(comparison.sas.emoji));
      void comparison.confirm();
    });
  });
  await verifier.verify();
  return await shown;
}

describe('matrix-js-sdk with encryption', function () {
  this.timeout(180_000);
  const alice: Person = { localpart: 'alice' };
  const bob: Person = { localpart: 'bob' };
  const devices: Device[] = [];
  let server: LiveTestServer;
  let alicePhone: Device;
  let aliceLaptop: Device;
  let bobPhone: Device;
  let bobLaptop: Device;
  let roomId: string;
  let rootId: string;
  let restoreConsole: () => void = () => undefined;
  let restoreTimers: () => void = () => undefined;

  before(async () => {
    restoreConsole = silenceConsole();
    restoreTimers = unrefTimers();
    server = await startLiveTestServer();
    alicePhone = await startDevice(alice, await registerUser(server, alice.localpart));
    bobPhone = await startDevice(bob, await registerUser(server, bob.localpart));
  });
  after(async () => {
    for (const { client } of devices) client.stopClient();
    await server[Symbol.asyncDispose]();
    restoreTimers();
    restoreConsole();
  });

  async function logIn(person: Person): Promise<TestUser> {
    const body = passwordOf(person);
    return userIn(await succeed(server, 'POST', '/_matrix/client/v3/login', { body }));
  }

  async function startDevice(person: Person, user: TestUser): Promise<Device> {
    const { client, crash } = makeClient(server, user, { cryptoCallbacks: secretsOf(person) });
    await client.initRustCrypto({ useIndexedDB: false });
    const crypto = client.getCrypto();
    assert.ok(crypto !== undefined);
    await startSyncing(client, { initialSyncLimit: 50, threadSupport: true });
    const device: Device = { client, crypto, user, crash };
    devices.push(device);
    return device;
  }

  function roomOf({ client }: Device): Room {
    return client.getRoom(roomId) ?? assert.fail('the device does not know the room');
  }

  function find(device: Device, eventId: string): MatrixEvent | undefined {
    return roomOf(device).findEventById(eventId);
  }

  /** What a device shows for an event; edits included, nothing while it cannot decrypt it. */
  function textOf(device: Device, eventId: string): unknown {
    const event = find(device, eventId);
    return event === undefined || event.isDecryptionFailure() ? undefined : event.getContent()['body'];
  }

  async function say(device: Device, body: string): Promise<string> {
    const sent = await device.client.sendMessage(roomId, { msgtype: MsgType.Text, body });
    return sent.event_id;
  }

  async function allRead(readers: readonly Device[], eventId: string, body: string): Promise<void> {
    for (const reader of readers)
      await until(`"${body}" on every device`, () => textOf(reader, eventId) === body);
  }

  /** What the server has of an event. */
  function stored(eventId: string): Promise<Record<string, unknown>> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(eventId)}`;
    return succeed(server, 'GET', path, { token: alicePhone.user });
  }

  /** How many keys are in the backup of alice; the SDK remembers an older answer. */
  async function countBackedUp(): Promise<unknown> {
    const path = '/_matrix/client/v3/room_keys/version';
    return (await succeed(server, 'GET', path, { token: alicePhone.user }))['count'];
  }

  function callMembers(device: Device): string[] {
    return callMembersIn(roomOf(device));
  }

  function joinCall(device: Device): MatrixRTCSession {
    return joinCallIn(roomOf(device), { manageMediaKeys: true, useExperimentalToDeviceTransport: true });
  }

  function hasMediaKeyOf(session: MatrixRTCSession, { user }: Device): boolean {
    const owners = [...session.getEncryptionKeys()].map(([owner]) => owner);
    return owners.some((owner) => owner.includes(user.userId) && owner.includes(user.deviceId));
  }

  it('sets up cross-signing, secret storage and a key backup', async () => {
    await setUpSecrets(alice, alicePhone);
    await setUpSecrets(bob, bobPhone);
    for (const { crypto } of [alicePhone, bobPhone]) {
      assert.ok(await crypto.isCrossSigningReady());
      assert.ok(await crypto.isSecretStorageReady());
      await until('the backup', async () => (await crypto.getActiveSessionBackupVersion()) !== null);
    }
  });

  it('signs in a second device, which is trusted by the first', async () => {
    bobLaptop = await startDevice(bob, await logIn(bob));
    await takeSecrets(bob, bobLaptop);
    const { userId, deviceId } = bobLaptop.user;
    assert.ok(await bobLaptop.crypto.isCrossSigningReady());
    await until('the signature', async () => {
      const status = await bobPhone.crypto.getDeviceVerificationStatus(userId, deviceId);
      return status?.crossSigningVerified === true;
    });
  });

  it('talks in an encrypted room, both ways, and the server reads nothing', async () => {
    const room = await alicePhone.client.createRoom({
      preset: Preset.PrivateChat,
      invite: [bobPhone.user.userId],
      initial_state: [
        { type: EventType.RoomEncryption, state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
      ],
      power_level_content_override: { events: { [EventType.GroupCallMemberPrefix]: 0 } },
    });
    roomId = room.room_id;
    await until('the invite', () => bobPhone.client.getRoom(roomId)?.getMyMembership() === 'invite');
    await bobPhone.client.joinRoom(roomId);
    for (const device of [alicePhone, bobPhone, bobLaptop])
      await until('both members', () => device.client.getRoom(roomId)?.getJoinedMemberCount() === 2);
    rootId = await say(alicePhone, 'hello bob');
    await allRead([bobPhone, bobLaptop], rootId, 'hello bob');
    const answerId = await say(bobLaptop, 'hello alice');
    await allRead([alicePhone, bobPhone], answerId, 'hello alice');
    for (const eventId of [rootId, answerId]) {
      const event = await stored(eventId);
      assert.equal(event['type'], 'm.room.encrypted');
      assert.doesNotMatch(JSON.stringify(event), /hello/);
    }
  });

  it('verifies the other user by comparing emoji', async () => {
    const asked = new Promise<VerificationRequest>((resolve) =>
      bobPhone.client.once(CryptoEvent.VerificationRequestReceived, resolve),
    );
    const request = await alicePhone.crypto.requestVerificationDM(bobPhone.user.userId, roomId);
    const received = await asked;
    await received.accept();
    await until('the acceptance', () => request.otherPartySupportsMethod('m.sas.v1'));
    const verifier = await request.startVerification('m.sas.v1');
    await until('the other side', () => received.verifier !== undefined);
    const [seenByAlice, seenByBob] = await Promise.all([
      compareEmoji(verifier),
      compareEmoji(received.verifier ?? assert.fail()),
    ]);
    assert.equal(seenByAlice, seenByBob);
    for (const [device, other] of [
      [alicePhone, bobPhone],
      [bobPhone, alicePhone],
    ] as const)
      await until('trust', async () =>
        (await device.crypto.getUserVerificationStatus(other.user.userId)).isCrossSigningVerified(),
      );
  });

  it('reacts to a message', async () => {
    await bobPhone.client.sendEvent(roomId, EventType.Reaction, {
      'm.relates_to': { rel_type: RelationType.Annotation, event_id: rootId, key: '👋' },
    });
    await until('the reaction', () => {
      const { relations } = roomOf(alicePhone);
      const reactions = relations.getChildEventsForEvent(rootId, RelationType.Annotation, EventType.Reaction);
      return (
        reactions?.getSortedAnnotationsByKey()?.some(([key, { size }]) => key === '👋' && size === 1) === true
      );
    });
  });

  let editedId: string;
  it('edits a message', async () => {
    editedId = await say(alicePhone, 'a tpyo');
    await allRead([bobPhone], editedId, 'a tpyo');
    await alicePhone.client.sendMessage(roomId, {
      msgtype: MsgType.Text,
      body: '* a typo',
      'm.new_content': { msgtype: MsgType.Text, body: 'a typo' },
      'm.relates_to': { rel_type: RelationType.Replace, event_id: editedId },
    });
    await allRead([bobPhone, bobLaptop], editedId, 'a typo');
  });

  let threadedId: string;
  it('answers in a thread', async () => {
    const sent = await bobPhone.client.sendMessage(roomId, rootId, {
      msgtype: MsgType.Text,
      body: 'by the way',
    });
    threadedId = sent.event_id;
    await allRead([alicePhone, bobLaptop], threadedId, 'by the way');
    await until('the thread', () => {
      const thread = roomOf(alicePhone).getThread(rootId);
      return thread?.length === 1 && thread.replyToEvent?.getId() === threadedId;
    });
  });

  let redactedId: string;
  it('redacts a message for everybody', async () => {
    redactedId = await say(alicePhone, 'a slip');
    await allRead([bobPhone, bobLaptop], redactedId, 'a slip');
    await alicePhone.client.redactEvent(roomId, redactedId);
    for (const device of [bobPhone, bobLaptop])
      await until('the redaction', () => find(device, redactedId)?.isRedacted() === true);
    assert.deepEqual((await stored(redactedId))['content'], {});
  });

  it('shows who has read', async () => {
    const eventId = await say(alicePhone, 'read me');
    await allRead([bobPhone], eventId, 'read me');
    await bobPhone.client.sendReadReceipt(find(bobPhone, eventId) ?? assert.fail());
    const bobId = bobPhone.user.userId;
    for (const device of [alicePhone, bobLaptop])
      await until('the receipt', () => roomOf(device).getEventReadUpTo(bobId) === eventId);
  });

  it('reads all of it, on a device that comes late, with the keys of the backup', async () => {
    const keys = (await alicePhone.crypto.exportRoomKeys()).length;
    await until('the backup', async () => (await countBackedUp()) === keys);
    alicePhone.client.stopClient();
    const missedId = await say(bobPhone, 'where are you?');
    aliceLaptop = await startDevice(alice, await logIn(alice));
    assert.equal(textOf(aliceLaptop, rootId), undefined);
    await takeSecrets(alice, aliceLaptop);
    assert.ok(await aliceLaptop.crypto.isCrossSigningReady());
    const restored = await aliceLaptop.crypto.restoreKeyBackup();
    assert.deepEqual([restored.imported, restored.total], [keys, keys]);
    await allRead([aliceLaptop], rootId, 'hello bob');
    await allRead([aliceLaptop], editedId, 'a typo');
    await allRead([aliceLaptop], threadedId, 'by the way');
    await allRead([aliceLaptop], missedId, 'where are you?');
    assert.ok(find(aliceLaptop, redactedId)?.isRedacted());
    await allRead([bobPhone, bobLaptop], await say(aliceLaptop, 'here'), 'here');
  });

  it('exchanges the keys of a call, keeps in it by heartbeat, and leaves it after a crash', async () => {
    const ofBob = joinCall(bobPhone);
    const ofAlice = joinCall(aliceLaptop);
    for (const device of [aliceLaptop, bobPhone])
      await until('both in the call', () => callMembers(device).length === 2);
    await until('the media key of bob', () => hasMediaKeyOf(ofAlice, bobPhone));
    await until('the media key of alice', () => hasMediaKeyOf(ofBob, aliceLaptop));
    await heartbeats(3);
    assert.equal(callMembers(aliceLaptop).length, 2, 'heartbeats keep the membership');
    bobPhone.crash();
    const crashedAt = Date.now();
    await until('bob out of the call', () => !callMembers(aliceLaptop).includes(bobPhone.user.userId));
    assert.ok(Date.now() - crashedAt >= LEAVE_DELAY_MS - KEEP_ALIVE_MS - 200);
    assert.equal(await ofAlice.leaveRoomSession(10_000), true);
    await until('nobody in the call', () => callMembers(bobLaptop).length === 0);
  });

  /** Waits for so many times the delay after which a device without a heartbeat is out. */
  async function heartbeats(count: number): Promise<void> {
    const end = Date.now() + count * LEAVE_DELAY_MS;
    await until('heartbeats', () => Date.now() > end);
  }
});
