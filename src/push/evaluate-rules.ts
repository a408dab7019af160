import type { PushedUser } from '../matrix/push-rules/conditions.ts';
import { mayNameUser, type PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import type { ReadableEvent } from '../rooms/client-events.ts';
import type { JsonValue } from '../util/json.ts';
import type { Turn } from '../util/turn.ts';
import type { Audience } from './audience.ts';
import type { Recipient } from './personal-rules.ts';

type Actions = readonly JsonValue[];

/** What rules look at beside the event. */
export interface RuleFacts {
  readonly predefined: PredefinedRules;
  /** Ended when it has lasted long. */
  readonly turn: Turn;
  /** Whether a user subscribed to the thread of the event; undefined for events in none. */
  readonly isSubscribed: ((recipient: Recipient) => boolean) | undefined;
}

/**
 * The actions that the rules of each recipient have for an event, in their order.
 *
 * Power levels and names in the room take queries, and hardly a rule gets as far as to look at them. So rules are tried without
 * first; only when some asked are both loaded, and those rules tried again. Most users have the rules that everybody has, and
 * those say the same of most events, whoever it is: then they are tried once.
 */
export async function evaluateRules(
  audience: Audience,
  event: ReadableEvent,
  recipients: readonly Recipient[],
  { predefined, turn, isSubscribed }: RuleFacts,
): Promise<readonly Actions[]> {
  const described = audience.describe(event);
  const areAlike =
    !mayNameUser(described.event, predefined) &&
    (isSubscribed === undefined || !predefined.threadSubscriptions);
  const ask = new Asking();
  const pushed = { mayNotify: () => ask.forMore() === true, ...described };
  let ofOthers: Actions | undefined;
  const tried: (Actions | undefined)[] = [];
  for (const recipient of recipients) {
    const { evaluator, isChanged } = audience.rulesOf(recipient);
    const isLikeOthers = areAlike && !isChanged;
    if (isLikeOthers && ofOthers !== undefined) {
      tried.push(ofOthers);
      continue;
    }
    if (turn.isOver) await turn.end();
    ask.isAsked = false;
    const user = new NamelessUser(ask, isSubscribed?.(recipient));
    const actions = isChanged
      ? await evaluator.evaluateInTurns(pushed, user, turn)
      : evaluator.evaluate(pushed, user);
    tried.push(ask.isAsked ? undefined : actions);
    if (isLikeOthers && !ask.isAsked) ofOthers = actions;
  }
  const curious = recipients.filter((_, index) => tried[index] === undefined);
  if (curious.length === 0) return tried.map((actions) => actions ?? []);
  const [rights, names] = await Promise.all([
    audience.rightsIn(event),
    audience.displayNamesIn(event, curious),
  ]);
  const known = { mayNotify: (key: string) => rights(event.event.sender, key), ...described };
  const decided: Actions[] = [];
  for (const [index, recipient] of recipients.entries()) {
    const user = { isSubscribed: isSubscribed?.(recipient), displayName: names.get(recipient.userId) };
    decided.push(
      tried[index] ?? (await audience.rulesOf(recipient).evaluator.evaluateInTurns(known, user, turn)),
    );
  }
  return decided;
}

class Asking {
  isAsked = false;

  /** What is asked for is not known yet. */
  forMore(): undefined {
    this.isAsked = true;
  }
}

/** A user whose name is asked for when a rule wants it. A class: an object of its own with a getter takes ten times as long. */
class NamelessUser implements PushedUser {
  readonly isSubscribed: boolean | undefined;
  readonly #ask: Asking;

  constructor(ask: Asking, isSubscribed: boolean | undefined) {
    this.isSubscribed = isSubscribed;
    this.#ask = ask;
  }

  get displayName(): undefined {
    return this.#ask.forMore();
  }
}
