import { isJsonArray, isJsonObject } from '../../../src/util/json.ts';
import { event, eventIdOf } from '../seed-api.ts';
import { segment } from '../peer.ts';
import { inSeed, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { check, checkRefused, checkSame, need, NotApplicable } from '../verdict.ts';

const PLACEHOLDER = '$m.send_now.event_id';

/** What is sent later may name what is sent at once. */
export const seedTemplates: readonly Scenario[] = [
  ...['10', '11'].map((version) =>
    inSeed(68, `a message redacts itself in a room of version ${version}`, async (stage, api) => {
      const roomId = await roomOfVersion(stage, version);
      const { answer, due } = await api.make(
        stage,
        {
          timeout: 1,
          send_now: event(stage.type, { secret: true }),
          send_on_timeout: event('m.room.redaction', { redacts: PLACEHOLDER }),
        },
        { roomId },
      );
      const eventId = eventIdOf(answer, 'send_now');
      await stage.expectOne(roomId, 'm.room.redaction', due);
      checkSame(await contentOf(stage, roomId, eventId), {}, 'the content of the message after that');
    }),
  ),

  inSeed(72, 'who may not redact any more does not redact', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const { answer, due } = await api.make(
      stage,
      {
        timeout: 2,
        send_now: event(stage.type, { kept: true }),
        send_on_timeout: event('m.room.redaction', { redacts: PLACEHOLDER }),
      },
      { roomId, by: stage.other },
    );
    await stage.ban(roomId, stage.other);
    stage.expectBefore(due.earliestMs);
    await stage.waitOut(api, due.latestMs, roomId);
    const content = await contentOf(stage, roomId, eventIdOf(answer, 'send_now'));
    checkSame(content, { kept: true }, 'the content of the message after that');
  }),

  inSeed(69, 'it is replaced wherever it is a whole value of the content', async (stage, api) => {
    const content = {
      plain: PLACEHOLDER,
      nested: { list: ['before', PLACEHOLDER, { deep: PLACEHOLDER }] },
      'm.relates_to': { rel_type: 'm.reference', event_id: PLACEHOLDER },
    };
    const { answer, due } = await api.make(stage, {
      timeout: 1,
      send_now: event(stage.newType()),
      send_on_timeout: event(stage.type, content),
    });
    const eventId = eventIdOf(answer, 'send_now');
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    const expected = {
      plain: eventId,
      nested: { list: ['before', eventId, { deep: eventId }] },
      'm.relates_to': { rel_type: 'm.reference', event_id: eventId },
    };
    checkSame(sent['content'], expected, 'the content of the event');
  }),

  inSeed(69, 'it is replaced in what an action sends', async (stage, api) => {
    const { token, answer } = await api.make(stage, {
      timeout: 2,
      send_now: event(stage.newType()),
      send_on_timeout: event(stage.newType()),
      send_on_action: { a: event(stage.type, { of: PLACEHOLDER }) },
    });
    const acted = need(await api.act(token, 'a'), 'an action');
    const due = { earliestMs: 0, latestMs: acted.answeredMs };
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['content'], { of: eventIdOf(answer, 'send_now') }, 'the content of the event');
  }),

  inSeed(71, 'it is replaced when it is spelt with the prefix', async (stage, api) => {
    const { answer, due } = await api.make(stage, {
      timeout: 1,
      send_now: event(stage.newType()),
      send_on_timeout: event(stage.type, { of: '$io.element.send_now.event_id' }),
    });
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['content'], { of: eventIdOf(answer, 'send_now') }, 'the content of the event');
  }),

  inSeed(69, 'it is no part of the type or the state key, which stay as they are', async (stage, api) => {
    const stateKey = `${stage.newName()} ${PLACEHOLDER}`;
    const { due } = await api.make(stage, {
      timeout: 1,
      send_now: event(stage.newType()),
      send_on_timeout: event(stage.type, {}, stateKey),
    });
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['state_key'], stateKey, 'the state key of the event');
  }),

  inSeed(74, 'what people write about it in a sentence is theirs', async (stage, api) => {
    const body = `the variable ${PLACEHOLDER} is replaced`;
    const { due } = await api.make(stage, {
      timeout: 1,
      send_now: event(stage.newType()),
      send_on_timeout: event(stage.type, { body }),
    });
    const { content } = await stage.expectOne(stage.roomId, stage.type, due);
    // The proposal shows whole values, and says nothing of parts.
    if (!isJsonObject(content) || content['body'] !== body)
      throw new NotApplicable('the peer replaces it in a sentence, as it may');
  }),

  inSeed(70, 'it means nothing where nothing is sent at once', async (stage, api) => {
    const body = { timeout: 1, send_on_timeout: event(stage.type, { of: PLACEHOLDER }) };
    const answer = await api.put(stage.owner, stage.roomId, stage.newName(), body);
    if (answer.status !== 200) return checkRefused(answer, 'a future that names what is not sent');
    const due = { earliestMs: answer.askedMs + 1_000, latestMs: answer.answeredMs + 1_000 };
    const sent = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sent['content'], { of: PLACEHOLDER }, 'the content of the event');
  }),
];

async function roomOfVersion(stage: Stage, version: string): Promise<string> {
  const { token } = stage.owner;
  const { body } = await stage.peer.ask('GET', '/_matrix/client/v3/capabilities', { token });
  const { capabilities } = body;
  const versions = isJsonObject(capabilities) ? capabilities['m.room_versions'] : undefined;
  const available =
    isJsonObject(versions) && isJsonObject(versions['available']) ? versions['available'] : {};
  if (!Object.hasOwn(available, version))
    throw new NotApplicable(`the peer has no rooms of version ${version}`);
  check(!isJsonArray(available), 'the versions are a list');
  return stage.makeRoom({ version });
}

async function contentOf(stage: Stage, roomId: string, eventId: string): Promise<unknown> {
  const path = `/_matrix/client/v3/rooms/${segment(roomId)}/event/${segment(eventId)}`;
  const answer = await stage.peer.ask('GET', path, { token: stage.owner.token });
  return need(answer, 'reading an event').body['content'];
}
