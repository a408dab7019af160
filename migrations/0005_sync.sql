-- What readers of the stream look up in it.

create index to_device_messages_by_position on to_device_messages (position);
