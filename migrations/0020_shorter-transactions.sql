-- Requests with a transaction id are told apart by a hash: path and id took most of the room that such a row needed.

alter table client_transactions add column request bytea;
update client_transactions
set request = substring(sha256(convert_to(endpoint || chr(10) || txn_id, 'UTF8')) from 1 for 16);
alter table client_transactions drop constraint client_transactions_pkey;
alter table client_transactions drop column endpoint, drop column txn_id, alter column request set not null;
alter table client_transactions add primary key (user_nid, device_id, request);
comment on column client_transactions.request is
  'The first 16 bytes of the SHA-256 of the path up to the transaction id, a line feed, and the id.';
