#!/usr/bin/env bash
# Layers, keys and providers that are not as they should be: kbs-image says in one line which layer, which scheme and why for
# every key that was tried, has an exit code of its own, and leaves nothing behind. And what it runs gets no secret.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

mkdir "$work/root"
head -c 30000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --plain-layer "$work/root" >/dev/null
for key in rsa:3072:alice P-256:bob rsa:2048:eve P-384:mallory; do make_key "${key%:*}" "${key##*:}"; done
openssl req -new -x509 -key "$work/alice.key" -subj /CN=alice -days 2 -out "$work/alice.crt"
passphrase=passphrase-$(head -c 9 /dev/urandom | od -An -tx1 | tr -d ' \n')
openssl pkey -in "$work/bob.key" -aes256 -passout "pass:$passphrase" -out "$work/bob.enc"
enc=$work/enc
kbs-image copy -q --encryption-key "jwe:$work/bob.pub" --encryption-key "pkcs7:$work/alice.crt" \
	--encryption-key "pkcs11:$work/alice.pub" "oci:$work/image:plain" "oci:$enc:x" >/dev/null
keys=org.opencontainers.image.enc.keys

# changed NAME [FILTER [COMMAND]]: $work/NAME, the image with another manifest, and with another layer made by COMMAND.
changed() {
	local to=$work/$1 filter=${2:-.} command=${3-} manifest blob digest
	cp -r "$enc" "$to"
	manifest=$(manifest_of "$to" x)
	if [ -n "$command" ]; then
		blob=$to/blobs/sha256/$(jq -r '.layers[0].digest[7:]' "$manifest")
		"$command" <"$blob" >"$to/blob"
		digest=$(sha256sum "$to/blob" | cut -d ' ' -f 1)
		filter+="| .layers[0].digest = \"sha256:$digest\" | .layers[0].size = $(stat -c %s "$to/blob")"
		mv "$to/blob" "$to/blobs/sha256/$digest"
	fi
	jq -c --arg keys "$keys" "$filter" "$manifest" >"$to/manifest"
	digest=$(sha256sum "$to/manifest" | cut -d ' ' -f 1)
	jq -c --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$to/manifest")" \
		'.manifests[0].digest = $digest | .manifests[0].size = $size' "$to/index.json" >"$to/index"
	mv "$to/index" "$to/index.json"
	mv "$to/manifest" "$to/blobs/sha256/$digest"
}
only() { echo "(.layers[0].annotations[]? |= .) | .layers[0].annotations |= with_entries(select(.key | (startswith(\$keys) | not) or . == \$keys + \".$1\"))"; }
annotation() { echo ".layers[0].annotations[\$keys + \".$1\"]"; }

# bad WHAT IMAGE CODE PATTERN KEY...: refused in one line that names the layer and matches, and nothing is left.
bad() {
	local what=$1 image=$2 code=$3 pattern=$4 key status=0 options=()
	shift 4
	for key in "$@"; do options+=(--decryption-key "$key"); done
	kbs-image copy -q "${options[@]}" "oci:$work/$image:x" "oci:$work/opened:x" >"$work/stdout" 2>"$work/stderr" || status=$?
	if [ "$status" = "$code" ] && [ "$(wc -l <"$work/stderr")" = 1 ] && [ ! -s "$work/stdout" ] && [ ! -e "$work/opened" ] &&
		grep -E "^kbs-image: layer 0 \(sha256:[0-9a-f]{64}\): $pattern" "$work/stderr" >/dev/null; then
		ok "$what"
	else
		not_ok "$what (exit code $status, expected $code)"
		diag 5 <"$work/stderr"
	fi
	rm -rf "$work/opened"
	cat "$work/stderr" >>"$work/said"
}
good() {
	local what=$1 image=$2
	passes "$what" kbs-image copy -q --decryption-key "$3" "oci:$work/$image:x" "oci:$work/opened:x"
	rm -rf "$work/opened"
}

# --- keys that do not fit -----------------------------------------------------------------------------------------
bad "keys for somebody else: the reason for each, in each scheme" enc 9 \
	'no key opens the layer: jwe: .*mallory.key: .*; jwe: .*eve.key: .*; pkcs7: .*mallory.key: .*; pkcs7: .*eve.key: .*; pkcs11: .*mallory.key: .*; pkcs11: .*eve.key: ' \
	"$work/mallory.key" "$work/eve.key"
bad "no key at all fits a layer of one scheme" enc 9 'no key opens the layer: .*eve.key' "$work/eve.key"

