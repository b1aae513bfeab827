#!/usr/bin/env bash
# The Go library and libocikeywrap open each other's layers: each scheme, each direction, one and several recipients,
# keys in files and in a SoftHSM token. Needs Go 1.21 or newer and the Go module proxy (once: cached in the build folder).
set -euo pipefail
# shellcheck source=tests/support/tap.sh
. "${TOP_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/support/tap.sh"

TOP_SRCDIR=${TOP_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
TOP_BUILDDIR=${TOP_BUILDDIR:-$PWD}
# shellcheck source=tests/support/go_peer.sh
. "$TOP_SRCDIR/tests/support/go_peer.sh"
ours=$TOP_BUILDDIR/docs/examples/ocikeywrap_layer

build_peer
if [ -n "$no_peer" ]; then
	skip "layers of the Go library" "$no_peer"
	tap_end
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/ocicrypt-interop-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

head -c 1000003 /dev/urandom >plain
for bits in 2048 3072; do
	openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$bits" -out "rsa$bits.key"
done
for curve in P-256 P-384 P-521; do
	openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out "$curve.key"
done
for key in *.key; do openssl pkey -in "$key" -pubout -out "${key%.key}.pub"; done

# case WHAT RECIPIENTS KEYS: encrypted for RECIPIENTS (comma-separated), opened with KEYS, in both directions.
both_ways() {
	local what=$1 to keys
	IFS=, read -ra to <<<"$2"
	IFS=, read -ra keys <<<"$3"
	rm -f out ann enc
	if "$ours" encrypt ann "${to[@]}" <plain >enc 2>log && "$peer" decrypt ann "${keys[@]}" <enc >out 2>>log &&
		cmp -s plain out; then
		ok "$what: ours, opened by the Go library"
	else
		not_ok "$what: ours, opened by the Go library"
		diag 5 <log
	fi
	rm -f out ann enc
	if "$peer" encrypt ann "${to[@]}" <plain >enc 2>log && "$ours" decrypt ann out "${keys[@]}" <enc 2>>log &&
		cmp -s plain out; then
		ok "$what: the Go library's, opened by us"
	else
		not_ok "$what: the Go library's, opened by us"
		diag 5 <log
	fi
}

both_ways "jwe, RSA-2048" jwe:rsa2048.pub rsa2048.key
for curve in P-256 P-384 P-521; do
	both_ways "jwe, $curve" "jwe:$curve.pub" "$curve.key"
done
both_ways "jwe, three recipients, the last" jwe:rsa2048.pub,jwe:P-256.pub,jwe:P-384.pub P-384.key
both_ways "jwe, three recipients, the first" jwe:rsa2048.pub,jwe:P-256.pub,jwe:P-384.pub rsa2048.key
# The Go library reads the older form of encrypted PEM only.
openssl rsa -traditional -aes256 -passout pass:secret -in rsa2048.key -out rsa2048.enc 2>/dev/null
both_ways "jwe, a key with a passphrase" jwe:rsa2048.pub rsa2048.enc:pass=secret

for name in rsa2048 rsa3072; do
	openssl req -new -x509 -key "$name.key" -subj "/O=interop/CN=$name" -days 2 -out "$name.crt"
done
both_ways "pkcs7, RSA-2048" pkcs7:rsa2048.crt rsa2048.key,rsa2048.crt
both_ways "pkcs7, two recipients, the last" pkcs7:rsa2048.crt,pkcs7:rsa3072.crt rsa3072.key,rsa3072.crt
both_ways "pkcs7 and jwe mixed, by pkcs7" jwe:P-256.pub,pkcs7:rsa3072.crt rsa3072.key,rsa3072.crt
both_ways "pkcs7 and jwe mixed, by jwe" jwe:P-256.pub,pkcs7:rsa3072.crt P-256.key

# The Go library takes binary keys only. Its key ring is GnuPG's, as ours.
if command -v gpg >/dev/null && [ -w /dev/shm ]; then
	export GNUPGHOME=$work/gnupg
	mkdir -m 700 "$GNUPGHOME"
	trap 'gpgconf --kill all; rm -rf "$work"' EXIT
	pgp() { gpg --batch --quiet --pinentry-mode loopback "$@" 2>gpg.log || diag 5 <gpg.log; }
	pgp --passphrase '' --quick-gen-key 'Rsa <rsa@example.com>' rsa2048 cert 1d
	fingerprint=$(gpg --with-colons -k rsa@example.com 2>/dev/null | awk -F: '/^fpr/ { print $10; exit }')
	pgp --passphrase '' --quick-add-key "$fingerprint" rsa2048 encr 1d
	pgp --passphrase secret --quick-gen-key 'Curve <curve@example.com>' future-default default 1d
	pgp --export-secret-keys rsa@example.com >rsa.gpg
	pgp --passphrase secret --export-secret-keys curve@example.com >curve.gpg
	both_ways "pgp, RSA-2048" pgp:rsa@example.com rsa.gpg
	both_ways "pgp, Curve25519, with a passphrase" pgp:curve@example.com curve.gpg:pass=secret
	both_ways "pgp, two recipients" pgp:rsa@example.com,pgp:curve@example.com \
		curve.gpg:pass=secret
	both_ways "pgp and jwe mixed, by pgp" pgp:rsa@example.com,jwe:P-256.pub rsa.gpg
else
	skip "pgp" "no gpg, or no /dev/shm, here"
fi

# A layer made with the openssl command alone: cms WHAT OPTION... wraps its key for rsa2048.crt and rsa3072.crt.
hex() { openssl rand -hex "$1"; }
to_base64() {
	local digits
	read -r digits
	# shellcheck disable=SC2001,SC2059
	printf "$(sed 's/../\\x&/g' <<<"$digits")" | base64 -w 0
}
openssl_layer() {
	local key nonce hmac digest
	key=$(hex 32) nonce=$(hex 16) digest=$(sha256sum <plain | cut -d ' ' -f 1)
	openssl enc -aes-256-ctr -K "$key" -iv "$nonce" -in plain -out enc
	hmac=$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary enc | base64 -w 0)
	printf '{"symkey":"%s","digest":"sha256:%s","cipheroptions":{"nonce":"%s"}}' "$(to_base64 <<<"$key")" \
		"$digest" "$(to_base64 <<<"$nonce")" >privopts
	printf '{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"%s","cipheroptions":{}}' "$hmac" | base64 -w 0 >pubopts
}
cms() {
	local what=$1
	shift
	rm -f out ann
	openssl cms -encrypt -binary -in privopts -outform DER -out cms "$@"
	{
		echo "org.opencontainers.image.enc.keys.pkcs7=$(base64 -w 0 <cms)"
		echo "org.opencontainers.image.enc.pubopts=$(cat pubopts)"
	} >ann
	if "$ours" decrypt ann out rsa2048.key <enc 2>log && cmp -s plain out; then
		ok "pkcs7: of openssl cms, $what"
	else
		not_ok "pkcs7: of openssl cms, $what"
		diag 5 <log
	fi
}
openssl_layer
cms "AES-128-CBC" -aes128 rsa2048.crt
cms "AES-256-CBC, two recipients" -aes256 rsa3072.crt rsa2048.crt
cms "BER" -aes256 -stream rsa2048.crt
cms "recipients by key identifier" -aes256 -keyid rsa2048.crt
cms "OAEP" -aes256 -recip rsa2048.crt -keyopt rsa_padding_mode:oaep
cms "OAEP with SHA-256" -aes256 -recip rsa2048.crt -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256

