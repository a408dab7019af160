-- End-to-end encryption: public keys of devices and users, who vouches for them, backups, dehydrated devices.

create table device_keys (
  user_nid bigint not null,
  device_id text not null,
  keys text not null,
  primary key (user_nid, device_id),
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table device_keys is 'The identity keys of each device that has uploaded some.';
comment on column device_keys.keys is 'JSON text as uploaded, with the device''s own signatures and without "unsigned".';

create table device_key_signatures (
  user_nid bigint not null,
  device_id text not null,
  key_id text not null,
  signature text not null,
  primary key (user_nid, device_id, key_id),
  foreign key (user_nid, device_id) references device_keys on delete cascade
);
comment on table device_key_signatures is 'What the owner''s self-signing key has signed: "this device is mine". Shown to everyone.';

create sequence one_time_key_uploads;
comment on sequence one_time_key_uploads is 'Numbers the uploads of one-time keys: what came first goes out first.';

create table one_time_keys (
  user_nid bigint not null,
  device_id text not null,
  algorithm text not null,
  key_id text not null,
  key text not null,
  upload bigint not null,
  claimed_ts bigint,
  primary key (user_nid, device_id, algorithm, key_id),
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table one_time_keys is 'Keys that are given out once. A claimed one is kept for some days, so that a repeat of its upload does not bring it back.';
comment on column one_time_keys.key is 'JSON text: an object, or a string.';
create index one_time_keys_unclaimed on one_time_keys (user_nid, device_id, algorithm, upload, key_id)
  where claimed_ts is null;
create index one_time_keys_claimed on one_time_keys (claimed_ts) where claimed_ts is not null;

create table fallback_keys (
  user_nid bigint not null,
  device_id text not null,
  algorithm text not null,
  key_id text not null,
  key text not null,
  used boolean not null,
  primary key (user_nid, device_id, algorithm),
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table fallback_keys is 'What is given out when one-time keys have run out, as often as it takes.';
comment on column fallback_keys.used is 'True once it was given out: its device is told to upload another.';

create table one_time_key_changes (
  user_nid bigint not null,
  device_id text not null,
  position bigint not null,
  primary key (user_nid, device_id),
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table one_time_key_changes is 'The newest stream position at which the number of a device''s one-time keys, or the use of a fallback key, changed.';
create index one_time_key_changes_by_position on one_time_key_changes (position);

create table cross_signing_keys (
  user_nid bigint not null references users,
  usage text not null,
  public_key text not null,
  key text not null,
  primary key (user_nid, usage)
);
comment on table cross_signing_keys is 'The newest cross-signing keys of each user.';
comment on column cross_signing_keys.usage is 'master, self_signing or user_signing.';
comment on column cross_signing_keys.public_key is 'Unpadded base64; part of the key''s name, so that no device may be called so.';
comment on column cross_signing_keys.key is 'JSON text as uploaded, with its owner''s signatures only.';

create table master_key_signatures (
  user_nid bigint not null references users,
  public_key text not null,
  signer_nid bigint not null references users,
  key_id text not null,
  signature text not null,
  position bigint not null,
  primary key (user_nid, public_key, signer_nid, key_id)
);
comment on table master_key_signatures is 'Signatures of master keys: by their owner''s devices, shown to everyone, and by others'' user-signing keys, each shown to its maker only.';
comment on column master_key_signatures.position is 'Stream position of the upload: the signer''s other devices are told.';
create index master_key_signatures_by_signer on master_key_signatures (signer_nid, position);
create index master_key_signatures_by_position on master_key_signatures (position);

create table key_backups (
  user_nid bigint not null references users,
  version bigint not null,
  algorithm text not null,
  auth_data text not null,
  etag bigint not null,
  key_count bigint not null,
  deleted boolean not null,
  primary key (user_nid, version)
);
comment on table key_backups is 'Versions of a user''s backup of room keys. A deleted one keeps its row, without keys: its number is not used again.';
comment on column key_backups.auth_data is 'JSON text.';
comment on column key_backups.etag is 'Grows whenever a key in the backup changes.';
comment on column key_backups.key_count is 'How many rows of backed_up_keys belong to it.';

create table backed_up_keys (
  user_nid bigint not null,
  version bigint not null,
  room_id text not null,
  session_id text not null,
  first_message_index bigint not null,
  forwarded_count bigint not null,
  is_verified boolean not null,
  session_data text not null,
  primary key (user_nid, version, room_id, session_id),
  foreign key (user_nid, version) references key_backups on delete cascade
);
comment on table backed_up_keys is 'Room keys, encrypted by their owner''s client.';
comment on column backed_up_keys.session_data is 'JSON text.';

create table dehydrated_devices (
  user_nid bigint primary key,
  device_id text not null,
  device_data text not null,
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table dehydrated_devices is 'The device of a user that nobody is logged in on: it gathers room keys until a new login fetches them.';
comment on column dehydrated_devices.device_data is 'JSON text: the private part, encrypted by its owner.';
