import { toClientEvent } from '../matrix/client-event.ts';
import type { PushedEvent } from '../matrix/push-rules/conditions.ts';
import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import type { Evaluator, PushRuleCompiler } from '../matrix/push-rules/evaluation.ts';
import { isStateEvent, stateSlot, type StateSlot } from '../matrix/event.ts';
import { parseUserId, type UserId } from '../matrix/identifiers.ts';
import {
  CREATE_SLOT,
  membershipIn,
  memberSlot,
  POWER_LEVELS_SLOT,
  powerLevelsOf,
} from '../matrix/power-levels.ts';
import { readableEvent, type ReadableEvent } from '../rooms/client-events.ts';
import { currentStateOf, findStateEvents, type RoomReadDeps, stateAt } from '../rooms/read-state.ts';
import { loadInvitePermissions } from '../storage/invite-permissions.ts';
import {
  countJoined,
  listAccountsAmong,
  listCurrentStateOfRooms,
  listIgnoreLists,
  listPushMembers,
  type PushMember,
} from '../storage/push-progress.ts';
import { listPushRulesets } from '../storage/push-rules.ts';
import { groupBy } from '../util/group-by.ts';
import { isJsonObject } from '../util/json.ts';

/** Somebody to whom an event may be news. */
export type Recipient = Pick<PushMember, 'userNid' | 'userId'>;

/** Who is to hear of some events, by what rules, and what the rules look at beside the events. */
export interface Audience {
  /** The users of this server who were in the room when the event was sent, and whom it invites. */
  recipientsOf(event: ReadableEvent): readonly Recipient[];
  rulesOf(recipient: Recipient): Evaluator;
  ignores(recipient: Recipient, sender: UserId): boolean;
  /** The event as rules look at it. */
  describe(event: ReadableEvent): PushedEvent;
  /** The names of those in a room whose rules look at them. */
  displayNamesIn(event: ReadableEvent): Promise<ReadonlyMap<UserId, string>>;
}

export interface AudienceDeps extends RoomReadDeps, PredefinedRules {
  readonly compiler: PushRuleCompiler;
}

/** Loads all of that for many events of many rooms in a handful of queries. */
export async function loadAudience(deps: AudienceDeps, events: readonly ReadableEvent[]): Promise<Audience> {
  const { db } = deps;
  const roomNids = [...new Set(events.map((event) => event.stored.roomNid))];
  const [members, invited, memberCounts, mayNotify] = await Promise.all([
    listPushMembers(db, roomNids),
    listAccountsAmong(db, events.flatMap(invitedBy)),
    countJoined(db, roomNids),
    loadPowerLevels(deps, roomNids),
  ]);
  const membersOf = groupBy(members, (member) => member.roomNid);
  const everybody = new Map<number, Recipient>(members.map((member) => [member.userNid, member]));
  for (const [userId, userNid] of invited) everybody.set(userNid, { userId, userNid });
  const recipients = [...everybody.values()];
  const [rulesets, ignoreLists, absentees, permissions] = await Promise.all([
    listPushRulesets(deps, recipients),
    listIgnoreLists(db, [...everybody.keys()]),
    findAbsentees(deps, events, membersOf),
    loadInvitePermissions(db, [...invited.keys()]),
  ]);
  const evaluators = new Map(
    [...rulesets].map(([userNid, ruleset]) => [userNid, deps.compiler.compile(ruleset)]),
  );
  const ignored = readIgnoreLists(ignoreLists);

  const rulesOf = (recipient: Recipient): Evaluator => {
    const evaluator = evaluators.get(recipient.userNid);
    if (evaluator === undefined) throw new Error(`the push rules of ${recipient.userId} were not loaded`);
    return evaluator;
  };
  const recipientsOf = (event: ReadableEvent): readonly Recipient[] => {
    const absent = absentees.get(event) ?? new Set();
    const present = (membersOf.get(event.stored.roomNid) ?? []).filter(
      (member) => !absent.has(member.userId),
    );
    const invitees = invitedBy(event).flatMap((userId) => {
      const userNid = invited.get(userId);
      const isUnwanted = permissions.of(userId, event.event.sender) !== 'allow';
      return userNid === undefined || isUnwanted || present.some((member) => member.userNid === userNid)
        ? []
        : [{ userId, userNid }];
    });
    return [...present, ...invitees];
  };
  return {
    recipientsOf,
    rulesOf,
    ignores: (recipient, sender) => ignored.get(recipient.userNid)?.has(sender) ?? false,
    describe: ({ event, stored }) => ({
      event: toClientEvent(event, { withRoomId: true }),
      memberCount: memberCounts.get(stored.roomNid) ?? 0,
      mayNotify: (key) => mayNotify(stored.roomNid, event.sender, key),
    }),
    displayNamesIn: async (event) => {
      const curious = recipientsOf(event).filter((recipient) => rulesOf(recipient).needsDisplayName);
      return loadDisplayNames(deps, event.stored.roomNid, curious);
    },
  };
}

