import { stateSlot } from '../matrix/event.ts';
import type { RoomReadDeps } from '../rooms/read-state.ts';
import { listUsersByName, type FoundUser } from '../storage/user-directory.ts';
import type { JsonObject } from '../util/json.ts';
import type { NameKeeper } from './name-keeper.ts';
import { nameQueryOf } from './name-words.ts';
import { describeName } from './user-names.ts';

export interface UserSearchDeps extends Pick<RoomReadDeps, 'db' | 'stateKeys'> {
  readonly config: { readonly userDirectorySearchAllUsers: boolean };
  readonly nameKeeper: Pick<NameKeeper, 'catchUp'>;
}

/** Users that were found, and whether there are more. */
export interface UserSearchResult {
  readonly results: readonly JsonObject[];
  readonly limited: boolean;
}

const JOIN_RULES = stateSlot('m.room.join_rules', '');
const HISTORY_VISIBILITY = stateSlot('m.room.history_visibility', '');

/**
 * At most `limit` users who share a room with the searcher, or are in a room that everybody may join or read, and whose
 * user id or display name has words that begin like those of the term; with the setting, all users of this server.
 * https://spec.matrix.org/v1.19/client-server-api/#user-directory
 */
export async function searchUsers(
  deps: UserSearchDeps,
  searcher: { readonly userNid: number },
  term: string,
  limit: number,
): Promise<UserSearchResult> {
  const names = nameQueryOf(term);
  if (names === undefined) return { results: [], limited: false };
  await deps.nameKeeper.catchUp();
  const keys = await deps.stateKeys.find([JOIN_RULES, HISTORY_VISIBILITY]);
  const found = await listUsersByName(deps.db, {
    ...names,
    userNid: searcher.userNid,
    everyone: deps.config.userDirectorySearchAllUsers,
    joinRulesKey: keys.get(JOIN_RULES),
    historyVisibilityKey: keys.get(HISTORY_VISIBILITY),
    limit: limit + 1,
  });
  return { results: found.slice(0, limit).map(describeUser), limited: found.length > limit };
}

function describeUser(user: FoundUser): JsonObject {
  const { displayName, avatarUrl } = describeName(user);
  return {
    user_id: user.userId,
    ...(displayName === undefined ? {} : { display_name: displayName }),
    ...(avatarUrl === undefined ? {} : { avatar_url: avatarUrl }),
  };
}
