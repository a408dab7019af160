import { LRUCache } from 'lru-cache';
import { resolveFilter } from '../accounts/filters.ts';
import type { Filter } from '../matrix/filters.ts';
import type { Db } from '../storage/database.ts';

const MOST_FILTERS = 2_000;
/** A longer one is parsed each time. */
const LONGEST_NAME = 2_000;

/** The filters that clients ask with, request after request. What a filter or the id of a stored one means never changes. */
export class FilterMemory {
  readonly #filters = new LRUCache<string, Filter>({ max: MOST_FILTERS });

  /** The filter that `?filter=` names; throws what {@link resolveFilter} throws. */
  async resolve(deps: { readonly db: Db }, userNid: number, idOrJson: string | undefined): Promise<Filter> {
    // Ids are each user's own; JSON is nobody's, and no id begins like it.
    const name =
      idOrJson === undefined || idOrJson.startsWith('{') ? (idOrJson ?? '') : `${userNid} ${idOrJson}`;
    const known = this.#filters.get(name);
    if (known !== undefined) return known;
    const filter = await resolveFilter(deps, userNid, idOrJson);
    if (name.length <= LONGEST_NAME) this.#filters.set(name, filter);
    return filter;
  }
}
