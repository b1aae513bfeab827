#!/usr/bin/env bash
# The Go library, in each version that this machine offers, and libocikeywrap open each other's layers: each scheme, each
# direction, one and three recipients, mixed; keys in files, in a SoftHSM token and in this project's token; OAEP with SHA-1
# and SHA-256. The current version needs Go 1.21 or newer and the Go module proxy (once: cached in the build folder), the
# old one Debian's golang-github-containers-ocicrypt-dev.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/go_peer.sh
. "$TOP_SRCDIR/tests/support/go_peer.sh"
ours=$TOP_BUILDDIR/docs/examples/ocikeywrap_layer
cd "$work"

head -c 1000003 /dev/urandom >plain
for bits in 2048 3072; do make_key "rsa:$bits" "rsa$bits"; done
for curve in P-256 P-384 P-521; do make_key "$curve" "$curve"; done
for name in rsa2048 rsa3072; do
	openssl req -new -x509 -key "$name.key" -subj "/O=interop/CN=$name" -days 2 -out "$name.crt"
done
# The Go library reads the older form of encrypted PEM only.
openssl rsa -traditional -aes256 -passout pass:secret -in rsa2048.key -out rsa2048.enc 2>/dev/null

# ours_opened WHAT RECIPIENTS KEYS, theirs_opened WHAT RECIPIENTS KEYS: encrypted for RECIPIENTS (comma-separated) by us,
# or by them, and opened with KEYS by the other.
ours_opened() {
	local what=$1 to keys
	IFS=, read -ra to <<<"$2"
	IFS=, read -ra keys <<<"$3"
	rm -f got ann enc
	if "$ours" encrypt ann "${to[@]}" <plain >enc 2>log && "$peer" decrypt ann "${keys[@]}" <enc >got 2>>log &&
		cmp -s plain got; then
		ok "$what: ours, opened by $who"
	else
		not_ok "$what: ours, opened by $who"
		diag 5 <log
	fi
}
theirs_opened() {
	local what=$1 to keys
	IFS=, read -ra to <<<"$2"
	IFS=, read -ra keys <<<"$3"
	rm -f got ann enc
	if "$peer" encrypt ann "${to[@]}" <plain >enc 2>log && "$ours" decrypt ann got "${keys[@]}" <enc 2>>log &&
		cmp -s plain got; then
		ok "$what: of $who, opened by us"
	else
		not_ok "$what: of $who, opened by us"
		diag 5 <log
	fi
}
both_ways() {
	ours_opened "$@"
	theirs_opened "$@"
}

# --- the schemes that every version has, keys in files ------------------------------------------------------------

jwe_matrix() {
	local curve three=jwe:rsa2048.pub,jwe:P-256.pub,jwe:P-384.pub
	both_ways "jwe, RSA-2048" jwe:rsa2048.pub rsa2048.key
	for curve in P-256 P-384 P-521; do both_ways "jwe, $curve" "jwe:$curve.pub" "$curve.key"; done
	both_ways "jwe, three recipients, the last" "$three" P-384.key
	both_ways "jwe, three recipients, the first" "$three" rsa2048.key
	# 1.0.3 looks for a file of that name, too.
	[ -z "$current" ] || both_ways "jwe, a key with a passphrase" jwe:rsa2048.pub rsa2048.enc:pass=secret
}

pkcs7_matrix() {
	local three=pkcs7:rsa2048.crt,pkcs7:other.crt,pkcs7:rsa3072.crt
	openssl req -new -x509 -key rsa3072.key -subj /CN=other -days 2 -out other.crt
	both_ways "pkcs7, RSA-2048" pkcs7:rsa2048.crt rsa2048.key,rsa2048.crt
	both_ways "pkcs7, three recipients, the last" "$three" rsa3072.key,rsa3072.crt
	both_ways "pkcs7 and jwe mixed, by pkcs7" jwe:P-256.pub,pkcs7:rsa3072.crt rsa3072.key,rsa3072.crt
	both_ways "pkcs7 and jwe mixed, by jwe" jwe:P-256.pub,pkcs7:rsa3072.crt P-256.key
}

