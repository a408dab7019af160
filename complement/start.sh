#!/bin/sh
# Starts Morrow as Complement wants it. Runs at every start of a container: first on a fresh one, then on data that an
# earlier run has made, perhaps in another container from which an image was committed.
set -eu

ca=/complement/ca/ca.crt
cert=$MORROW_DATA_DIR/tls.crt
key=$MORROW_DATA_DIR/tls.key

# Each run of a package has a certificate authority of its own.
if ! openssl verify -CAfile "$ca" -verify_hostname "$SERVER_NAME" "$cert" >/dev/null 2>&1; then
  openssl req -x509 -CA "$ca" -CAkey /complement/ca/ca.key -days 30 \
    -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout "$key" -out "$cert" \
    -subj "/CN=$SERVER_NAME" -addext "subjectAltName=DNS:$SERVER_NAME" \
    -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth 2>/dev/null
fi

# Absent where a test has no application service.
if [ -d /complement/appservice ]; then export MORROW_APPSERVICES=/complement/appservice; fi

export MORROW_SERVER_NAME="$SERVER_NAME"
export MORROW_LISTEN=0.0.0.0:8008
export MORROW_FEDERATION_LISTEN=0.0.0.0:8448
export MORROW_TLS_CERT="$cert" MORROW_TLS_KEY="$key"
export MORROW_REGISTRATION=open MORROW_REGISTRATION_SHARED_SECRET=complement
export MORROW_RATE_LIMITS=off MORROW_PASSWORD_COST=low
export MORROW_DEFAULT_ROOM_VERSION=11
export MORROW_ALLOW_PRIVATE_IPS=on
# Some tests are older than m.mentions, and mention by a name in the text.
export MORROW_URL_PREVIEWS=on MORROW_LEGACY_MENTIONS=on MORROW_THREAD_SUBSCRIPTIONS=on

# In place of this shell, so that SIGTERM reaches it.
exec node /app/dist/main.js
