import type { Account } from '../accounts.ts';
import type { Delayed, DelayedApi } from '../delayed-api.ts';
import { objectIn } from '../observer.ts';
import { inDialects, type Scenario } from '../scenario.ts';
import { dueAfter, type Stage } from '../stage.ts';
import { check, checkSame, checkStatus, need, NotApplicable } from '../verdict.ts';

const DELAY_MS = 1_500;
const LONG_MS = 60_000;

/** What the room and the account have to say when the time has come. */
export const delayedRooms: readonly Scenario[] = [
  ...inDialects(31, 'newer state of the same user does not cancel it', async (stage, api) => {
    const { due } = await scheduleState(stage, api, stage.roomId, stage.owner);
    const set = await stage.setState(stage.roomId, stage.owner, stage.type, 'key', { by: 'hand' });
    stage.expectInTime(need(set, 'setting state'), due.earliestMs);
    await expectLater(stage, stage.roomId, due);
  }),

  ...inDialects(31, 'newer state of somebody else does not cancel it', async (stage, api) => {
    const { due } = await scheduleState(stage, api, stage.roomId, stage.owner);
    const set = await stage.setState(stage.roomId, stage.other, stage.type, 'key', { by: 'other' });
    stage.expectInTime(need(set, 'setting state'), due.earliestMs);
    await stage.waitOut(api, due.latestMs);
    const { body } = await stage.state(stage.roomId, stage.type, 'key');
    const isCancelled = body['by'] === 'other';
    if (api.isStable || !isCancelled) checkSame(body, { by: 'delay' }, 'the state after its time');
    else stage.note('it is cancelled, as older drafts had it');
  }),

  ...inDialects(34, 'a power that its sender gains in time counts', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const { due } = await scheduleState(stage, api, roomId, stage.other);
    await stage.setPower(roomId, stage.other, 50);
    stage.expectBefore(due.earliestMs);
    await stage.expectOne(roomId, stage.type, due);
  }),

  ...inDialects(35, 'a power that its sender has lost is none', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    await stage.setPower(roomId, stage.other, 50);
    const { id, due } = await scheduleState(stage, api, roomId, stage.other);
    await stage.setPower(roomId, stage.other, 0);
    stage.expectBefore(due.earliestMs);
    await stage.expectNone(api, stage.type, due.latestMs, roomId);
    if (!api.isStable) return;
    const answer = await api.get(id, stage.other);
    if (answer.status === 404) return stage.note('nothing is kept of what has failed');
    checkStatus(answer, [200], 'a look at what has failed');
    const error = objectIn(objectIn(answer.body, 'finalised'), 'error');
    checkSame(error['errcode'], 'M_FORBIDDEN', 'the error that it ended with', answer);
  }),

  ...inDialects(35, 'sending it early is refused as the room refuses a live event', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    await stage.setPower(roomId, stage.other, 50);
    const { id } = await scheduleState(stage, api, roomId, stage.other, LONG_MS);
    await stage.setPower(roomId, stage.other, 0);
    const refused = await api.manage(id, 'send', stage.other);
    checkStatus(refused, [403], 'a request to send what the room does not allow');
    checkSame((await stage.eventsOf(roomId, stage.type)).length, 0, 'the number of events');
    await stage.setPower(roomId, stage.other, 50);
    const again = await api.manage(id, 'send', stage.other);
    // It SHOULD be kept, no more.
    if (again.status !== 200) return stage.note('what was refused once is not kept');
    await stage.expectOne(roomId, stage.type, { earliestMs: 0, latestMs: again.answeredMs });
  }),

  ...inDialects(43, 'guests have it as well', async (stage, api) => {
    const guest = await stage.scene.accounts.makeGuest();
    const access = { type: 'm.room.guest_access', state_key: '', content: { guest_access: 'can_join' } };
    const roomId = await stage.makeRoom({ initialState: [access] });
    await stage.join(roomId, guest);
    const { id, due } = await api.make(stage, { type: stage.type, delayMs: DELAY_MS }, { roomId, by: guest });
    const restart = await api.manage(id, 'restart', guest);
    stage.expectInTime(restart, due.earliestMs);
    checkStatus(restart, [200], 'a restart by a guest');
    const latestMs = Math.max(due.latestMs, Date.now() + DELAY_MS);
    await stage.expectOne(roomId, stage.type, { earliestMs: due.earliestMs, latestMs });
  }),
];

/** Schedules state; a peer may look at power levels at once, and then there is nothing to see. */
async function scheduleState(
  stage: Stage,
  api: DelayedApi,
  roomId: string,
  by: Account,
  delayMs = DELAY_MS,
): Promise<Delayed> {
  const wanted = { type: stage.type, content: { by: 'delay' }, stateKey: 'key', delayMs };
  const txnId = stage.newName();
  const answer = await api.schedule(stage, wanted, { roomId, by, txnId });
  if (answer.status === 403)
    throw new NotApplicable('the peer refuses at once to schedule what is not allowed now, as it may');
  checkStatus(answer, [200], 'the scheduling of an event');
  const { delay_id: id } = answer.body;
  check(typeof id === 'string', 'the answer has no delay id', answer);
  stage.afterwards(() => api.manage(id, 'cancel', by));
  return { id, answer, due: dueAfter(answer, delayMs) };
}

/** The delayed state is set, over what was set by hand meanwhile. */
async function expectLater(stage: Stage, roomId: string, due: Delayed['due']): Promise<void> {
  const seen = await stage.sighting(
    due.latestMs,
    (event) => event['type'] === stage.type && objectIn(event, 'content')['by'] === 'delay',
  );
  check(seen !== undefined, 'it is not sent');
  const { body } = await stage.state(roomId, stage.type, 'key');
  checkSame(body, { by: 'delay' }, 'the state after its time');
}
