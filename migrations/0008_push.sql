-- Push: whose rules say what, who was notified of which event, and where notifications are sent.

create table push_rules (
  user_nid bigint not null references accounts,
  kind text not null,
  rule_id text not null,
  rank integer not null,
  enabled boolean not null,
  rule text not null,
  primary key (user_nid, kind, rule_id)
);
comment on table push_rules is 'The push rules that users wrote. Those that every user has are not stored.';
comment on column push_rules.kind is 'override, content, room, sender or underride.';
comment on column push_rules.rank is 'The order within a kind: the smallest is looked at first.';
comment on column push_rules.rule is 'JSON text of an object with actions, and conditions or a pattern.';

create table push_rule_defaults (
  user_nid bigint not null references accounts,
  kind text not null,
  rule_id text not null,
  enabled boolean,
  actions text,
  primary key (user_nid, kind, rule_id)
);
comment on table push_rule_defaults is 'What users changed about the rules that every user has; null for what they left as it is.';
comment on column push_rule_defaults.actions is 'JSON text of an array.';

create table push_progress (
  one boolean primary key default true check (one),
  position bigint not null
);
comment on table push_progress is 'One row: up to where in the stream push rules were applied. Whoever applies them locks it.';
insert into push_progress (position) select position from stream;

create table notifications (
  user_nid bigint not null,
  position bigint not null,
  room_nid bigint not null,
  event_nid bigint not null,
  thread_id text not null,
  is_highlight boolean not null,
  is_read boolean not null,
  actions text not null,
  created_ts bigint not null,
  primary key (user_nid, position)
);
comment on table notifications is 'The events that users of this server are notified of by their push rules.';
comment on column notifications.position is 'That of the event.';
comment on column notifications.thread_id is 'The root of the thread that the event is in, or `main`.';
comment on column notifications.is_read is 'True once a receipt, an event of the user, or their leaving has dealt with it.';
comment on column notifications.actions is 'JSON text of the actions of the rule that matched.';
create index notifications_unread on notifications (user_nid, room_nid, position) where not is_read;
create index notifications_by_age on notifications using brin (created_ts);

create table pushers (
  pusher_nid bigint generated always as identity primary key,
  user_nid bigint not null,
  device_id text not null,
  app_id text not null,
  pushkey text not null,
  kind text not null,
  app_display_name text not null,
  device_display_name text not null,
  profile_tag text,
  lang text not null,
  data text not null,
  pushkey_ts bigint not null,
  position bigint not null,
  work_number bigint not null default 0,
  due_ts bigint,
  claimed_until_ts bigint not null default 0,
  failures integer not null default 0,
  failing_since_ts bigint,
  badge integer,
  unique (user_nid, app_id, pushkey),
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table pushers is 'Where a client wants notifications sent. Ends with the device that set it.';
comment on column pushers.data is 'JSON text of an object with the URL, the format, and what the gateway is told.';
comment on column pushers.pushkey_ts is 'When the client last set it.';
comment on column pushers.position is 'Notifications of events up to here were sent, or are not to be.';
comment on column pushers.work_number is 'Counts what there was to tell, so that who finishes sees whether more has come meanwhile.';
comment on column pushers.due_ts is 'When something is to be sent, or sent again; null for never.';
comment on column pushers.claimed_until_ts is 'Until then some process sends; afterwards another one may.';
comment on column pushers.badge is 'The number of unread notifications that the gateway was last told; null for none yet.';
create index pushers_by_key on pushers (app_id, pushkey);
create index pushers_by_device on pushers (user_nid, device_id);
create index pushers_due on pushers (due_ts) where due_ts is not null;
