import type { JsonObject } from '../../../src/util/json.ts';
import { listed } from '../delayed-api.ts';
import { objectIn } from '../observer.ts';
import { inDialects, type Scenario } from '../scenario.ts';
import { check, checkError, checkRefused, checkSame, checkStatus, NotApplicable } from '../verdict.ts';

const LONG_MS = 60_000;
const ACTIONS = ['restart', 'send', 'cancel'] as const;

/** Who may look at a delayed event and manage it, and what it is said to be. */
export const delayedOwners: readonly Scenario[] = [
  ...inDialects(9, 'an id that nobody was given is not found', async (stage, api) => {
    for (const action of ACTIONS)
      checkError(
        await api.manage('never-given', action, stage.owner),
        404,
        'M_NOT_FOUND',
        `a ${action} of it`,
      );
    if (api.isStable)
      checkError(await api.get('never-given', stage.owner), 404, 'M_NOT_FOUND', 'a look at it');
  }),

  ...inDialects(
    45,
    'nobody else finds it, and nobody does anything without an access token',
    async (stage, api) => {
      const { id } = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
      for (const action of ACTIONS) {
        const foreign = await api.manage(id, action, stage.other);
        checkError(foreign, 404, 'M_NOT_FOUND', `a ${action} by somebody else`);
        checkStatus(await api.manage(id, action), [401], `a ${action} without an access token`);
      }
      checkError(await api.get(id, stage.other), 404, 'M_NOT_FOUND', 'a look at it by somebody else');
      checkStatus(await api.get(id), [401], 'a look at it without an access token');
      checkStatus(await api.manage(id, 'restart', stage.owner), [200], 'a restart by its owner after that');
    },
    { dialects: ['stable'] },
  ),

  ...inDialects(
    45,
    'nobody else has it in their list, and there is none without an access token',
    async (stage, api) => {
      const before = await api.list(stage.owner);
      if (before.status === 404)
        throw new NotApplicable('the peer has no list, and the merged text has none');
      const content = { listed: true };
      const { id } = await api.make(stage, { type: stage.type, content, delayMs: LONG_MS });
      const answer = await api.list(stage.owner);
      checkStatus(answer, [200], 'the list of one’s delayed events');
      const item = listed(answer, id);
      check(item !== undefined, 'the list does not have what was scheduled', answer);
      checkSame(item['content'], content, 'the content in the list', answer);
      checkSame(item['type'], stage.type, 'the type in the list', answer);
      checkSame(item['room_id'], stage.roomId, 'the room in the list', answer);
      const foreign = await api.list(stage.other);
      checkStatus(foreign, [200], 'the list of somebody else');
      check(listed(foreign, id) === undefined, 'somebody else has it in their list', foreign);
      checkStatus(await api.list(), [401], 'a list without an access token');
      checkStatus(await api.manage(id, 'cancel', stage.owner), [200], 'a request to cancel it');
      const after = await api.list(stage.owner);
      const left = listed(after, id);
      check(
        left === undefined || left['finalised_ts'] !== undefined,
        'it is in the list as if it were scheduled after it was cancelled',
        after,
      );
    },
    { dialects: ['unstable', 'query'] },
  ),

  ...inDialects(
    45,
    'its owner is told what is scheduled',
    async (stage, api) => {
      const content = { a: ['b', { c: 1 }] };
      const wanted = { type: stage.type, content, stateKey: 'key', delayMs: LONG_MS };
      const made = await api.make(stage, wanted);
      const answer = await api.get(made.id, stage.owner);
      if (!api.isStable && answer.body['errcode'] === 'M_UNRECOGNIZED')
        throw new NotApplicable('the peer does not say anything about a single one');
      checkStatus(answer, [200], 'a look at it');
      const {
        delay_ms: delayMs,
        delayed_since_ts: sinceTs,
        ...rest
      } = inFinalWords(answer.body, api.isStable);
      const expected = {
        delay_id: made.id,
        room_id: stage.roomId,
        type: stage.type,
        state_key: 'key',
        content,
      };
      for (const [key, value] of Object.entries(expected)) checkSame(rest[key], value, `"${key}"`, answer);
      checkSame(delayMs, LONG_MS, '"delay_ms"', answer);
      check(Number.isInteger(sinceTs), '"delayed_since_ts" is no time in milliseconds', answer);
      check(rest['finalised'] === undefined, 'it is said to be final while it is scheduled', answer);
      const message = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
      const other = await api.get(message.id, stage.owner);
      check(!Object.hasOwn(other.body, 'state_key'), 'a message is said to have a state key', other);
    },
    { dialects: ['stable', 'unstable'] },
  ),

  ...inDialects(
    45,
    'its owner is told what became of it, as long as the server keeps that',
    async (stage, api) => {
      const sent = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
      const cancelled = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
      const answer = await api.manage(sent.id, 'send', stage.owner);
      checkStatus(answer, [200], 'a request to send one');
      checkStatus(await api.manage(cancelled.id, 'cancel', stage.owner), [200], 'a request to cancel one');
      const [ofSent, ofCancelled] = await Promise.all(
        [sent.id, cancelled.id].map((id) => api.get(id, stage.owner)),
      );
      check(ofSent !== undefined && ofCancelled !== undefined, 'there is no answer');
      if (ofSent.status === 404 && ofCancelled.status === 404)
        throw new NotApplicable('the peer keeps nothing of what has ended, which it may');
      const due = { earliestMs: 0, latestMs: answer.answeredMs };
      const event = await stage.expectOne(stage.roomId, stage.type, due);
      const end = objectIn(ofSent.body, 'finalised');
      checkSame(end['event_id'], event['event_id'], 'the event id of what was sent', ofSent);
      check(Number.isInteger(end['finalised_ts']), 'what was sent has no time of its end', ofSent);
      const noEvent = objectIn(ofCancelled.body, 'finalised');
      check(
        Number.isInteger(noEvent['finalised_ts']),
        'what was cancelled has no time of its end',
        ofCancelled,
      );
      check(noEvent['event_id'] === undefined, 'what was cancelled has an event id', ofCancelled);
      check(noEvent['error'] === undefined, 'what its owner cancelled has an error', ofCancelled);
    },
    { dialects: ['stable'] },
  ),

  ...inDialects(81, 'an action that there is not is none', async (stage, api) => {
    const { id } = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
    checkRefused(await api.manage(id, 'postpone', stage.owner), 'an action that there is not');
    checkStatus(await api.manage(id, 'restart', stage.owner), [200], 'a restart after that');
  }),

  ...inDialects(81, 'actions need no body, and an empty one does no harm', async (stage, api) => {
    const { id } = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
    checkStatus(await api.manage(id, 'restart', stage.owner), [200], 'a restart without a body');
    checkStatus(await api.manage(id, 'restart', stage.owner, {}), [200], 'a restart with an empty body');
  }),

  ...inDialects(
    81,
    'an action in the body is done where the peer knows that form',
    async (stage, api) => {
      const { id } = await api.make(stage, { type: stage.type, delayMs: LONG_MS });
      const path = api.managementPath(id);
      const { token } = stage.owner;
      const restart = await stage.peer.ask('POST', path, { token, body: { action: 'restart' } });
      if (restart.body['errcode'] === 'M_UNRECOGNIZED' || restart.status === 405)
        throw new NotApplicable('the peer has no such form, which later drafts left out');
      checkStatus(restart, [200], 'a restart by the body');
      for (const body of [{}, { action: 'postpone' }])
        checkRefused(await stage.peer.ask('POST', path, { token, body }), `the body ${JSON.stringify(body)}`);
      const sent = await stage.peer.ask('POST', path, { token, body: { action: 'send' } });
      checkStatus(sent, [200], 'a send by the body');
      await stage.expectOne(stage.roomId, stage.type, { earliestMs: 0, latestMs: sent.answeredMs });
    },
    { dialects: ['query'] },
  ),
];

/** What a peer says of a delayed event; the drafts had other names for two of its fields. */
function inFinalWords(body: JsonObject, isFinal: boolean): JsonObject {
  if (isFinal) return body;
  return {
    ...body,
    delay_ms: body['delay_ms'] ?? body['delay'],
    delayed_since_ts: body['delayed_since_ts'] ?? body['scheduled_at'] ?? body['running_since'],
  };
}
