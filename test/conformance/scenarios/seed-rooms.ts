import { event, type Future, type SeedApi } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import { dueAfter, type Stage } from '../stage.ts';
import { check, checkRefused, checkStatus, NotApplicable } from '../verdict.ts';

/** What the room and the account have to say when a future resolves, and not before. */
export const seedRooms: readonly Scenario[] = [
  inSeed(12, 'when what is to be sent at once is refused, there is no future', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const timeoutType = stage.newType();
    const body = {
      timeout: 1,
      send_now: event(stage.type, {}, 'key'),
      send_on_timeout: event(timeoutType),
    };
    const txnId = stage.newName();
    const refused = await api.put(stage.other, roomId, txnId, body);
    checkRefused(refused, 'a future whose first event the room does not allow');
    await stage.expectNone(api, timeoutType, refused.answeredMs + 1_000, roomId);
    await stage.setPower(roomId, stage.other, 50);
    const again = await api.put(stage.other, roomId, txnId, body);
    if (again.status !== 200) stage.note('a refused request cannot be repeated by its transaction id');
  }),

  inSeed(34, 'a power that its owner gains in time counts', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const { due } = await makeState(stage, api, roomId);
    await stage.setPower(roomId, stage.other, 50);
    stage.expectBefore(due.earliestMs);
    await stage.expectOne(roomId, stage.type, due);
  }),

  inSeed(35, 'a power that its owner has lost is none', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    await stage.setPower(roomId, stage.other, 50);
    const { token, due } = await makeState(stage, api, roomId);
    await stage.setPower(roomId, stage.other, 0);
    const refused = await api.act(token, 'a');
    stage.expectInTime(refused, due.earliestMs);
    checkRefused(refused, 'an action that the room does not allow');
    await stage.expectNone(api, stage.type, due.latestMs, roomId);
  }),

  inSeed(43, 'guests have it as well', async (stage, api) => {
    const guest = await stage.scene.accounts.makeGuest();
    const access = { type: 'm.room.guest_access', state_key: '', content: { guest_access: 'can_join' } };
    const roomId = await stage.makeRoom({ initialState: [access] });
    await stage.join(roomId, guest);
    const body = { timeout: 1, send_on_timeout: event(stage.type) };
    const answer = await api.put(guest, roomId, stage.newName(), body);
    // The proposal says nothing of guests.
    if (answer.status !== 200) throw new NotApplicable('guests may not');
    await stage.expectOne(roomId, stage.type, dueAfter(answer, 1_000));
  }),

  inSeed(45, 'nobody else has it in their list', async (stage, api) => {
    const { token, due } = await api.make(stage, { timeout: 2, send_on_timeout: event(stage.type) });
    const own = await api.find(stage.owner, token);
    stage.expectBefore(due.earliestMs);
    check(own !== undefined, 'its owner does not have it in the list');
    check((await api.find(stage.other, token)) === undefined, 'somebody else has it in their list');
    const unauthenticated = await stage.peer.ask('GET', '/_matrix/client/v3/futures');
    checkStatus(unauthenticated, [401], 'a list without an access token');
  }),
];

/** A future of the other user that sets state, by its timeout in two seconds or by the action `a`. */
function makeState(stage: Stage, api: SeedApi, roomId: string): Promise<Future> {
  const state = event(stage.type, { by: 'future' }, 'key');
  const body = { timeout: 2, send_on_timeout: state, send_on_action: { a: state } };
  return api.make(stage, body, { by: stage.other, roomId });
}
