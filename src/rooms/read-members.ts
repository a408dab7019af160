import { membershipIn, type Membership } from '../matrix/power-levels.ts';
import type { RoomId } from '../matrix/identifiers.ts';
import { findStateRootAt, listFirstStateRoots } from '../storage/rooms.ts';
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
  /** The position of a token: the members as they were then; before there were any, the first ones. */
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
  const members =
    at !== undefined && at < lastPositionSeenWith(access)
      ? await listMembersAt(deps, access.roomNid, at)
      : await listMembers(deps, stateSeenWith(access));
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

/** Both are always there, as clients expect; the schema has no null here. */
function describe({ displayname, avatar_url: avatarUrl }: JsonObject): JsonObject {
  return {
    display_name: typeof displayname === 'string' ? displayname : '',
    avatar_url: typeof avatarUrl === 'string' ? avatarUrl : '',
  };
}

async function listMembers(deps: RoomReadDeps, state: StateChoice): Promise<ReadableEvent[]> {
  return (await listStateEvents(deps, state, 'm.room.member')).map(readableEvent);
}

/**
 * A first /sync answers with the token of a room's very beginning, and clients that load members lazily ask with it: they
 * mean those who were there first.
 */
async function listMembersAt(
  deps: RoomReadDeps,
  roomNid: number,
  position: number,
): Promise<ReadableEvent[]> {
  const root = await findStateRootAt(deps.db, roomNid, position);
  const roots = [...(root === undefined ? [] : [root]), ...(await listFirstStateRoots(deps.db, roomNid, 2))];
  for (const candidate of roots) {
    const members = await listMembers(deps, stateAt(candidate));
    if (members.length > 0) return members;
  }
  return [];
}

function isWanted({ membership, notMembership }: MembersRequest, actual: Membership | undefined): boolean {
  if (membership === undefined && notMembership === undefined) return true;
  return actual === membership || (notMembership !== undefined && actual !== notMembership);
}
