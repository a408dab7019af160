-- Sticky events (MSC4354): which events every member must be sent until when, and futures that become such events.

create table sticky_events (
  event_nid bigint primary key,
  room_nid bigint not null,
  sender_nid bigint not null,
  position bigint,
  expires_ts bigint not null
);
comment on table sticky_events is 'Events that clients are sent whatever the limits of their timelines. Written with the event, deleted with its redaction and when it has expired.';
comment on column sticky_events.position is 'Its place in the stream, as in events; null while it is soft-failed, which a change of its sender''s membership may undo.';
comment on column sticky_events.expires_ts is 'When it stops being sticky: its duration after its own time or its arrival, whichever was first.';
create index sticky_events_by_room on sticky_events (room_nid, position);
create index sticky_events_soft_failed on sticky_events (room_nid, sender_nid) where position is null;
create index sticky_events_expired on sticky_events (expires_ts);

alter table future_alternatives add column sticky_duration_ms integer;
comment on column future_alternatives.sticky_duration_ms is 'How long the event will be sticky from when it is sent; null when it will not be.';