function invitedBy({ event }: ReadableEvent): UserId[] {
  if (event.type !== 'm.room.member' || membershipIn(event.content) !== 'invite') return [];
  const invitee = parseUserId(event.stateKey);
  return invitee === undefined ? [] : [invitee];
}

/** Members by event who came into the room after it. A membership that has not changed since then needs no look. */
async function findAbsentees(
  deps: RoomReadDeps,
  events: readonly ReadableEvent[],
  membersOf: ReadonlyMap<number, readonly PushMember[]>,
): Promise<Map<ReadableEvent, ReadonlySet<UserId>>> {
  const absentees = new Map<ReadableEvent, ReadonlySet<UserId>>();
  for (const event of events) {
    const { roomNid, position, stateBefore } = event.stored;
    const doubtful = (membersOf.get(roomNid) ?? []).filter((member) => member.position > (position ?? 0));
    if (doubtful.length === 0 || stateBefore === undefined) continue;
    const slots = doubtful.map((member) => memberSlot(member.userId));
    const then = await findStateEvents(deps, stateAt(stateBefore), slots);
    const absent = doubtful.filter((member) => {
      const stored = then.get(memberSlot(member.userId));
      return stored === undefined || membershipIn(readableEvent(stored).event.content) !== 'join';
    });
    absentees.set(event, new Set(absent.map((member) => member.userId)));
  }
  return absentees;
}

async function loadPowerLevels(
  deps: RoomReadDeps,
  roomNids: readonly number[],
): Promise<(roomNid: number, sender: UserId, key: string) => boolean> {
  const keys = await deps.stateKeys.find([POWER_LEVELS_SLOT, CREATE_SLOT]);
  const stored = await listCurrentStateOfRooms(deps.db, roomNids, [...keys.values()]);
  const stateOf = groupBy(stored.map(readableEvent), (event) => event.stored.roomNid);
  return (roomNid, sender, key) => {
    const state = stateOf.get(roomNid) ?? [];
    const rules = state[0]?.rules;
    if (rules === undefined) return false;
    const bySlot = new Map<StateSlot, ReadableEvent['event']>(
      state.flatMap(({ event }) =>
        isStateEvent(event) ? [[stateSlot(event.type, event.stateKey), event] as const] : [],
      ),
    );
    const levels = powerLevelsOf((slot) => bySlot.get(slot), rules);
    return levels.userLevel(sender) >= levels.notificationLevel(key);
  };
}

function readIgnoreLists(lists: ReadonlyMap<number, string>): Map<number, ReadonlySet<string>> {
  return new Map(
    [...lists].map(([userNid, text]) => {
      const content: unknown = JSON.parse(text);
      const users = isJsonObject(content) ? content['ignored_users'] : undefined;
      return [userNid, new Set(Object.keys(isJsonObject(users) ? users : {}))];
    }),
  );
}

async function loadDisplayNames(
  deps: RoomReadDeps,
  roomNid: number,
  recipients: readonly Recipient[],
): Promise<Map<UserId, string>> {
  if (recipients.length === 0) return new Map();
  const slots = recipients.map((recipient) => memberSlot(recipient.userId));
  const members = await findStateEvents(deps, currentStateOf(roomNid), slots);
  return new Map(
    recipients.flatMap(({ userId }): [UserId, string][] => {
      const stored = members.get(memberSlot(userId));
      const name = stored && readableEvent(stored).event.content['displayname'];
      return typeof name === 'string' ? [[userId, name]] : [];
    }),
  );
}
