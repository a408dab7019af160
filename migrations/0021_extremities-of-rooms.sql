-- A room's forward extremities change with every event: they are part of the row that each commit writes anyway.

alter table rooms add column extremities bigint[] not null default '{}';
update rooms r set extremities = array(
  select event_nid from forward_extremities x where x.room_nid = r.room_nid order by event_nid);
alter table rooms alter column extremities drop default;
drop table forward_extremities;
comment on column rooms.extremities is
  'The accepted events that no other accepted event cites: what the next event is put on.';
