#!/bin/sh
# Makes the database while the image is built. It must hold nothing that depends on the name of a server: no user, no key.
set -eu

node dist/main.js &
pid=$!
until node -e "fetch('http://127.0.0.1:8008/_matrix/client/versions').then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"; do
  kill -0 "$pid"
  sleep 0.2
done
kill -TERM "$pid"
wait "$pid"

rm "$MORROW_DATA_DIR/signing.key"
# A killed container loses no page that was written: only a machine that fails would.
cat >>"$MORROW_DATA_DIR/postgres/postgresql.conf" <<SETTINGS
fsync = off
synchronous_commit = off
full_page_writes = off
SETTINGS
