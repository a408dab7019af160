import { invalidParam, notFound } from '../matrix/errors.ts';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { findAccountData, type AccountDataKey } from '../storage/account-data.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import {
  changeAccountData,
  findKey,
  requireOwn,
  type AccountDataDeps,
  type AccountDataOwner,
} from './account-data.ts';

/** Tags of which room, and whose: they must be the asker's own. */
export interface TaggedRoom {
  readonly userId: UserId;
  readonly roomId: RoomId;
}

const MAX_TAG_BYTES = 255;

/**
 * The tags of a room, by name. Throws 403 M_FORBIDDEN for those of others.
 * https://spec.matrix.org/v1.19/client-server-api/#room-tagging
 */
export async function listTags(
  deps: Pick<AccountDataDeps, 'db'>,
  owner: AccountDataOwner,
  room: TaggedRoom,
): Promise<JsonObject> {
  requireOwn(owner, room);
  const key = await findKey(deps, owner, { roomId: room.roomId, type: 'm.tag' });
  const text = key === undefined ? undefined : await findAccountData(deps.db, key);
  const content: unknown = text === undefined ? undefined : JSON.parse(text);
  return tagsIn(isJsonObject(content) ? content : undefined);
}

/**
 * Gives a room a tag, with `order` from 0 to 1 if it has one. Throws 400 M_INVALID_PARAM for another order or a name that
 * is too long, 403 M_FORBIDDEN for the tags of others, 404 M_NOT_FOUND for rooms that are not known here.
 */
export async function setTag(
  deps: AccountDataDeps,
  owner: AccountDataOwner,
  room: TaggedRoom,
  tag: { readonly name: string; readonly content: JsonObject },
): Promise<void> {
  const key = await requireKey(deps, owner, room);
  if (tag.name === '' || Buffer.byteLength(tag.name) > MAX_TAG_BYTES)
    throw invalidParam('A tag has between 1 and 255 bytes.');
  const order = tag.content['order'];
  if (order !== undefined && !(typeof order === 'number' && order >= 0 && order <= 1))
    throw invalidParam('order: expected a number from 0 to 1');
  await changeAccountData(deps, key, (content) => ({
    ...content,
    tags: { ...tagsIn(content), [tag.name]: tag.content },
  }));
}

/** Takes a tag from a room, if it has it. Throws as {@link setTag} does. */
export async function removeTag(
  deps: AccountDataDeps,
  owner: AccountDataOwner,
  room: TaggedRoom,
  name: string,
): Promise<void> {
  const key = await requireKey(deps, owner, room);
  await changeAccountData(deps, key, (content) => {
    const { [name]: removed, ...others } = tagsIn(content);
    return removed === undefined ? 'as-is' : { ...content, tags: others };
  });
}

async function requireKey(
  deps: AccountDataDeps,
  owner: AccountDataOwner,
  room: TaggedRoom,
): Promise<AccountDataKey> {
  requireOwn(owner, room);
  const key = await findKey(deps, owner, { roomId: room.roomId, type: 'm.tag' });
  if (key === undefined) throw notFound('The room is not known here.');
  return key;
}

function tagsIn(content: JsonObject | undefined): JsonObject {
  const tags = content?.['tags'];
  return isJsonObject(tags) ? tags : {};
}
