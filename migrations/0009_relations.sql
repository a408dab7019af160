-- Which events relate to which others: edits, threads, references, annotations; and when events happened.

create table relations (
  child_nid bigint primary key,
  parent_id text not null,
  room_nid bigint not null,
  rel_type text not null,
  position bigint not null,
  sender_nid bigint not null,
  type text not null,
  aggregation_key text
);
comment on table relations is 'What m.relates_to of events in timelines says. Written with the child, deleted with its redaction.';
comment on column relations.parent_id is 'The event that the child names, which may not be here.';
comment on column relations.room_nid is 'The room of the child: a relation to an event of another room does not count.';
comment on column relations.position is 'The place of the child in the stream, as in events.';
comment on column relations.type is 'The event type of the child.';
comment on column relations.aggregation_key is 'The key of an annotation.';
create index relations_by_parent on relations (parent_id, rel_type, position);
create index relations_by_room on relations (room_nid, rel_type, position);

create index events_by_time on events (room_nid, origin_server_ts, position) where position is not null;
comment on index events_by_time is 'Finds the event of a room that is nearest to a moment.';
