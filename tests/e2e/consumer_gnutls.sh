#!/usr/bin/env bash
# GnuTLS, by p11-kit's registration alone: certtool signs with KBS keys; gnutls-serv serves TLS with one and gnutls-cli
# proves who it is with another.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "GnuTLS uses the token" gnutls-bin certtool gnutls-serv gnutls-cli
needs "GnuTLS uses the token" p11-kit p11-kit
consumer_start
registered_start
uri() { echo "pkcs11:token=kbs;object=$1;type=$2"; }

printf 'cn = kbs-key\nsigning_key\n' >"$place/template"
chmod 644 "$place/template"
for name in rsa ec; do
	passes "certtool: a request for a certificate, $name" p11 certtool --generate-request --load-privkey "$(uri $name private)" \
		--load-pubkey "$(uri $name public)" --template "$place/template" --outfile "$place/$name.csr"
	passes "openssl verifies it" outputs 'verify OK' openssl req -in "$place/$name.csr" -noout -verify
done

port=$(free_port)
# Not p11: $! must be the server, not a shell around it.
"${as_user[@]}" env "${user_env[@]}" gnutls-serv --echo --port "$port" --x509keyfile "$(uri rsa private)" --x509certfile "$(uri rsa cert)" \
	--x509cafile "$place/pub/ca.crt" --require-client-cert --verify-client-cert >"$work/serv.log" 2>&1 </dev/null &
started+=("$!")
until_listening "$!" "$port" "$work/serv.log"
talk() {
	printf 'a line that comes back\n' | p11 gnutls-cli --x509cafile "$place/pub/ca.crt" --port "$port" --verify-hostname localhost "$@" 127.0.0.1
}
for version in 1.2 1.3; do
	passes "gnutls-serv with an RSA key of the KBS, gnutls-cli with an EC one, TLS $version" outputs 'a line that comes back' \
		talk --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" --x509keyfile "$(uri ec private)" --x509certfile "$(uri ec cert)"
done
refuses "the server wants a certificate" 1 . talk
tap_end
