#!/usr/bin/env bash
# latchset's pkcs11-provider for OpenSSL 3, which Debian has from 13 on: store, signatures, decryption, TLS.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "OpenSSL's provider uses the token" "pkcs11-provider (Debian 13 and newer)" "/usr/lib*/*/ossl-modules/pkcs11.so"
consumer_start
sed -E "s,^pkcs11-module-path *=.*,pkcs11-module-path = $module," "$TOP_BUILDDIR/docs/examples/openssl-provider.cnf" >"$work/provider.cnf"
export OPENSSL_CONF=$work/provider.cnf
uri() { echo "pkcs11:token=kbs;object=$1;type=$2"; }
passes "storeutl lists the token" outputs 'Pkey|Certificate' openssl storeutl 'pkcs11:token=kbs'
nothing_fetched "listing"
head -c 5000 /dev/urandom >"$work/data"
verify() { env -u OPENSSL_CONF openssl dgst -sha256 -verify "$work/$1.pub" -signature "$work/sig" "$work/data"; }
for name in rsa ec; do
	passes "dgst: $name signs" openssl dgst -sha256 -sign "$(uri $name private)" -out "$work/sig" "$work/data"
	passes "dgst: openssl verifies it" verify $name
	passes "req: a request for a certificate, $name" openssl req -new -key "$(uri $name private)" -subj "/CN=$name" -out "$work/$name.csr"
	passes "req: openssl verifies it" outputs 'verify OK' env -u OPENSSL_CONF openssl req -in "$work/$name.csr" -noout -verify
done
head -c 100 "$work/data" >"$work/plain"
env -u OPENSSL_CONF openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -in "$work/plain" -out "$work/sealed"
passes "pkeyutl: OAEP" openssl pkeyutl -decrypt -inkey "$(uri rsa private)" -pkeyopt rsa_padding_mode:oaep -in "$work/sealed" -out "$work/open"
passes "the same bytes" cmp "$work/plain" "$work/open"
tap_end
