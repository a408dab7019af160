-- Notifications of the same event lie in one row for many users, which reading leaves alone: how far each user has read is
-- a row of its own.

create table read_marks (
  user_nid bigint not null,
  room_nid bigint not null,
  thread_id text not null,
  position bigint not null,
  primary key (user_nid, room_nid, thread_id)
);
comment on table read_marks is 'Up to where users have dealt with what they were notified of.';
comment on column read_marks.thread_id is 'The root of a thread, `main`, or empty: all threads are read up to there.';
comment on column read_marks.position is 'That of an event: whatever comes up to it is read. Never beyond push_progress.';

alter table notifications rename to notifications_by_user;
alter table notifications_by_user rename constraint notifications_pkey to notifications_by_user_pkey;
alter index notifications_by_age rename to notifications_by_user_by_age;

create table notifications (
  user_bucket bigint not null,
  position bigint not null,
  outcome smallint not null,
  room_nid bigint not null,
  event_nid bigint not null,
  thread_id text not null,
  is_highlight boolean not null,
  actions text not null,
  users bigint not null,
  created_ts bigint not null,
  primary key (user_bucket, position, outcome)
);
comment on table notifications is 'The events that users of this server are notified of by their push rules.';
comment on column notifications.user_bucket is 'The users of a row have interned ids from 32 times this on.';
comment on column notifications.position is 'That of the event.';
comment on column notifications.outcome is 'Tells apart users of a bucket whose rules say different things of the event.';
comment on column notifications.thread_id is 'The root of the thread that the event is in, or `main`.';
comment on column notifications.actions is 'JSON text of the actions of the rule that matched.';
comment on column notifications.users is 'Who is notified: the bit n stands for the user whose interned id is n more than the first of the bucket.';
create index notifications_by_room on notifications (room_nid, user_bucket, position);
create index notifications_by_age on notifications using brin (created_ts);

insert into notifications
  (user_bucket, position, outcome, room_nid, event_nid, thread_id, is_highlight, actions, users, created_ts)
select user_nid / 32, position,
  row_number() over (partition by user_nid / 32, position order by actions, is_highlight) - 1,
  room_nid, event_nid, thread_id, is_highlight, actions,
  bit_or(1::bigint << (user_nid % 32)::integer), min(created_ts)
from notifications_by_user
group by user_nid / 32, position, room_nid, event_nid, thread_id, is_highlight, actions;

insert into read_marks (user_nid, room_nid, thread_id, position)
select user_nid, room_nid, '', coalesce(min(position) filter (where not is_read) - 1, max(position))
from notifications_by_user group by user_nid, room_nid;

insert into read_marks (user_nid, room_nid, thread_id, position)
select n.user_nid, n.room_nid, n.thread_id, max(n.position)
from notifications_by_user n
join read_marks m on m.user_nid = n.user_nid and m.room_nid = n.room_nid and m.thread_id = ''
where n.is_read and n.position > m.position
group by n.user_nid, n.room_nid, n.thread_id;

drop table notifications_by_user;
