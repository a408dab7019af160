import { isJsonObject } from '../../../src/util/json.ts';
import { event, eventIdOf, type SeedApi } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import { dueAfter, type Stage } from '../stage.ts';
import { check, checkRefused, checkSame, checkStatus, NotApplicable } from '../verdict.ts';

const ROUNDS = 8;
const MINUTE = 60;

/** From the making of a future to its end. */
export const seedLife: readonly Scenario[] = [
  inSeed(1, 'a future sends its timeout event once, when its time has come', async (stage, api) => {
    const body = { timeout: 1, send_on_timeout: event(stage.type, { body: 'later' }) };
    const { token, due } = await api.make(stage, body);
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['content'], { body: 'later' }, 'the content of the event');
    checkSame(sent['sender'], stage.owner.userId, 'the sender of the event');
    checkRefused(await api.refresh(token), 'a refresh after that');
    check((await api.find(stage.owner, token)) === undefined, 'it is in the list of running futures still');
    await stage.waitOut(api, Date.now());
    checkSame((await stage.eventsOf(stage.roomId, stage.type)).length, 1, 'the number of events after that');
  }),

  inSeed(2, 'refreshes put it off, and it is sent one whole timeout after the last', async (stage, api) => {
    const made = await api.make(stage, { timeout: 2, send_on_timeout: event(stage.type) });
    let due = made.due;
    for (let count = 0; count < 3; count += 1) {
      await stage.sleepUntil(due.earliestMs - 800);
      const answer = await api.refresh(made.token);
      stage.expectInTime(answer, due.earliestMs);
      checkStatus(answer, [200], 'a refresh');
      due = dueAfter(answer, 2_000);
    }
    await stage.expectOne(stage.roomId, stage.type, due);
  }),

  inSeed(
    3,
    'a refresh in the last moment either keeps it or comes too late',
    async (stage, api) => {
      await Promise.all(Array.from({ length: ROUNDS }, (_, round) => refreshAtDeadline(stage, api, round)));
    },
    { pending: ROUNDS + 1 },
  ),

  inSeed(4, 'two actions at once send one event', async (stage, api) => {
    const { token } = await makeWithActions(stage, api, MINUTE);
    const answers = await Promise.all([api.act(token, 'a'), api.act(token, 'b')]);
    const done = answers.filter(({ status }) => status === 200);
    check(done.length === 1, `${done.length} of two actions are answered with 200, not one`, answers[0]);
    await expectOneOf(stage, Date.now());
  }),

  inSeed(
    5,
    'an action when its time comes leaves one event',
    async (stage, api) => {
      const rounds = Array.from({ length: ROUNDS }, (_, round) => actAtDeadline(stage, api, round));
      await Promise.all(rounds);
    },
    { pending: ROUNDS + 1 },
  ),

  inSeed(6, 'an action that is asked for again sends nothing more', async (stage, api) => {
    const { token } = await makeWithActions(stage, api, MINUTE);
    const first = await api.act(token, 'a');
    checkStatus(first, [200], 'an action');
    await expectOneOf(stage, first.answeredMs);
    const again = await api.act(token, 'a');
    if (again.status === 200)
      checkSame(again.body['event_id'], first.body['event_id'], 'the event id of the repetition', again);
    else checkRefused(again, 'the repetition');
    await expectOneOf(stage, first.answeredMs);
  }),

  inSeed(7, 'after an action there is no other', async (stage, api) => {
    const { token } = await makeWithActions(stage, api, MINUTE);
    const first = await api.act(token, 'a');
    checkStatus(first, [200], 'an action');
    checkRefused(await api.act(token, 'b'), 'another action after it');
    checkRefused(await api.refresh(token), 'a refresh after it');
    await expectOneOf(stage, first.answeredMs);
  }),

  inSeed(9, 'a token that nobody was given does nothing', async (stage, api) => {
    const { token, due } = await makeWithActions(stage, api, 2);
    for (const wrong of ['never-given', '', token.slice(1), `${token}x`, null, 1, undefined]) {
      checkRefused(await api.refresh(wrong), `a refresh with the token ${JSON.stringify(wrong)}`);
      checkRefused(await api.act(wrong, 'a'), `an action with the token ${JSON.stringify(wrong)}`);
    }
    await stage.expectOne(stage.roomId, `${stage.type}.timeout`, due);
  }),

  inSeed(10, 'tokens are used by POST and by PUT, and in no other way', async (stage, api) => {
    const { token } = await makeWithActions(stage, api, MINUTE);
    for (const method of ['POST', 'PUT'] as const)
      checkStatus(await api.refresh(token, method), [200], `a refresh by ${method}`);
    for (const method of ['GET', 'DELETE'])
      checkRefused(
        await stage.peer.ask(method, '/_matrix/client/v3/futures/refresh'),
        `a refresh by ${method}`,
      );
    const sent = await api.act(token, 'a', 'PUT');
    checkStatus(sent, [200], 'an action by PUT');
    await expectOneOf(stage, sent.answeredMs);
  }),

  inSeed(11, 'no access token is looked at where the token of the future is', async (stage, api) => {
    const { token } = await makeWithActions(stage, api, MINUTE);
    checkStatus(await api.refresh(token), [200], 'a refresh without an access token');
    checkStatus(
      await api.refresh(token, 'POST', 'no-access-token-of-anybody'),
      [200],
      'a refresh with an access token that is none',
    );
    checkStatus(await api.act(token, 'b'), [200], 'an action without an access token');
  }),

  inSeed(52, 'a future of a month is not sent at once', async (stage, api) => {
    const seconds = 30 * 24 * 3_600;
    const body = {
      timeout: seconds,
      send_on_timeout: event(stage.type),
      send_on_action: { end: event(stage.newType()) },
    };
    const answer = await api.put(stage.owner, stage.roomId, stage.newName(), body);
    if (answer.status !== 200) throw new NotApplicable(`the peer allows no such timeout: ${answer.status}`);
    const token = answer.body['future_token'];
    stage.afterwards(() => api.act(token, 'end'));
    await stage.expectNone(api, stage.type, Date.now() + 500);
    checkStatus(await api.refresh(token), [200], 'a refresh after that');
  }),

  inSeed(60, 'an action that it does not have is refused, and changes nothing', async (stage, api) => {
    const { token, due } = await makeWithActions(stage, api, 2);
    checkRefused(await api.act(token, 'none'), 'an action that it does not have');
    const answer = await api.refresh(token);
    stage.expectInTime(answer, due.earliestMs);
    checkStatus(answer, [200], 'a refresh after that');
    await stage.expectOne(stage.roomId, `${stage.type}.timeout`, dueAfter(answer, 2_000));
  }),

  inSeed(1, 'what is sent at once is sent before the future is answered for', async (stage, api) => {
    const timeoutType = stage.newType();
    const body = { timeout: 1, send_now: event(stage.type, { now: 1 }), send_on_timeout: event(timeoutType) };
    const { answer, due } = await api.make(stage, body);
    const now = await stage.expectOne(stage.roomId, stage.type, {
      earliestMs: 0,
      latestMs: answer.answeredMs,
    });
    checkSame(eventIdOf(answer, 'send_now'), now['event_id'], 'the id of the event that is sent now', answer);
    eventIdOf(answer, 'send_on_timeout');
    await stage.expectOne(stage.roomId, timeoutType, due);
  }),
];

