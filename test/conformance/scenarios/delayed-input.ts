import { isJsonObject } from '../../../src/util/json.ts';
import type { DelayedApi, Wanted } from '../delayed-api.ts';
import { objectIn } from '../observer.ts';
import { inDialects, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { check, checkError, checkRefused, checkSame, NotApplicable } from '../verdict.ts';

const LONG_MS = 60_000;

/** What may be asked for, and what is refused at once. */
export const delayedInput: readonly Scenario[] = [
  ...inDialects(
    56,
    'a delay that is no positive number is refused',
    async (stage, api) => {
      for (const delayMs of [0, -1, '10', null, true, [], {}])
        await expectRefused(
          stage,
          api,
          { type: stage.type, delayMs },
          `a delay of ${JSON.stringify(delayMs)}`,
        );
      await expectTextRefused(stage, api, '{"delay_ms":1e999,"content":{}}', 'a delay of 1e999');
      await expectTextRefused(stage, api, '{"delay_ms":NaN,"content":{}}', 'a delay that is no JSON');
      checkSame((await stage.eventsOf(stage.roomId, stage.type)).length, 0, 'the number of events');
    },
    { dialects: ['stable', 'unstable'] },
  ),

  ...inDialects(
    56,
    'a delay that makes no sense is refused, and nothing is sent at once',
    async (stage, api) => {
      for (const delayMs of ['-1', 'soon', '1.5s'])
        await expectRefused(stage, api, { type: stage.type, delayMs }, `a delay of "${delayMs}"`);
      const zero = await api.schedule(stage, { type: stage.newType(), delayMs: '0' });
      if (zero.status === 200) stage.note('a delay of 0 is accepted');
      checkSame((await stage.eventsOf(stage.roomId, stage.type)).length, 0, 'the number of events');
    },
    { dialects: ['query'] },
  ),

  ...inDialects(
    58,
    'a request without a delay or without a content is refused',
    async (stage, api) => {
      await expectTextRefused(stage, api, '{"content":{}}', 'a request without a delay');
      await expectTextRefused(stage, api, '{"delay_ms":1000}', 'a request without a content');
      await expectTextRefused(stage, api, '{"delay_ms":1000,"content":{},"state_key":1}', 'a state key of 1');
      await expectTextRefused(stage, api, '[]', 'a request that is no object');
    },
    { dialects: ['stable', 'unstable'] },
  ),

  ...inDialects(62, 'what can be no event is never sent', async (stage, api) => {
    const { type } = stage;
    for (const [wanted, what] of [
      [{ type, content: [], delayMs: 1_000 }, 'a content of []'],
      [{ type: `${type}.${'x'.repeat(255)}`, delayMs: 1_000 }, 'a type of more than 255 bytes'],
      [{ type, stateKey: 'x'.repeat(256), delayMs: 1_000 }, 'a state key of 256 bytes'],
    ] as const) {
      // The merged text wants what is no event at all to be refused at once.
      if (api.isStable) checkRefused(await api.schedule(stage, wanted), what);
      else await expectNeverSent(stage, api, wanted, what);
    }
  }),

  ...inDialects(63, 'an event that is too large is never sent, and a large one is', async (stage, api) => {
    const large = { type: stage.type, content: { large: 'x'.repeat(50_000) }, delayMs: 1_000 };
    const { due } = await api.make(stage, large);
    const tooLarge = { ...large, type: stage.newType(), content: { large: 'x'.repeat(70_000) } };
    await expectNeverSent(stage, api, tooLarge, 'an event of 70,000 bytes');
    const event = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(sizeOfLarge(event['content']), 50_000, 'the length of the text in the large one');
  }),

  ...inDialects(64, 'numbers that canonical JSON does not have are never sent', async (stage, api) => {
    for (const number of [1.5, 2 ** 53])
      await expectNeverSent(
        stage,
        api,
        { type: stage.newType(), content: { number }, delayMs: 1_000 },
        `a content with ${number}`,
      );
  }),

  ...inDialects(65, 'text of all scripts comes as it was', async (stage, api) => {
    const content = { body: 'grüße 你好 שלום 🧭 👩‍🚀 e\u0301 "\\', ключ: ['é'] };
    const { due } = await api.make(stage, { type: stage.type, content, delayMs: 1_000 });
    const event = await stage.expectOne(stage.roomId, stage.type, due);
    checkSame(event['content'], content, 'the content of the event');
  }),

  ...inDialects(73, 'what is encrypted comes as it was', async (stage, api) => {
    const content = {
      algorithm: 'm.megolm.v1.aes-sha2',
      ciphertext: 'AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg',
      session_id: stage.type,
    };
    const { due } = await api.make(stage, { type: 'm.room.encrypted', content, delayMs: 1_000 });
    const seen = await stage.sighting(
      due.latestMs,
      (event) => objectIn(event, 'content')['session_id'] === stage.type,
    );
    check(seen !== undefined, 'it is not sent');
    checkSame(seen.event['content'], content, 'the content of the event');
  }),

  ...inDialects(66, 'nothing is scheduled for a room that there is not', async (stage, api) => {
    const wanted = { type: stage.type, delayMs: LONG_MS };
    for (const roomId of ['!nowhere:conformance.invalid', 'no-room'])
      checkRefused(await api.schedule(stage, wanted, { roomId }), `an event for the room "${roomId}"`);
  }),

  ...inDialects(66, 'nothing is sent into a room that one is not in', async (stage, api) => {
    const roomId = await stage.makeRoom();
    const wanted = { type: stage.type, delayMs: 1_000 };
    const answer = await api.schedule(stage, wanted, { roomId, by: stage.other });
    if (answer.status !== 200) return checkRefused(answer, 'an event for a room that one is not in');
    stage.note('it is scheduled, and not sent');
    await stage.expectNone(api, stage.type, answer.answeredMs + 1_000, roomId);
  }),

  ...inDialects(
    79,
    'a delay over the announced maximum is refused, and the maximum is not',
    async (stage, api) => {
      const { maxDelayMs } = stage.scene;
      if (maxDelayMs === undefined) throw new NotApplicable('the peer announces no longest delay');
      await api.make(stage, { type: stage.type, delayMs: maxDelayMs });
      const answer = await api.schedule(stage, { type: stage.type, delayMs: maxDelayMs + 1 });
      if (api.isStable) checkError(answer, 400, 'M_DELAY_TOO_LARGE', 'a delay over the maximum');
      else checkRefused(answer, 'a delay over the maximum');
      if (api.dialect === 'query' && answer.body['org.matrix.msc4140.max_delay'] === undefined)
        stage.note('clients are not told the maximum, so that matrix-js-sdk joins calls without a leave');
    },
  ),

  ...inDialects(
    86,
    'one more than the announced number is refused until the next is sent',
    async (stage, api) => {
      const most = stage.scene.maxScheduled;
      if (most === undefined || most > 200)
        throw new NotApplicable('the peer announces no number of at most 200 at once');
      const user = await stage.scene.accounts.make('collector');
      await stage.join(stage.roomId, user);
      const startMs = Date.now();
      for (let count = 0; count < most; count += 10) {
        const some = Array.from({ length: Math.min(10, most - count) });
        await Promise.all(
          some.map(() => api.make(stage, { type: stage.type, delayMs: LONG_MS }, { by: user })),
        );
      }
      const path = api.pathFor(stage, { type: stage.type, delayMs: LONG_MS }, {});
      const body = { delay_ms: LONG_MS, content: {} };
      const answer = await stage.peer.ask('PUT', path, { token: user.token, body, takesLimit: true });
      stage.expectInTime(answer, startMs + LONG_MS);
      checkError(answer, 429, 'M_LIMIT_EXCEEDED', 'one more than the announced number');
      const seconds = secondsUntil(answer.headers['retry-after'] ?? '');
      check(
        seconds > 0 && seconds <= LONG_MS / 1_000,
        'Retry-After is not the time until the next is sent',
        answer,
      );
    },
    { dialects: ['stable', 'unstable'], pending: 0 },
  ),
];

async function expectRefused(stage: Stage, api: DelayedApi, wanted: Wanted, what: string): Promise<void> {
  checkRefused(await api.schedule(stage, wanted), what);
}

async function expectTextRefused(stage: Stage, api: DelayedApi, text: string, what: string): Promise<void> {
  const path = api.pathFor(stage, { type: stage.type, delayMs: undefined }, {});
  checkRefused(await stage.peer.ask('PUT', path, { token: stage.owner.token, text }), what);
}

/** It is refused at once, or nothing comes of it: a server need not know before what it will allow. */
async function expectNeverSent(
  stage: Stage,
  api: DelayedApi,
  wanted: Wanted & { readonly delayMs: number },
  what: string,
): Promise<void> {
  const answer = await api.schedule(stage, wanted);
  if (answer.status !== 200) return checkRefused(answer, what);
  stage.note(`${what} is scheduled, and not sent`);
  await stage.expectNone(api, wanted.type, answer.answeredMs + wanted.delayMs);
}

function sizeOfLarge(content: unknown): number | undefined {
  const large = isJsonObject(content) ? content['large'] : undefined;
  return typeof large === 'string' ? large.length : undefined;
}

/** What Retry-After says: seconds, or a date. */
function secondsUntil(header: string): number {
  return /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1_000;
}
