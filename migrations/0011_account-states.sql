-- What an administrator has restricted about an account.

alter table accounts
  add column locked_ts bigint,
  add column suspended_ts bigint,
  add column shadow_banned_ts bigint,
  add column state_position bigint;
comment on column accounts.locked_ts is 'Since when the account may do nothing but log out; null for an account that is not locked. Sessions stay.';
comment on column accounts.suspended_ts is 'Since when the account may only read, and put right what it did; null for an account that is not suspended.';
comment on column accounts.shadow_banned_ts is 'Since when nothing that the user sends gets into a room, while the answers say that it does; null for others.';
comment on column accounts.state_position is 'Stream position of the last change of these: whoever waits for news must see that the account was locked.';
create index accounts_by_state_position on accounts (state_position) where state_position is not null;