/** A future whose timeout and whose actions `a` and `b` send events of types of their own. */
async function makeWithActions(
  stage: Stage,
  api: SeedApi,
  timeout: number,
): Promise<Awaited<ReturnType<SeedApi['make']>>> {
  const made = await api.make(stage, {
    timeout,
    send_on_timeout: event(`${stage.type}.timeout`),
    send_on_action: { a: event(`${stage.type}.a`), b: event(`${stage.type}.b`) },
  });
  if (timeout >= MINUTE) stage.afterwards(() => api.act(made.token, 'a'));
  return made;
}

/** One event of what such a future may send is in the room. */
async function expectOneOf(stage: Stage, byMs: number): Promise<void> {
  const names = ['timeout', 'a', 'b'].map((name) => `${stage.type}.${name}`);
  const seen = await stage.sighting(byMs, ({ type }) => names.some((name) => name === type));
  check(seen !== undefined, 'no event of the future is in the room');
  const counts = await Promise.all(names.map((type) => stage.eventsOf(stage.roomId, type)));
  const all = counts.flat();
  checkSame(all.length, 1, 'the number of events of the future');
  check(isJsonObject(all[0]?.['content']), 'the event has no content');
}

async function refreshAtDeadline(stage: Stage, api: SeedApi, round: number): Promise<void> {
  const type = stage.newType();
  const { token, due } = await api.make(stage, { timeout: 1, send_on_timeout: event(type) });
  await stage.sleepUntil(due.latestMs + spread(round));
  const answer = await api.refresh(token);
  if (answer.status === 200) await stage.expectOne(stage.roomId, type, dueAfter(answer, 1_000));
  else {
    checkRefused(answer, 'a refresh when its time has come');
    await stage.expectOne(stage.roomId, type, due);
  }
}

async function actAtDeadline(stage: Stage, api: SeedApi, round: number): Promise<void> {
  const [byTimeout, byAction] = [stage.newType(), stage.newType()];
  const body = {
    timeout: 1,
    send_on_timeout: event(byTimeout),
    send_on_action: { act: event(byAction) },
  };
  const { token, due } = await api.make(stage, body);
  await stage.sleepUntil(due.latestMs + spread(round));
  const answer = await api.act(token, 'act');
  const [winner, loser] = answer.status === 200 ? [byAction, byTimeout] : [byTimeout, byAction];
  if (answer.status !== 200) checkRefused(answer, 'an action when its time has come');
  await stage.expectOne(stage.roomId, winner, { earliestMs: 0, latestMs: due.latestMs });
  await stage.expectNone(api, loser, due.latestMs);
}

/** Some milliseconds before a deadline, at it, and after it. */
function spread(round: number): number {
  return (round - ROUNDS / 2) * 3;
}
