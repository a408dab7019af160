import { mayUseAlias, type Appservice } from '../matrix/appservices.ts';
import { badAlias, conflict, exclusive, forbidden, invalidParam, notFound } from '../matrix/errors.ts';
import { parseRoomAlias, parseRoomId, serverNameOf } from '../matrix/identifiers.ts';
import type { RoomAlias, RoomId, ServerName, UserId } from '../matrix/identifiers.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { mayChangeState } from '../rooms/may-change-state.ts';
import type { Actor } from '../rooms/membership.ts';
import { setState, type SendDeps } from '../rooms/send.ts';
import { isWorldReadable, requireJoined } from '../rooms/room-access.ts';
import { currentStateOf, findStateEvent, type RoomReadDeps } from '../rooms/read-state.ts';
import type { Db } from '../storage/database.ts';
import { deleteAlias, findAlias, insertAlias, listAliases, type StoredAlias } from '../storage/directory.ts';
import { findRoomNid } from '../storage/rooms.ts';
import { isJsonArray, type JsonObject, type JsonValue } from '../util/json.ts';
import type { Clock } from '../util/clock.ts';

export interface AliasDeps {
  readonly db: Db;
  readonly serverName: ServerName;
  /** Whether an application service has made a room of this name, for which it is asked. */
  readonly askForAlias: (alias: RoomAlias) => Promise<boolean>;
}

interface AliasOwner extends Actor {
  readonly isAdmin: boolean;
}

/**
 * The room that an alias leads to, which an application service may make when it is asked for. Throws 404 M_NOT_FOUND;
 * aliases of other servers lead nowhere.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias
 */
export async function getAlias(deps: AliasDeps, alias: RoomAlias): Promise<StoredAlias> {
  const found = await findOwnAlias(deps, alias);
  if (found !== undefined) return found;
  const isMade = serverNameOf(alias) === deps.serverName && (await deps.askForAlias(alias));
  return (isMade ? await findOwnAlias(deps, alias) : undefined) ?? refuseUnknown(alias);
}

async function findOwnAlias(
  { db, serverName }: Pick<AliasDeps, 'db' | 'serverName'>,
  alias: RoomAlias,
): Promise<StoredAlias | undefined> {
  return serverNameOf(alias) === serverName ? findAlias(db, alias) : undefined;
}

function refuseUnknown(alias: RoomAlias): never {
  throw notFound(`No room is called ${alias}.`);
}

/** The room that a client names by id or alias. Throws 400 M_INVALID_PARAM for what is neither, 404 for unknown aliases. */
export async function resolveRoom(deps: AliasDeps, roomIdOrAlias: string): Promise<RoomId> {
  const alias = parseRoomAlias(roomIdOrAlias);
  if (alias !== undefined) return (await getAlias(deps, alias)).roomId;
  const roomId = parseRoomId(roomIdOrAlias);
  if (roomId === undefined) throw invalidParam(`${roomIdOrAlias} is neither a room id nor an alias.`);
  return roomId;
}

/**
 * Gives a room another name. Throws 400 M_INVALID_PARAM for an alias of another server, 403 M_FORBIDDEN for who is not in
 * the room, 400 M_EXCLUSIVE for an alias in a namespace of an application service, 409 M_UNKNOWN for one that is taken.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias
 */
export async function makeAlias(
  deps: Pick<AliasDeps, 'db' | 'serverName'> & {
    readonly clock: Clock;
    readonly appservices: readonly Appservice[];
  },
  owner: AliasOwner,
  alias: RoomAlias,
  roomId: RoomId,
): Promise<void> {
  if (serverNameOf(alias) !== deps.serverName) throw invalidParam(`${alias} is an alias of another server.`);
  requireOwnNamespace(deps, owner, alias);
  const roomNid = await requireJoined(deps, roomId, owner);
  const isMade = await insertAlias(
    deps.db,
    { alias, roomNid, creatorNid: owner.userNid },
    deps.clock.nowMs(),
  );
  if (!isMade) throw conflict(`${alias} is taken.`);
}

/**
 * Removes an alias: whoever made it may, administrators, the application service in whose namespace it is, and who may set
 * the room's canonical alias, from which it is taken where the remover has the power. Throws 404 M_NOT_FOUND, 400
 * M_EXCLUSIVE and 403 M_FORBIDDEN.
 * https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias
 */
