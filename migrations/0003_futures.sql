-- Futures: events written for later, and the delayed events of MSC4140, which are futures with only a timeout.

create sequence future_nids;
comment on sequence future_nids is 'Ids of futures, handed out before the commit that stores them.';

create table futures (
  future_nid bigint primary key,
  token_id text unique,
  public_id text unique,
  user_nid bigint not null,
  device_id text,
  room_nid bigint not null,
  status text not null check (status in ('pending', 'sent', 'superseded', 'cancelled', 'failed')),
  timeout_ms bigint not null,
  since_ts bigint not null,
  deadline_ts bigint not null,
  watched_state_key_nid bigint,
  watched_event_id text,
  contested_state_key_nid bigint,
  send_now_event_id text,
  mirror text,
  refreshed boolean not null default false,
  finalised_ts bigint,
  sent_delay_id text,
  sent_event_id text,
  error text
);
comment on table futures is 'Events for later: who owns them, what ends them and how they ended.';
comment on column futures.token_id is 'The random half of the future_token; null for delayed events, whose delay id is the capability.';
comment on column futures.public_id is 'Names the future in placeholders of event ids; gives no power over it. Null for delayed events.';
comment on column futures.since_ts is 'When the timer was last started: created or refreshed.';
comment on column futures.deadline_ts is 'since_ts + timeout_ms: when the timeout alternative is sent.';
comment on column futures.watched_state_key_nid is 'With watched_event_id: the future lives only while that event is the current state of this slot.';
comment on column futures.contested_state_key_nid is 'The slot that the timeout would set, where the operator wants other users'' state to cancel delayed events.';
comment on column futures.send_now_event_id is 'The event that was sent together with the future.';
comment on column futures.mirror is 'JSON: how the creator spelt the keys of the request, so that answers can mirror it.';
comment on column futures.refreshed is 'True once the owner has refreshed the timer.';
comment on column futures.error is 'JSON: the Matrix error with which a future ended.';
create index futures_due on futures (deadline_ts, future_nid) where status = 'pending';
create index futures_watching on futures (room_nid, watched_state_key_nid) where status = 'pending';
create index futures_contested on futures (room_nid, contested_state_key_nid)
  where status = 'pending' and contested_state_key_nid is not null;
create index futures_by_owner on futures (user_nid, status, deadline_ts);
create index futures_finalised on futures (finalised_ts) where finalised_ts is not null;

create table future_alternatives (
  future_nid bigint not null references futures on delete cascade,
  ordinal integer not null,
  trigger text not null,
  delay_id text not null unique,
  type text not null,
  state_key text,
  content text not null,
  redacts text,
  reserved_event_id text,
  primary key (future_nid, ordinal)
);
comment on table future_alternatives is 'What a future may become: exactly one of these is ever sent.';
comment on column future_alternatives.trigger is 'timeout, or action:<name>.';
comment on column future_alternatives.delay_id is 'Unguessable: knowing it is the permission to manage the future.';
comment on column future_alternatives.content is 'JSON text, template variables resolved.';
comment on column future_alternatives.reserved_event_id is 'The id that the event will have, in room versions where servers choose ids.';
