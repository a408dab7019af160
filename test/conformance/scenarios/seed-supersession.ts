import { objectIn } from '../observer.ts';
import { segment } from '../peer.ts';
import { event, eventIdOf, type Future, type SeedApi } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { check, checkRefused, checkSame, checkStatus, need, NotApplicable } from '../verdict.ts';

const A = { is: 'a' };
const B = { is: 'b' };
const LATER = { is: 'later' };
const ROUNDS = 8;

/** A future that sends state at once lives as long as that is the current state. */
export const seedSupersession: readonly Scenario[] = [
  inSeed(21, 'newer state of somebody else ends it', async (stage, api) => {
    const { token, due } = await makeWithState(stage, api);
    await set(stage, stage.other, due.earliestMs);
    checkRefused(await api.refresh(token), 'a refresh after newer state');
    await expectKept(stage, api, due.latestMs);
  }),

  inSeed(22, 'newer state of its own owner ends it', async (stage, api) => {
    const { due } = await makeWithState(stage, api);
    await set(stage, stage.owner, due.earliestMs);
    await expectKept(stage, api, due.latestMs);
  }),

  inSeed(8, 'no action brings back what newer state has ended', async (stage, api) => {
    const { token, due } = await makeWithState(stage, api);
    await set(stage, stage.other, due.earliestMs);
    checkRefused(await api.act(token, 'a'), 'an action after newer state');
    checkRefused(await api.act(token, 'a'), 'an action that is asked for again');
    check((await api.find(stage.owner, token)) === undefined, 'it is in the list of running futures still');
    const { body } = await stage.state(stage.roomId, stage.type, 'key');
    checkSame(body, B, 'the state');
  }),

  inSeed(23, 'the same state again ends it only if it is another event', async (stage, api) => {
    const { answer, due } = await makeWithState(stage, api);
    const again = await stage.setState(stage.roomId, stage.owner, stage.type, 'key', A);
    stage.expectInTime(need(again, 'setting the same state'), due.earliestMs);
    await stage.waitOut(api, due.latestMs);
    const isSame = again.body['event_id'] === eventIdOf(answer, 'send_now');
    const { body } = await stage.state(stage.roomId, stage.type, 'key');
    checkSame(body, isSame ? LATER : A, 'the state after its time');
  }),

  inSeed(24, 'state of another type or with another key does not end it', async (stage, api) => {
    const { due } = await makeWithState(stage, api);
    const { roomId, other, type } = stage;
    need(await stage.setState(roomId, other, type, 'other key', B), 'setting state');
    need(await stage.setState(roomId, other, stage.newType(), 'key', B), 'setting state');
    await expectLater(stage, due.latestMs);
  }),

  inSeed(25, 'what is set after its time stays', async (stage, api) => {
    const { due } = await makeWithState(stage, api, 1);
    await expectLater(stage, due.latestMs);
    need(await stage.setState(stage.roomId, stage.other, stage.type, 'key', B), 'setting state');
    checkSame((await stage.state(stage.roomId, stage.type, 'key')).body, B, 'the state');
  }),

  inSeed(
    26,
    'what is set in the very moment is what remains',
    async (stage, api) => {
      await Promise.all(Array.from({ length: ROUNDS }, (_, round) => setAtDeadline(stage, api, round)));
    },
    { pending: ROUNDS + 1 },
  ),

  inSeed(30, 'newer state does not end it when what was sent at once is a message', async (stage, api) => {
    const { due } = await api.make(stage, {
      timeout: 2,
      send_now: event(stage.newType()),
      send_on_timeout: event(stage.type, LATER, 'key'),
    });
    await set(stage, stage.other, due.earliestMs);
    await expectLater(stage, due.latestMs);
  }),

  inSeed(31, 'newer state does not end it when nothing was sent at once', async (stage, api) => {
    const { due } = await api.make(stage, { timeout: 2, send_on_timeout: event(stage.type, LATER, 'key') });
    await set(stage, stage.other, due.earliestMs);
    await expectLater(stage, due.latestMs);
  }),

  inSeed(
    32,
    'a redaction does not end it: what is redacted is the current state still',
    async (stage, api) => {
      const { answer, due } = await makeWithState(stage, api);
      const eventId = eventIdOf(answer, 'send_now');
      const room = `/_matrix/client/v3/rooms/${segment(stage.roomId)}`;
      const path = `${room}/redact/${segment(eventId)}/${stage.newName()}`;
      need(await stage.peer.ask('PUT', path, { token: stage.owner.token, body: {} }), 'a redaction');
      await expectLater(stage, due.latestMs);
    },
  ),

  inSeed(33, 'a second one that sends the same state at once ends the first', async (stage, api) => {
    const first = await makeWithState(stage, api);
    const second = await api.make(stage, {
      timeout: 60,
      send_now: event(stage.type, B, 'key'),
      send_on_timeout: event(stage.type, { is: 'of the second' }, 'key'),
      send_on_action: { end: event(stage.newType()) },
    });
    stage.afterwards(() => api.act(second.token, 'end'));
    stage.expectInTime(second.answer, first.due.earliestMs);
    checkRefused(await api.refresh(first.token), 'a refresh of the first');
    checkStatus(await api.refresh(second.token), [200], 'a refresh of the second');
    await expectKept(stage, api, first.due.latestMs);
  }),
];

/** A future that has set state at once, and has an action `a`. */
function makeWithState(stage: Stage, api: SeedApi, timeout = 2): Promise<Future> {
  return api.make(stage, {
    timeout,
    send_now: event(stage.type, A, 'key'),
    send_on_timeout: event(stage.type, LATER, 'key'),
    send_on_action: { a: event(stage.type, { is: 'by action' }, 'key') },
  });
}

async function set(stage: Stage, by: Stage['owner'], beforeMs: number): Promise<void> {
  const answer = await stage.setState(stage.roomId, by, stage.type, 'key', B);
  stage.expectInTime(need(answer, 'setting state'), beforeMs);
}

/** Newer state is there, and nothing has come over it. */
async function expectKept(stage: Stage, api: SeedApi, dueMs: number): Promise<void> {
  await stage.waitOut(api, dueMs);
  checkSame((await stage.state(stage.roomId, stage.type, 'key')).body, B, 'the state after its time');
}

/** The timeout event has come, over whatever was there. */
async function expectLater(stage: Stage, dueMs: number): Promise<void> {
  const seen = await stage.sighting(
    dueMs,
    (one) => one['type'] === stage.type && objectIn(one, 'content')['is'] === LATER.is,
  );
  check(seen !== undefined, 'the timeout event is not sent');
  checkSame((await stage.state(stage.roomId, stage.type, 'key')).body, LATER, 'the state after its time');
}

/** Sets newer state around the moment in which the timer fires. */
async function setAtDeadline(stage: Stage, api: SeedApi, round: number): Promise<void> {
  const type = stage.newType();
  const { roomId, other } = stage;
  const { due } = await api.make(stage, {
    timeout: 1,
    send_now: event(type, A, 'key'),
    send_on_timeout: event(type, LATER, 'key'),
  });
  await stage.sleepUntil(due.latestMs + (round - ROUNDS / 2) * 3);
  const answer = await stage.setState(roomId, other, type, 'key', B);
  if (answer.status !== 200) throw new NotApplicable(`setting state did not work: ${answer.status}`);
  await stage.waitOut(api, due.latestMs);
  checkSame((await stage.state(roomId, type, 'key')).body, B, 'the state that remains');
}
