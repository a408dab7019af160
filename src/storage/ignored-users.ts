import { LRUCache } from 'lru-cache';
import { parseUserId } from '../matrix/identifiers.ts';
import { isJsonObject } from '../util/json.ts';
import { findAccountData } from './account-data.ts';
import type { Db } from './database.ts';
import type { StreamHub } from './stream-hub.ts';
import { internUsers } from './users.ts';

/** The type of the account data in which clients keep whom their user ignores. */
export const IGNORED_USER_LIST = 'm.ignored_user_list';

/**
 * The interned ids of those whom a user ignores, as the account data says. What is malformed in it ignores nobody.
 * https://spec.matrix.org/v1.19/client-server-api/#ignoring-users
 */
export async function listIgnored(db: Db, userNid: number): Promise<ReadonlySet<number>> {
  const text = await findAccountData(db, { userNid, roomNid: undefined, type: IGNORED_USER_LIST });
  if (text === undefined) return NOBODY;
  const content: unknown = JSON.parse(text);
  const list = isJsonObject(content) ? content['ignored_users'] : undefined;
  const userIds = Object.keys(isJsonObject(list) ? list : {}).flatMap((text) => parseUserId(text) ?? []);
  if (userIds.length === 0) return NOBODY;
  // Interned even where nobody has heard of them: who comes later must be known to be ignored.
  return new Set((await internUsers(db, userIds)).values());
}

const NOBODY: ReadonlySet<number> = new Set();
const MOST_LISTS_AT_HAND = 10_000;

/** {@link listIgnored} for readers of the stream: at least as new as what the hub has told. */
export class IgnoredUsers implements Disposable {
  readonly #db: Db;
  readonly #lists = new LRUCache<number, ReadonlySet<number>>({ max: MOST_LISTS_AT_HAND });
  readonly #loading = new Map<number, Promise<ReadonlySet<number>>>();
  readonly #unsubscribe: () => void;

  constructor(deps: { readonly db: Db; readonly hub: Pick<StreamHub, 'subscribe'> }) {
    this.#db = deps.db;
    this.#unsubscribe = deps.hub.subscribe(({ userNids }) => {
      for (const userNid of userNids) {
        this.#lists.delete(userNid);
        this.#loading.delete(userNid);
      }
    });
  }

  /** The interned ids of those whom a user ignores. */
  async of(userNid: number): Promise<ReadonlySet<number>> {
    const known = this.#lists.get(userNid) ?? this.#loading.get(userNid);
    if (known !== undefined) return known;
    const loading = listIgnored(this.#db, userNid);
    this.#loading.set(userNid, loading);
    try {
      const list = await loading;
      // Where the user changed something meanwhile, the answer may be too old for who asks next.
      if (this.#loading.get(userNid) === loading) this.#lists.set(userNid, list);
      return list;
    } finally {
      if (this.#loading.get(userNid) === loading) this.#loading.delete(userNid);
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }
}
