import { event } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import { check, checkSame, checkStatus, textIn } from '../verdict.ts';

const MINUTE = 60;

/** Requests that come again: by their transaction id they are one. */
export const seedRepeats: readonly Scenario[] = [
  inSeed(14, 'a repeated request is one future, and has the same answer', async (stage, api) => {
    const nowType = stage.newType();
    const body = { timeout: 1, send_now: event(nowType), send_on_timeout: event(stage.type) };
    const txnId = stage.newName();
    const { answer, due } = await api.make(stage, body, { txnId });
    const again = await api.put(stage.owner, stage.roomId, txnId, body);
    checkSame(again.json, answer.json, 'the answer to the repetition', again);
    await stage.expectOne(stage.roomId, stage.type, due);
    checkSame((await stage.eventsOf(stage.roomId, nowType)).length, 1, 'the number of events sent at once');
  }),

  inSeed(15, 'a repeated request need not have the same body, nor any', async (stage, api) => {
    const body = {
      timeout: MINUTE,
      send_on_timeout: event(stage.type),
      send_on_action: { a: event(stage.type) },
    };
    const txnId = stage.newName();
    const { token, answer } = await api.make(stage, body, { txnId });
    stage.afterwards(() => api.act(token, 'a'));
    const bodiless = await api.put(stage.owner, stage.roomId, txnId, undefined);
    if (bodiless.status !== 200) stage.note('a repetition needs a body');
    else checkSame(bodiless.json, answer.json, 'the answer to a repetition without a body', bodiless);
    const other = await api.put(stage.owner, stage.roomId, txnId, { ...body, send_now: event(stage.type) });
    checkSame(other.json, answer.json, 'the answer to a repetition with another body', other);
    checkSame((await stage.eventsOf(stage.roomId, stage.type)).length, 0, 'the number of events');
  }),

  inSeed(16, 'the same transaction id of another device is another future', async (stage, api) => {
    const device = await stage.scene.accounts.login(stage.owner);
    const body = { timeout: 1, send_on_timeout: event(stage.type) };
    const txnId = stage.newName();
    const first = await api.make(stage, body, { txnId });
    const second = await api.make(stage, body, { txnId, by: device });
    check(first.token !== second.token, 'both devices are told the same token', second.answer);
  }),

  inSeed(17, 'the same transaction id for a plain message is another request', async (stage, api) => {
    const txnId = stage.newName();
    const { due } = await api.make(stage, { timeout: 1, send_on_timeout: event(stage.type) }, { txnId });
    const plainType = stage.newType();
    const plain = await stage.send(stage.roomId, stage.owner, plainType, {}, txnId);
    textIn(plain, 'event_id', 'the sending of a plain message');
    checkSame((await stage.eventsOf(stage.roomId, plainType)).length, 1, 'the number of plain messages');
    await stage.expectOne(stage.roomId, stage.type, due);
  }),

  inSeed(18, 'requests with one transaction id at the same time are one', async (stage, api) => {
    const nowType = stage.newType();
    const body = { timeout: 1, send_now: event(nowType), send_on_timeout: event(stage.type) };
    const txnId = stage.newName();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => api.put(stage.owner, stage.roomId, txnId, body)),
    );
    const tokens = answers.map((answer) => textIn(answer, 'future_token', 'one of four requests'));
    check(new Set(tokens).size === 1, `four requests made ${new Set(tokens).size} futures`, answers[0]);
    await stage.expectOne(stage.roomId, stage.type, {
      earliestMs: Math.min(...answers.map(({ askedMs }) => askedMs)) + 1_000,
      latestMs: Math.max(...answers.map(({ answeredMs }) => answeredMs)) + 1_000,
    });
    checkSame((await stage.eventsOf(stage.roomId, nowType)).length, 1, 'the number of events sent at once');
  }),

  inSeed(19, 'a request repeated after the future has ended makes none', async (stage, api) => {
    const body = {
      timeout: 2,
      send_on_timeout: event(stage.type),
      send_on_action: { a: event(stage.newType()) },
    };
    const txnId = stage.newName();
    const { token, answer, due } = await api.make(stage, body, { txnId });
    const acted = await api.act(token, 'a');
    stage.expectInTime(acted, due.earliestMs);
    checkStatus(acted, [200], 'an action');
    const again = await api.put(stage.owner, stage.roomId, txnId, body);
    checkSame(again.json, answer.json, 'the answer to the repetition', again);
    await stage.expectNone(api, stage.type, again.answeredMs + 2_000);
  }),
];
