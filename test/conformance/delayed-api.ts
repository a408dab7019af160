import { listIn } from './observer.ts';
import type { JsonObject } from '../../src/util/json.ts';
import type { Account } from './accounts.ts';
import { segment, type Answer, type Peer } from './peer.ts';
import type { Generation } from './scenario.ts';
import { dueAfter, type Due, type SendsLater, type Stage, type Wishes } from './stage.ts';
import { checkRefused, checkStatus, textIn } from './verdict.ts';

const C = '/_matrix/client/v3';
const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';

/** The generations of MSC4140. */
export type Dialect = Exclude<Generation, 'seed'>;
export const DIALECTS: readonly Dialect[] = ['stable', 'unstable', 'query'];

/** An event to be sent later. */
export interface Wanted {
  readonly type: string;
  readonly content?: unknown;
  readonly stateKey?: string;
  /** Milliseconds; anything, where it is to be refused. */
  readonly delayMs: unknown;
}

/** One that is scheduled. */
export interface Delayed {
  readonly id: string;
  readonly due: Due;
  readonly answer: Answer;
}

/** Delayed events as one generation of MSC4140 has them. */
export class DelayedApi implements SendsLater {
  readonly dialect: Dialect;
  readonly #peer: Peer;

  constructor(peer: Peer, dialect: Dialect) {
    this.#peer = peer;
    this.dialect = dialect;
  }

  /** The text of this generation says exactly what is answered when something has ended. */
  get isStable(): boolean {
    return this.dialect === 'stable';
  }

  schedule(stage: Stage, wanted: Wanted, wishes: Wishes = {}): Promise<Answer> {
    const { by = stage.owner } = wishes;
    const body =
      this.dialect === 'query'
        ? (wanted.content ?? {})
        : { delay_ms: wanted.delayMs, content: wanted.content ?? {}, ...stateKeyOf(wanted) };
    return this.#peer.ask('PUT', this.pathFor(stage, wanted, wishes), { token: by.token, body });
  }

  /** Where a request to schedule it goes. */
  pathFor(stage: Stage, wanted: Wanted, wishes: Wishes): string {
    const { roomId = stage.roomId, txnId = stage.newName() } = wishes;
    const type = segment(wanted.type);
    const base = this.dialect === 'unstable' ? UNSTABLE : C;
    const room = `${base}/rooms/${segment(roomId)}`;
    if (this.dialect !== 'query') return `${room}/delayed_event/${type}/${segment(txnId)}`;
    const query = `?org.matrix.msc4140.delay=${segment(String(wanted.delayMs))}`;
    if (wanted.stateKey === undefined) return `${room}/send/${type}/${segment(txnId)}${query}`;
    return `${room}/state/${type}/${segment(wanted.stateKey)}${query}`;
  }

  /** Schedules what must be scheduled. It is cancelled when the scenario is over. */
  async make(
    stage: Stage,
    wanted: Wanted & { readonly delayMs: number },
    wishes: Wishes = {},
  ): Promise<Delayed> {
    const { by = stage.owner } = wishes;
    const answer = await this.schedule(stage, wanted, wishes);
    const id = textIn(answer, 'delay_id', 'the scheduling of an event');
    stage.afterwards(() => this.manage(id, 'cancel', by));
    return { id, answer, due: dueAfter(answer, wanted.delayMs) };
  }

  manage(id: string, action: string, by?: Account, body?: unknown): Promise<Answer> {
    return this.#peer.ask('POST', `${this.managementPath(id)}/${segment(action)}`, {
      token: by?.token,
      body,
    });
  }

  get(id: string, by?: Account): Promise<Answer> {
    return this.#peer.ask('GET', this.managementPath(id), { token: by?.token });
  }

  managementPath(id: string): string {
    const base = this.dialect === 'stable' ? '/_matrix/client/v1' : UNSTABLE;
    return `${base}/delayed_events/${segment(id)}`;
  }

  /** The list of the drafts; the merged text has none. */
  list(by?: Account): Promise<Answer> {
    return this.#peer.ask('GET', `${UNSTABLE}/delayed_events`, { token: by?.token });
  }

  async sendLater(stage: Stage, type: string, delayMs: number, wishes: Wishes = {}): Promise<Due> {
    return (await this.make(stage, { type, delayMs }, wishes)).due;
  }

  /** It had ended otherwise than is asked for now: 409 in the merged text, and some refusal in the drafts. */
  checkConflict(answer: Answer, what: string): void {
    if (this.isStable) checkStatus(answer, [409], what);
    else checkRefused(answer, what);
  }

  /** It had ended as is asked for now: success in the merged text; drafts forget what has ended. */
  checkRepeat(answer: Answer, what: string): void {
    checkStatus(answer, this.isStable ? [200] : [200, 404, 409], what);
  }
}

function stateKeyOf({ stateKey }: Wanted): JsonObject {
  return stateKey === undefined ? {} : { state_key: stateKey };
}

/** The entry of a delayed event in an answer that lists them. */
export function listed(answer: Answer, id: string): JsonObject | undefined {
  return [...listIn(answer.body, 'delayed_events'), ...listIn(answer.body, 'scheduled')].find(
    (item) => item['delay_id'] === id,
  );
}
