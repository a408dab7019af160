-- What pages say about themselves, for clients that show links.

create table url_previews (
  url text not null,
  expires_ts bigint not null,
  preview text,
  media_id text references media on delete set null,
  primary key (url, expires_ts)
);
comment on table url_previews is 'Previews of URLs: fresh until they expire, and kept for a while after that for the sake of their images.';
comment on column url_previews.preview is 'The answer to clients as JSON text; null: the URL could not be read.';
comment on column url_previews.media_id is 'The image of the preview, which goes when the row does.';
create index url_previews_by_expiry on url_previews (expires_ts);
create index url_previews_by_media on url_previews (media_id);
