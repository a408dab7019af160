-- The small facts of a user and a room: profiles, account data, receipts, typing, presence; and reports.

create table profile_fields (
  user_nid bigint not null references accounts,
  key_name text not null,
  value text not null,
  primary key (user_nid, key_name)
);
comment on table profile_fields is 'What users of this server say of themselves.';
comment on column profile_fields.value is 'JSON text of any kind.';

create table account_data (
  user_nid bigint not null references accounts,
  room_nid bigint not null,
  type text not null,
  content text not null,
  is_deleted boolean not null,
  position bigint not null,
  primary key (user_nid, room_nid, type)
);
comment on table account_data is 'What clients of a user keep here for each other: settings, tags (m.tag), the fully-read marker (m.fully_read), the ignored users.';
comment on column account_data.room_nid is '0 for what belongs to no room.';
comment on column account_data.content is 'JSON text, as the client wrote it: it need not be canonical.';
comment on column account_data.is_deleted is 'True for what was deleted, so that clients learn of it: the content is then empty.';
create index account_data_by_user on account_data (user_nid, position);
create index account_data_by_position on account_data (position);

create table receipts (
  room_nid bigint not null,
  user_nid bigint not null,
  type text not null,
  thread_id text not null,
  event_id text not null,
  event_position bigint not null,
  received_ts bigint not null,
  position bigint not null,
  primary key (room_nid, user_nid, type, thread_id)
);
comment on table receipts is 'How far each user has read, per room, type (m.read, m.read.private) and thread.';
comment on column receipts.thread_id is 'The root of the thread, `main`, or empty for a receipt for all threads.';
comment on column receipts.event_position is 'Where in the stream the event is: a receipt never goes backwards, and unread counts start from it.';
create index receipts_by_position on receipts (position);
create index receipts_by_room on receipts (room_nid, position);
create index receipts_by_user on receipts (user_nid, room_nid);

create table typing (
  room_nid bigint not null,
  user_nid bigint not null,
  expires_ts bigint not null,
  primary key (room_nid, user_nid)
);
comment on table typing is 'Who is typing in which room, until they say otherwise or their time is over.';
create index typing_by_expiry on typing (expires_ts);

create table typing_changes (
  room_nid bigint primary key,
  position bigint not null
);
comment on table typing_changes is 'Where in the stream the list of who types in a room last changed.';
create index typing_changes_by_position on typing_changes (position);

create table presence (
  user_nid bigint primary key,
  state text not null,
  status_msg text,
  last_active_ts bigint not null,
  online_device_id text,
  online_until_ts bigint not null,
  present_until_ts bigint not null,
  due_ts bigint,
  position bigint not null
);
comment on table presence is 'Who is there. A row appears when a user first is.';
comment on column presence.state is 'What others were last told: online, unavailable or offline.';
comment on column presence.last_active_ts is 'When the user last did something, such as sending an event; up to a minute behind.';
comment on column presence.online_device_id is 'The device that last said that its user is online, and so may take it back.';
comment on column presence.online_until_ts is 'Until when a client counts as there that calls its user online.';
comment on column presence.present_until_ts is 'Until when any client counts as there.';
comment on column presence.due_ts is 'When the state changes if nothing happens until then; null when it does not.';
comment on column presence.position is 'Where in the stream the state or the message last changed.';
create index presence_by_due on presence (due_ts) where due_ts is not null;
create index presence_by_position on presence (position);

create table reports (
  report_nid bigint generated always as identity primary key,
  reporter_nid bigint not null references accounts,
  kind text not null,
  room_id text,
  event_id text,
  user_id text,
  reason text not null,
  reported_ts bigint not null
);
comment on table reports is 'What users find inappropriate, for administrators to look at.';
comment on column reports.kind is 'event, room or user: which of the ids are set.';
create index reports_by_reporter on reports (reporter_nid, reported_ts);
