-- A text is kept as its words, of which the index makes its own form, and found by its place in the stream: half of the row
-- was what events say already, or what PostgreSQL can make of the words when somebody searches.

create table slim_texts (
  position bigint not null,
  shown_position bigint,
  key text,
  words text not null
);

-- A tsvector holds no more than 255 places of a word, and none after the 16,383rd word. So a gap between places is one of a
-- word that has all the places it can have, and words without places come last.
insert into slim_texts (position, shown_position, key, words)
select e.position, nullif(s.position, e.position), nullif(s.key, 'content.body'),
  concat_ws(e'\n', placed.words, unplaced.words, '#' || s.room_nid)
from searchable_texts s
join events e on e.event_nid = s.event_nid
cross join lateral (
  select string_agg(coalesce(repeat(frequent.lexeme || e'\n', place - previous - 1), '') || p.lexeme, e'\n' order by place)
    as words
  from (
    select v.lexeme, place, lag(place, 1, 0::smallint) over (order by place) as previous
    from unnest(s.vector) as v, unnest(v.positions) as place
  ) as p
  left join (select lexeme from unnest(s.vector) where cardinality(positions) >= 255 limit 1) as frequent on true
) as placed
cross join lateral (
  select string_agg(lexeme, e'\n') as words from unnest(s.vector) where positions is null and lexeme not like '#%'
) as unplaced
where e.position is not null and length(s.vector) > 1
order by e.position;

drop table searchable_texts;
alter table slim_texts rename to searchable_texts;

comment on table searchable_texts is 'The words of messages, room names and topics. Filled behind the stream, so that sending does not wait for it; a search waits until it is complete.';
comment on column searchable_texts.position is 'The place in the stream of the event that holds the text. Nothing makes it unique but the lock of search_progress: an index of that kind would take a quarter of the row.';
comment on column searchable_texts.shown_position is 'The place in the stream of the event that is found by the text: of the one that it edits. Null for the same one.';
comment on column searchable_texts.key is 'Where in the event the text is: content.name or content.topic. Null for content.body, so that nearly all rows go without.';
comment on column searchable_texts.words is 'Words in a normal form, in order, one a line, and the room as #room_nid at the end.';

create index searchable_texts_by_word on searchable_texts
  using gin (array_to_tsvector(string_to_array(words, e'\n'))) with (fastupdate = off);
comment on index searchable_texts_by_word is 'Words and room without places, so that the index alone answers a search in few rooms. What must stand side by side is looked at in the words.';
create index searchable_texts_of_edits on searchable_texts (shown_position) where shown_position is not null;
create index searchable_texts_by_position on searchable_texts
  using brin (position int8_minmax_multi_ops) with (pages_per_range = 16, autosummarize = on);
comment on index searchable_texts_by_position is 'For redactions. Rows come nearly in order, so that it takes no room; several stretches for each 16 pages, because new rows fill the holes of redacted ones.';
