-- Tokens by which a logged-in user lets another client log in.

create table login_tokens (
  token_hash bytea primary key,
  user_nid bigint not null references accounts,
  expires_ts bigint not null
);
comment on table login_tokens is 'Tokens for m.login.token that were made and not used: stored as SHA-256. A login takes the row.';
create index login_tokens_by_expiry on login_tokens (expires_ts);
create index login_tokens_by_user on login_tokens (user_nid);
