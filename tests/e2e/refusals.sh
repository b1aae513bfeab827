#!/usr/bin/env bash
# What must not open does not: each refusal says what and where, has its documented exit code, and leaves nothing at
# the destination.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

uri=kbs:///default/image/key
mkdir "$work/root"
seq 1 200000 >"$work/root/numbers"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" --plain-layer "$work/root" >/dev/null
make_key rsa:3072 key
make_key P-256 eckey
make_key rsa:3072 other
encrypt() { kbs-image copy --encryption-key "$1" "oci:$work/image:plain" "$2" >"$work/out" 2>&1; }
passes "an image is encrypted, scheme pkcs11" encrypt "pkcs11:$work/key.pub" "oci:$work/enc:enc"
passes "an image is encrypted, scheme jwe" encrypt "jwe:$work/eckey.pub" "oci:$work/ecenc:enc"

# The destination holds another image already: it must stay as it is.
cp -r "$work/image" "$work/dst"

# shut WHAT EXIT PATTERN [SRC [KEY]]: the copy is refused so, and the destination is as before.
shut() {
	local what=$1 expected=$2 pattern=$3 src=${4-oci:$work/enc:enc} key=${5-$(key_uri image-key)} before
	before=$(snapshot "$work/dst")
	refuses "$what: kbs-image says so" "$expected" "$pattern" \
		timeout --foreground -k 5 60 kbs-image copy --decryption-key "$key" "$src" "oci:$work/dst:opened"
	equal "$what: nothing changes at the destination" "$before" "$(snapshot "$work/dst")"
	refuses "$what: nor where there was none" "$expected" "$pattern" \
		timeout --foreground -k 5 60 kbs-image copy --decryption-key "$key" "$src" "oci:$work/fresh:opened"
	equal "$what: no file is left there" "" "$(find "$work/fresh" -path '*blobs*' -type f 2>/dev/null)"
	rm -rf "$work/fresh"
}

# withheld WHAT EXIT CKR PATTERN [URI]: the resource does not come. EXIT is kbs-token's and kbs-image's ("7/8" where they
# differ); CKR is what any PKCS#11 host gets.
withheld() {
	local what=$1 expected=$2 ckr=$3 pattern=$4 resource=${5-$uri} found
	refuses "$what: kbs-token says so" "${expected%/*}" "$pattern" timeout --foreground -k 5 60 kbs-token get "$resource"
	equal "$what: and gives nothing" "" "$(cat "$work/out")"
	shut "$what" "${expected#*/}" "$pattern"
	found=$("$p11_host" --public "$work/key.pub" "$module" sign 1 2>&1 | grep -oE 'CKR 0x[0-9a-f]+' | head -1) || true
	if [[ $found =~ ^CKR\ 0x0*($ckr)$ ]]; then
		ok "$what: a PKCS#11 host gets the documented code"
	else
		not_ok "$what: a PKCS#11 host gets the documented code"
		echo "found '$found', expected $ckr" | diag 5
	fi
}
not_logged_in=101 not_present=e0 device_error=30 device_memory=31 handle_invalid=60

