-- Names of rooms, and which rooms are published.

create table room_aliases (
  alias text primary key,
  room_nid bigint,
  creator_nid bigint not null,
  created_ts bigint not null
);
comment on table room_aliases is 'Aliases of this server.';
comment on column room_aliases.room_nid is 'Null while the room that asked for the alias is being made: the alias is taken, but leads nowhere.';
comment on column room_aliases.creator_nid is 'Who made the alias, and so may delete it.';
create index room_aliases_by_room on room_aliases (room_nid);

create table published_rooms (
  room_nid bigint primary key,
  published_ts bigint not null
);
comment on table published_rooms is 'Rooms in the directory of this server.';
