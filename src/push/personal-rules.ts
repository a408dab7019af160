import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import { PushRuleCompiler, type Evaluator } from '../matrix/push-rules/evaluation.ts';
import type { Db } from '../storage/database.ts';
import { listIgnoreLists, type PushMember } from '../storage/push-progress.ts';
import { listPushRulesets } from '../storage/push-rules.ts';
import { CountedCache } from '../util/counted-cache.ts';
import { isJsonObject } from '../util/json.ts';

/** Somebody to whom an event may be news. */
export type Recipient = Pick<PushMember, 'userNid' | 'userId'>;

/** What decides which events a user is notified of. */
export interface PersonalRules {
  readonly evaluator: Evaluator;
  /** False for the rules that everybody has, and no others. */
  readonly isChanged: boolean;
  /** Whose events the user does not want. */
  readonly ignored: ReadonlySet<string>;
}

interface Remembered extends PersonalRules {
  readonly rulesPosition: number;
  readonly ignoresPosition: number;
}

const MOST_REMEMBERED = 10_000;

/**
 * The rules of users, prepared and remembered. Whatever changes them moves a position in the same transaction, and those
 * positions are read with the events: rules of another position are read anew. So what every process applies is what was true
 * when it read the event, or truer.
 */
export class PersonalRulesMemory {
  readonly #db: Db;
  readonly #predefined: PredefinedRules;
  readonly #compiler = new PushRuleCompiler();
  readonly #known = new CountedCache<number, Remembered>({ max: MOST_REMEMBERED });

  constructor({ db, ...predefined }: PredefinedRules & { readonly db: Db }) {
    this.#db = db;
    this.#predefined = predefined;
  }

  /** The rules of members of rooms, and of others, whose rules are read in any case. */
  async load(
    members: readonly PushMember[],
    others: readonly Recipient[],
  ): Promise<ReadonlyMap<number, PersonalRules>> {
    const found = new Map<number, PersonalRules>();
    const missing = new Map<number, Recipient>(others.map((other) => [other.userNid, other]));
    for (const member of members) {
      const known = this.#known.get(member.userNid);
      if (known !== undefined && isOf(member, known)) found.set(member.userNid, known);
      else missing.set(member.userNid, member);
    }
    if (missing.size === 0) return found;
    const read = await this.#read([...missing.values()]);
    for (const [userNid, rules] of read) found.set(userNid, rules);
    for (const { userNid, rulesPosition, ignoresPosition } of members) {
      const rules = read.get(userNid);
      if (rules === undefined) continue;
      const { evaluator, isChanged, ignored } = rules;
      this.#known.set(userNid, { evaluator, isChanged, ignored, rulesPosition, ignoresPosition });
    }
    return found;
  }

  async #read(owners: readonly Recipient[]): Promise<Map<number, PersonalRules>> {
    const [rulesets, ignoreLists] = await Promise.all([
      listPushRulesets({ db: this.#db, ...this.#predefined }, owners),
      listIgnoreLists(
        this.#db,
        owners.map((owner) => owner.userNid),
      ),
    ]);
    return new Map(
      [...rulesets].map(([userNid, { ruleset, isChanged }]) => [
        userNid,
        {
          evaluator: this.#compiler.compile(ruleset),
          isChanged,
          ignored: readIgnoreList(ignoreLists.get(userNid)),
        },
      ]),
    );
  }
}

function isOf(member: PushMember, known: Remembered): boolean {
  return member.rulesPosition === known.rulesPosition && member.ignoresPosition === known.ignoresPosition;
}

function readIgnoreList(text: string | undefined): ReadonlySet<string> {
  const content: unknown = text === undefined ? undefined : JSON.parse(text);
  const users = isJsonObject(content) ? content['ignored_users'] : undefined;
  return new Set(Object.keys(isJsonObject(users) ? users : {}));
}
