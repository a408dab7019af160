import type pg from 'pg';
import { unnested } from './columns.ts';
import { EVENT_COLUMNS, PLACE_OUTLIER, type PlacedEvent, type Places } from './commit-rows.ts';
import { insertFutures, supersedeFutures } from './future-commit.ts';
import { DELETE_RELATIONS, INSERT_RELATIONS, type NewRelation } from './relation-writes.ts';
import type { RoomCommit } from './room-commit.ts';
import { DELETE_STICKY_EVENTS, INSERT_STICKY_EVENTS, stickyOf } from './sticky-writes.ts';

interface Statement {
  readonly text: string;
  /** One array a column; nothing is sent when they are empty. */
  readonly columns: readonly unknown[][];
}

/** Sends the events of the rooms; what else a commit writes comes after them. */
export function sendEvents(client: pg.PoolClient, events: readonly PlacedEvent[]): Promise<unknown> {
  return client.query(INSERT_EVENTS.text, INSERT_EVENTS.columnsOf(events));
}

/** What is written beside the events. */
export function listWrites(
  rooms: readonly RoomCommit[],
  events: readonly PlacedEvent[],
  places: Places,
  nowMs: number,
): ((client: pg.PoolClient) => Promise<unknown>)[] {
  const statements = [
    ...listEventWrites(rooms, events, nowMs),
    ...listStateWrites(rooms, places),
    listMissingWrites(rooms),
  ].filter(({ columns }) => columns.some((column) => column.length > 0));
  const futures = rooms.flatMap((room) => room.futures);
  const replaced = rooms.flatMap((room) => room.replacedSlots);
  const writes = statements.map(
    ({ text, columns }) =>
      (client: pg.PoolClient): Promise<unknown> =>
        client.query(text, [...columns]),
  );
  if (futures.length > 0) writes.push((client) => insertFutures(client, futures));
  if (replaced.length > 0) writes.push((client) => supersedeFutures(client, replaced, nowMs));
  return writes;
}

function listEventWrites(
  rooms: readonly RoomCommit[],
  events: readonly PlacedEvent[],
  nowMs: number,
): Statement[] {
  const nodes = new Map(rooms.flatMap((room) => room.nodes.map((node) => [node.root, node.body])));
  const roots = events.filter(({ event, place }) => event.currentRoot !== undefined && place !== null);
  const redactions = rooms.flatMap((room) => room.redactions);
  return [
    { text: INSERT_NODES, columns: [[...nodes.keys()], [...nodes.values()]] },
    {
      text: INSERT_ROOM_STATES,
      columns: [
        roots.map(({ event }) => event.room_nid),
        roots.map(({ place }) => place),
        roots.map(({ event }) => event.currentRoot),
      ],
    },
    {
      text: APPLY_REDACTIONS,
      columns: [redactions.map((r) => r.targetNid), redactions.map((r) => r.redactionNid)],
    },
    { text: INSERT_RELATIONS.text, columns: INSERT_RELATIONS.columnsOf(events.flatMap(relationOf)) },
    { text: DELETE_RELATIONS, columns: [redactions.map((r) => r.targetNid)] },
    {
      text: INSERT_STICKY_EVENTS.text,
      columns: INSERT_STICKY_EVENTS.columnsOf(events.flatMap((event) => stickyOf(event, nowMs))),
    },
    { text: DELETE_STICKY_EVENTS, columns: [redactions.map((r) => r.targetNid)] },
  ];
}

function relationOf({ event, place }: PlacedEvent): NewRelation[] {
  const { relation } = event;
  return relation === undefined || place === null ? [] : [{ ...event, ...relation, place }];
}

