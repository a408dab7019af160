import { forbidden, invalidParam, notFound, serverControlled } from '../matrix/errors.ts';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { pushRulesContent } from '../matrix/push-rules/push-rule.ts';
import {
  deleteAccountData,
  findAccountData,
  putAccountData,
  type AccountDataKey,
} from '../storage/account-data.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import { findPushRuleset, type RulesetDeps } from '../storage/push-rules.ts';
import { findRoomNid } from '../storage/rooms.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import type { DeactivationHook } from './deactivate.ts';

export interface AccountDataDeps extends RulesetDeps {
  readonly hub: Pick<StreamHub, 'announce'>;
}

/** Who asks. */
export interface AccountDataOwner {
  readonly userId: UserId;
  readonly userNid: number;
}

/** Which piece is meant, as a client says it. */
export interface AccountDataName {
  /** Whose: it must be the asker's own. */
  readonly userId: UserId;
  /** undefined for what belongs to no room. */
  readonly roomId: RoomId | undefined;
  readonly type: string;
}

const PUSH_RULES = 'm.push_rules';
/** What the server writes itself, by way of other endpoints. */
const SERVER_TYPES: readonly string[] = ['m.fully_read', PUSH_RULES];
const MAX_TYPE_BYTES = 255;

/**
 * A piece of one's own account data. Throws 403 M_FORBIDDEN for that of others, 404 M_NOT_FOUND for what is not there.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype
 */
export async function getAccountData(
  deps: RulesetDeps,
  owner: AccountDataOwner,
  name: AccountDataName,
): Promise<JsonObject> {
  requireOwn(owner, name);
  // Everybody has push rules, also who never changed any: none of them are stored then.
  if (name.type === PUSH_RULES && name.roomId === undefined)
    return pushRulesContent(await findPushRuleset(deps, owner));
  const key = await findKey(deps, owner, name);
  const content = key === undefined ? undefined : await findContent(deps.db, key);
  if (content === undefined) throw notFound(`There is no account data of type ${JSON.stringify(name.type)}.`);
  return content;
}

/**
 * Sets a piece of one's own account data; with empty content it is deleted (MSC3391). Throws 403 M_FORBIDDEN for that of others, 405 M_BAD_JSON for what the server
 * writes itself, 404 M_NOT_FOUND for rooms that are not known here.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype
 */
export async function setAccountData(
  deps: AccountDataDeps,
  owner: AccountDataOwner,
  name: AccountDataName,
  content: JsonObject,
): Promise<void> {
  const key = await requireWritable(deps, owner, name);
  await changeAccountData(deps, key, () => (Object.keys(content).length === 0 ? undefined : content));
}

/** Deletes a piece of one's own account data, if it is there (MSC3391). Throws as {@link setAccountData} does. */
export async function removeAccountData(
  deps: AccountDataDeps,
  owner: AccountDataOwner,
  name: AccountDataName,
): Promise<void> {
  const key = await requireWritable(deps, owner, name);
  await changeAccountData(deps, key, (content) => (content === undefined ? 'as-is' : undefined));
}

/**
 * Makes new content of what is there, while nobody else writes; undefined deletes it, `as-is` writes nothing. Wakes the
 * user's clients.
 */
export async function changeAccountData(
  deps: AccountDataDeps,
  key: AccountDataKey,
  change: (content: JsonObject | undefined) => JsonObject | undefined | 'as-is',
): Promise<void> {
  const position = await inTransaction(deps.db, async (tx) => {
    // Whoever writes into the stream does so alone, so that what is read here stays true until the commit.
    const allotted = await allotPositions(tx, 1);
    const content = change(await findContent(tx, key));
    if (content === 'as-is') return undefined;
    await putAccountData(tx, key, content === undefined ? undefined : JSON.stringify(content), allotted);
    return allotted;
  });
  if (position !== undefined) deps.hub.announce({ position, roomNids: [], userNids: [key.userNid] });
}

/** Which row a name means; undefined for rooms that are not known here. */
export async function findKey(
  deps: Pick<AccountDataDeps, 'db'>,
  owner: AccountDataOwner,
  name: Omit<AccountDataName, 'userId'>,
): Promise<AccountDataKey | undefined> {
  const { roomId, type } = name;
  if (roomId === undefined) return { userNid: owner.userNid, roomNid: undefined, type };
  const roomNid = await findRoomNid(deps.db, roomId);
  return roomNid === undefined ? undefined : { userNid: owner.userNid, roomNid, type };
}

/** Throws 403 M_FORBIDDEN when somebody asks for what is another's. */
export function requireOwn(owner: AccountDataOwner, name: Pick<AccountDataName, 'userId'>): void {
  if (owner.userId !== name.userId)
    throw forbidden(`${owner.userId} has no access to the data of ${name.userId}.`);
}

/** Forgets what the clients of a user who is gone have kept here. */
export const deleteAccountDataOnDeactivation: DeactivationHook = (tx, userNid) =>
  deleteAccountData(tx, userNid);

async function requireWritable(
  deps: AccountDataDeps,
  owner: AccountDataOwner,
  name: AccountDataName,
): Promise<AccountDataKey> {
  requireOwn(owner, name);
  const { type } = name;
  if (SERVER_TYPES.includes(type)) throw serverControlled(`${type} cannot be set through this endpoint.`);
  if (type === '' || Buffer.byteLength(type) > MAX_TYPE_BYTES)
    throw invalidParam('A type has between 1 and 255 bytes.');
  const key = await findKey(deps, owner, name);
  if (key === undefined) throw notFound('The room is not known here.');
  return key;
}

async function findContent(db: Db, key: AccountDataKey): Promise<JsonObject | undefined> {
  const text = await findAccountData(db, key);
  const content: unknown = text === undefined ? undefined : JSON.parse(text);
  return isJsonObject(content) ? content : undefined;
}
