-- Application services: the time that they give to events that are sent later.

alter table future_alternatives add column origin_server_ts bigint;
comment on column future_alternatives.origin_server_ts is 'The time that the event will have, as an application service says; null for the time at which it is sent.';
