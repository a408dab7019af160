-- What message search finds events by.

create table search_progress (
  one boolean primary key default true check (one),
  position bigint not null,
  oldest bigint not null
);
comment on table search_progress is 'One row: which stretch of the stream is in searchable_texts. Whoever extends it locks it.';
comment on column search_progress.position is 'The newest position that was looked at.';
comment on column search_progress.oldest is 'Of backfilled events, whose positions are negative, those down to here were looked at.';
insert into search_progress (position, oldest) values (0, 0);

create table searchable_texts (
  event_nid bigint primary key,
  shown_nid bigint not null,
  room_nid bigint not null,
  sender_nid bigint not null,
  position bigint not null,
  key text not null,
  vector tsvector not null
);
comment on table searchable_texts is 'The words of messages, room names and topics. Filled behind the stream, so that sending does not wait for it; a search waits until it is complete.';
comment on column searchable_texts.event_nid is 'The event that holds the text.';
comment on column searchable_texts.shown_nid is 'The event that is found by the text: the same one, or the one that it edits.';
comment on column searchable_texts.position is 'The place in the stream of the event that is found.';
comment on column searchable_texts.key is 'Where in the event the text is: content.body, content.name or content.topic.';
comment on column searchable_texts.vector is 'Words in a normal form with their places, and the room as #room_nid without a place, so that the index alone answers a search in few rooms.';
create index searchable_texts_by_word on searchable_texts using gin (vector) with (fastupdate = off);
create index searchable_texts_by_shown on searchable_texts (shown_nid);
