import { formatStreamToken } from '../storage/stream-token.ts';
import type { JsonObject } from '../util/json.ts';
import { accountData } from './account-data.ts';
import { deviceLists } from './device-lists.ts';
import { ephemera } from './ephemera.ts';
import { invitedRooms } from './invited-rooms.ts';
import { joinedRooms } from './joined-rooms.ts';
import { leftRooms } from './left-rooms.ts';
import { oneTimeKeys } from './one-time-keys.ts';
import { presence } from './presence.ts';
import type { SyncPart, SyncProvider, SyncScope } from './provider.ts';
import { toDeviceMessages } from './to-device.ts';
import { addUnreadCounts, countWhereNews } from './unread-counts.ts';

/** All that /sync is made of. */
const PROVIDERS: readonly SyncProvider[] = [
  joinedRooms,
  invitedRooms,
  leftRooms,
  toDeviceMessages,
  oneTimeKeys,
  deviceLists,
  accountData,
  ephemera,
  presence,
];

/** An answer to /sync. */
export interface SyncAnswer {
  readonly body: JsonObject;
  /** False: a client that waits is to wait on. */
  readonly hasNews: boolean;
}

/** Reads all providers and puts together what they say. */
export async function composeAnswer(scope: SyncScope, since: number | undefined): Promise<SyncAnswer> {
  const reading: readonly Promise<SyncPart>[] = PROVIDERS.map((provider) =>
    since === undefined ? provider.initial(scope) : provider.since(scope, since),
  );
  const [counts, ...parts] = await Promise.all([countWhereNews(scope, since), ...reading]);
  parts.push(await addUnreadCounts(scope, parts, counts));
  const rooms = mergeRooms(scope, parts);
  const hasRooms = Object.keys(rooms).length > 0;
  const body: JsonObject = Object.assign(
    { next_batch: formatStreamToken(scope.upTo) },
    ...parts.map((part) => part.body),
    hasRooms ? { rooms } : {},
  );
  return { body, hasNews: hasRooms || parts.some((part) => part.isNews === true) };
}

/** The same where nothing has happened to the user or in their rooms since: then there is only their keys to tell of. */
export async function composeQuietAnswer(
  scope: Pick<SyncScope, 'deps' | 'viewer' | 'upTo'>,
  since: number,
): Promise<SyncAnswer> {
  const { body, isNews } = await oneTimeKeys.since(scope, since);
  return { body: { next_batch: formatStreamToken(scope.upTo), ...body }, hasNews: isNews };
}

/** The sections of `rooms` that hold anything, each room with what all providers say of it. */
function mergeRooms(scope: SyncScope, parts: readonly SyncPart[]): JsonObject {
  const sections: Record<string, Record<string, JsonObject>> = {};
  for (const { rooms } of parts) {
    for (const [name, entries] of Object.entries(rooms ?? {})) {
      for (const [roomId, body] of entries) {
        const section = (sections[name] ??= {});
        section[roomId] = Object.assign(section[roomId] ?? emptyRoom(scope, name), body);
      }
    }
  }
  return sections;
}

/** `state_after` must be there even where no provider has anything for it. */
function emptyRoom(scope: SyncScope, section: string): JsonObject {
  const hasState = section === 'join' || section === 'leave';
  return hasState && scope.stateAfter !== undefined ? { [scope.stateAfter]: { events: [] } } : {};
}