# The Go library takes binary keys only. Its key ring is GnuPG's, as ours.
pgp_keys() {
	export GNUPGHOME=$work/gnupg
	mkdir -m 700 "$GNUPGHOME"
	pgp() { gpg --batch --quiet --pinentry-mode loopback "$@" 2>gpg.log || diag 5 <gpg.log; }
	local fingerprint
	pgp --passphrase '' --quick-gen-key 'Rsa <rsa@example.com>' rsa2048 cert 1d
	fingerprint=$(gpg --with-colons -k rsa@example.com 2>gpg.log | awk -F: '/^fpr/ { print $10; exit }')
	pgp --passphrase '' --quick-add-key "$fingerprint" rsa2048 encr 1d
	pgp --passphrase '' --quick-gen-key 'Third <third@example.com>' rsa2048 encr 1d
	pgp --export-secret-keys rsa@example.com >rsa.gpg
	gpgconf --kill all
	cp -r "$GNUPGHOME" "$work/gnupg-old"
	pgp --passphrase secret --quick-gen-key 'Curve <curve@example.com>' future-default default 1d
	pgp --passphrase secret --export-secret-keys curve@example.com >curve.gpg
	gpgconf --kill all
}
pgp_matrix() {
	both_ways "pgp, RSA-2048" pgp:rsa@example.com rsa.gpg
	# The openpgp library of 1.0.3 knows no curves, and finds no keys beside one.
	[ -z "$current" ] || both_ways "pgp, Curve25519, with a passphrase" pgp:curve@example.com curve.gpg:pass=secret
	[ -z "$current" ] || both_ways "pgp, three recipients" pgp:rsa@example.com,pgp:curve@example.com,pgp:third@example.com \
		curve.gpg:pass=secret
	both_ways "pgp, two recipients" pgp:third@example.com,pgp:rsa@example.com rsa.gpg
	both_ways "pgp and jwe mixed, by pgp" pgp:rsa@example.com,jwe:P-256.pub rsa.gpg
}

# --- keys in tokens -------------------------------------------------------------------------------------------------

find_softhsm() {
	softhsm=
	for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
		[ ! -r "$path" ] || softhsm=$path
	done
	command -v softhsm2-util >/dev/null && command -v pkcs11-tool >/dev/null || softhsm=
	[ -n "$softhsm" ]
}

# A token "peer" with rsa2048 and rsa3072 and their key files, and the AES key "kek".
softhsm_make() {
	local bits
	export SOFTHSM2_CONF=$work/softhsm2.conf
	mkdir -p "$work/tokens"
	printf 'directories.tokendir = %s/tokens\nlog.level = ERROR\n' "$work" >softhsm2.conf
	softhsm2-util --init-token --free --label peer --pin 1234 --so-pin 1234 >/dev/null
	for bits in 2048 3072; do
		softhsm2-util --import "rsa$bits.key" --token peer --label "rsa$bits" --id "$bits" --pin 1234 >/dev/null
		cat >"rsa$bits.yaml" <<-YAML
			pkcs11:
			  uri: "pkcs11:token=peer;object=rsa$bits?pin-value=1234&module-path=$softhsm"
			module:
			  env:
			    SOFTHSM2_CONF: $work/softhsm2.conf
		YAML
	done
	head -c 32 /dev/urandom >kek.bin
	pkcs11-tool --module "$softhsm" --login --pin 1234 --write-object kek.bin --type secrkey --key-type AES:32 --label kek \
		--usage-wrap --usage-decrypt >/dev/null 2>&1
	kek="pkcs11:token=peer;object=kek;type=secret-key?pin-value=1234&module-path=$softhsm"
}
allow_modules() {
	{
		printf 'pkcs11:\n  module-directories: []\n  allowed-module-paths:\n'
		printf '    - %s\n' "$module" "$(readlink -f "$module")" ${softhsm:+"$softhsm"}
	} >ocicrypt.conf
	export OCICRYPT_CONFIG=$work/ocicrypt.conf
}

softhsm_matrix() {
	local three=pkcs11:rsa2048.pub,pkcs11:rsa3072.yaml,pkcs11:rsa2048.yaml
	# SoftHSM 2.6.1 does no OAEP with SHA-256.
	export OCICRYPT_OAEP_HASHALG=sha1
	both_ways "pkcs11, RSA-2048, a public key in a file" pkcs11:rsa2048.pub rsa2048.yaml
	both_ways "pkcs11, RSA-3072, both halves in the token" pkcs11:rsa3072.yaml rsa3072.yaml
	both_ways "pkcs11, three recipients" "$three" rsa3072.yaml
	both_ways "pkcs11 and jwe mixed, by pkcs11" jwe:P-256.pub,pkcs11:rsa3072.pub rsa3072.yaml
	both_ways "pkcs11 and jwe mixed, by jwe" jwe:P-256.pub,pkcs11:rsa3072.pub P-256.key
	# The Go library uses tokens for the pkcs11 scheme alone.
	theirs_opened "pkcs7, the key in a token" jwe:P-256.pub,pkcs11:rsa2048.pub,pkcs7:rsa3072.crt rsa3072.yaml
	unset OCICRYPT_OAEP_HASHALG
	# What the Go library writes by default opens with the key as a file.
	theirs_opened "pkcs11, SHA-256, the key in a file" pkcs11:rsa3072.pub rsa3072.key
}

