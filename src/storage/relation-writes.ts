import type { EventId } from '../matrix/identifiers.ts';
import type { EventRelation } from '../matrix/relations.ts';
import { unnested } from './columns.ts';
import type { EventToInsert } from './room-commit.ts';

export interface RelationTable {
  readonly child_nid: number;
  readonly parent_id: EventId;
  readonly room_nid: number;
  readonly rel_type: string;
  readonly position: number;
  readonly sender_nid: number;
  readonly type: string;
  readonly aggregation_key: string | null;
}

export interface RelationTables {
  relations: RelationTable;
}

/** A child as it is placed in its timeline, so many positions before the end of its commit. */
export type NewRelation = Pick<EventToInsert, 'event_nid' | 'room_nid' | 'sender_nid' | 'type'> &
  EventRelation & { readonly place: number };

/** The statement of a commit that stores what its events relate to. */
export const INSERT_RELATIONS = unnested<NewRelation>(
  'relations',
  {
    child_nid: { type: 'bigint', of: (child) => child.event_nid },
    parent_id: { type: 'text', of: (child) => child.parentId },
    room_nid: { type: 'bigint', of: (child) => child.room_nid },
    rel_type: { type: 'text', of: (child) => child.relType },
    position: { type: 'place', of: (child) => child.place },
    sender_nid: { type: 'bigint', of: (child) => child.sender_nid },
    type: { type: 'text', of: (child) => child.type },
    aggregation_key: { type: 'text', of: (child) => child.key ?? null },
  },
  'on conflict do nothing',
);

/** The statement of a commit that undoes the relations of redacted children. */
export const DELETE_RELATIONS = 'delete from relations where child_nid = any($1::bigint[])';