function listStateWrites(rooms: readonly RoomCommit[], places: Places): Statement[] {
  const changes = rooms.flatMap((room) =>
    [...room.stateChanges].map(([key, event]) => ({ roomNid: room.roomNid, key, event })),
  );
  const taken = changes.filter((change) => change.event !== undefined);
  const emptied = changes.filter((change) => change.event === undefined);
  const members = rooms.flatMap((room) => {
    if (room.memberships.length === 0) return [];
    const placeOf = new Map(
      room.events.map((event, index) => [event.event_nid, places.get(room.roomNid)?.[index]]),
    );
    return room.memberships.map((member) => ({
      roomNid: room.roomNid,
      place: placeOf.get(member.eventNid) ?? lastOf(places.get(room.roomNid)),
      ...member,
    }));
  });
  return [
    {
      text: UPSERT_STATE,
      columns: [taken.map((c) => c.roomNid), taken.map((c) => c.key), taken.map((c) => c.event)],
    },
    { text: DELETE_STATE, columns: [emptied.map((c) => c.roomNid), emptied.map((c) => c.key)] },
    {
      text: UPSERT_MEMBERSHIPS,
      columns: [
        members.map((member) => member.roomNid),
        members.map((member) => member.userNid),
        members.map((member) => member.membership),
        members.map((member) => member.eventNid),
        members.map((member) => member.place),
        members.map((member) => member.isLocal),
      ],
    },
  ];
}

function listMissingWrites(rooms: readonly RoomCommit[]): Statement {
  const missing = rooms.flatMap((room) =>
    room.missingPrevs.map((prev) => ({ ...prev, roomNid: room.roomNid })),
  );
  return {
    text: INSERT_MISSING_PREVS,
    columns: [
      missing.map((prev) => prev.roomNid),
      missing.map((prev) => prev.prev_event_id),
      missing.map((prev) => prev.event_nid),
    ],
  };
}

/** Where a change is placed whose own event has no position: with the last event of its commit. */
function lastOf(places: readonly (number | undefined)[] | undefined): number {
  return places?.findLast((place) => place !== undefined) ?? 0;
}

const INSERT_NODES = `
  insert into state_nodes (hash, body)
  select decode(hash, 'hex'), body from unnest($1::text[], $2::bytea[]) as n (hash, body)
  on conflict do nothing`;

const INSERT_EVENTS = unnested('events', EVENT_COLUMNS, PLACE_OUTLIER);

const INSERT_ROOM_STATES = `
  insert into room_states (room_nid, position, state_root)
  select room_nid, (select position from stream) - place, decode(root, 'hex')
  from unnest($1::bigint[], $2::bigint[], $3::text[]) as s (room_nid, place, root)`;

const UPSERT_STATE = `
  insert into current_state (room_nid, state_key_nid, event_nid)
  select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
  on conflict (room_nid, state_key_nid) do update set event_nid = excluded.event_nid`;

const DELETE_STATE = `
  delete from current_state s using unnest($1::bigint[], $2::bigint[]) as gone (room_nid, state_key_nid)
  where s.room_nid = gone.room_nid and s.state_key_nid = gone.state_key_nid`;

const UPSERT_MEMBERSHIPS = `
  insert into memberships (room_nid, user_nid, membership, event_nid, position, is_local)
  select room_nid, user_nid, membership, event_nid, (select position from stream) - place, is_local
  from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[])
    as m (room_nid, user_nid, membership, event_nid, place, is_local)
  on conflict (room_nid, user_nid) do update set membership = excluded.membership, event_nid = excluded.event_nid,
    position = excluded.position, forgotten = false`;

const INSERT_MISSING_PREVS = `
  insert into missing_prev_events (room_nid, prev_event_id, event_nid)
  select * from unnest($1::bigint[], $2::text[], $3::bigint[]) on conflict do nothing`;

const APPLY_REDACTIONS = `
  update events e set redacted_by_nid = r.redaction_nid
  from unnest($1::bigint[], $2::bigint[]) as r (target_nid, redaction_nid)
  where e.event_nid = r.target_nid and e.redacted_by_nid is null`;
