import { invalidParam, notFound } from '../matrix/errors.ts';
import { parseEventId, type EventId, type RoomId } from '../matrix/identifiers.ts';
import { findAccountData, putAccountData } from '../storage/account-data.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { listEventsById, type StoredEvent } from '../storage/events.ts';
import { isReceiptNewer, putReceipt, type Receipt, type ReceiptType } from '../storage/receipts.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { Clock } from '../util/clock.ts';
import { isJsonObject } from '../util/json.ts';
import { requireMember, type Participant } from './room-membership.ts';
import { isRelatedToThread, MAIN_THREAD } from './thread-of-event.ts';

export interface ReceiptDeps {
  readonly db: Db;
  readonly hub: Pick<StreamHub, 'announce'>;
  readonly clock: Clock;
}

/** The account data that holds the marker. */
const FULLY_READ = 'm.fully_read';

/** Up to which events a user says to have read, by what the mark is for. */
export interface ReadMarks {
  /** What others see. */
  readonly read?: EventId | undefined;
  /** What only the user's own clients see. */
  readonly readPrivately?: EventId | undefined;
  /** Where the user's clients draw the line of what is new. */
  readonly fullyRead?: EventId | undefined;
  /** The thread that the receipts are for: `main` or its root; undefined for all. */
  readonly threadId?: string | undefined;
}

/**
 * Moves receipts and the fully-read marker forward, each if its event is later than where it was. Throws 403 M_FORBIDDEN
 * for who is not in the room, 404 M_NOT_FOUND for events that the room's timeline does not have, 400 M_INVALID_PARAM for
 * a thread that the event is not related to. https://spec.matrix.org/v1.19/client-server-api/#receipts
 */
export async function markRead(
  deps: ReceiptDeps,
  user: Participant,
  roomId: RoomId,
  marks: ReadMarks,
): Promise<void> {
  const { db } = deps;
  const roomNid = await requireMember(db, user, roomId);
  const events = await getEvents(db, roomNid, [marks.read, marks.readPrivately, marks.fullyRead]);
  if (marks.threadId !== undefined) await checkThread(db, marks.threadId, [...events.values()]);
  const receipt = (type: ReceiptType, eventId: EventId | undefined): Receipt[] => {
    const event = eventId === undefined ? undefined : events.get(eventId);
    if (event === undefined) return [];
    const { threadId } = marks;
    const receivedTs = deps.clock.nowMs();
    const { userNid } = user;
    const { eventId: id, eventPosition } = event;
    return [{ roomNid, userNid, type, threadId, eventId: id, eventPosition, receivedTs }];
  };
  await write(deps, user, roomNid, {
    receipts: [...receipt('m.read', marks.read), ...receipt('m.read.private', marks.readPrivately)],
    fullyRead: marks.fullyRead === undefined ? undefined : events.get(marks.fullyRead),
  });
}

interface PlacedEvent {
  readonly eventId: EventId;
  readonly eventPosition: number;
  readonly stored: StoredEvent;
}

async function getEvents(
  db: Db,
  roomNid: number,
  wanted: readonly (EventId | undefined)[],
): Promise<Map<EventId, PlacedEvent>> {
  const ids = new Set(wanted.filter((id) => id !== undefined));
  const placed = new Map<EventId, PlacedEvent>();
  for (const stored of await listEventsById(db, [...ids])) {
    const { eventId, position } = stored;
    if (stored.roomNid === roomNid && position !== undefined)
      placed.set(eventId, { eventId, eventPosition: position, stored });
  }
  for (const id of ids) if (!placed.has(id)) throw notFound(`The room's timeline has no event ${id}.`);
  return placed;
}

async function checkThread(db: Db, threadId: string, events: readonly PlacedEvent[]): Promise<void> {
  if (threadId === '') throw invalidParam('thread_id: expected a non-empty string');
  for (const { eventId, stored } of events) {
    if (await isRelatedToThread(db, stored, threadId)) continue;
    const thread = threadId === MAIN_THREAD ? 'the main timeline' : `the thread ${threadId}`;
    throw invalidParam(`The event ${eventId} is not related to ${thread}.`);
  }
}

interface Writes {
  readonly receipts: readonly Receipt[];
  readonly fullyRead: PlacedEvent | undefined;
}

async function write(deps: ReceiptDeps, user: Participant, roomNid: number, wished: Writes): Promise<void> {
  const { db, hub } = deps;
  // Looked at before: nobody is to hold up the stream for a receipt that changes nothing.
  const receipts: Receipt[] = [];
  for (const receipt of wished.receipts) if (await isReceiptNewer(db, receipt)) receipts.push(receipt);
  const marker = await findMove(db, user, roomNid, wished.fullyRead);
  if (receipts.length === 0 && marker === undefined) return;
  const done = await inTransaction(db, async (tx) => {
    const position = await allotPositions(tx, 1);
    let isNews = false;
    for (const receipt of receipts) isNews = (await putReceipt(tx, receipt, position)) || isNews;
    return { position, isNews, hasMoved: await moveMarker(tx, user, roomNid, marker, position) };
  });
  if (!done.isNews && !done.hasMoved) return;
  hub.announce({
    position: done.position,
    roomNids: [],
    userNids: done.hasMoved ? [user.userNid] : [],
    ephemeralRoomNids: done.isNews ? [roomNid] : [],
  });
}

async function moveMarker(
  tx: Tx,
  user: Participant,
  roomNid: number,
  event: PlacedEvent | undefined,
  position: number,
): Promise<boolean> {
  const move = await findMove(tx, user, roomNid, event);
  if (move === undefined) return false;
  const key = { userNid: user.userNid, roomNid, type: FULLY_READ };
  await putAccountData(tx, key, JSON.stringify({ event_id: move.eventId }), position);
  return true;
}

/** The event, if it is later than where the fully-read marker is; so is every event while that is nowhere. */
async function findMove(
  db: Db,
  user: Participant,
  roomNid: number,
  event: PlacedEvent | undefined,
): Promise<PlacedEvent | undefined> {
  if (event === undefined) return undefined;
  const text = await findAccountData(db, { userNid: user.userNid, roomNid, type: FULLY_READ });
  const content: unknown = text === undefined ? undefined : JSON.parse(text);
  const marked = isJsonObject(content) ? parseEventId(content['event_id']) : undefined;
  const [current] = marked === undefined ? [] : await listEventsById(db, [marked]);
  return current?.position === undefined || current.position < event.eventPosition ? event : undefined;
}
