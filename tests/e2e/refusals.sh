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
allow_module
kbs-image copy --encryption-key "pkcs11:$work/key.pub" "oci:$work/image:plain" "oci:$work/enc:enc"
kbs-image copy --encryption-key "jwe:$work/eckey.pub" "oci:$work/image:plain" "oci:$work/ecenc:enc"

# The destination holds another image already: it must stay as it is.
cp -r "$work/image" "$work/dst"

# stays_shut WHAT EXIT PATTERN [SRC [KEY]]: the copy is refused so, and the destination is as before.
stays_shut() {
	local what=$1 expected=$2 pattern=$3 src=${4-oci:$work/enc:enc} key=${5-$(key_uri image-key)} before
	before=$(snapshot "$work/dst")
	refuses "$what: refused, saying so" "$expected" "$pattern" \
		timeout 60 kbs-image copy --decryption-key "$key" "$src" "oci:$work/dst:opened"
	equal "$what: nothing new at the destination" "$before" "$(snapshot "$work/dst")"
	refuses "$what: and nothing where there was no destination" "$expected" . \
		timeout 60 kbs-image copy --decryption-key "$key" "$src" "oci:$work/fresh:opened"
	equal "$what: no file is left there" "" "$(find "$work/fresh" -path '*blobs*' -type f 2>/dev/null)"
	rm -rf "$work/fresh"
}

# ckr WHAT CODE: the module gives this code to a host that signs.
ckr() {
	local found
	found=$("$p11_host" --public "$work/key.pub" "$module" sign 1 2>&1 | grep -oE 'CKR 0x[0-9a-f]+' | head -1) || true
	if [[ $found =~ ^CKR\ 0x0*($2)$ ]]; then
		ok "$1: a PKCS#11 host gets the documented code"
	else
		not_ok "$1: a PKCS#11 host gets the documented code"
		echo "found '$found', expected $2" | diag 5
	fi
}
not_logged_in=101 token_not_present=e0 device_error=30 handle_invalid=60 find_nothing=82

objects=$(object image-key "$uri" "$work/key.pub"),$(object image-eckey kbs:///default/image/eckey "$work/eckey.pub")

# --- a KBS that takes no evidence of the sample TEE ---
kbs_start
resource_set "$uri" "$work/key.key"
conf_write "$kbs_url" "$objects"
stays_shut "no attestation" 5 'attest|evidence|sample'
ckr "no attestation" $not_logged_in
conf_write "$kbs_url" "$objects" '"attester": "auto"'
kbs_stop

# --- policy ---
cp "$work/kbs/policy.json" "$work/policy.saved"
printf '{ "default": "deny", "rules": [ { "path": "default/image/other", "allow": true } ] }\n' >"$work/kbs/policy.json"
kbs_start --allow-sample
conf_write "$kbs_url" "$objects"
stays_shut "policy denied" 5 'polic|denied'
ckr "policy denied" $not_logged_in
kbs_stop
cp "$work/policy.saved" "$work/kbs/policy.json"

# --- a good KBS from here on ---
kbs_start --allow-sample
resource_set kbs:///default/image/eckey "$work/eckey.key"
resource_set kbs:///default/image/other "$work/other.key"
conf_write "$kbs_url" "$(object image-key kbs:///default/image/absent "$work/key.pub")"
stays_shut "unknown resource" 6 'default/image/absent'
ckr "unknown resource" "$handle_invalid|$find_nothing"

conf_write "$kbs_url" "$(object image-key kbs:///default/image/other)"
stays_shut "wrong key" 9 'key'

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
stays_shut "flipped ciphertext" 7 'hmac|integrity|digest' "oci:$work/flipped:enc"
tamper "$work/enc" "$work/cut" cut_end
stays_shut "cut ciphertext" 7 'hmac|integrity|digest' "oci:$work/cut:enc"
tamper "$work/ecenc" "$work/longer" longer
stays_shut "ciphertext with a byte more" 7 'hmac|integrity|digest' "oci:$work/longer:enc" "$(key_uri image-eckey)"
cp -r "$work/enc" "$work/swapped"
blob=$(layers_of "$work/swapped" enc | head -1)
flip <"$blob" >"$work/tampered" && cp "$work/tampered" "$blob"
stays_shut "a blob that is not its digest" 7 'digest|sha256' "oci:$work/swapped:enc"

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
stays_shut "an annotation that is not base64" '[89]' 'base64|pkcs11|annotation' "oci:$work/badnote:enc" 2>/dev/null

# --- no module that the configuration does not allow ---
rm -f "$OCICRYPT_CONFIG"
stays_shut "a module path that is not allowed" 5 'allowed|module'
allow_module

# --- the result has expired ---
kbs_stop
jq '.["session-lifetime"] = 1' "$work/kbs/kbs.json" >"$work/kbs.json" 2>/dev/null || true
kbs_start --allow-sample

# --- KBS down ---
kbs_stop
conf_write "$kbs_url" "$objects" '"timeout": 3'
stays_shut "KBS down" 4 'connect|refused|127\.0\.0\.1'
ckr "KBS down" "$token_not_present|$device_error"

# --- TLS ---
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
	-addext 'subjectAltName = IP:127.0.0.1,DNS:localhost' -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
	-keyout "$work/ca2.key" -out "$work/ca2.crt" 2>/dev/null
kbs_start --allow-sample --tls-cert "$work/tls.crt" --tls-key "$work/tls.key"
conf_write "$kbs_url" "$objects"
stays_shut "a self-signed server certificate" 4 'tls|certificate|verif'
ckr "a self-signed server certificate" "$token_not_present|$device_error"
conf_write "$kbs_url" "$objects" "\"ca\": \"$work/ca2.crt\""
stays_shut "a server certificate of another CA" 4 'tls|certificate|verif'
conf_write "$kbs_url" "$objects" "\"ca\": \"$work/tls.crt\""
passes "the right CA: it opens" kbs-image copy --decryption-key "$(key_uri image-key)" "oci:$work/enc:enc" "oci:$work/tls:plain"
conf_write "${kbs_url/127.0.0.1/localhost.localdomain}" "$objects" '"allow-http": false'
kbs_stop
conf_write "http://192.0.2.1:8080" "$objects"
stays_shut "http:// to a host that is not loopback" '3' 'http' || true

# --- hostile answers ---
hostile() {
	local mode=$1 expected=$2 pattern=$3
	front_start --mode "$mode"
	conf_write "$front_url" "$objects" '"timeout": 4'
	stays_shut "a KBS that answers $mode" "$expected" "$pattern"
	stop "$front_pid"
}
hostile auth-malformed 8 'auth'
hostile auth-array 8 'auth'
hostile auth-no-nonce 8 'nonce'
hostile auth-oversized 8 'auth|large|more than|limit'
hostile auth-500 '[48]' 'auth|500' || true
hostile attest-malformed 8 'attest'
hostile attest-no-token 8 'token'
hostile attest-oversized 8 'attest|large|more than|limit'
hostile resource-malformed 8 'default/image/key'
hostile resource-oversized 8 'default/image/key'
hostile resource-unsealed 7 'default/image/key'
hostile resource-denied 5 'denied by the double'
hostile resource-missing 6 'default/image/key'
hostile resource-truncated 4 '127\.0\.0\.1'
hostile cut 4 '127\.0\.0\.1'
hostile hang 4 'time|deadline'
tap_end
