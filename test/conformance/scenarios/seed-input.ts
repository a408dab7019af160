import { isJsonObject, type JsonObject } from '../../../src/util/json.ts';
import { segment } from '../peer.ts';
import { event, spelt, type SeedApi } from '../seed-api.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { check, checkRefused, checkSame, checkStatus } from '../verdict.ts';

/** Names that something on the way may misread. */
const ACTION_NAMES = [
  'ende der sitzung',
  'schluß-結束-🧭',
  'a/b',
  'a?b&c=d',
  'a:b',
  '100%',
  '%2F',
  'x'.repeat(100),
  '__proto__',
  'constructor',
  'toString',
];

/** What may be asked for, and what is refused at once. */
export const seedInput: readonly Scenario[] = [
  inSeed(56, 'a timeout that is no positive number is refused', async (stage, api) => {
    for (const timeout of [0, -1, '10', null, true, [], {}])
      checkRefused(
        await put(stage, api, { timeout, send_on_timeout: event(stage.type) }),
        `a timeout of ${JSON.stringify(timeout)}`,
      );
    const path = `/_matrix/client/v3/rooms/${segment(stage.roomId)}/send/future/${stage.newName()}`;
    for (const timeout of ['1e999', 'NaN', '10*60']) {
      const text = `{"timeout":${timeout},"send_on_timeout":{"type":"${stage.type}","content":{}}}`;
      checkRefused(
        await stage.peer.ask('PUT', path, { token: stage.owner.token, text }),
        `a timeout of ${timeout}`,
      );
    }
    await stage.expectNone(api, stage.type, Date.now());
  }),

  inSeed(58, 'there must be a timeout, and an event for it', async (stage, api) => {
    const send = event(stage.type);
    for (const body of [
      { send_on_timeout: send },
      { timeout: 1 },
      { timeout: 1, send_on_action: { a: send } },
      { send_on_timeout: send, send_on_action: { a: send } },
      { timeout: 1, send_now: send },
      {},
    ])
      checkRefused(await put(stage, api, body), `a future with ${JSON.stringify(Object.keys(body))} only`);
    await stage.expectNone(api, stage.type, Date.now() + 1_000);
  }),

  inSeed(67, 'what is no future is no message of the type "future" either', async (stage, api) => {
    const answer = await put(stage, api, { body: 'not a future' });
    checkRefused(answer, 'a body that is no future');
    checkSame((await stage.eventsOf(stage.roomId, 'future')).length, 0, 'the number of events of that type');
  }),

  ...ACTION_NAMES.map((name) =>
    inSeed(59, `an action may be called ${JSON.stringify(name.slice(0, 20))}`, async (stage, api) => {
      const answer = await put(stage, api, {
        timeout: 60,
        send_on_timeout: event(stage.newType()),
        send_on_action: Object.fromEntries([[name, event(stage.type)]]),
      });
      checkStatus(answer, [200], 'a future with such an action');
      const entry = spelt(answer.body, `send_on_action:${name}`);
      check(isJsonObject(entry), 'the answer says nothing of the action', answer);
      const sent = await api.act(answer.body['future_token'], name);
      checkStatus(sent, [200], 'the action');
      await stage.expectOne(stage.roomId, stage.type, { earliestMs: 0, latestMs: sent.answeredMs });
    }),
  ),

  inSeed(59, 'names that only look alike are different actions', async (stage, api) => {
    const [composed, decomposed] = ['\u00e9', 'e\u0301'];
    const [wrong, right] = [stage.newType(), stage.newType()];
    const answer = await put(stage, api, {
      timeout: 60,
      send_on_timeout: event(stage.newType()),
      send_on_action: { [composed]: event(wrong), [decomposed]: event(right) },
    });
    checkStatus(answer, [200], 'a future with two such actions');
    const sent = await api.act(answer.body['future_token'], decomposed);
    checkStatus(sent, [200], 'one of the actions');
    await stage.expectOne(stage.roomId, right, { earliestMs: 0, latestMs: sent.answeredMs });
    checkSame((await stage.eventsOf(stage.roomId, wrong)).length, 0, 'the number of events of the other');
  }),

  inSeed(61, 'an event says nothing of who sends it, and where', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const forged = {
      ...event(stage.type),
      sender: stage.other.userId,
      room_id: roomId,
      event_id: '$forged',
      origin_server_ts: 1,
      depth: 1_000_000,
      prev_events: [],
      signatures: {},
    };
    const answer = await put(stage, api, { timeout: 1, send_on_timeout: forged });
    const dueMs = answer.answeredMs + 1_000;
    if (answer.status !== 200) {
      checkRefused(answer, 'an event with what a server decides');
      return stage.expectNone(api, stage.type, dueMs);
    }
    const due = { earliestMs: answer.askedMs + 1_000, latestMs: dueMs };
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['sender'], stage.owner.userId, 'the sender of the event');
    check(sent['event_id'] !== '$forged', 'the event has the id that was asked for');
    check(sent['origin_server_ts'] !== 1, 'the event has the time that was asked for');
    checkSame((await stage.eventsOf(roomId, stage.type)).length, 0, 'the number of events in the other room');
  }),

  inSeed(62, 'what can be no event is never sent', async (stage, api) => {
    const type = `${stage.type}.${'x'.repeat(255)}`;
    for (const wrong of [
      { type: stage.type, content: [] },
      { type: stage.type },
      { content: {} },
      { type, content: {} },
      { type: 'm.room.member', content: {}, state_key: stage.other.userId },
      { type: 'm.room.create', content: { [stage.type]: true }, state_key: '' },
    ])
      await expectNeverSent(stage, api, wrong, `an event with ${JSON.stringify(Object.keys(wrong))}`);
    await stage.waitOut(api, Date.now() + 1_000);
    for (const one of [stage.type, type])
      checkSame((await stage.eventsOf(stage.roomId, one)).length, 0, 'the number of events');
    const member = await stage.state(stage.roomId, 'm.room.member', stage.other.userId);
    checkSame(member.body['membership'], 'join', 'the membership of the other');
    const create = await stage.state(stage.roomId, 'm.room.create', '');
    check(create.body[stage.type] === undefined, 'the room has been made anew', create);
  }),

  inSeed(63, 'an event that is too large is never sent, and a large one is', async (stage, api) => {
    const tooLargeType = stage.newType();
    const tooLarge = event(tooLargeType, { large: 'x'.repeat(70_000) });
    await expectNeverSent(stage, api, tooLarge, 'an event of 70,000 bytes');
    const large = event(stage.type, { large: 'x'.repeat(50_000) });
    const { due } = await api.make(stage, { timeout: 1, send_on_timeout: large });
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(JSON.stringify(sent['content']).length, JSON.stringify(large['content']).length, 'its length');
    checkSame((await stage.eventsOf(stage.roomId, tooLargeType)).length, 0, 'the number of the other');
  }),

  inSeed(64, 'numbers that canonical JSON does not have are never sent', async (stage, api) => {
    for (const number of [1.5, 2 ** 53])
      await expectNeverSent(stage, api, event(stage.type, { number }), `a content with ${number}`);
    await stage.expectNone(api, stage.type, Date.now() + 1_000);
  }),

  inSeed(65, 'text of all scripts comes as it was', async (stage, api) => {
    const content = { body: 'grüße 你好 שלום 🧭 👩‍🚀 e\u0301 "\\', ключ: ['é'] };
    const { due } = await api.make(stage, { timeout: 1, send_on_timeout: event(stage.type, content) });
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['content'], content, 'the content of the event');
  }),

  inSeed(66, 'there is no future in a room that there is not, or that one is not in', async (stage, api) => {
    const body = { timeout: 1, send_on_timeout: event(stage.type) };
    for (const roomId of ['!nowhere:conformance.invalid', 'no-room'])
      checkRefused(
        await api.put(stage.owner, roomId, stage.newName(), body),
        `a future in the room "${roomId}"`,
      );
    const roomId = await stage.makeRoom();
    const answer = await api.put(stage.other, roomId, stage.newName(), body);
    if (answer.status !== 200) checkRefused(answer, 'a future in a room that one is not in');
    await stage.expectNone(api, stage.type, answer.answeredMs + 1_000, roomId);
  }),
];

function put(stage: Stage, api: SeedApi, body: JsonObject): ReturnType<SeedApi['put']> {
  return api.put(stage.owner, stage.roomId, stage.newName(), body);
}

/** It is refused at once, or nothing comes of it: the proposal does not say when an event is looked at. */
async function expectNeverSent(stage: Stage, api: SeedApi, wrong: JsonObject, what: string): Promise<void> {
  const answer = await put(stage, api, { timeout: 1, send_on_timeout: wrong });
  if (answer.status === 200) stage.note(`${what} is accepted, and is not to be sent`);
  else checkRefused(answer, what);
}
