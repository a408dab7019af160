import { toClientEvent } from '../matrix/client-event.ts';
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
  listAccountsAmong,
  listCurrentStateOfRooms,
  type PushMember,
  type PushRoom,
} from '../storage/push-progress.ts';
import type { JsonObject } from '../util/json.ts';
import type { PersonalRules, PersonalRulesMemory, Recipient } from './personal-rules.ts';

/** Whether a sender may notify many at once, by key such as `room`. */
export type NotificationRights = (sender: UserId, key: string) => boolean;

/** Who is to hear of some events, by what rules, and what the rules look at beside the events. */
export interface Audience {
  /** The users of this server who were in the room when the event was sent, and whom it invites. */
  recipientsOf(event: ReadableEvent): readonly Recipient[];
  rulesOf(recipient: Recipient): PersonalRules;
  /** The event as rules look at it, and how many are in its room. */
  describe(event: ReadableEvent): { readonly event: JsonObject; readonly memberCount: number };
  /** What power levels say in the room of an event. Few rules get as far as to look. */
  rightsIn(event: ReadableEvent): Promise<NotificationRights>;
  /** The names of some users in the room of an event. */
  displayNamesIn(event: ReadableEvent, users: readonly Recipient[]): Promise<ReadonlyMap<UserId, string>>;
}

export interface AudienceDeps extends RoomReadDeps {
  readonly personalRules: PersonalRulesMemory;
}

/** Loads what many events of many rooms take; where nobody is new and nobody's rules have changed, that is nothing. */
export async function loadAudience(
  deps: AudienceDeps,
  events: readonly ReadableEvent[],
  rooms: readonly PushRoom[],
): Promise<Audience> {
  const { db } = deps;
  const roomOf = new Map(rooms.map((room) => [room.roomNid, room]));
  const membersOf = (event: ReadableEvent): readonly PushMember[] =>
    roomOf.get(event.stored.roomNid)?.members ?? [];
  const invitees = events.flatMap(invitedBy);
  const [invited, permissions, absentees] = await Promise.all([
    listAccountsAmong(db, invitees),
    invitees.length === 0 ? undefined : loadInvitePermissions(db, invitees),
    findAbsentees(deps, events, membersOf),
  ]);
  const rules = await deps.personalRules.load(
    rooms.flatMap((room) => room.members),
    [...invited].map(([userId, userNid]) => ({ userId, userNid })),
  );
  const rights = new Map<number, Promise<NotificationRights>>();
  return {
    recipientsOf: (event) => {
      const absent = absentees.get(event);
      const members = membersOf(event);
      const present = absent === undefined ? members : members.filter(({ userId }) => !absent.has(userId));
      const invitedHere = invitedBy(event).flatMap((userId) => {
        const userNid = invited.get(userId);
        const isUnwanted = permissions?.of(userId, event.event.sender) !== 'allow';
        return userNid === undefined || isUnwanted || present.some((member) => member.userNid === userNid)
          ? []
          : [{ userId, userNid }];
      });
      return [...present, ...invitedHere];
    },
    rulesOf: (recipient) => {
      const personal = rules.get(recipient.userNid);
      if (personal === undefined) throw new Error(`the push rules of ${recipient.userId} were not loaded`);
      return personal;
    },
    describe: ({ event, stored }) => ({
      event: toClientEvent(event, { withRoomId: true }),
      memberCount: roomOf.get(stored.roomNid)?.memberCount ?? 0,
    }),
    rightsIn: ({ stored: { roomNid } }) => {
      const loading = rights.get(roomNid) ?? loadRights(deps, roomNid);
      rights.set(roomNid, loading);
      return loading;
    },
    displayNamesIn: (event, users) => loadDisplayNames(deps, event.stored.roomNid, users),
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
  membersOf: (event: ReadableEvent) => readonly PushMember[],
): Promise<Map<ReadableEvent, ReadonlySet<UserId>>> {
  const absentees = new Map<ReadableEvent, ReadonlySet<UserId>>();
  for (const event of events) {
    const { position, stateBefore } = event.stored;
    const doubtful = membersOf(event).filter((member) => member.position > (position ?? 0));
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

async function loadRights(deps: RoomReadDeps, roomNid: number): Promise<NotificationRights> {
  const keys = await deps.stateKeys.find([POWER_LEVELS_SLOT, CREATE_SLOT]);
  const stored = await listCurrentStateOfRooms(deps.db, [roomNid], [...keys.values()]);
  const state = stored.map(readableEvent);
  const rules = state[0]?.rules;
  if (rules === undefined) return () => false;
  const bySlot = new Map<StateSlot, ReadableEvent['event']>(
    state.flatMap(({ event }) =>
      isStateEvent(event) ? [[stateSlot(event.type, event.stateKey), event] as const] : [],
    ),
  );
  const levels = powerLevelsOf((slot) => bySlot.get(slot), rules);
  return (sender, key) => levels.userLevel(sender) >= levels.notificationLevel(key);
}

async function loadDisplayNames(
  deps: RoomReadDeps,
  roomNid: number,
  recipients: readonly Recipient[],
): Promise<Map<UserId, string>> {
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
