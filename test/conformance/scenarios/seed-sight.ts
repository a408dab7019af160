import { isJsonObject } from '../../../src/util/json.ts';
import { objectIn } from '../observer.ts';
import { segment } from '../peer.ts';
import { event, eventIdOf, spelt } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import { check, checkSame, checkStatus, NotApplicable } from '../verdict.ts';

/** What is seen of a future before it resolves, and after. */
export const seedSight: readonly Scenario[] = [
  inSeed(45, 'its owner finds its events and its token in the list', async (stage, api) => {
    const now = event(stage.newType(), { now: true });
    const later = event(stage.type, { later: true }, 'key');
    const end = event(stage.newType(), { end: true });
    const body = { timeout: 2, send_now: now, send_on_timeout: later, send_on_action: { end } };
    const { token, answer, due } = await api.make(stage, body);
    const future = await api.find(stage.owner, token);
    stage.expectBefore(due.earliestMs);
    check(future !== undefined, 'it is not in the list of running futures');
    for (const [name, wanted] of [
      ['send_now', now],
      ['send_on_timeout', later],
      ['send_on_action:end', end],
    ] as const) {
      const entry = spelt(future, name);
      check(isJsonObject(entry), `the list says nothing of "${name}"`);
      checkSame(entry['type'], wanted['type'], `the type of "${name}"`);
      checkSame(entry['content'], wanted['content'], `the content of "${name}"`);
      checkSame(entry['state_key'], wanted['state_key'], `the state key of "${name}"`);
    }
    const sent = spelt(future, 'send_now');
    const sentId = isJsonObject(sent) ? sent['event_id'] : undefined;
    checkSame(sentId, eventIdOf(answer, 'send_now'), 'the id of what was sent at once');
  }),

  inSeed(75, 'nobody sees it in the room before it is sent', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const body = { timeout: 2, send_on_timeout: event(stage.type) };
    const { due } = await api.make(stage, body, { roomId });
    for (const account of [stage.owner, stage.other]) {
      const synced = await stage.sync(roomId, account);
      const read = await stage.eventsOf(roomId, stage.type, account);
      stage.expectBefore(due.earliestMs);
      check(synced.text.includes(roomId), 'the room is not in the answer of /sync');
      check(!synced.text.includes(stage.type), 'it is in the answer of /sync before its time');
      checkSame(read.length, 0, 'the number of events before its time');
    }
    await stage.expectOne(roomId, stage.type, due);
  }),

  inSeed(73, 'what is encrypted comes as it was, and is listed as it is', async (stage, api) => {
    const content = {
      algorithm: 'm.megolm.v1.aes-sha2',
      ciphertext: 'AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg',
      session_id: stage.type,
    };
    const body = { timeout: 1, send_on_timeout: event('m.room.encrypted', content) };
    const { token, due } = await api.make(stage, body);
    const future = await api.find(stage.owner, token);
    const entry = future === undefined ? undefined : spelt(future, 'send_on_timeout');
    if (Date.now() < due.earliestMs)
      checkSame(isJsonObject(entry) ? entry['content'] : undefined, content, 'the content in the list');
    const seen = await stage.sighting(
      due.latestMs,
      (one) => objectIn(one, 'content')['session_id'] === stage.type,
    );
    check(seen !== undefined, 'it is not sent');
    checkSame(seen.event['content'], content, 'the content of the event');
  }),

  inSeed(
    87,
    'its events are delayed events that can be cancelled, where the answer says so',
    async (stage, api) => {
      const { token, answer, due } = await api.make(stage, {
        timeout: 2,
        send_on_timeout: event(stage.type),
      });
      const entry = spelt(answer.body, 'send_on_timeout');
      const delayId = isJsonObject(entry) ? entry['delay_id'] : undefined;
      if (typeof delayId !== 'string')
        throw new NotApplicable('the answer names no delay id; the proposal does not have it');
      const path = `/_matrix/client/unstable/org.matrix.msc4140/delayed_events/${segment(delayId)}/cancel`;
      const cancelled = await stage.peer.ask('POST', path, { token: stage.owner.token });
      stage.expectInTime(cancelled, due.earliestMs);
      checkStatus(cancelled, [200], 'a request to cancel the delayed event');
      const refreshed = await api.refresh(token);
      check(
        refreshed.status >= 400 && refreshed.status < 500,
        'the future is refreshed after that',
        refreshed,
      );
      await stage.expectNone(api, stage.type, due.latestMs);
    },
  ),
];
