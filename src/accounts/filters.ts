import { badJson, forbidden, notFound } from '../matrix/errors.ts';
import { parseFilter, type Filter } from '../matrix/filters.ts';
import type { UserId } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { findFilter, insertFilter } from '../storage/filters.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';

interface FilterOwner {
  readonly userNid: number;
  readonly userId: UserId;
}

/**
 * Stores a filter and returns its id. Throws 400 for what is no filter, and 403 M_FORBIDDEN for another user's.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter
 */
export async function defineFilter(
  deps: { readonly db: Db },
  owner: FilterOwner,
  forUser: UserId,
  filter: JsonObject,
): Promise<string> {
  requireSelf(owner, forUser);
  parseFilter(filter);
  return String(await insertFilter(deps.db, owner.userNid, JSON.stringify(filter)));
}

/** A filter as it was uploaded. Throws 404 M_NOT_FOUND, and 403 M_FORBIDDEN for another user's. */
export async function getStoredFilter(
  deps: { readonly db: Db },
  owner: FilterOwner,
  forUser: UserId,
  filterId: string,
): Promise<JsonObject> {
  requireSelf(owner, forUser);
  return readFilter(deps.db, owner.userNid, filterId);
}

/**
 * What `?filter=` means: the JSON of a filter, or the id of a stored one. Throws 400 for JSON that is no filter and
 * 404 M_NOT_FOUND for an id that the user does not have. https://spec.matrix.org/v1.19/client-server-api/#filtering
 */
export async function resolveFilter(
  deps: { readonly db: Db },
  userNid: number,
  idOrJson: string | undefined,
): Promise<Filter> {
  if (idOrJson === undefined) return parseFilter({});
  return parseFilter(
    idOrJson.trimStart().startsWith('{') ? parseJson(idOrJson) : await readFilter(deps.db, userNid, idOrJson),
  );
}

async function readFilter(db: Db, userNid: number, filterId: string): Promise<JsonObject> {
  const body = /^[0-9]{1,15}$/.test(filterId) ? await findFilter(db, userNid, Number(filterId)) : undefined;
  if (body === undefined) throw notFound(`No filter ${filterId}`);
  const filter: unknown = JSON.parse(body);
  if (!isJsonObject(filter))
    throw new Error(`the stored filter ${filterId} of user ${userNid} is not an object`);
  return filter;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw badJson('filter: not JSON');
    throw error;
  }
}

function requireSelf(owner: FilterOwner, forUser: UserId): void {
  if (owner.userId !== forUser) throw forbidden("Another user's filters are not yours");
}
