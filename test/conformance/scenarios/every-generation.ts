import { inAll, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { check, checkSame, need, textIn } from '../verdict.ts';

const DELAY_MS = 1_500;

/** What a future and a delayed event have in common: one message, which the room and the account may keep from being sent. */
export const everyGeneration: readonly Scenario[] = [
  ...inAll(36, 'one whose sender has left is not sent', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const due = await api.sendLater(stage, stage.type, DELAY_MS, { roomId, by: stage.other });
    await stage.leave(roomId, stage.other);
    stage.expectBefore(due.earliestMs);
    await stage.expectNone(api, stage.type, due.latestMs, roomId);
  }),

  ...inAll(36, 'one whose sender has come back is sent', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const due = await api.sendLater(stage, stage.type, DELAY_MS, { roomId, by: stage.other });
    await stage.leave(roomId, stage.other);
    await stage.join(roomId, stage.other);
    stage.expectBefore(due.earliestMs);
    await stage.expectOne(roomId, stage.type, due);
  }),

  ...inAll(37, 'one whose sender is banned is not sent', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const due = await api.sendLater(stage, stage.type, DELAY_MS, { roomId, by: stage.other });
    await stage.ban(roomId, stage.other);
    stage.expectBefore(due.earliestMs);
    await stage.expectNone(api, stage.type, due.latestMs, roomId);
  }),

  ...inAll(
    38,
    'an account that has ended sends nothing',
    async (stage, api) => {
      const leaver = await stage.scene.accounts.make('leaver');
      const roomId = await stage.makeRoom({ members: [leaver] });
      const due = await api.sendLater(stage, stage.type, 2_000, { roomId, by: leaver });
      await stage.scene.accounts.deactivate(leaver);
      stage.expectBefore(due.earliestMs);
      await stage.expectNone(api, stage.type, due.latestMs, roomId);
    },
    ['stable'],
  ),

  ...inAll(39, 'it is sent though the device that made it is logged out', async (stage, api) => {
    const device = await stage.scene.accounts.login(stage.owner);
    const due = await api.sendLater(stage, stage.type, DELAY_MS, { by: device });
    const path = '/_matrix/client/v3/logout';
    need(await stage.peer.ask('POST', path, { token: device.token, body: {} }), 'logging out');
    await stage.expectOne(stage.roomId, stage.type, due);
  }),

  ...inAll(41, 'in a room that was replaced it is sent if a live event is', async (stage, api) => {
    const roomId = await stage.makeRoom();
    const due = await api.sendLater(stage, stage.type, DELAY_MS, { roomId });
    const body = { body: 'moved', replacement_room: stage.roomId };
    need(await stage.setState(roomId, stage.owner, 'm.room.tombstone', '', body), 'replacing a room');
    await expectLikeLive(stage, roomId, due.latestMs);
    const elsewhere = await stage.eventsOf(stage.roomId, stage.type);
    checkSame(elsewhere.length, 0, 'the number of events in the other');
  }),

  ...inAll(46, 'in a room that is encrypted since then it is sent if a live event is', async (stage, api) => {
    const roomId = await stage.makeRoom();
    const due = await api.sendLater(stage, stage.type, DELAY_MS, { roomId });
    const body = { algorithm: 'm.megolm.v1.aes-sha2' };
    need(await stage.setState(roomId, stage.owner, 'm.room.encryption', '', body), 'encrypting a room');
    await expectLikeLive(stage, roomId, due.latestMs);
  }),

  ...inAll(78, 'a /sync that waits is answered when it is sent', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const since = textIn(await stage.sync(roomId, stage.other), 'next_batch', 'a /sync');
    const due = await api.sendLater(stage, stage.type, 1_000, { roomId });
    const [sighting, answer] = await Promise.all([
      stage.arrival(roomId, stage.type, due),
      stage.syncUntil(roomId, stage.other, since, { type: stage.type, due }),
    ]);
    check(answer !== undefined, 'no waiting /sync brings the event');
    const lateMs = sighting === undefined ? 0 : answer.answeredMs - sighting.seenMs;
    check(lateMs < 10_000, `a waiting /sync is answered ${lateMs} ms after the event`, answer);
  }),
];

/** The message has come if another is accepted now. */
async function expectLikeLive(stage: Stage, roomId: string, dueMs: number): Promise<void> {
  await stage.sleepUntil(dueMs);
  const live = await stage.send(roomId, stage.owner, stage.newType(), {});
  if (live.status !== 200) return stage.note('a live event is refused there');
  await stage.expectOne(roomId, stage.type, { earliestMs: 0, latestMs: dueMs });
}
