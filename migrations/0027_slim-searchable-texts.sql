-- A text is found by its place in the stream: half of its row was what the event says already.

create table slim_texts (
  position bigint not null,
  shown_position bigint,
  key text,
  vector tsvector not null
);

insert into slim_texts (position, shown_position, key, vector)
select e.position, nullif(s.position, e.position), nullif(s.key, 'content.body'), s.vector
from searchable_texts s join events e on e.event_nid = s.event_nid
where e.position is not null and length(s.vector) > 1
order by e.position;

drop table searchable_texts;
alter table slim_texts rename to searchable_texts;

comment on table searchable_texts is 'The words of messages, room names and topics. Filled behind the stream, so that sending does not wait for it; a search waits until it is complete.';
comment on column searchable_texts.position is 'The place in the stream of the event that holds the text.';
comment on column searchable_texts.shown_position is 'The place in the stream of the event that is found by the text: of the one that it edits. Null for the same one.';
comment on column searchable_texts.key is 'Where in the event the text is: content.name or content.topic. Null for content.body, so that nearly all rows go without.';
comment on column searchable_texts.vector is 'Words in a normal form with their places, and the room as #room_nid without a place, so that the index alone answers a search in few rooms.';

alter table searchable_texts add primary key (position);
create index searchable_texts_by_word on searchable_texts using gin (vector) with (fastupdate = off);
create index searchable_texts_of_edits on searchable_texts (shown_position) where shown_position is not null;
analyze searchable_texts;
