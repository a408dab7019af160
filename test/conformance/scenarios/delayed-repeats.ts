import type { DelayedApi } from '../delayed-api.ts';
import { inDialects, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Answer } from '../peer.ts';
import { checkSame, checkStatus, textIn, check } from '../verdict.ts';

const LONG_MS = 60_000;

/** Requests that come again: by their transaction id they are one. */
export const delayedRepeats: readonly Scenario[] = [
  ...inDialects(14, 'a repeated request is one and the same delayed event', async (stage, api) => {
    const wanted = { type: stage.type, delayMs: 1_000 };
    const txnId = stage.newName();
    const first = await api.make(stage, wanted, { txnId });
    const again = await api.schedule(stage, wanted, { txnId });
    checkSame(textIn(again, 'delay_id', 'a repeated request'), first.id, 'its delay id', again);
    await stage.expectOne(stage.roomId, stage.type, first.due);
  }),

  ...inDialects(15, 'a repeated request need not have the same body, nor any', async (stage, api) => {
    const wanted = { type: stage.type, content: { a: 1 }, delayMs: LONG_MS };
    const txnId = stage.newName();
    const { id } = await api.make(stage, wanted, { txnId });
    const path = api.pathFor(stage, wanted, { txnId });
    const bodiless = await stage.peer.ask('PUT', path, { token: stage.owner.token });
    // A true repetition has the same body; clients of the query parameter send none.
    if (bodiless.status !== 200 && api.dialect !== 'query') stage.note('a repetition needs a body');
    else checkSame(textIn(bodiless, 'delay_id', 'a repetition without a body'), id, 'its delay id', bodiless);
    const other = await api.schedule(stage, { ...wanted, content: { b: 2 } }, { txnId });
    checkSame(textIn(other, 'delay_id', 'a repetition with another body'), id, 'its delay id', other);
  }),

  ...inDialects(
    16,
    'the same transaction id of another device is another delayed event',
    async (stage, api) => {
      const otherDevice = await stage.scene.accounts.login(stage.owner);
      const wanted = { type: stage.type, delayMs: LONG_MS };
      const txnId = stage.newName();
      const first = await api.make(stage, wanted, { txnId });
      const second = await api.make(stage, wanted, { txnId, by: otherDevice });
      check(first.id !== second.id, 'both devices are told the same delay id', second.answer);
    },
  ),

  ...inDialects(
    17,
    'the same transaction id for a plain message is another request',
    async (stage, api) => {
      const txnId = stage.newName();
      const { id } = await api.make(stage, { type: stage.type, delayMs: LONG_MS }, { txnId });
      const plain = await stage.send(stage.roomId, stage.owner, stage.type, { plain: true }, txnId);
      textIn(plain, 'event_id', 'the sending of a plain message');
      checkStatus(await api.manage(id, 'cancel', stage.owner), [200], 'a request to cancel the other');
    },
    { dialects: ['stable', 'unstable'] },
  ),

  ...inDialects(18, 'requests with one transaction id at the same time are one', async (stage, api) => {
    const txnId = stage.newName();
    const answers = await scheduleTogether(stage, api, txnId, 4);
    const ids = new Set(answers.map((answer) => textIn(answer, 'delay_id', 'one of four requests')));
    for (const id of ids) stage.afterwards(() => api.manage(id, 'cancel', stage.owner));
    check(ids.size === 1, `four requests made ${ids.size} delayed events`, answers[0]);
    const [answer] = answers;
    check(answer !== undefined, 'there is no answer');
    await stage.expectOne(stage.roomId, stage.type, {
      earliestMs: Math.min(...answers.map(({ askedMs }) => askedMs)) + 1_000,
      latestMs: Math.max(...answers.map(({ answeredMs }) => answeredMs)) + 1_000,
    });
  }),

  ...inDialects(19, 'a request repeated after the event was sent schedules nothing', async (stage, api) => {
    const wanted = { type: stage.type, delayMs: 2_000 };
    const txnId = stage.newName();
    const { id, due } = await api.make(stage, wanted, { txnId });
    const sent = await api.manage(id, 'send', stage.owner);
    stage.expectInTime(sent, due.earliestMs);
    checkStatus(sent, [200], 'a request to send it');
    const again = await api.schedule(stage, wanted, { txnId });
    checkSame(textIn(again, 'delay_id', 'a repeated request'), id, 'its delay id', again);
    await stage.waitOut(api, again.answeredMs + 2_000);
    checkSame((await stage.eventsOf(stage.roomId, stage.type)).length, 1, 'the number of events');
  }),
];

function scheduleTogether(stage: Stage, api: DelayedApi, txnId: string, count: number): Promise<Answer[]> {
  const wanted = { type: stage.type, delayMs: 1_000 };
  return Promise.all(Array.from({ length: count }, () => api.schedule(stage, wanted, { txnId })));
}
