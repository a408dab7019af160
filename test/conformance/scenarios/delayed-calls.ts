import { isJsonObject } from '../../../src/util/json.ts';
import type { Account } from '../accounts.ts';
import type { Delayed, DelayedApi } from '../delayed-api.ts';
import { segment, type Answer } from '../peer.ts';
import { inDialects, type Scenario } from '../scenario.ts';
import { dueAfter, type Stage } from '../stage.ts';
import { check, checkSame, checkStatus, need, NotApplicable, textIn } from '../verdict.ts';

const C = '/_matrix/client/v3';
const STATE = 'org.matrix.msc3401.call.member';
const STICKY = 'org.matrix.msc4143.rtc.member';
const LEAVE_AFTER_MS = 1_500;

/** What the clients and services of calls do with delayed events. */
export const delayedCalls: readonly Scenario[] = [
  ...onQuery('whoever crashes in a call has left it when the restarts stop', async (stage, api) => {
    const call = await Call.join(stage, api);
    const due = await call.stay(2);
    await call.expectLeft(due);
  }),

  ...onQuery('whoever leaves a call has left it at once', async (stage, api) => {
    const call = await Call.join(stage, api);
    const due = await call.stay(1);
    const left = await api.manage(call.leave.id, 'send', stage.owner);
    stage.expectInTime(left, due.earliestMs);
    checkStatus(left, [200], 'the sending of the leave');
    await call.expectLeft({ earliestMs: 0, latestMs: left.answeredMs });
    const again = await api.manage(call.leave.id, 'cancel', stage.owner);
    // Clients take 404 for an end, and stumble over all else.
    checkStatus(again, [200, 404], 'a cancel after that');
  }),

  ...onQuery('whoever was taken for gone comes back', async (stage, api) => {
    const first = await Call.join(stage, api);
    await first.expectLeft(first.leave.due);
    const restart = await api.manage(first.leave.id, 'restart', stage.owner);
    checkStatus(restart, [404], 'a restart after the leave was sent');
    const second = await Call.join(stage, api);
    const due = await second.stay(1);
    const cancelled = await api.manage(second.leave.id, 'cancel', stage.owner);
    stage.expectInTime(cancelled, due.earliestMs);
    checkStatus(cancelled, [200], 'a cancel of the new leave');
    await stage.waitOut(api, Date.now() + LEAVE_AFTER_MS);
    checkSame((await second.membership()).body['application'], 'm.call', 'the call in the membership');
  }),

  ...onQuery('a leave that is sticky is sent sticky', async (stage) => {
    const features = await featuresOf(stage);
    if (features['org.matrix.msc4354'] !== true)
      throw new NotApplicable('the peer does not announce sticky events (org.matrix.msc4354)');
    const key = stage.newName();
    const content = { msc4354_sticky_key: key };
    const room = `${C}/rooms/${segment(stage.roomId)}/send/${STICKY}`;
    const query = `org.matrix.msc4354.sticky_duration_ms=60000&org.matrix.msc4140.delay=${LEAVE_AFTER_MS}`;
    const { token } = stage.owner;
    const path = `${room}/${stage.newName()}?${query}`;
    const answer = await stage.peer.ask('PUT', path, { token, body: content });
    textIn(answer, 'delay_id', 'the scheduling of a sticky leave');
    const due = dueAfter(answer, LEAVE_AFTER_MS);
    const seen = await stage.sighting(
      due.latestMs,
      ({ content }) => isJsonObject(content) && content['msc4354_sticky_key'] === key,
    );
    check(seen !== undefined, 'the leave is not sent');
    const sticky = seen.event['msc4354_sticky'];
    checkSame(sticky, { duration_ms: 60_000 }, '"msc4354_sticky" of the event');
  }),

  ...inDialects(
    83,
    'a service that has the id alone keeps it, and sends it',
    async (stage, api) => {
      const made = await api.make(stage, { type: stage.type, delayMs: LEAVE_AFTER_MS });
      let due = made.due;
      for (let count = 0; count < 2; count += 1) {
        await stage.sleepUntil(due.earliestMs - 700);
        const answer = await api.manage(made.id, 'restart', undefined, {});
        if (answer.status === 401)
          throw new NotApplicable('the peer wants an access token for that, as the merged text does');
        stage.expectInTime(answer, due.earliestMs);
        checkStatus(answer, [200], 'a restart with an empty body and no access token');
        due = dueAfter(answer, LEAVE_AFTER_MS);
      }
      const sent = await api.manage(made.id, 'send', undefined, {});
      stage.expectInTime(sent, due.earliestMs);
      checkStatus(sent, [200], 'a send with an empty body and no access token');
      await stage.expectOne(stage.roomId, stage.type, { earliestMs: 0, latestMs: sent.answeredMs });
      const again = await api.manage(made.id, 'send', undefined, {});
      checkStatus(again, [200, 404], 'a second send');
    },
    { dialects: ['query'] },
  ),

  ...inDialects(
    84,
    'clients that look for a server that leaves calls for them are told the truth',
    async (stage) => {
      const base = '/_matrix/client/unstable/io.element.msc4195/rtc/livekit';
      const probe = await stage.peer.ask('POST', `${base}/delegate_delayed_leave`, { body: {} });
      if (probe.status === 404) return;
      const nonsense = await stage.peer.ask('POST', `${base}/conformance_nonsense`, { body: {} });
      if (nonsense.status === 404) throw new NotApplicable('the peer has that endpoint');
      const sentence = `the probe is answered with ${probe.status}, like any path: clients take that for a yes`;
      check(false, sentence, probe);
    },
    { dialects: ['query'] },
  ),
];

