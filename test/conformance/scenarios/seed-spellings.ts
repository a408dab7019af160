import { isJsonObject, type JsonObject } from '../../../src/util/json.ts';
import { event, PREFIXES, spelt } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import { dueAfter } from '../stage.ts';
import { check, checkRefused, checkStatus, NotApplicable, textIn } from '../verdict.ts';

const named = (prefix: string): string => (prefix === '' ? 'bare' : `${prefix}…`);

/** The proposal writes its keys in several ways; all of them are meant. */
export const seedSpellings: readonly Scenario[] = [
  ...PREFIXES.map((prefix) =>
    inSeed(57, `keys are understood when they are spelt ${named(prefix)}`, async (stage, api) => {
      const [nowType, actionType] = [stage.newType(), stage.newType()];
      const answer = await api.put(stage.owner, stage.roomId, stage.newName(), {
        [`${prefix}timeout`]: 1,
        [`${prefix}send_on_timeout`]: event(stage.type),
        [`${prefix}send_now`]: event(nowType),
        [`${prefix}send_on_action:end`]: event(actionType),
      });
      textIn(answer, 'future_token', 'a future with such keys');
      for (const name of ['send_now', 'send_on_timeout', 'send_on_action:end'])
        check(isJsonObject(spelt(answer.body, name)), `the answer says nothing of "${name}"`, answer);
      const due = dueAfter(answer, 1_000);
      await stage.expectOne(stage.roomId, nowType, { earliestMs: 0, latestMs: answer.answeredMs });
      await stage.expectOne(stage.roomId, stage.type, due);
    }),
  ),

  ...PREFIXES.map((prefix) =>
    inSeed(59, `actions are understood as a map that is spelt ${named(prefix)}`, async (stage, api) => {
      const answer = await api.put(stage.owner, stage.roomId, stage.newName(), {
        timeout: 60,
        send_on_timeout: event(stage.newType()),
        [`${prefix}send_on_action`]: { end: event(stage.type) },
      });
      const token = textIn(answer, 'future_token', 'a future with such a map');
      stage.afterwards(() => api.act(token, 'end'));
      const sent = await api.act(token, 'end');
      checkStatus(sent, [200], 'the action of the map');
      await stage.expectOne(stage.roomId, stage.type, { earliestMs: 0, latestMs: sent.answeredMs });
    }),
  ),

  inSeed(57, 'a key that is given twice with the same value is fine', async (stage, api) => {
    const body = {
      timeout: 1,
      'm.timeout': 1,
      send_on_timeout: event(stage.type),
      'm.send_on_timeout': event(stage.type),
    };
    const { due } = await api.make(stage, body);
    await stage.expectOne(stage.roomId, stage.type, due);
  }),

  inSeed(57, 'a key that is given twice with two values is refused', async (stage, api) => {
    const body = { timeout: 1, 'm.timeout': 2, send_on_timeout: event(stage.type) };
    const answer = await api.put(stage.owner, stage.roomId, stage.newName(), body);
    // The proposal says nothing of it.
    if (answer.status === 200) throw new NotApplicable('the peer takes one of the two, as it may');
    checkRefused(answer, 'a future with two timeouts');
  }),

  ...['timeout_ms', 'm.timeout_ms', 'io.element.timeout_ms'].map((key) =>
    inSeed(57, `a timeout in milliseconds is understood as ${key}`, async (stage, api) => {
      const body: JsonObject = { [key]: 700, send_on_timeout: event(stage.type) };
      const answer = await api.put(stage.owner, stage.roomId, stage.newName(), body);
      if (answer.status === 400)
        throw new NotApplicable('the peer does not know it; the proposal does not have it');
      textIn(answer, 'future_token', 'a future with such a timeout');
      await stage.expectOne(stage.roomId, stage.type, dueAfter(answer, 700));
    }),
  ),

  inSeed(57, 'the token is understood as io.element.future_token', async (stage, api) => {
    const { token, due } = await api.make(stage, { timeout: 2, send_on_timeout: event(stage.type) });
    const path = '/_matrix/client/v3/futures/refresh';
    const answer = await stage.peer.ask('POST', path, { body: { 'io.element.future_token': token } });
    if (answer.status === 400)
      throw new NotApplicable('the peer does not know it; the proposal does not have it');
    stage.expectInTime(answer, due.earliestMs);
    checkStatus(answer, [200], 'a refresh with the token spelt so');
  }),
];
