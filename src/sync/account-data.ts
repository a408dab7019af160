import { admitsEvent, admitsRoom, admitsRoomEvent } from '../matrix/filters.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { pushRulesContent } from '../matrix/push-rules/push-rule.ts';
import { listAccountData, type AccountDatum } from '../storage/account-data.ts';
import { findPushRuleset } from '../storage/push-rules.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';
import { isJoined } from './standings.ts';

const PUSH_RULES = 'm.push_rules';

/**
 * What the user's clients keep here for each other, of no room and of those that the user is in; tags and the fully-read
 * marker are part of it. https://spec.matrix.org/v1.19/client-server-api/#client-config
 */
export const accountData: SyncProvider = {
  initial: async (scope) => render(scope, await readWhole(scope), listJoined(scope)),
  since: async (scope, since) => {
    const mayHaveNews = scope.deps.syncFeed.mayConcern(scope.viewer.userNid, since);
    const newRooms = new Set(scope.standings.newlyJoined.map((room) => room.roomNid));
    if (!mayHaveNews && newRooms.size === 0) return {};
    const news = mayHaveNews ? await readUpTo(scope, since) : [];
    if (newRooms.size === 0) return render(scope, news);
    // Of a room that the client had not, it is to know everything.
    const all = await readUpTo(scope, undefined);
    const isOfNewRoom = ({ roomNid }: AccountDatum): boolean =>
      roomNid !== undefined && newRooms.has(roomNid);
    return render(scope, [...news.filter((datum) => !isOfNewRoom(datum)), ...all.filter(isOfNewRoom)]);
  },
};

function readUpTo(scope: SyncScope, after: number | undefined): Promise<AccountDatum[]> {
  return listAccountData(scope.deps.db, scope.viewer.userNid, after, scope.upTo);
}

async function readWhole(scope: SyncScope): Promise<AccountDatum[]> {
  const stored = await readUpTo(scope, undefined);
  return [...stored.filter((datum) => datum.type !== PUSH_RULES), await readPushRules(scope)];
}

/** Everybody has push rules, also who never changed any: none of them are stored then. */
async function readPushRules({ deps, viewer }: SyncScope): Promise<AccountDatum> {
  const content = pushRulesContent(await findPushRuleset(deps, viewer));
  return { roomNid: undefined, type: PUSH_RULES, content: JSON.stringify(content) };
}

/** A client that knows nothing is told of each room, also when there is nothing to tell. */
function listJoined({ standings, filter }: SyncScope): readonly RoomId[] {
  return standings.all
    .filter((room) => isJoined(room) && admitsRoom(filter.room, room.roomId))
    .map(({ roomId }) => roomId);
}

function render(scope: SyncScope, data: readonly AccountDatum[], always: readonly RoomId[] = []): SyncPart {
  const { filter } = scope;
  const events: JsonObject[] = [];
  const byRoom = new Map<RoomId, JsonObject[]>(always.map((roomId) => [roomId, []]));
  for (const { roomNid, type, content: text } of data) {
    const event = { type, content: readContent(text) };
    if (roomNid === undefined) {
      if (admitsEvent(filter.accountData, event)) events.push(event);
      continue;
    }
    const room = scope.standings.find(roomNid);
    if (room === undefined || !isJoined(room)) continue;
    const { roomId } = room;
    if (!admitsRoomEvent(filter.room.accountData, roomId, event)) continue;
    byRoom.set(roomId, [...(byRoom.get(roomId) ?? []), event]);
  }
  const rooms = {
    join: new Map([...byRoom].map(([roomId, of]) => [roomId, { account_data: { events: of } }])),
  };
  return events.length === 0 ? { rooms } : { rooms, body: { account_data: { events } }, isNews: true };
}

function readContent(text: string): JsonObject {
  const content: unknown = JSON.parse(text);
  return isJsonObject(content) ? content : {};
}
