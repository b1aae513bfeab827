#!/usr/bin/env bash
# OpenSSL's commands through its PKCS#11 engine: a request for a certificate, a certificate, CMS opened and signed, dgst.
# engine.sh has pkeyutl.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "OpenSSL's engine" libengine-pkcs11-openssl "/usr/lib*/*/engines-3/pkcs11.so"
consumer_start
export OPENSSL_CONF=$work/engine.cnf
key() { echo "pkcs11:token=kbs;object=$1;type=private"; }
engine=(-engine pkcs11 -keyform engine)

for name in rsa ec; do
	passes "req: a request for a certificate, $name" \
		openssl req -new "${engine[@]}" -key "$(key $name)" -subj "/CN=$name" -out "$work/$name.csr"
	passes "req: openssl verifies it" outputs 'verify OK' openssl req -in "$work/$name.csr" -noout -verify
	passes "req: a certificate that signs itself, $name" openssl req -new -x509 "${engine[@]}" -key "$(key $name)" \
		-subj "/CN=$name" -days 1 -out "$work/self.crt"
	passes "req: openssl verifies it" openssl verify -CAfile "$work/self.crt" "$work/self.crt"
	equal "req: with the key of the KBS" "$(cat "$work/$name.pub")" "$(openssl x509 -in "$work/self.crt" -noout -pubkey)"
done

head -c 5000 /dev/urandom >"$work/data"
for name in rsa ec; do
	for hash in sha256 sha384; do
		passes "dgst: $name signs with $hash" openssl dgst -"$hash" "${engine[@]}" -sign "$(key $name)" -out "$work/sig" "$work/data"
		passes "dgst: openssl verifies it" openssl dgst -"$hash" -verify "$work/$name.pub" -signature "$work/sig" "$work/data"
	done
done
passes "dgst: PSS" openssl dgst -sha256 "${engine[@]}" -sign "$(key rsa)" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
	-out "$work/sig" "$work/data"
passes "dgst: openssl verifies it" openssl dgst -sha256 -verify "$work/rsa.pub" -sigopt rsa_padding_mode:pss \
	-sigopt rsa_pss_saltlen:digest -signature "$work/sig" "$work/data"

openssl cms -encrypt -binary -aes-256-cbc -in "$work/data" -outform DER -out "$work/cms" "$work/rsa.crt"
passes "cms -decrypt: with an RSA key" openssl cms -decrypt "${engine[@]}" -inkey "$(key rsa)" -recip "$work/rsa.crt" \
	-inform DER -in "$work/cms" -out "$work/open"
passes "cms -decrypt: the same bytes" cmp "$work/data" "$work/open"
# Without the engine, whose presence alone takes this option away from openssl.
env -u OPENSSL_CONF openssl cms -encrypt -binary -aes-256-cbc -in "$work/data" -outform DER -out "$work/cms" \
	-recip "$work/rsa.crt" -keyopt rsa_padding_mode:oaep
passes "cms -decrypt: with OAEP" openssl cms -decrypt "${engine[@]}" -inkey "$(key rsa)" -recip "$work/rsa.crt" \
	-inform DER -in "$work/cms" -out "$work/open"
passes "cms -decrypt: the same bytes" cmp "$work/data" "$work/open"
for name in rsa ec; do
	passes "cms -sign: $name" openssl cms -sign -nodetach -binary "${engine[@]}" -inkey "$(key $name)" -signer "$work/$name.crt" \
		-in "$work/data" -outform DER -out "$work/cms"
	passes "cms -verify" openssl cms -verify -binary -CAfile "$work/ca.crt" -purpose any -inform DER -in "$work/cms" -out /dev/null
done

(head -c 4999 "$work/data" && echo) >"$work/other"
verify_other() { openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/sig" "$work/other" >&2; }
openssl dgst -sha256 "${engine[@]}" -sign "$(key ec)" -out "$work/sig" "$work/data" 2>/dev/null
refuses "a signature holds for its data only" 1 . verify_other
absent() { openssl dgst -sha256 "${engine[@]}" -sign 'pkcs11:token=kbs;object=no-such-key;type=private' "$work/data" >/dev/null; }
refuses "a key that the token does not have" 1 . absent
tap_end
