-- Accounts, their devices and sessions, and what waits for a device.

create table accounts (
  user_nid bigint primary key references users,
  password_hash text,
  is_guest boolean not null,
  is_admin boolean not null,
  created_ts bigint not null,
  deactivated_ts bigint,
  erased_ts bigint
);
comment on table accounts is 'The users of this server. A row is never deleted: a user id is never given out twice.';
comment on column accounts.password_hash is 'argon2id in PHC string form; null for who cannot log in by password (guests, deactivated accounts).';
comment on column accounts.deactivated_ts is 'Set once and for all: the account has no password, device or session any more.';
comment on column accounts.erased_ts is 'When the user asked, on deactivation, to be forgotten: later joiners are served redacted copies of their events.';

create sequence guest_localparts minvalue 1;
comment on sequence guest_localparts is 'Guests are numbered; users may not choose a localpart of digits only.';

create table devices (
  user_nid bigint not null references accounts,
  device_id text not null,
  display_name text,
  created_ts bigint not null,
  last_seen_ts bigint,
  last_seen_ip text,
  last_seen_user_agent text,
  primary key (user_nid, device_id)
);
comment on table devices is 'What hangs on a device references it with "on delete cascade": deleting the row logs it out and forgets it.';
comment on column devices.last_seen_ts is 'Up to a minute behind, so that not every request writes.';

create table device_list_changes (
  user_nid bigint not null references users,
  device_id text not null,
  position bigint not null,
  primary key (user_nid, device_id)
);
comment on table device_list_changes is 'The newest stream position at which others must look at a device again. Outlives the device, whose end is a change as well.';
comment on column device_list_changes.device_id is 'Empty for a change of the user''s cross-signing keys.';
create index device_list_changes_by_position on device_list_changes (position);

create table sessions (
  session_nid bigint generated always as identity primary key,
  user_nid bigint not null,
  device_id text not null,
  created_ts bigint not null,
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table sessions is 'One login. Refreshing its tokens keeps the row; logging out deletes the device and with it the row.';
create index sessions_by_device on sessions (user_nid, device_id);

create table session_tokens (
  access_hash bytea primary key,
  refresh_hash bytea unique,
  session_nid bigint not null references sessions on delete cascade,
  created_ts bigint not null,
  valid_until_ts bigint,
  used boolean not null
);
comment on table session_tokens is 'The access token of a session with the refresh token that was given out beside it, both as SHA-256 of the token: the tokens themselves are stored nowhere.';
comment on column session_tokens.valid_until_ts is 'When the access token expires; null for never. Its refresh token does not expire.';
comment on column session_tokens.used is 'False from a refresh until either new token is first used: then, and not before, the older tokens of the session end, so that a lost answer locks nobody out.';
create index session_tokens_by_session on session_tokens (session_nid);

create table uia_sessions (
  session_id text primary key,
  action text not null,
  user_nid bigint references accounts,
  request_hash bytea,
  completed text[] not null,
  registration_token text,
  expires_ts bigint not null
);
comment on table uia_sessions is 'User-interactive authentications under way.';
comment on column uia_sessions.action is 'The endpoint, with its path parameters, that the session is good for.';
comment on column uia_sessions.user_nid is 'Whom it authenticates; null on registration.';
comment on column uia_sessions.request_hash is 'SHA-256 of the request without `auth`: a session allows what it was begun for. Null where the request may still change.';
comment on column uia_sessions.completed is 'Stages passed, in order.';
create index uia_sessions_by_expiry on uia_sessions (expires_ts);

create table registration_tokens (
  token text primary key,
  uses_allowed integer,
  uses_completed integer not null,
  expires_ts bigint
);
comment on table registration_tokens is 'What people show to register where registration is by token.';
comment on column registration_tokens.uses_allowed is 'How many accounts it is good for; null for any number.';

create table registration_nonces (
  nonce text primary key,
  expires_ts bigint not null
);
comment on table registration_nonces is 'Nonces of the shared-secret registration that were handed out and not used.';

create table openid_tokens (
  token_hash bytea primary key,
  user_nid bigint not null references accounts,
  expires_ts bigint not null
);
comment on table openid_tokens is 'Tokens by which a third party learns a user''s id; stored as SHA-256.';
create index openid_tokens_by_expiry on openid_tokens (expires_ts);
create index openid_tokens_by_user on openid_tokens (user_nid);

create table filters (
  user_nid bigint not null references accounts,
  filter_nid bigint generated always as identity,
  hash bytea not null,
  body text not null,
  primary key (user_nid, filter_nid),
  unique (user_nid, hash)
);
comment on table filters is 'Filters that clients uploaded, to name them by number later.';
comment on column filters.hash is 'SHA-256 of body: the same filter uploaded twice has one id.';
comment on column filters.body is 'The filter as uploaded, JSON text.';

create table to_device_messages (
  user_nid bigint not null,
  device_id text not null,
  position bigint not null,
  sender text not null,
  type text not null,
  content text not null,
  primary key (user_nid, device_id, position),
  foreign key (user_nid, device_id) references devices on delete cascade
);
comment on table to_device_messages is 'Messages that a device has not acknowledged yet by syncing from a token past them. At most one per device and position.';
comment on column to_device_messages.sender is 'The user id, which may be remote.';
comment on column to_device_messages.content is 'JSON text.';
