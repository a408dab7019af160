-- What users are found by.

create table user_names (
  user_nid bigint not null,
  room_nid bigint not null,
  has_name boolean not null,
  vector tsvector not null,
  primary key (user_nid, room_nid)
);
comment on table user_names is 'The words of user ids and display names. Brought up to date by whoever searches next.';
comment on column user_names.room_nid is '0 for what a user of this server is called in their profile; for users of other servers the room in which they are called so.';
comment on column user_names.vector is 'Words in a normal form, and whole: =name, =localpart and @user-id.';
create index user_names_by_word on user_names using gin (vector) with (fastupdate = off);

create table user_name_changes (
  change_nid bigint generated always as identity primary key,
  user_nid bigint not null,
  room_nid bigint not null
);
comment on table user_name_changes is 'Which rows of user_names may be out of date: written with the cause, deleted by whoever looks again.';

create function note_profile_change() returns trigger language plpgsql as $$
begin
  insert into user_name_changes (user_nid, room_nid) values (coalesce(new.user_nid, old.user_nid), 0);
  return null;
end $$;
comment on function note_profile_change() is 'Notes that a user of this server may be found by other words.';

create function note_remote_member() returns trigger language plpgsql as $$
begin
  insert into user_name_changes (user_nid, room_nid)
  values (coalesce(new.user_nid, old.user_nid), coalesce(new.room_nid, old.room_nid));
  return null;
end $$;
comment on function note_remote_member() is 'Notes that a user of another server may be found by other words.';

create trigger account_made after insert on accounts
  for each row execute function note_profile_change();
create trigger account_ended after update of deactivated_ts on accounts
  for each row execute function note_profile_change();
create trigger name_set after insert or update on profile_fields
  for each row when (new.key_name = 'displayname') execute function note_profile_change();
create trigger name_removed after delete on profile_fields
  for each row when (old.key_name = 'displayname') execute function note_profile_change();
create trigger remote_member_set after insert or update on memberships
  for each row when (not new.is_local) execute function note_remote_member();
create trigger remote_member_removed after delete on memberships
  for each row when (not old.is_local) execute function note_remote_member();

insert into user_name_changes (user_nid, room_nid) select user_nid, 0 from accounts;
insert into user_name_changes (user_nid, room_nid) select user_nid, room_nid from memberships where not is_local;
