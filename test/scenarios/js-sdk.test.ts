import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import {
  EventType,
  MsgType,
  RoomEvent,
  RoomStateEvent,
  UpdateDelayedEventAction,
  Visibility,
  type MatrixEvent,
} from 'matrix-js-sdk';
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
import { registerUser, startLiveTestServer, succeed, type LiveTestServer } from '../support/server.ts';
import { unrefTimers } from '../support/unref-timers.ts';
import { until } from '../support/until.ts';

const CALL_MEMBER: string = EventType.GroupCallMemberPrefix;
interface Device extends CrashableClient {
  readonly userId: string;
  readonly accessToken: string;
}

describe('matrix-js-sdk', function () {
  this.timeout(90_000);
  let server: LiveTestServer;
  let alice: Device;
  let bob: Device;
  let roomId: string;
  let restoreConsole: () => void = () => undefined;
  let restoreTimers: () => void = () => undefined;

  before(async () => {
    restoreConsole = silenceConsole();
    restoreTimers = unrefTimers();
    server = await startLiveTestServer();
    [alice, bob] = await Promise.all([startDevice('alice'), startDevice('bob')]);
    const room = await alice.client.createRoom({ visibility: Visibility.Private, invite: [bob.userId] });
    roomId = room.room_id;
    await until('the invite', () => bob.client.getRoom(roomId)?.getMyMembership() === 'invite');
    await bob.client.joinRoom(roomId);
    await until('both members', () => alice.client.getRoom(roomId)?.getJoinedMemberCount() === 2);
    await alice.client.sendStateEvent(roomId, EventType.RoomPowerLevels, {
      ...alice.client
        .getRoom(roomId)
        ?.currentState.getStateEvents(EventType.RoomPowerLevels, '')
        ?.getContent(),
      events: { [EventType.GroupCallMemberPrefix]: 0 },
    });
  });
  after(async () => {
    alice?.client.stopClient();
    bob?.client.stopClient();
    await server[Symbol.asyncDispose]();
    restoreTimers();
    restoreConsole();
  });

  async function startDevice(localpart: string, existing?: Device): Promise<Device> {
    const user =
      existing === undefined
        ? await registerUser(server, localpart)
        : {
            userId: existing.userId,
            accessToken: existing.accessToken,
            deviceId: existing.client.getDeviceId() ?? '',
          };
    const { client, crash } = makeClient(server, user);
    await startSyncing(client, { initialSyncLimit: 20 });
    return { client, userId: user.userId, accessToken: user.accessToken, crash };
  }

  function timeline(device: Device): MatrixEvent[] {
    return device.client.getRoom(roomId)?.getLiveTimeline().getEvents() ?? [];
  }

  function hasMessage(device: Device, body: string): boolean {
    return timeline(device).some((event) => event.getContent()['body'] === body);
  }

  function callMembers(device: Device): string[] {
    const room = device.client.getRoom(roomId);
    return room === null ? [] : callMembersIn(room);
  }

  function joinCall(device: Device): MatrixRTCSession {
    const room = device.client.getRoom(roomId);
    assert.ok(room !== null);
    return joinCallIn(room, { manageMediaKeys: false });
  }

  it('exchanges messages both ways', async () => {
    await alice.client.sendMessage(roomId, { msgtype: MsgType.Text, body: 'good morning' });
    await until('the message of alice', () => hasMessage(bob, 'good morning'));
    await bob.client.sendMessage(roomId, { msgtype: MsgType.Text, body: 'good night' });
    await until('the message of bob', () => hasMessage(alice, 'good night'));
  });

  it('sees its own message once, by its transaction id', async () => {
    const { event_id: eventId } = await alice.client.sendMessage(roomId, {
      msgtype: MsgType.Text,
      body: 'only once',
    });
    await until('the echo', () => timeline(alice).some((event) => event.getId() === eventId));
    const own = timeline(alice).filter((event) => event.getContent()['body'] === 'only once');
    assert.equal(own.length, 1);
  });

  it('shows a delayed event when its time has come, and not before', async () => {
    const sentAt = Date.now();
    const { delay_id: delayId } = await alice.client._unstable_sendDelayedEvent(
      roomId,
      { delay: 400 },
      null,
      EventType.RoomMessage,
      {
        msgtype: MsgType.Text,
        body: 'from the past',
      },
    );
    const scheduled = await alice.client._unstable_getDelayedEvents();
    assert.ok(scheduled.delayed_events.some((event) => event.delay_id === delayId));
    assert.ok(!hasMessage(bob, 'from the past'));
    await until('the delayed event', () => hasMessage(bob, 'from the past'));
    assert.ok(Date.now() - sentAt >= 400);
  });

  it('restarts, sends and cancels delayed events', async () => {
    const schedule = async (body: string, delay: number): Promise<string> =>
      (
        await alice.client._unstable_sendDelayedEvent(roomId, { delay }, null, EventType.RoomMessage, {
          msgtype: MsgType.Text,
          body,
        })
      ).delay_id;
    const kept = await schedule('kept back', 2_500);
    const sent = await schedule('sent early', 60_000);
    const cancelled = await schedule('never', 4_000);
    await alice.client._unstable_updateDelayedEvent(cancelled, UpdateDelayedEventAction.Cancel);
    await alice.client._unstable_updateDelayedEvent(sent, UpdateDelayedEventAction.Send);
    await until('the one that was sent', () => hasMessage(bob, 'sent early'));
    for (let beat = 0; beat < 4; beat += 1) {
      await pause(900);
      await alice.client._unstable_updateDelayedEvent(kept, UpdateDelayedEventAction.Restart);
    }
    assert.ok(!hasMessage(bob, 'kept back'));
    await until('the one that was kept back', () => hasMessage(bob, 'kept back'));
    await pause(500);
    assert.ok(!hasMessage(bob, 'never'), 'its time has passed as well');
  });

  it('sees a future superseded by newer state, and another refused for want of power', async () => {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/future`;
    const topic = (text: string): object => ({
      type: 'm.room.topic',
      state_key: '',
      content: { topic: text },
    });
    await succeed(server, 'PUT', `${path}/topic`, {
      token: alice.accessToken,
      body: { timeout_ms: 500, send_now: topic('now'), send_on_timeout: topic('moot') },
    });
    await succeed(server, 'PUT', `${path}/refused`, {
      token: bob.accessToken,
      body: { timeout_ms: 500, send_on_timeout: topic('not allowed') },
    });
    const current = (): unknown =>
      bob.client.getRoom(roomId)?.currentState.getStateEvents('m.room.topic', '')?.getContent()['topic'];
    await until('the topic of the future', () => current() === 'now');
    await alice.client.setRoomTopic(roomId, 'newer');
    await until('the newer topic', () => current() === 'newer');
    await alice.client._unstable_sendDelayedEvent(roomId, { delay: 700 }, null, EventType.RoomMessage, {
      msgtype: MsgType.Text,
      body: 'after both deadlines',
    });
    await until('the deadlines to pass', () => hasMessage(bob, 'after both deadlines'));
    assert.equal(current(), 'newer');
  });

  it('keeps its call membership by heartbeat, and loses it after a crash', async () => {
    joinCall(bob);
    await until('bob in the call', () => callMembers(alice).includes(bob.userId));
    await pause(2 * LEAVE_DELAY_MS);
    assert.ok(callMembers(alice).includes(bob.userId), 'heartbeats keep the membership');
    bob.crash();
    const crashedAt = Date.now();
    await until('bob out of the call', () => !callMembers(alice).includes(bob.userId));
    assert.ok(Date.now() - crashedAt >= LEAVE_DELAY_MS - KEEP_ALIVE_MS - 200);
    bob.client.stopClient();
  });

  it('joins the call again after the crash, and leaves it cleanly at once', async () => {
    bob = await startDevice('bob', bob);
    const session = joinCall(bob);
    await until('bob in the call again', () => callMembers(alice).includes(bob.userId));
    const left = new Promise<void>((resolve) => {
      alice.client.getRoom(roomId)?.on(RoomStateEvent.Events, (event) => {
        if (event.getType() === CALL_MEMBER && Object.keys(event.getContent()).length === 0) resolve();
      });
    });
    assert.equal(await session.leaveRoomSession(5_000), true);
    await left;
    await until('bob out of the call', () => !callMembers(alice).includes(bob.userId));
    const { delayed_events: pending } = await bob.client._unstable_getDelayedEvents();
    assert.deepEqual(pending, []);
  });

  it('redacts a message for everybody', async () => {
    const { event_id: eventId } = await alice.client.sendMessage(roomId, {
      msgtype: MsgType.Text,
      body: 'a slip',
    });
    await until('the message', () => hasMessage(bob, 'a slip'));
    const redacted = new Promise<void>((resolve) => bob.client.once(RoomEvent.Redaction, () => resolve()));
    await alice.client.redactEvent(roomId, eventId);
    await redacted;
    assert.ok(!hasMessage(bob, 'a slip'));
  });
});
