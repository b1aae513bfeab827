#!/usr/bin/env bash
# What `kbs-token describe` says to write is run as it says: OpenSSL, curl, p11tool, ssh (nginx's line is in
# consumer_nginx.sh). And doctor finds each consumer told or not told.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
consumer_start
registered_start
# snippet LABEL CLASS NAME
snippet() {
	kbs-token describe "$1" --json | jq -r --arg class "$2" --arg name "$3" '.[] | select(.class == $class) | .snippets[$name] // empty'
}
passes "describe shows each object with its URI" outputs '^  uri +pkcs11:token=kbs;id=%01;object=rsa;type=private$' kbs-token describe
passes "describe LABEL shows that one alone" outputs '^ec: private-key, EC, id 02' kbs-token describe ec
passes "and no other" bash -c "! grep -q object=rsa '$work/listing'"
no_pin() { ! kbs-token describe | grep -E 'pin-value'; }
passes "no PIN in any snippet" no_pin
refuses "a label that the token does not list" 6 'no object with the label none' kbs-token describe none
refuses "two labels" 2 'too much' kbs-token describe rsa ec
passes "skopeo's key file is there for RSA" outputs 'pin-source=/dev/null&module-path=/' snippet rsa private-key skopeo
equal "and not for EC, which its scheme does not know" "" "$(snippet ec private-key skopeo)"
nothing_fetched "describe"

head -c 1000 /dev/urandom >"$work/data"
run() { (cd "$work" && OPENSSL_CONF=$work/engine.cnf bash -c "$1"); }
if compgen -G '/usr/lib*/*/engines-3/pkcs11.so' >/dev/null; then
	for name in rsa ec; do
		text=$(snippet $name private-key openssl)
		text=${text//FILE/data}
		passes "OpenSSL's snippet signs, $name" run "$text"
		passes "openssl verifies it" openssl dgst -sha256 -verify "$work/$name.pub" -signature "$work/data.sig" "$work/data"
	done
	make_key P-256 server
	certify server "/CN=localhost" >"$work/certify.log" 2>&1
	port=$(free_port)
	openssl s_server -accept "127.0.0.1:$port" -cert "$work/server.crt" -key "$work/server.key" -CAfile "$work/ca.crt" \
		-Verify 1 -verify_return_error -www >"$work/server.log" 2>&1 </dev/null &
	started+=("$!")
	until_listening "$!" "$port" "$work/server.log"
	text=$(snippet ec private-key curl)
	text=${text/HOST/127.0.0.1:$port}
	passes "curl's snippet proves who it is" outputs 'Subject: CN *= *ec' run "${text/curl /curl -sS --cacert ca.crt }"
else
	skip "the snippets of OpenSSL and curl" "libengine-pkcs11-openssl is not installed"
fi
for name in rsa ec; do
	text=$(snippet $name certificate export)
	passes "p11tool's snippet exports the certificate, $name" p11 bash -c "$text"
	equal "the same one" "$(openssl x509 -in "$work/$name.crt")" "$(openssl x509 -in "$work/out")"
	text=$(snippet $name public-key export)
	passes "p11tool's snippet exports the public key, $name" p11 bash -c "$text"
	equal "the same one" "$(cat "$work/$name.pub")" "$(openssl pkey -pubin -in "$work/out")"
done
text=$(snippet rsa private-key ssh)
passes "ssh's snippet names the module" bash -c "ssh-keygen -D $(cut -d' ' -f3 <<<"$text")"

# doctor: told and not told. A program that is not told is no failure.
told() { kbs-token doctor | sed -n "s/^\([a-z]*\) *$1  .*/\1/p"; }
equal "doctor: the engine is not told" skip "$(told openssl-engine)"
equal "doctor: and so curl is not" skip "$(told curl)"
export OPENSSL_CONF=$work/engine.cnf
equal "doctor: the engine is told" ok "$(told openssl-engine)"
equal "doctor: and so curl is" ok "$(told curl)"
unset OPENSSL_CONF
allow_module
equal "doctor: skopeo is allowed" ok "$(told skopeo)"
unset OCICRYPT_CONFIG
equal "doctor: skopeo is not allowed" skip "$(HOME=$work told skopeo)"
user_doctor() { p11 env KBS_PKCS11_CONF="$place/kbs-pkcs11.json" "$place/kbs-token" doctor; }
cp "$(readlink -f "$TOP_BUILDDIR/kbs-token")" "$place/kbs-token"
give_place
passes "doctor finds the user's registration with p11-kit" outputs "^ok +p11-kit +$place/config/pkcs11/modules/kbs-pkcs11.module registers" user_doctor
passes "and so GnuTLS finds the token" grep -qE '^ok +gnutls ' "$work/listing"
sed -i 's,^module:.*,module: /nonexistent/kbs-pkcs11.so,' "$place/config/pkcs11/modules/kbs-pkcs11.module"
not_found() {
	local status=0
	user_doctor >"$work/listing" 2>&1 || status=$?
	[ $status -eq 3 ] && grep -qE '^FAIL +p11-kit .*registers /nonexistent/kbs-pkcs11.so' "$work/listing"
}
passes "doctor fails on a registration of what is not there" not_found
tap_end