function onQuery(name: string, run: (stage: Stage, api: DelayedApi) => Promise<void>): Scenario[] {
  return inDialects(82, name, run, { dialects: ['query'] });
}

async function featuresOf(stage: Stage): Promise<Record<string, unknown>> {
  const { body } = await stage.peer.ask('GET', '/_matrix/client/versions');
  return isJsonObject(body['unstable_features']) ? body['unstable_features'] : {};
}

/** One member of a call, who announces the leave before joining. */
class Call {
  readonly leave: Delayed;
  readonly #stage: Stage;
  readonly #api: DelayedApi;
  readonly #roomId: string;
  readonly #key: string;

  private constructor(stage: Stage, api: DelayedApi, roomId: string, key: string, leave: Delayed) {
    this.#stage = stage;
    this.#api = api;
    this.#roomId = roomId;
    this.#key = key;
    this.leave = leave;
  }

  static async join(stage: Stage, api: DelayedApi): Promise<Call> {
    const { owner, roomId } = stage;
    const key = `_${owner.userId}_${stage.newName()}_m.call`;
    const leave = await api.make(stage, { type: STATE, stateKey: key, content: {}, delayMs: LEAVE_AFTER_MS });
    const call = new Call(stage, api, roomId, key, leave);
    need(await stage.setState(roomId, owner, STATE, key, membershipOf(owner)), 'joining a call');
    stage.expectBefore(leave.due.earliestMs);
    return call;
  }

  membership(): Promise<Answer> {
    return this.#stage.state(this.#roomId, STATE, this.#key);
  }

  /** Restarts the leave so often; the last says when it is due. The member is there until then. */
  async stay(restarts: number): Promise<Delayed['due']> {
    let { due } = this.leave;
    for (let count = 0; count < restarts; count += 1) {
      await this.#stage.sleepUntil(due.earliestMs - 700);
      const answer = await this.#api.manage(this.leave.id, 'restart', this.#stage.owner);
      this.#stage.expectInTime(answer, due.earliestMs);
      checkStatus(answer, [200], 'a restart of the leave');
      due = dueAfter(answer, LEAVE_AFTER_MS);
    }
    const { body, answeredMs } = await this.membership();
    if (answeredMs < due.earliestMs)
      checkSame(body['application'], 'm.call', 'the call in the membership while the leave is restarted');
    return due;
  }

  /** The leave is sent, and not before it is due. */
  async expectLeft(due: Delayed['due']): Promise<void> {
    const seen = await this.#stage.sighting(
      due.latestMs,
      (event) =>
        event['type'] === STATE &&
        event['state_key'] === this.#key &&
        isJsonObject(event['content']) &&
        event['content']['application'] === undefined,
    );
    check(seen !== undefined, 'the leave is not sent');
    check(seen.seenMs >= due.earliestMs - 5, 'the leave is sent before its time');
    checkSame((await this.membership()).body, {}, 'the membership after the leave');
  }
}

function membershipOf(account: Account): Record<string, string | number | readonly string[]> {
  return {
    application: 'm.call',
    call_id: '',
    scope: 'm.room',
    device_id: 'CONFORMANCE',
    membershipID: account.userId,
    expires: 14_400_000,
    foci_preferred: [],
  };
}
