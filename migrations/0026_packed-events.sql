-- A message takes half of what it took: the JSON of new events is packed, columns lie in an order that leaves no gaps, and
-- two indexes are smaller.

create function event_json(packed bytea) returns text
language plpgsql immutable strict parallel safe as $$
declare
  phrases constant text[] := array[
    '{"auth_events":["$', '","$', '"],"content":{"body":"', '"],"content":{', '","msgtype":"m.text"},"depth":',
    '","msgtype":"m.', '},"depth":', ',"hashes":{"sha256":"', '"},"origin_server_ts":', ',"prev_events":["$',
    '"],"room_id":"!', '","sender":"@', '","signatures":{"', '":{"ed25519:', '"}},"state_key":"',
    '"}},"type":"m.room.message"}', '"}},"type":"m.room.encrypted"}', '"}},"type":"', '","type":"m.room.',
    '"m.relates_to":{', '"event_id":"$', '"rel_type":"m.', '"displayname":"', '"membership":"join"',
    '"avatar_url":"mxc://', '"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"'
  ];
  unpacked bytea := '';
  spelled text;
  code integer;
  size integer;
  at integer := 0;
  done integer := 0;
begin
  -- Or each byte that is looked at would be decompressed anew with all the others.
  packed := packed || ''::bytea;
  while at < length(packed) loop
    code := get_byte(packed, at);
    at := at + 1;
    continue when code >= 32;
    unpacked := unpacked || substring(packed from done + 1 for at - 1 - done);
    size := case code
      when 1 then 32
      when 2 then 32
      when 3 then 64
      when 4 then get_byte(packed, at) * 256 + get_byte(packed, at + 1)
      when 5 then 6
      else 0
    end;
    if code = 4 then at := at + 2; end if;
    if code = 5 then
      spelled := ('x' || encode(substring(packed from at + 1 for size), 'hex'))::bit(48)::bigint::text;
    elsif code <= 4 then
      spelled := translate(encode(substring(packed from at + 1 for size), 'base64'), E'=\n', '');
      if code = 1 then spelled := translate(spelled, '+/', '-_'); end if;
    else
      spelled := phrases[code - 5];
    end if;
    unpacked := unpacked || convert_to(spelled, 'UTF8');
    at := at + size;
    done := at;
  end loop;
  return convert_from(unpacked || substring(packed from done + 1), 'UTF8');
end
$$;
comment on function event_json is
  'The canonical JSON that events.json holds: for those who look into the database. The server unpacks by itself (src/storage/packed-json.ts).';

alter table thread_subscriptions drop constraint thread_subscriptions_root_nid_fkey;
alter table events rename to events_before;
alter table events_before drop constraint events_pkey, drop constraint events_event_id_key;
drop index events_by_position, events_by_room, events_by_time, redactions_by_target, events_by_delay, events_by_request;

-- Those of a fixed length first: a row has no gaps between them.
create table events (
  event_nid bigint not null,
  room_nid bigint not null,
  position bigint,
  depth bigint not null,
  origin_server_ts bigint not null,
  sender_nid bigint not null,
  state_key_nid bigint,
  replaces_nid bigint,
  redacted_by_nid bigint,
  session_nid bigint,
  request bigint,
  status smallint not null,
  event_id text not null,
  type text not null,
  state_before bytea,
  state_after bytea,
  redacts text,
  txn_id text,
  delay_id text,
  rejection text,
  json bytea not null
);
comment on table events is 'Every event of every room, also those that clients never see: the row says what became of it.';
comment on column events.position is 'Place in the stream; negative for backfilled events; null for what clients never see (outliers, rejected, soft-failed).';
comment on column events.replaces_nid is 'The state event that this one replaced in the state before it.';
comment on column events.redacted_by_nid is 'The redaction that was applied to this event.';
comment on column events.session_nid is 'The session that sent it, with txn_id: for unsigned.transaction_id, shown to that session only.';
comment on column events.request is
  'The request of session_nid that sent it: the first 8 bytes of the SHA-256 of the path up to txn_id, a line feed, and txn_id. Null where client_transactions has it, or nobody repeats it.';
comment on column events.status is '0 accepted, 1 soft-failed, 2 rejected, 3 outlier.';
comment on column events.state_before is 'State root before the event; null for outliers.';
comment on column events.state_after is 'State root after the event where it differs from state_before.';
comment on column events.redacts is 'The event id that a redaction names.';
comment on column events.delay_id is 'The delayed event that became this event; shown to its sender only.';
comment on column events.rejection is 'Why it was rejected or soft-failed, in words.';
comment on column events.json is 'The PDU in canonical JSON, exactly as hashed and signed, packed without loss: event_json(json) is its text. Rows from before hold the text as it is, which means the same.';

insert into events
select event_nid, room_nid, position, depth, origin_server_ts, sender_nid, state_key_nid, replaces_nid, redacted_by_nid,
  session_nid, request, status, event_id, type, state_before, state_after, redacts, txn_id, delay_id, rejection,
  convert_to(json, 'UTF8')
from events_before order by event_nid;
drop table events_before;

alter table events add primary key (event_nid);
alter table events add constraint events_by_id exclude using hash (event_id with =);
comment on constraint events_by_id on events is 'Each event is here once. An index of hashes takes a third of one that holds the ids themselves.';
create unique index events_by_position on events (position) where position is not null;
create index events_by_room on events (room_nid, position) where position is not null;
create index events_by_time on events (room_nid, (origin_server_ts >> 16)) where position is not null;
comment on index events_by_time is 'Finds the event of a room that is nearest to a moment, by the 65 seconds in which it was sent: equal entries share their room.';
create index redactions_by_target on events (redacts) where redacts is not null;
create unique index events_by_delay on events (delay_id) where delay_id is not null;
comment on index events_by_delay is 'Exactly once: a delayed event cannot become two events.';
create unique index events_by_request on events (session_nid, request) where request is not null;
comment on index events_by_request is 'A request that is repeated sends nothing twice.';

alter table thread_subscriptions add foreign key (root_nid) references events;
analyze events;
