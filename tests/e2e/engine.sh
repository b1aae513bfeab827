#!/usr/bin/env bash
# OpenSSL's PKCS#11 engine (libp11) signs and decrypts with keys that only the KBS holds; openssl itself verifies with
# the public keys.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

kbs_start --allow-sample
front_start --upstream "$kbs_url"
for name in rsa ec; do
	case $name in rsa) make_key rsa:2048 rsa ;; ec) make_key P-256 ec ;; esac
	passes "the $name key goes to the KBS" resource_set "kbs:///default/tls/$name" "$work/$name.key"
	shred -u "$work/$name.key"
done
conf_write "$front_url" "$(object rsa kbs:///default/tls/rsa "$work/rsa.pub"),$(object ec kbs:///default/tls/ec "$work/ec.pub")"
"$TOP_SRCDIR/softhsm-conf/setup.sh" "$work/conf" --module "$module" >/dev/null
if [ ! -f "$work/conf/openssl-engine-kbs.cnf" ]; then
	skip "the OpenSSL engine signs and decrypts with a KBS key" "libengine-pkcs11-openssl is not installed"
	tap_end
	exit
fi

head -c 1000 /dev/urandom >"$work/data"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
# with_key NAME OPTION...: openssl pkeyutl with a key of the token.
with_key() {
	local name=$1
	shift
	OPENSSL_CONF=$work/conf/openssl-engine-kbs.cnf openssl pkeyutl -engine pkcs11 -keyform engine \
		-inkey "pkcs11:token=kbs;object=$name;type=private" "$@"
}

forget
passes "RSA PKCS#1 v1.5: the engine signs" with_key rsa -sign -pkeyopt digest:sha256 -in "$work/digest" -out "$work/sig"
passes "RSA PKCS#1 v1.5: openssl verifies" \
	openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/sig" "$work/data"
equal "the engine fetched the key that it used and no other" "GET /kbs/v0/resource/default/tls/rsa" \
	"$(grep GET "$work/front.log" | paste -sd' ')"

pss=(-pkeyopt rsa_padding_mode:pss -pkeyopt digest:sha256 -pkeyopt rsa_pss_saltlen:32)
passes "RSA PSS: the engine signs" with_key rsa -sign "${pss[@]}" -in "$work/digest" -out "$work/sig"
passes "RSA PSS: openssl verifies" openssl pkeyutl -verify -pubin -inkey "$work/rsa.pub" "${pss[@]}" -in "$work/digest" \
	-sigfile "$work/sig"

head -c 100 /dev/urandom >"$work/plain"
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -in "$work/plain" -out "$work/sealed"
passes "RSA OAEP: the engine decrypts" with_key rsa -decrypt -pkeyopt rsa_padding_mode:oaep -in "$work/sealed" -out "$work/open"
passes "RSA OAEP: the same bytes" cmp "$work/plain" "$work/open"
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -in "$work/plain" -out "$work/sealed"
passes "RSA PKCS#1 v1.5: the engine decrypts" with_key rsa -decrypt -in "$work/sealed" -out "$work/open"
passes "RSA PKCS#1 v1.5: the same bytes" cmp "$work/plain" "$work/open"

passes "ECDSA P-256: the engine signs" with_key ec -sign -in "$work/digest" -out "$work/sig"
passes "ECDSA P-256: openssl verifies" \
	openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/sig" "$work/data"
(cat "$work/data" && echo) >"$work/other"
verify_other() { openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/sig" "$work/other" >&2; }
refuses "ECDSA P-256: not for other data" 1 . verify_other

# A whole certificate: what a TLS server's key does.
OPENSSL_CONF=$work/conf/openssl-engine-kbs.cnf openssl req -new -x509 -engine pkcs11 -keyform engine \
	-key "pkcs11:token=kbs;object=ec;type=private" -subj /CN=kbs-key -days 1 -out "$work/cert.pem" >"$work/req.log" 2>&1 || true
passes "a certificate signed through the engine verifies" openssl verify -CAfile "$work/cert.pem" "$work/cert.pem"
tap_end
