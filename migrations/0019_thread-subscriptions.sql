-- Which threads users follow.

create table thread_subscriptions (
  user_nid bigint not null references accounts,
  root_nid bigint not null references events,
  is_subscribed boolean not null,
  is_automatic boolean not null,
  position bigint not null,
  primary key (user_nid, root_nid)
);
comment on table thread_subscriptions is 'The threads that users subscribed to, or unsubscribed from later.';
comment on column thread_subscriptions.root_nid is 'The event that the thread began with.';
comment on column thread_subscriptions.is_automatic is 'True where a client subscribed by itself, because of an event.';
comment on column thread_subscriptions.position is 'When that last changed: events up to here are no reason to subscribe automatically again.';
create index thread_subscriptions_by_root on thread_subscriptions (root_nid) where is_subscribed;
