#!/usr/bin/env bash
# curl proves who it is with a client certificate whose key is in the KBS, by pkcs11: URI, to a server that insists.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "curl uses a client key of the KBS" curl curl
needs "curl uses a client key of the KBS" libengine-pkcs11-openssl "/usr/lib*/*/engines-3/pkcs11.so"
if ! curl --version | head -1 | grep -q OpenSSL; then
	skip "curl uses a client key of the KBS" "this curl is not one with OpenSSL; curl of Debian is"
	tap_end
	exit
fi
consumer_start
make_key P-256 server
certify server "/CN=localhost" >"$work/certify.log" 2>&1
port=$(free_port)
openssl s_server -accept "127.0.0.1:$port" -cert "$work/server.crt" -key "$work/server.key" -CAfile "$work/ca.crt" -Verify 1 \
	-verify_return_error -www >"$work/server.log" 2>&1 </dev/null &
started+=("$!")
until_listening "$!" "$port" "$work/server.log"
get() { OPENSSL_CONF=$work/engine.cnf curl -sS --fail --max-time 20 --cacert "$work/ca.crt" "$@" "https://127.0.0.1:$port/"; }
uri() { echo "pkcs11:token=kbs;object=$1;type=$2"; }

for name in rsa ec; do
	for version in 1.2 1.3; do
		passes "TLS $version with the $name key of the KBS, certificate in a file" outputs "Subject: CN *= *$name|New, TLSv" \
			get --tlsv$version --tls-max $version --cert "$work/$name.crt" --key "$(uri $name private)"
		passes "the server saw that certificate" grep -qE "Subject: CN *= *$name" "$work/listing"
	done
	forget
	passes "certificate and key of the token, $name" outputs "Subject: CN *= *$name" \
		get --cert "$(uri $name cert)" --key "$(uri $name private)"
	equal "one attestation for it" 1 "$(handshakes)"
	equal "and the one key" 1 "$(fetched $name)"
done
refuses "no certificate: the server refuses" '35|55|56' . get
refuses "the key of another certificate" '58|35' . get --cert "$work/rsa.crt" --key "$(uri ec private)"
refuses "a key that the token does not have" 58 . get --cert "$work/rsa.crt" --key "$(uri none private)"
tap_end
