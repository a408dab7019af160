import type { Tx } from '../storage/database.ts';
import type { FoundUser } from '../storage/user-directory.ts';
import { listNames, replaceNames, takeNameChanges, type UserName } from '../storage/user-names.ts';
import { isJsonObject } from '../util/json.ts';
import { nameVectorOf } from './name-words.ts';

const NAMES_AT_ONCE = 2_000;

/** Writes down what has become of some of the names that have changed. Any number of processes may do so together. */
export async function indexNames(tx: Tx): Promise<void> {
  const keys = await takeNameChanges(tx, NAMES_AT_ONCE);
  if (keys.length === 0) return;
  const names = await listNames(tx, keys);
  await replaceNames(
    tx,
    keys,
    names.map((name) => {
      const { displayName } = describeName(name);
      return {
        user_nid: name.userNid,
        room_nid: name.roomNid,
        has_name: displayName !== undefined,
        vector: nameVectorOf(name.userId, displayName),
      };
    }),
  );
}

/** What is shown of a user; what is empty or no text is nothing. */
export function describeName(
  user: Pick<UserName, 'displayName' | 'memberJson'> & Partial<Pick<FoundUser, 'avatarUrl'>>,
): { readonly displayName: string | undefined; readonly avatarUrl: string | undefined } {
  const pdu: unknown = user.memberJson === undefined ? undefined : JSON.parse(user.memberJson);
  const content = isJsonObject(pdu) && isJsonObject(pdu['content']) ? pdu['content'] : {};
  return {
    displayName: textOf(user.displayName, content['displayname']),
    avatarUrl: textOf(user.avatarUrl, content['avatar_url']),
  };
}

function textOf(json: string | undefined, otherwise: unknown): string | undefined {
  const value: unknown = json === undefined ? otherwise : JSON.parse(json);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
