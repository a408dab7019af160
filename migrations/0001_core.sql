-- The room graph, its state, and the one stream that all readers follow.

create table stream (
  one boolean primary key default true check (one),
  position bigint not null
);
insert into stream (position) values (0);
comment on table stream is 'One row: the newest position. A writer that allots positions locks it until it commits, so that positions become visible in order. Some are never used.';

create table users (
  user_nid bigint generated always as identity primary key,
  user_id text not null unique
);
comment on table users is 'Interned user ids, local and remote. Holds no facts about the user.';

create table state_keys (
  state_key_nid bigint generated always as identity primary key,
  type text not null,
  state_key text not null,
  unique (type, state_key)
);
comment on table state_keys is 'Interned (type, state_key) pairs: the slots of room state.';

create sequence event_nids;
comment on sequence event_nids is 'Ids of events, handed out to processes in blocks before a commit.';

create sequence room_nids;

create table rooms (
  room_nid bigint primary key,
  room_id text not null unique,
  room_version text not null,
  version bigint not null,
  state_root bytea not null
);
comment on table rooms is 'The rooms that this server knows.';
comment on column rooms.version is 'Optimistic guard: each commit into the room adds one, and fails when it expected another number.';
comment on column rooms.state_root is 'Root of the current, resolved state in state_nodes.';

create table state_nodes (
  hash bytea primary key,
  body bytea not null
);
comment on table state_nodes is 'Nodes of the content-addressed state trie; never changed, shared by all states that contain them.';

create table events (
  event_nid bigint primary key,
  event_id text not null unique,
  room_nid bigint not null,
  position bigint,
  status smallint not null,
  depth bigint not null,
  origin_server_ts bigint not null,
  sender_nid bigint not null,
  type text not null,
  state_key_nid bigint,
  state_before bytea,
  state_after bytea,
  replaces_nid bigint,
  redacted_by_nid bigint,
  redacts text,
  session_nid bigint,
  txn_id text,
  delay_id text,
  rejection text,
  json text not null
);
comment on table events is 'Every event of every room, also those that clients never see: the row says what became of it.';
comment on column events.position is 'Place in the stream; negative for backfilled events; null for what clients never see (outliers, rejected, soft-failed).';
comment on column events.status is '0 accepted, 1 soft-failed, 2 rejected, 3 outlier.';
comment on column events.state_before is 'State root before the event; null for outliers.';
comment on column events.state_after is 'State root after the event where it differs from state_before.';
comment on column events.replaces_nid is 'The state event that this one replaced in the state before it.';
comment on column events.redacted_by_nid is 'The redaction that was applied to this event.';
comment on column events.redacts is 'The event id that a redaction names.';
comment on column events.session_nid is 'The session that sent it, with txn_id: for unsigned.transaction_id, shown to that session only.';
comment on column events.delay_id is 'The delayed event that became this event; shown to its sender only.';
comment on column events.rejection is 'Why it was rejected or soft-failed, in words.';
comment on column events.json is 'The PDU in canonical JSON, exactly as hashed and signed.';
create unique index events_by_position on events (position) where position is not null;
create index events_by_room on events (room_nid, position) where position is not null;
create index redactions_by_target on events (redacts) where redacts is not null;
create unique index events_by_delay on events (delay_id) where delay_id is not null;
comment on index events_by_delay is 'Exactly once: a delayed event cannot become two events.';

create table forward_extremities (
  room_nid bigint not null,
  event_nid bigint not null,
  primary key (room_nid, event_nid)
);

comment on table forward_extremities is 'The accepted events that no other accepted event cites: what the next event is put on.';

create table missing_prev_events (
  room_nid bigint not null,
  prev_event_id text not null,
  event_nid bigint not null,
  primary key (room_nid, prev_event_id, event_nid)
);
comment on table missing_prev_events is 'Backward extremities: events that accepted events cite and that are not here.';

create table current_state (
  room_nid bigint not null,
  state_key_nid bigint not null,
  event_nid bigint not null,
  primary key (room_nid, state_key_nid)
);
comment on table current_state is 'The state under rooms.state_root, flat, for queries.';

create table room_states (
  room_nid bigint not null,
  position bigint not null,
  state_root bytea not null,
  primary key (room_nid, position)
);
comment on table room_states is 'Which state was current from which position on: what /sync compares between two tokens.';

create table memberships (
  room_nid bigint not null,
  user_nid bigint not null,
  membership text not null,
  event_nid bigint not null,
  position bigint not null,
  is_local boolean not null,
  forgotten boolean not null default false,
  primary key (room_nid, user_nid)
);
comment on table memberships is 'The current membership of each user in each room.';
comment on column memberships.position is 'Where the membership or its event last changed.';
comment on column memberships.is_local is 'True for users of this server.';
create index memberships_by_user on memberships (user_nid, membership);
create index memberships_by_position on memberships (position) where is_local;

create table client_transactions (
  user_nid bigint not null,
  device_id text not null,
  endpoint text not null,
  txn_id text not null,
  response text not null,
  created_ts bigint not null,
  primary key (user_nid, device_id, endpoint, txn_id)
);
comment on table client_transactions is 'Answers to requests that carried a transaction id, for repeats of the same request.';
comment on column client_transactions.endpoint is 'The path up to the transaction id, with the room and the event type in it.';
create index client_transactions_by_age on client_transactions (created_ts);