module=
for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
	[ ! -r "$path" ] || module=$path
done
if [ -z "$module" ] || ! command -v softhsm2-util >/dev/null; then
	skip "pkcs11" "no SoftHSM here"
	tap_end
	exit
fi
export OCICRYPT_OAEP_HASHALG=sha1 OCICRYPT_CONFIG=$work/ocicrypt.conf SOFTHSM2_CONF=$work/softhsm2.conf
mkdir tokens
printf 'directories.tokendir = %s/tokens\nlog.level = ERROR\n' "$work" >softhsm2.conf
printf 'pkcs11:\n  module-directories: []\n  allowed-module-paths:\n  - %s\n' "$module" >ocicrypt.conf
softhsm2-util --init-token --free --label peer --pin 1234 --so-pin 1234 >/dev/null
for bits in 2048 3072; do
	softhsm2-util --import "rsa$bits.key" --token peer --label "rsa$bits" --id "$bits" --pin 1234 >/dev/null
	cat >"rsa$bits.yaml" <<YAML
pkcs11:
  uri: "pkcs11:token=peer;object=rsa$bits?pin-value=1234&module-path=$module"
module:
  env:
    SOFTHSM2_CONF: $work/softhsm2.conf
YAML
done
both_ways "pkcs11, RSA-2048, a public key in a file" pkcs11:rsa2048.pub rsa2048.yaml
both_ways "pkcs11, RSA-3072, both halves in the token" pkcs11:rsa3072.yaml rsa3072.yaml
both_ways "pkcs11, two recipients" pkcs11:rsa2048.pub,pkcs11:rsa3072.yaml rsa3072.yaml
both_ways "pkcs11 and jwe mixed, by pkcs11" jwe:P-256.pub,pkcs11:rsa3072.pub rsa3072.yaml
# The Go library uses tokens for the pkcs11 scheme alone.
rm -f out ann
if "$peer" encrypt ann jwe:P-256.pub pkcs11:rsa2048.pub pkcs7:rsa3072.crt <plain >enc 2>log &&
	"$ours" decrypt ann out rsa3072.yaml <enc 2>>log && cmp -s plain out; then
	ok "pkcs7, the key in a token: the Go library's, opened by us"
else
	not_ok "pkcs7, the key in a token: the Go library's, opened by us"
	diag 5 <log
fi
both_ways "pkcs11 and jwe mixed, by jwe" jwe:P-256.pub,pkcs11:rsa3072.pub P-256.key

# A token of SoftHSM does no OAEP with SHA-256; what the Go library writes by default opens with the key as a file.
unset OCICRYPT_OAEP_HASHALG
if "$peer" encrypt ann pkcs11:rsa3072.pub <plain >enc && "$ours" decrypt ann out rsa3072.key <enc && cmp -s plain out; then
	ok "pkcs11, SHA-256: the Go library's, opened by us"
else
	not_ok "pkcs11, SHA-256: the Go library's, opened by us"
fi
tap_end
