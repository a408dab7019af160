-- Application services: the time that they give to events that are sent later, their directories, and what they were sent.

alter table future_alternatives add column origin_server_ts bigint;
comment on column future_alternatives.origin_server_ts is 'The time that the event will have, as an application service says; null for the time at which it is sent.';

create table network_rooms (
  appservice_id text not null,
  network_id text not null,
  room_nid bigint not null,
  published_ts bigint not null,
  primary key (appservice_id, network_id, room_nid)
);
comment on table network_rooms is 'Rooms that application services have put into the directories of third-party networks.';
create index network_rooms_by_room on network_rooms (room_nid);

create table appservice_streams (
  appservice_id text primary key,
  position bigint not null,
  transaction_number bigint not null,
  pending text,
  claimed_until_ts bigint not null
);
comment on table appservice_streams is 'How far each application service has been told what happened.';
comment on column appservice_streams.position is 'The stream position up to which everything is in some transaction.';
comment on column appservice_streams.transaction_number is 'Of the newest transaction; its id is made of this.';
comment on column appservice_streams.pending is 'JSON: the newest transaction, as it is sent again and again until it is taken; null once it is.';
comment on column appservice_streams.claimed_until_ts is 'Until when one process sends, and no other does.';
