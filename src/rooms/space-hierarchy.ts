import { forbidden } from '../matrix/errors.ts';
import { toStrippedState } from '../matrix/client-event.ts';
import { isStateEvent, type StateEvent } from '../matrix/event.ts';
import { parseRoomId, type RoomId } from '../matrix/identifiers.ts';
import type { Membership } from '../matrix/power-levels.ts';
import { findRoomNids } from '../storage/room-descriptions.ts';
import { isJsonArray, type JsonObject } from '../util/json.ts';
import { readableEvent, type Viewer } from './client-events.ts';
import { describeRooms, toRoomSummary, type DescribedRoom } from './describe-rooms.ts';
import { currentStateOf, listStateEvents, type RoomReadDeps } from './read-state.ts';
import { findMembershipsIn, mayPreview } from './room-preview.ts';

/** Which part of a tree of spaces a client asks for. */
export interface HierarchyRequest {
  readonly roomId: RoomId;
  readonly suggestedOnly: boolean;
  /** 0 for the space alone, 1 for its children as well. */
  readonly maxDepth: number;
  /** So many rooms of the tree were on earlier pages. */
  readonly skip: number;
  readonly limit: number;
}

export interface HierarchyPage {
  readonly rooms: readonly JsonObject[];
  readonly hasMore: boolean;
}

/**
 * The rooms of a space, of its spaces and so on, depth first and each once, as far as the viewer may be told of them.
 * Throws 403 M_FORBIDDEN when that does not go for the space itself.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy
 */
export async function readHierarchy(
  deps: RoomReadDeps,
  viewer: Pick<Viewer, 'userNid'>,
  request: HierarchyRequest,
): Promise<HierarchyPage> {
  const walk = new HierarchyWalk(deps, viewer);
  await walk.learn([request.roomId]);
  const rooms: JsonObject[] = [];
  const seen = new Set<RoomId>();
  const ahead = [{ roomId: request.roomId, depth: 0 }];
  let place = 0;
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    const { roomId, depth } = next;
    if (seen.has(roomId)) continue;
    seen.add(roomId);
    const room = await walk.find(roomId);
    if (room === undefined) {
      if (depth === 0) throw forbidden('You may not look into this space.');
      continue;
    }
    if (place >= request.skip + request.limit) return { rooms, hasMore: true };
    const children = await listSpaceChildren(deps, room, request.suggestedOnly);
    if (place >= request.skip) rooms.push(describe(room, children));
    place += 1;
    if (depth >= request.maxDepth) continue;
    const childIds = children.flatMap((child) => parseRoomId(child.stateKey) ?? []);
    await walk.learn(childIds);
    ahead.push(...childIds.toReversed().map((childId) => ({ roomId: childId, depth: depth + 1 })));
  }
  return { rooms, hasMore: false };
}

/** What was learnt of the rooms on the way: all children of a space at once. */
class HierarchyWalk {
  readonly #deps: RoomReadDeps;
  readonly #viewer: Pick<Viewer, 'userNid'>;
  readonly #rooms = new Map<
    RoomId,
    { readonly room: DescribedRoom; readonly membership: Membership | undefined } | undefined
  >();

  constructor(deps: RoomReadDeps, viewer: Pick<Viewer, 'userNid'>) {
    this.#deps = deps;
    this.#viewer = viewer;
  }

  async learn(roomIds: readonly RoomId[]): Promise<void> {
    const unknown = roomIds.filter((roomId) => !this.#rooms.has(roomId));
    if (unknown.length === 0) return;
    const nids = await findRoomNids(this.#deps.db, unknown);
    const rooms = await describeRooms(this.#deps, [...nids.values()]);
    const memberships = await findMembershipsIn(this.#deps, [...nids.values()], this.#viewer.userNid);
    for (const roomId of unknown) {
      const nid = nids.get(roomId) ?? 0;
      const room = rooms.get(nid);
      this.#rooms.set(roomId, room === undefined ? undefined : { room, membership: memberships.get(nid) });
    }
  }

  /** A room that is known here and that the viewer may be told of. */
  async find(roomId: RoomId): Promise<DescribedRoom | undefined> {
    const known = this.#rooms.get(roomId);
    if (known === undefined) return undefined;
    const isShown = await mayPreview(this.#deps, known.room, this.#viewer, known.membership);
    return isShown ? known.room : undefined;
  }
}

function describe(room: DescribedRoom, children: readonly StateEvent[]): JsonObject {
  return {
    ...toRoomSummary(room),
    children_state: children.map((child) => ({
      ...toStrippedState(child),
      origin_server_ts: child.originServerTs,
    })),
  };
}

/** A space with more is shown with its first ones. */
const MOST_CHILDREN = 1_000;
const ORDER = /^[\x20-\x7e]{1,50}$/;

/**
 * The children of a space in their order; none where the room is no space.
 * https://spec.matrix.org/v1.19/client-server-api/#ordering-of-children-within-a-space
 */
async function listSpaceChildren(
  deps: RoomReadDeps,
  room: DescribedRoom,
  suggestedOnly: boolean,
): Promise<StateEvent[]> {
  if (room.roomType !== 'm.space') return [];
  const stored = await listStateEvents(deps, currentStateOf(room.roomNid), 'm.space.child');
  return stored
    .map((event) => readableEvent(event).event)
    .filter(isStateEvent)
    .filter((event) => hasVia(event) && (!suggestedOnly || event.content['suggested'] === true))
    .toSorted(compareChildren)
    .slice(0, MOST_CHILDREN);
}

/** Without servers to join by, the child was removed. */
function hasVia({ content }: StateEvent): boolean {
  const via = content['via'];
  return isJsonArray(via) && via.some((server) => typeof server === 'string');
}

function compareChildren(a: StateEvent, b: StateEvent): number {
  const [orderOfA, orderOfB] = [orderOf(a), orderOf(b)];
  if (orderOfA !== orderOfB) {
    if (orderOfA === undefined) return 1;
    if (orderOfB === undefined) return -1;
    return orderOfA < orderOfB ? -1 : 1;
  }
  if (a.originServerTs !== b.originServerTs) return a.originServerTs - b.originServerTs;
  return a.stateKey < b.stateKey ? -1 : 1;
}

function orderOf({ content }: StateEvent): string | undefined {
  const order = content['order'];
  return typeof order === 'string' && ORDER.test(order) ? order : undefined;
}