# Keys that only the KBS has: the Go library opens our module, and it attests.
own_token() {
	local bits objects=
	kbs_start --allow-sample
	for bits in 2048 3072; do
		resource_set "kbs:///interop/keys/rsa$bits" "rsa$bits.key"
		objects+=${objects:+,}$(object "own$bits" "kbs:///interop/keys/rsa$bits" "$work/rsa$bits.pub")
		printf 'pkcs11:\n  uri: "%s"\n' "$(key_uri_for_go "own$bits")" >"own$bits.yaml"
	done
	resource_set kbs:///interop/keys/ec P-256.key
	objects+=,$(object ownec kbs:///interop/keys/ec "$work/P-256.pub")
	printf 'pkcs11:\n  uri: "%s"\n' "$(key_uri_for_go ownec)" >ownec.yaml
	conf_write "$kbs_url" "$objects"
}
own_token_matrix() {
	OCICRYPT_OAEP_HASHALG=sha1 both_ways "pkcs11, SHA-1, the key at the KBS" pkcs11:rsa2048.pub own2048.yaml
	both_ways "pkcs11, SHA-256, the key at the KBS" pkcs11:rsa3072.pub own3072.yaml
	both_ways "pkcs11, SHA-256, both halves in our token" pkcs11:own3072.yaml own3072.yaml
	theirs_opened "jwe, an RSA key at the KBS" jwe:rsa2048.pub own2048.yaml
	theirs_opened "jwe, an EC key at the KBS" jwe:P-256.pub ownec.yaml
	theirs_opened "pkcs7, the key at the KBS" pkcs7:rsa3072.crt own3072.yaml
}

# The Go library passes over AES keys, of which it knows nothing; and what go-jose makes of them opens here, what we make
# of them opens there.
kek_matrix() {
	local alg
	ours_opened "kek and jwe mixed, by jwe" "kek:$kek,jwe:P-256.pub" P-256.key
	if "$ours" decrypt ann got "$kek" <enc 2>log && cmp -s plain got; then
		ok "kek and jwe mixed, by kek"
	else
		not_ok "kek and jwe mixed, by kek"
		diag 5 <log
	fi
	[ -n "$current" ] || return 0
	grep -a '^org.opencontainers.image.enc.keys.kek=' ann | cut -d = -f 2- | base64 -d >element
	if "$peer" jose-open kek.bin 2>log <element | grep '^{"symkey":' >/dev/null; then
		ok "kek: our JWE, opened by go-jose"
	else
		not_ok "kek: our JWE, opened by go-jose"
		diag 5 <log
	fi
	"$peer" jose-open kek.bin <element >privopts
	for alg in A256KW A256GCMKW; do
		{
			printf 'org.opencontainers.image.enc.keys.kek=%s\n' \
				"$("$peer" jose-seal kek.bin "$alg" <privopts | base64 -w 0)"
			grep -a pubopts ann
		} >ann.jose
		rm -f got
		if "$ours" decrypt ann.jose got "$kek" <enc 2>log && cmp -s plain got; then
			ok "kek: a JWE of go-jose with $alg, opened by us"
		else
			not_ok "kek: a JWE of go-jose with $alg, opened by us"
			diag 5 <log
		fi
	done
}

# --- what openssl cms writes ----------------------------------------------------------------------------------------

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
	rm -f got ann
	openssl cms -encrypt -binary -in privopts -outform DER -out cms "$@"
	{
		echo "org.opencontainers.image.enc.keys.pkcs7=$(base64 -w 0 <cms)"
		echo "org.opencontainers.image.enc.pubopts=$(cat pubopts)"
	} >ann
	if "$ours" decrypt ann got rsa2048.key <enc 2>log && cmp -s plain got; then
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

# --- the matrix -----------------------------------------------------------------------------------------------------

no_pgp=
if command -v gpg >/dev/null && [ -w /dev/shm ]; then pgp_keys; else no_pgp="no gpg, or no /dev/shm, here"; fi
if find_softhsm; then softhsm_make; fi
allow_modules

files_matrix() {
	jwe_matrix
	pkcs7_matrix
	if [ -z "$no_pgp" ]; then pgp_matrix; else skip "pgp with $who" "$no_pgp"; fi
}

build_debian_peer
if [ -z "$no_peer" ]; then
	who="Debian's Go library" current=''
	GNUPGHOME=$work/gnupg-old files_matrix
	# It knows neither tokens nor AES keys.
	[ -z "$softhsm" ] || kek_matrix
else
	skip "layers of Debian's Go library" "$no_peer"
fi

build_peer
if [ -n "$no_peer" ]; then
	skip "layers of the current Go library" "$no_peer"
	tap_end
	exit
fi
who="the Go library" current=1
files_matrix
if [ -n "$softhsm" ]; then
	softhsm_matrix
	kek_matrix
else
	skip "pkcs11 and kek" "no SoftHSM here"
fi
own_token
own_token_matrix
tap_end
