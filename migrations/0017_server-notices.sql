-- The rooms in which administrators tell users something.

create table server_notice_rooms (
  user_nid bigint primary key references accounts,
  room_nid bigint not null references rooms
);
comment on table server_notice_rooms is 'Where each user reads what the server has to say: made with the first notice, kept when the user leaves.';