objects=$(object image-key "$uri" "$work/key.pub"),$(object image-eckey kbs:///default/image/eckey "$work/eckey.pub")

# --- a KBS that takes no evidence of the sample TEE ---
kbs_start
resource_set "$uri" "$work/key.key"
conf_write "$kbs_url" "$objects"
withheld "no attestation" 5 $not_logged_in 'attest.*sample'
kbs_stop

# --- policy ---
cp "$work/kbs/policy.json" "$work/policy.saved"
printf '{ "default": "deny", "rules": [ { "path": "default/image/other", "allow": true } ] }\n' >"$work/kbs/policy.json"
kbs_start --allow-sample
conf_write "$kbs_url" "$objects"
withheld "policy denied" 5 $not_logged_in 'default/image/key.*(polic|denied)'
kbs_stop
cp "$work/policy.saved" "$work/kbs/policy.json"

# --- a good KBS from here on ---
kbs_start --allow-sample
resource_set kbs:///default/image/eckey "$work/eckey.key"
resource_set kbs:///default/image/other "$work/other.key"
conf_write "$kbs_url" "$(object image-key kbs:///default/image/absent "$work/key.pub")"
withheld "unknown resource" 6 $handle_invalid 'default/image/absent' kbs:///default/image/absent

conf_write "$kbs_url" "$(object image-key kbs:///default/image/other)"
shut "wrong key" 9 'no key opens'
conf_write "$kbs_url" "$(object image-key kbs:///default/image/other "$work/key.pub")"
shut "a key that is not the configured public half's" 8 'does not belong'

# --- ciphertext ---
conf_write "$kbs_url" "$objects"
# tamper FROM TO COMMAND...: a copy of the layout whose first layer went through COMMAND, with digests that fit again.
tamper() {
	local from=$1 to=$2 blob manifest digest size old
	shift 2
	cp -r "$from" "$to"
	manifest=$(manifest_of "$to" enc)
	blob=$(layers_of "$to" enc | head -1)
	old=sha256:${blob##*/}
	"$@" <"$blob" >"$work/tampered"
	digest=$(sha256sum <"$work/tampered" | cut -d' ' -f1) size=$(stat -c %s "$work/tampered")
	mv "$work/tampered" "$to/blobs/sha256/$digest"
	rm "$blob"
	jq -c --arg old "$old" --arg new "sha256:$digest" --argjson size "$size" \
		'(.layers[] | select(.digest == $old)) |= (.digest = $new | .size = $size)' "$manifest" >"$work/manifest"
	digest=$(sha256sum <"$work/manifest" | cut -d' ' -f1) size=$(stat -c %s "$work/manifest")
	jq -c --arg old "sha256:${manifest##*/}" --arg new "sha256:$digest" --argjson size "$size" \
		'(.manifests[] | select(.digest == $old)) |= (.digest = $new | .size = $size)' "$to/index.json" >"$work/index"
	rm "$manifest"
	mv "$work/manifest" "$to/blobs/sha256/$digest"
	mv "$work/index" "$to/index.json"
}
flip() { python3 -c 'import sys; d = bytearray(sys.stdin.buffer.read()); d[len(d) // 2] ^= 1; sys.stdout.buffer.write(d)'; }
cut_end() { head -c -100; }
longer() { cat && printf x; }
tamper "$work/enc" "$work/flipped" flip
shut "flipped ciphertext" 7 'hmac|integrity|digest' "oci:$work/flipped:enc"
tamper "$work/enc" "$work/cut" cut_end
shut "cut ciphertext" 7 'hmac|integrity|digest' "oci:$work/cut:enc"
tamper "$work/ecenc" "$work/longer" longer
shut "ciphertext with a byte more" 7 'hmac|integrity|digest' "oci:$work/longer:enc" "$(key_uri image-eckey)"
cp -r "$work/enc" "$work/swapped"
blob=$(layers_of "$work/swapped" enc | head -1)
flip <"$blob" >"$work/tampered" && cp "$work/tampered" "$blob"
shut "a blob that is not its digest" 7 'digest|sha256' "oci:$work/swapped:enc"

# edit FROM TO FILTER: the same with the manifest's annotations.
edit() {
	local manifest digest size
	cp -r "$1" "$2"
	manifest=$(manifest_of "$2" enc)
	jq -c "$3" "$manifest" >"$work/manifest"
	digest=$(sha256sum <"$work/manifest" | cut -d' ' -f1) size=$(stat -c %s "$work/manifest")
	jq -c --arg old "sha256:${manifest##*/}" --arg new "sha256:$digest" --argjson size "$size" \
		'(.manifests[] | select(.digest == $old)) |= (.digest = $new | .size = $size)' "$2/index.json" >"$work/index"
	mv "$work/manifest" "$2/blobs/sha256/$digest"
	mv "$work/index" "$2/index.json"
}
edit "$work/enc" "$work/badnote" '.layers[0].annotations["org.opencontainers.image.enc.keys.pkcs11"] = "!!!"'
shut "an annotation that is not base64" 8 'base64' "oci:$work/badnote:enc"
edit "$work/enc" "$work/nonote" 'del(.layers[].annotations)'
shut "an encrypted layer without annotations" 8 'layer' "oci:$work/nonote:enc"

# --- a module that the configuration does not allow ---
printf 'pkcs11:\n  allowed-module-paths: [ /nowhere/ ]\n' >"$work/ocicrypt.conf"
OCICRYPT_CONFIG=$work/ocicrypt.conf shut "a module that is not allowed" 5 'allow' "oci:$work/enc:enc" \
	"pkcs11:token=x;object=y?module-path=/usr/lib/$(uname -m)-linux-gnu/softhsm/libsofthsm2.so"

# --- KBS down ---
kbs_stop
timeout=3
conf_write "$kbs_url" "$objects"
withheld "KBS down" 4 "$not_present|$device_error" '127\.0\.0\.1'

# --- TLS ---
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -addext "$2" \
		-keyout "$work/$1.tls.key" -out "$work/$1.crt" 2>/dev/null
}
certificate good 'subjectAltName = IP:127.0.0.1'
certificate elsewhere 'subjectAltName = DNS:kbs.example'
timeout=10
tls_failed="$not_present|$device_error"
kbs_start --allow-sample --tls-cert "$work/good.crt" --tls-key "$work/good.tls.key"
conf_write "$kbs_url" "$objects"
withheld "a self-signed server certificate" 4 "$tls_failed" 'certificate'
conf_write "$kbs_url" "$objects" "\"ca\": \"$work/elsewhere.crt\""
withheld "a server certificate of another CA" 4 "$tls_failed" 'certificate'
conf_write "$kbs_url" "$objects" "\"ca\": \"$work/good.crt\""
passes "with the right CA it opens" kbs-image copy --decryption-key "$(key_uri image-key)" "oci:$work/enc:enc" \
	"oci:$work/tls:plain"
kbs_stop
kbs_start --allow-sample --tls-cert "$work/elsewhere.crt" --tls-key "$work/elsewhere.tls.key"
conf_write "$kbs_url" "$objects" "\"ca\": \"$work/elsewhere.crt\""
withheld "a server certificate for another name" 4 "$tls_failed" 'certificate'
kbs_stop
conf_write http://192.0.2.1:8080 "$objects"
refuses "http:// to a host that is not loopback: kbs-token says so" '[23]' 'http' timeout --foreground -k 5 60 kbs-token get "$uri"

# --- answers of a broken or hostile KBS ---
# hostile MODE EXIT CKR PATTERN
hostile() {
	front_start --mode "$1"
	conf_write "$front_url" "$objects"
	withheld "a KBS that answers $1" "$2" "$3" "$4"
	stop "$front_pid"
}
timeout=3
hostile auth-malformed 8 $device_error 'challenge'
hostile auth-array 8 $device_error 'challenge'
hostile auth-no-nonce 8 $device_error 'nonce'
hostile auth-oversized 8 $device_memory 'auth'
hostile auth-500 4 "$not_present|$device_error" 'auth.*500'
hostile attest-malformed 8 $device_error 'attest'
hostile attest-no-token 8 $device_error 'token'
hostile attest-oversized 8 $device_memory 'attest'
hostile attest-expired 5 $not_logged_in '401'
hostile resource-malformed 8 $device_error 'default/image/key'
hostile resource-oversized 8 $device_memory 'default/image/key'
hostile resource-unsealed 7/8 $device_error 'default/image/key'
hostile resource-denied 5 $not_logged_in 'denied by the double'
hostile resource-missing 6 $handle_invalid 'default/image/key'
hostile resource-expired 5 $not_logged_in 'token has expired'
hostile resource-truncated 4 "$not_present|$device_error" '127\.0\.0\.1'
hostile cut 4 "$not_present|$device_error" '127\.0\.0\.1'
hostile hang 4 "$not_present|$device_error" 'time'

front_start --mode resource-expired
conf_write "$front_url" "$objects"
forget
kbs-token get "$uri" >"$work/out" 2>&1 || true
equal "an expired result is renewed once, not for ever" 2 "$(handshakes)"
stop "$front_pid"
tap_end
