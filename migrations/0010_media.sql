-- Media: what users upload, and thumbnails made of it. The bytes themselves are in files.

create table media (
  media_id text primary key,
  user_nid bigint not null references accounts,
  created_ts bigint not null,
  unused_expires_ts bigint,
  file_name text,
  byte_count bigint,
  content_type text,
  upload_name text,
  check ((file_name is null) = (byte_count is null) and (file_name is null) = (content_type is null)),
  check (file_name is not null or unused_expires_ts is not null)
);
comment on table media is 'The media of this server: mxc:// URIs with their content, or created ones that wait for it.';
comment on column media.user_nid is 'Who uploads it.';
comment on column media.unused_expires_ts is 'Until when the content of a created URI may come; null when it came with the URI.';
comment on column media.file_name is 'Where the file store has the content; null while it is awaited.';
comment on column media.content_type is 'The Content-Type that it is served with.';
comment on column media.upload_name is 'The name that the uploader gave the file, if any.';
create index media_pending_by_user on media (user_nid, unused_expires_ts) where file_name is null;
create index media_pending_by_expiry on media (unused_expires_ts) where file_name is null;

create table media_thumbnails (
  media_id text not null references media on delete cascade,
  width integer not null,
  height integer not null,
  method text not null,
  animated boolean not null,
  file_name text not null,
  byte_count bigint not null,
  content_type text not null,
  primary key (media_id, width, height, method, animated)
);
comment on table media_thumbnails is 'Thumbnails that were asked for once and may be again. Any of them can be made anew.';
comment on column media_thumbnails.width is 'As it was asked for, like the height; the image may differ.';
comment on column media_thumbnails.method is 'crop or scale.';
