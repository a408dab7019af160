import { stickyUntil } from '../matrix/sticky.ts';
import { unnested } from './columns.ts';
import type { PlacedEvent } from './commit-rows.ts';
import { EVENT_STATUS } from './events.ts';

interface NewSticky {
  readonly eventNid: number;
  readonly roomNid: number;
  readonly senderNid: number;
  /** null while it is soft-failed. */
  readonly place: number | null;
  readonly expiresTs: number;
}

/** The row of an event that is sticky now; none for one that is not (any more), and for what no client may see ever. */
export function stickyOf({ event, place }: PlacedEvent, nowMs: number): NewSticky[] {
  const { status, stickyDurationMs } = event;
  const counts = status === EVENT_STATUS.accepted || status === EVENT_STATUS.softFailed;
  if (stickyDurationMs === undefined || !counts) return [];
  const expiresTs = stickyUntil(event.origin_server_ts, stickyDurationMs, nowMs);
  if (expiresTs <= nowMs) return [];
  const { event_nid: eventNid, room_nid: roomNid, sender_nid: senderNid } = event;
  return [{ eventNid, roomNid, senderNid, place, expiresTs }];
}

/** The statement of a commit that notes its sticky events. One that was soft-failed arrived when it arrived. */
export const INSERT_STICKY_EVENTS = unnested<NewSticky>(
  'sticky_events',
  {
    event_nid: { type: 'bigint', of: (sticky) => sticky.eventNid },
    room_nid: { type: 'bigint', of: (sticky) => sticky.roomNid },
    sender_nid: { type: 'bigint', of: (sticky) => sticky.senderNid },
    position: { type: 'place', of: (sticky) => sticky.place },
    expires_ts: { type: 'bigint', of: (sticky) => sticky.expiresTs },
  },
  'on conflict (event_nid) do update set position = excluded.position',
);

/** The statement of a commit by which redacted events stick no more. */
export const DELETE_STICKY_EVENTS = 'delete from sticky_events where event_nid = any($1::bigint[])';