export async function removeAlias(
  deps: SendDeps & { readonly appservices: readonly Appservice[] },
  owner: AliasOwner,
  alias: RoomAlias,
): Promise<void> {
  const found = (await findOwnAlias(deps, alias)) ?? refuseUnknown(alias);
  requireOwnNamespace(deps, owner, alias);
  const mayRename = await mayChangeState(deps, owner, found, 'm.room.canonical_alias');
  const isOwn = found.creatorNid === owner.userNid || owner.isAdmin || owner.appservice !== undefined;
  if (!isOwn && !mayRename) throw forbidden(`${alias} is not yours to remove.`);
  await deleteAlias(deps.db, alias);
  if (mayRename) await dropCanonicalAlias(deps, owner, found);
}

function requireOwnNamespace(
  deps: { readonly appservices: readonly Appservice[] },
  owner: AliasOwner,
  alias: RoomAlias,
): void {
  if (!owner.isAdmin && !mayUseAlias(deps.appservices, alias, owner.appservice))
    throw exclusive(`${alias} is in no namespace of yours.`);
}

/** The aliases of a room. Throws 403 M_FORBIDDEN for who is not in it, unless anyone may read it. */
export async function listRoomAliases(
  deps: RoomReadDeps,
  viewer: { readonly userId: UserId; readonly userNid: number },
  roomId: RoomId,
): Promise<RoomAlias[]> {
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid === undefined || !(await isWorldReadable(deps, roomNid)))
    await requireJoined(deps, roomId, viewer);
  return roomNid === undefined ? [] : listAliases(deps.db, roomNid);
}

/**
 * Checks what a new m.room.canonical_alias adds to the one before. Throws 400 M_INVALID_PARAM for what is no alias and
 * M_BAD_ALIAS for one that does not lead to the room.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey
 */
export async function checkCanonicalAlias(
  deps: Pick<AliasDeps, 'db' | 'serverName'> & RoomReadDeps,
  roomId: RoomId,
  content: JsonObject,
): Promise<void> {
  const roomNid = await findRoomNid(deps.db, roomId);
  const current =
    roomNid === undefined
      ? undefined
      : await findStateEvent(deps, currentStateOf(roomNid), 'm.room.canonical_alias', '');
  const before = new Set(current === undefined ? [] : namedIn(readableEvent(current).event.content));
  for (const value of namedIn(content)) {
    const alias = parseRoomAlias(value);
    if (alias === undefined) throw invalidParam(`${JSON.stringify(value)} is not a room alias.`);
    if (before.has(value)) continue;
    const found = serverNameOf(alias) === deps.serverName ? await findAlias(deps.db, alias) : undefined;
    if (found?.roomId !== roomId) throw badAlias(`${alias} does not lead to this room.`);
  }
}

/** All aliases in an m.room.canonical_alias, in whatever form. An empty or null alias is none. */
function namedIn(content: JsonObject): readonly JsonValue[] {
  const { alias, alt_aliases: alternatives } = content;
  if (alternatives !== undefined && !isJsonArray(alternatives))
    throw invalidParam('alt_aliases is not a list.');
  const main = alias === undefined || alias === null || alias === '' ? [] : [alias];
  return [...main, ...(alternatives ?? [])];
}

async function dropCanonicalAlias(deps: SendDeps, owner: AliasOwner, found: StoredAlias): Promise<void> {
  const stored = await findStateEvent(deps, currentStateOf(found.roomNid), 'm.room.canonical_alias', '');
  if (stored === undefined) return;
  const { content } = readableEvent(stored).event;
  const { alias, alt_aliases: alternatives, ...rest } = content;
  const others = isJsonArray(alternatives) ? alternatives.filter((other) => other !== found.alias) : [];
  if (alias !== found.alias && (!isJsonArray(alternatives) || others.length === alternatives.length)) return;
  await setState(deps, owner, found.roomId, {
    type: 'm.room.canonical_alias',
    stateKey: '',
    content: {
      ...rest,
      ...(alias === undefined || alias === found.alias ? {} : { alias }),
      ...(others.length === 0 ? {} : { alt_aliases: others }),
    },
  });
}
