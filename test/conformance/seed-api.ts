import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import type { Account } from './accounts.ts';
import { segment, type Answer, type Peer } from './peer.ts';
import { dueAfter, type Due, type SendsLater, type Stage, type Wishes } from './stage.ts';
import { check, checkStatus, textIn } from './verdict.ts';

const C = '/_matrix/client/v3';

/** What begins a key: as documented, bare as in the first example, and before the proposal is stable. */
export const PREFIXES = ['m.', '', 'io.element.'] as const;

/** A future that was made. */
export interface Future {
  readonly token: string;
  readonly due: Due;
  readonly answer: Answer;
}

/** The API as first proposed: one token for all that can be done with a future. Timeouts are seconds. */
export class SeedApi implements SendsLater {
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  put(by: Account, roomId: string, txnId: string, body: unknown): Promise<Answer> {
    const path = `${C}/rooms/${segment(roomId)}/send/future/${segment(txnId)}`;
    return this.#peer.ask('PUT', path, { token: by.token, body });
  }

  /** Makes a future that must be made. */
  async make(
    stage: Stage,
    body: JsonObject & { readonly timeout: number },
    wishes: Wishes = {},
  ): Promise<Future> {
    const { by = stage.owner, roomId = stage.roomId, txnId = stage.newName() } = wishes;
    const answer = await this.put(by, roomId, txnId, body);
    const token = textIn(answer, 'future_token', 'the making of a future');
    return { token, answer, due: dueAfter(answer, body.timeout * 1_000) };
  }

  refresh(token: unknown, method: 'POST' | 'PUT' = 'POST', authorization?: string): Promise<Answer> {
    const body = { future_token: token };
    return this.#peer.ask(method, `${C}/futures/refresh`, { body, token: authorization });
  }

  act(token: unknown, action: string, method: 'POST' | 'PUT' = 'POST'): Promise<Answer> {
    return this.#peer.ask(method, `${C}/futures/action/${segment(action)}`, {
      body: { future_token: token },
    });
  }

  /** The running futures of a user. */
  async running(by: Account): Promise<JsonObject[]> {
    const answer = await this.#peer.ask('GET', `${C}/futures`, { token: by.token });
    checkStatus(answer, [200], 'the list of running futures');
    check(isJsonArray(answer.json), 'the list of running futures is no array', answer);
    return answer.json.filter(isJsonObject);
  }

  /** A running future of a user by its token. */
  async find(by: Account, token: string): Promise<JsonObject | undefined> {
    return (await this.running(by)).find((future) => future['future_token'] === token);
  }

  /** Of whole seconds: the next when the delay is not. */
  async sendLater(stage: Stage, type: string, delayMs: number, wishes: Wishes = {}): Promise<Due> {
    const body = { timeout: Math.ceil(delayMs / 1_000), send_on_timeout: event(type) };
    return (await this.make(stage, body, wishes)).due;
  }
}

/** An event as a future holds it. */
export function event(type: string, content: JsonObject = {}, stateKey?: string): JsonObject {
  return { type, content, ...(stateKey === undefined ? {} : { state_key: stateKey }) };
}

/** The value under a key, whatever its prefix. */
export function spelt(body: JsonObject, name: string): JsonValue | undefined {
  return PREFIXES.map((prefix) => body[`${prefix}${name}`]).find((value) => value !== undefined);
}

/** The id of one event of a future: the proposal writes `eventId`, the rest of Matrix `event_id`. */
export function eventIdOf(answer: Answer, name: string): string {
  const entry = spelt(answer.body, name);
  const eventId = isJsonObject(entry) ? (entry['eventId'] ?? entry['event_id']) : undefined;
  check(typeof eventId === 'string', `the answer has no id of the event "${name}"`, answer);
  return eventId;
}
