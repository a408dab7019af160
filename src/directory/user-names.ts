import { inTransaction, type Db, type Tx } from '../storage/database.ts';
import type { FoundUser } from '../storage/user-directory.ts';
import {
  hasNameChanges,
  listNames,
  replaceNames,
  takeNameChanges,
  type UserName,
} from '../storage/user-names.ts';
import { isJsonObject } from '../util/json.ts';
import { nameVectorOf } from './name-words.ts';

const NAMES_AT_ONCE = 2_000;

/**
 * Makes users found by what they were called when this was called, or by less when told to stop. Any number of
 * processes may do so together.
 */
export async function catchUpNames(db: Db, isStopped: () => boolean = () => false): Promise<void> {
  if (!(await hasNameChanges(db))) return;
  while (!isStopped() && (await inTransaction(db, indexBatch)) === NAMES_AT_ONCE);
}

async function indexBatch(tx: Tx): Promise<number> {
  const { taken, keys } = await takeNameChanges(tx, NAMES_AT_ONCE);
  if (keys.length === 0) return taken;
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
  return taken;
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
