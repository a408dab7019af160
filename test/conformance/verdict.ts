import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../../src/util/json.ts';
import type { Answer } from './peer.ts';

/** What a scenario comes to: the peer does it, does it wrongly, or cannot be asked. */
export type Verdict = 'pass' | 'fail' | 'does not apply';

/** The peer does otherwise than the text says: a sentence that says how, and the answer that shows it. */
export class Failure extends Error {
  readonly seen: Answer | undefined;

  constructor(sentence: string, seen?: Answer) {
    super(sentence);
    this.seen = seen;
  }
}

/** The scenario says nothing about this peer; the message says why. */
export class NotApplicable extends Error {}

export function check(isRight: boolean, sentence: string, seen?: Answer): asserts isRight {
  if (!isRight) throw new Failure(sentence, seen);
}

/** Fails unless the two are equal JSON; `what` names the first in the sentence. */
export function checkSame(actual: unknown, expected: unknown, what: string, seen?: Answer): void {
  const isSame = isDeepStrictEqual(actual, expected);
  check(isSame, `${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`, seen);
}

/** `what` is a request in words, for the sentence: "a refresh", "the second send". */
export function checkStatus(answer: Answer, statuses: readonly number[], what: string): void {
  const isRight = statuses.includes(answer.status);
  check(isRight, `${what} is answered with ${answer.status}, not ${statuses.join(' or ')}`, answer);
}

/** Some 4xx: the text demands a refusal, and leaves open which. */
export function checkRefused(answer: Answer, what: string): void {
  const isRefused = answer.status >= 400 && answer.status < 500;
  check(isRefused, `${what} is answered with ${answer.status}, but is to be refused`, answer);
}

export function checkError(answer: Answer, status: number, errcode: string, what: string): void {
  checkStatus(answer, [status], what);
  const { errcode: actual } = answer.body;
  check(actual === errcode, `${what} is refused with ${JSON.stringify(actual)}, not ${errcode}`, answer);
}

/** The text under a key of an answer that must be 200. */
export function textIn(answer: Answer, key: string, what: string): string {
  checkStatus(answer, [200], what);
  const value: JsonValue | undefined = answer.body[key];
  check(
    typeof value === 'string' && value !== '',
    `the answer to ${what} has no text under "${key}"`,
    answer,
  );
  return value;
}

/** The answer to a request that only prepares a scenario. */
export function need(answer: Answer, what: string): Answer {
  if (answer.status === 200) return answer;
  throw new NotApplicable(`${what} did not work: ${answer.status} ${answer.text.slice(0, 200)}`);
}