# --- annotations --------------------------------------------------------------------------------------------------
changed before "$(annotation jwe) |= \"Z2FyYmFnZQ==,e30=,\" + ."
good "garbage before a good recipient" before "$work/bob.key"
changed after "$(annotation jwe) |= . + \",Z2FyYmFnZQ==,e30=\""
good "garbage after a good recipient" after "$work/bob.key"
changed base64 "$(only jwe) | $(annotation jwe) |= \"not base64,\" + ."
bad "bad base64" base64 8 'no key opens the layer: jwe: element 1: ' "$work/bob.key"
changed truncated "$(only jwe) | $(annotation jwe) |= .[0:(length / 8 | floor * 4)]"
bad "a truncated JWE" truncated 8 'no key opens the layer: jwe: .*bob.key: .*JWE' "$work/bob.key"
flip='@base64d | fromjson | .ciphertext |= ((if .[0:1] == "A" then "B" else "A" end) + .[1:]) | tojson | @base64'
changed flipped "$(only jwe) | $(annotation jwe) |= ($flip)"
bad "a JWE with a bit flipped" flipped 9 'no key opens the layer: jwe: .*bob.key: JWE: not encrypted for this key, or altered' "$work/bob.key"
for scheme in pkcs7 pkcs11; do
	changed "cut-$scheme" "$(only $scheme) | $(annotation $scheme) |= .[0:(length / 8 | floor * 4)]"
	bad "a truncated element of $scheme" "cut-$scheme" 8 "no key opens the layer: $scheme: .*alice.key: " "$work/alice.key"
done
changed many "$(only jwe) | $(annotation jwe) |= ([range(2000) | \"e30=\"] | join(\",\"))"
bad "thousands of elements" many 8 'no key opens the layer: jwe: .*; jwe: more than 1024 elements' "$work/bob.key"
changed crowd "$(only pkcs11) | $(annotation pkcs11) |= (@base64d | fromjson | .recipients |= [range(300) as \$i | .[0]] | tojson | @base64)"
bad "hundreds of recipients" crowd 8 'no key opens the layer: pkcs11: .*alice.key: 300 recipients' "$work/alice.key"
nested=$(python3 -c 'import base64; print(base64.b64encode(b"\x30\x80" * 20000).decode())')
changed nested "$(only pkcs7) | $(annotation pkcs7) |= \"$nested\""
bad "DER nested twenty thousand times" nested 8 'no key opens the layer: pkcs7: .*alice.key: ' "$work/alice.key"
long=$(printf '\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff' | base64 -w 0)
changed long "$(only pkcs7) | $(annotation pkcs7) |= \"$long\""
bad "DER longer than memory" long 8 'no key opens the layer: pkcs7: .*alice.key: ' "$work/alice.key"
changed unknown "$(only none) | .layers[0].annotations[\$keys + \".later\"] = \"e30=\""
bad "a scheme that nobody knows" unknown 8 'no key opens the layer: later: this scheme is not supported' "$work/bob.key"
changed nokeys "$(only none)"
bad "no keys in it" nokeys 8 'the layer has no annotation' "$work/bob.key"

# --- public options and data --------------------------------------------------------------------------------------
pubopts='.layers[0].annotations["org.opencontainers.image.enc.pubopts"]'
changed nopub "del($pubopts)"
bad "no public options" nopub 8 'the annotation org.opencontainers.image.enc.pubopts is missing' "$work/bob.key"
changed badpub "$pubopts = \"!\""
bad "public options that are no base64" badpub 8 'the annotation org.opencontainers.image.enc.pubopts: ' "$work/bob.key"
changed cipher "$pubopts |= (@base64d | fromjson | .cipher = \"ROT13\" | tojson | @base64)"
bad "an unknown cipher" cipher 8 '.*unknown cipher "ROT13"' "$work/bob.key"
changed hmac "$pubopts |= (@base64d | fromjson | .hmac = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" | tojson | @base64)"
bad "the HMAC of something else" hmac 7 "the layer's HMAC does not hold" "$work/bob.key"
flip_bit() { python3 -c 'import sys; d = bytearray(sys.stdin.buffer.read()); d[len(d) // 2] ^= 1; sys.stdout.buffer.write(d)'; }
cut_short() { head -c 20000; }
changed bit . flip_bit
bad "data with a bit flipped" bit 7 "the layer's HMAC does not hold" "$work/bob.key"
changed short . cut_short
bad "data that was cut" short 7 "the layer's HMAC does not hold" "$work/bob.key"

# --- passphrases, PINs --------------------------------------------------------------------------------------------
refuses "a wrong passphrase" 5 "bob.enc: .*passphrase" kbs-image copy -q --decryption-key "$work/bob.enc:pass=wrong-$passphrase" \
	"oci:$enc:x" "oci:$work/opened:x"
cat "$work/err" >>"$work/said"
refuses "no passphrase where one is needed" 9 "bob.enc: .*passphrase" kbs-image copy -q --decryption-key "$work/bob.enc" \
	"oci:$enc:x" "oci:$work/opened:x"
