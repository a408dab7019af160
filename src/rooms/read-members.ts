import { membershipIn, type Membership } from '../matrix/power-levels.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { findStateRootAt } from '../storage/rooms.ts';
import type { JsonObject } from '../util/json.ts';
import {
  readableEvent,
  renderEvents,
  type ReadableEvent,
  type RenderDeps,
  type Viewer,
} from './client-events.ts';
import {
  currentStateOf,
  listStateEvents,
  stateAt,
  type RoomReadDeps,
  type StateChoice,
} from './read-state.ts';
import { lastPositionSeenWith, requireJoined, requireRoomAccess, stateSeenWith } from './room-access.ts';

/** Which members are asked for. */
export interface MembersRequest {
  readonly roomId: RoomId;
  /** The position of a token: the members as they were then. */
  readonly at: number | undefined;
  readonly membership: Membership | undefined;
  readonly notMembership: Membership | undefined;
}

/**
 * The member events of a room as the viewer sees it; for who has left, as of then. With both filters either will do.
 * Throws 403 M_FORBIDDEN. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers
 */
export async function listMemberEvents(
  deps: RenderDeps,
  viewer: Viewer,
  request: MembersRequest,
): Promise<JsonObject[]> {
  const access = await requireRoomAccess(deps, request.roomId, viewer);
  const { at } = request;
  const state =
    at !== undefined && at < lastPositionSeenWith(access)
      ? await stateOf(deps, access.roomNid, at)
      : stateSeenWith(access);
  if (state === undefined) return [];
  const members = await listMembers(deps, state);
  const wanted = members.filter(({ event }) => isWanted(request, membershipIn(event.content)));
  return renderEvents(
    deps,
    wanted.map((member) => member.stored),
    viewer,
    { withRoomId: true },
  );
}

/**
 * Who is in the room, with the names that they have there. Throws 403 M_FORBIDDEN for who is not.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members
 */
export async function listJoinedMembers(
  deps: RoomReadDeps,
  viewer: Pick<Viewer, 'userId' | 'userNid'>,
  roomId: RoomId,
): Promise<JsonObject> {
  const roomNid = await requireJoined(deps, roomId, viewer);
  const members = await listMembers(deps, currentStateOf(roomNid));
  return Object.fromEntries(
    members
      .filter(({ event }) => membershipIn(event.content) === 'join')
      .map(({ event }) => [event.stateKey ?? '', describe(event.content)]),
  );
}

/** What is set; the schema has no null here. */
function describe({ displayname, avatar_url: avatarUrl }: JsonObject): JsonObject {
  return {
    ...(typeof displayname === 'string' ? { display_name: displayname } : {}),
    ...(typeof avatarUrl === 'string' ? { avatar_url: avatarUrl } : {}),
  };
}

async function listMembers(deps: RoomReadDeps, state: StateChoice): Promise<ReadableEvent[]> {
  return (await listStateEvents(deps, state, 'm.room.member')).map(readableEvent);
}

async function stateOf(
  deps: RoomReadDeps,
  roomNid: number,
  position: number,
): Promise<StateChoice | undefined> {
  const root = await findStateRootAt(deps.db, roomNid, position);
  return root === undefined ? undefined : stateAt(root);
}

function isWanted({ membership, notMembership }: MembersRequest, actual: Membership | undefined): boolean {
  if (membership === undefined && notMembership === undefined) return true;
  return actual === membership || (notMembership !== undefined && actual !== notMembership);
}
