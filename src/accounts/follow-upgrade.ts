import type { RoomId, UserId } from '../matrix/identifiers.ts';
import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import { pushRulesContent } from '../matrix/push-rules/push-rule.ts';
import { listReplacementRules, type ReplacementRule } from '../matrix/push-rules/replaced-room.ts';
import { MOST_USER_RULES } from '../matrix/push-rules/ruleset.ts';
import { findAccountData, putAccountData, type AccountDataKey } from '../storage/account-data.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import {
  countUserPushRules,
  findPushRuleset,
  listAllUserPushRules,
  listUserPushRules,
  orderPushRules,
  putUserPushRule,
  type PushRuleOwner,
} from '../storage/push-rules.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import { isJsonArray, isJsonObject, type JsonObject } from '../util/json.ts';

export interface FollowUpgradeDeps extends PredefinedRules {
  readonly db: Db;
  readonly hub: Pick<StreamHub, 'announce'>;
}

interface NamedRoom {
  readonly roomId: RoomId;
  readonly roomNid: number;
}

/** A room and the one that replaces it. */
interface ReplacedRoom {
  readonly from: NamedRoom;
  readonly to: NamedRoom;
}

/**
 * Gives a user in the room that replaces another what they had set for that one: tags, push rules, and its place in
 * m.direct. What they have set for the new room stays. Wakes the user's clients if anything was written.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export async function followUpgrade(
  deps: FollowUpgradeDeps,
  user: { readonly userNid: number; readonly userId: UserId },
  rooms: ReplacedRoom,
): Promise<void> {
  const position = await inTransaction(deps.db, async (tx) => {
    // Nobody else writes into the stream until the commit, so that what is read here stays true.
    const allotted = await allotPositions(tx, 1);
    const written = [
      await copyTags(tx, user.userNid, rooms, allotted),
      await copyDirect(tx, user.userNid, rooms, allotted),
      await copyPushRules({ ...deps, db: tx }, user, rooms, allotted),
    ];
    return written.includes(true) ? allotted : undefined;
  });
  if (position !== undefined) deps.hub.announce({ position, roomNids: [], userNids: [user.userNid] });
}

async function copyTags(
  tx: Tx,
  userNid: number,
  { from, to }: ReplacedRoom,
  position: number,
): Promise<boolean> {
  const keyOf = (room: NamedRoom): AccountDataKey => ({ userNid, roomNid: room.roomNid, type: 'm.tag' });
  const [before, now] = [await readContent(tx, keyOf(from)), await readContent(tx, keyOf(to))];
  const [old, own] = [tagsIn(before), tagsIn(now)];
  if (Object.keys(old).every((tag) => own[tag] !== undefined)) return false;
  const content = { ...now, tags: { ...old, ...own } };
  await putAccountData(tx, keyOf(to), JSON.stringify(content), position);
  return true;
}

function tagsIn(content: JsonObject): JsonObject {
  return isJsonObject(content['tags']) ? content['tags'] : {};
}

async function copyDirect(
  tx: Tx,
  userNid: number,
  { from, to }: ReplacedRoom,
  position: number,
): Promise<boolean> {
  const key = { userNid, roomNid: undefined, type: 'm.direct' };
  const direct = await readContent(tx, key);
  let isChanged = false;
  const content = Object.fromEntries(
    Object.entries(direct).map(([person, rooms]) => {
      if (!isJsonArray(rooms) || !rooms.includes(from.roomId) || rooms.includes(to.roomId))
        return [person, rooms];
      isChanged = true;
      return [person, [...rooms, to.roomId]];
    }),
  );
  if (isChanged) await putAccountData(tx, key, JSON.stringify(content), position);
  return isChanged;
}

async function copyPushRules(
  deps: PredefinedRules & { readonly db: Tx },
  owner: PushRuleOwner,
  { from, to }: ReplacedRoom,
  position: number,
): Promise<boolean> {
  const { db: tx } = deps;
  const { userNid } = owner;
  const added = listReplacementRules(await listAllUserPushRules(tx, userNid), from.roomId, to.roomId);
  if (added.length === 0 || (await countUserPushRules(tx, userNid)) + added.length > MOST_USER_RULES)
    return false;
  for (const replacement of added) await addRule(tx, userNid, replacement);
  const content = JSON.stringify(pushRulesContent(await findPushRuleset(deps, owner)));
  await putAccountData(tx, { userNid, roomNid: undefined, type: 'm.push_rules' }, content, position);
  return true;
}

async function addRule(tx: Tx, userNid: number, { rule, afterRuleId }: ReplacementRule): Promise<void> {
  const ruleIds = (await listUserPushRules(tx, userNid, rule.kind)).map(({ ruleId }) => ruleId);
  await putUserPushRule(tx, userNid, rule);
  const order = ruleIds.toSpliced(ruleIds.indexOf(afterRuleId) + 1, 0, rule.ruleId);
  await orderPushRules(tx, userNid, rule.kind, order);
}

async function readContent(tx: Tx, key: AccountDataKey): Promise<JsonObject> {
  const text = await findAccountData(tx, key);
  const content: unknown = text === undefined ? undefined : JSON.parse(text);
  return isJsonObject(content) ? content : {};
}