softhsm=/usr/lib/softhsm/libsofthsm2.so
if [ -r $softhsm ] && command -v softhsm2-util >/dev/null; then
	mkdir "$work/tokens"
	printf 'directories.tokendir = %s/tokens\nlog.level = ERROR\n' "$work" >"$work/softhsm2.conf"
	export SOFTHSM2_CONF=$work/softhsm2.conf
	softhsm2-util --init-token --free --label hsm --pin 1234 --so-pin 1234 >/dev/null
	softhsm2-util --import "$work/alice.key" --token hsm --label alice --id 01 --pin 1234 >/dev/null
	printf 'pkcs11:\n  module-directories: []\n  allowed-module-paths:\n    - %s\n' $softhsm >"$work/ocicrypt.conf"
	export OCICRYPT_CONFIG=$work/ocicrypt.conf
	pin=PIN-$passphrase
	bad "a wrong PIN, beside a key that does not fit" enc 5 \
		'no key opens the layer: .*object=alice: C_Login: CKR_PIN_INCORRECT.*mallory.key: ' \
		"pkcs11:token=hsm;object=alice?pin-value=$pin&module-path=$softhsm" "$work/mallory.key"
	bad "a module that may not be loaded" enc 5 'no key opens the layer: .*object=alice: .*may not be loaded' \
		"pkcs11:token=hsm;object=alice?pin-value=$pin&module-path=/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
else
	skip "PINs" "no SoftHSM here"
fi

# --- key providers ------------------------------------------------------------------------------------------------
provider() {
	printf '#!/bin/sh\n%s\n' "$1" >"$work/provider"
	chmod 700 "$work/provider"
	printf '{"key-providers":{"own":{"cmd":{"path":"%s","args":[]},"timeout":1}}}' "$work/provider" >"$work/providers.json"
	export OCICRYPT_KEYPROVIDER_CONFIG=$work/providers.json
}
changed provided "$(only none) | .layers[0].annotations[\$keys + \".provider.own\"] = \"e30=\""
hides='no key opens the layer: provider.own: '
provider 'exec sleep 30'
bad "a provider that hangs" provided 4 "${hides}.*did not answer in time" provider:own
provider 'kill -9 $$'
bad "a provider that dies" provided 8 "$hides" provider:own
provider 'echo "no such key" >&2; exit 3'
bad "a provider that fails says why" provided 8 "${hides}.*no such key" provider:own
provider 'head -c 3000000 /dev/zero'
bad "a provider that prints megabytes" provided 8 "$hides" provider:own
provider 'echo "{"'
bad "a provider that prints no JSON" provided 8 "$hides" provider:own

# --- what is run gets no secret -----------------------------------------------------------------------------------
provider "tr '\\0' '\\n' </proc/\$\$/environ >>$work/seen; tr '\\0' ' ' </proc/\$\$/cmdline >>$work/seen
tr '\\0' '\\n' </proc/\$PPID/environ >>$work/seen; tr '\\0' ' ' </proc/\$PPID/cmdline >>$work/seen; ls -l /proc/\$\$/fd >>$work/seen; cat >>$work/seen; exit 1"
changed both "$(only jwe) | .layers[0].annotations[\$keys + \".provider.own\"] = \"e30=\""
bad "a provider beside a key that does not fit" both 8 '.*provider.own' "$work/mallory.key" provider:own
openssl pkey -in "$work/mallory.key" -aes256 -passout "pass:$passphrase" -out "$work/mallory.enc"
bad "the same with the passphrase in the arguments" both 8 '.*provider.own' "$work/mallory.enc:pass=$passphrase" provider:own
passes "the provider ran, and saw its own environment" grep '^PATH=' "$work/seen"
for secret in "$passphrase" "${pin:-$passphrase}"; do
	equal "neither a child nor anybody who looks at processes sees a passphrase or PIN" 0 "$(grep -c -- "$secret" "$work/seen" || true)"
	equal "no message holds one" 0 "$(grep -c -- "$secret" "$work/said" || true)"
done
if ! sanitized && command -v strace >/dev/null && command -v gpg >/dev/null && strace -o "$work/trace" true 2>"$work/err"; then
	export GNUPGHOME=$work/gnupg
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch --quiet --pinentry-mode loopback --passphrase "$passphrase" --quick-gen-key carol@example.com rsa2048 encr 1d 2>"$work/err"
	gpg --batch --quiet --pinentry-mode loopback --passphrase "$passphrase" --export-secret-keys carol@example.com >"$work/carol.gpg"
	kbs-image copy -q --encryption-key pgp:carol@example.com "oci:$work/image:plain" "oci:$work/pgp:x" >"$work/out"
	gpgconf --kill all
	passes "opens with an OpenPGP key and its passphrase, watched" strace -f -v -s 9999 -e trace=execve -o "$work/trace" \
		kbs-image copy -q --decryption-key "$work/carol.gpg:pass=$passphrase" "oci:$work/pgp:x" "oci:$work/opened:x"
	passes "gpg was run" grep -E 'execve\(.*gpg"' "$work/trace"
	# The first is ours, before it could hide anything.
	equal "no program that it runs is told the passphrase" 0 "$(tail -n +2 "$work/trace" | grep -c -- "$passphrase" || true)"
else
	skip "what GnuPG is told" "no strace or gpg here, or a sanitizer that does not like to be watched"
fi
equal "nothing is left in the temporary folder" "" "$(find "$TMPDIR" -type f)"
tap_end
