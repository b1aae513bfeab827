#!/usr/bin/env bash
# Real skopeo: what it encrypts kbs-image opens, and what kbs-image encrypts it opens, through kbs-pkcs11.so.
# Debian 12's skopeo has no pkcs11, so a newer one is built, once, where there is Go 1.21 or newer; it stays in the
# build folder. SKOPEO=path names another one.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/image_round_trip.sh
. "$TOP_SRCDIR/tests/support/image_round_trip.sh"
# shellcheck source=tests/support/skopeo_peer.sh
. "$TOP_SRCDIR/tests/support/skopeo_peer.sh"

give_up() {
	skip "skopeo and this project open each other's images" "$1"
	tap_end
	exit
}

find_skopeo
[ -z "$skopeo_failed" ] || {
	not_ok "skopeo builds"
	printf '%s\n' "$skopeo_failed" | diag 40
	tap_end
	exit 1
}
[ -z "$no_skopeo" ] || give_up "$no_skopeo"
echo "# $("$skopeo" --version)"
copy() { timeout --foreground -k 5 120 "$skopeo" --insecure-policy copy -q "$@"; }
key_file() { printf 'pkcs11:\n  uri: "%s"\n' "$(key_uri_for_go "$1")" >"$work/$1.yaml"; }

kbs_start --allow-sample
front_start --upstream "$kbs_url"
allow_module
make_image
layers=$(layers_of "$work/image" plain | wc -l)
for name in rsa ec; do
	case $name in rsa) make_key rsa:3072 rsa ;; ec) make_key P-256 ec ;; esac
	resource_set "kbs:///default/image/$name" "$work/$name.key"
	key_file $name
done
conf_write "$front_url" \
	"$(object rsa kbs:///default/image/rsa "$work/rsa.pub"),$(object ec kbs:///default/image/ec "$work/ec.pub")"

# same_tars DIR TAG DIR TAG: skopeo compresses a layer that was not, so what is compared is what is inside.
same_tars() {
	local one two i
	mapfile -t one < <(layers_of "$1" "$2")
	mapfile -t two < <(layers_of "$3" "$4")
	[ ${#one[@]} -gt 0 ] && [ ${#one[@]} -eq ${#two[@]} ] || return 1
	for i in "${!one[@]}"; do cmp <(zcat -f "${one[$i]}") <(zcat -f "${two[$i]}") || return 1; done
}

# opens WHAT SAME DST COMMAND...: it opens, the layers compare as SAME says, for one attestation.
opens() {
	local what=$1 same=$2 dst=$3
	shift 3
	forget
	passes "$what" "$@" "oci:$work/$dst:plain"
	passes "$what: the same layers, byte for byte" "$same" "$work/image" plain "$work/$dst" plain
	equal "$what: $layers layers, one attestation" 1 "$(handshakes)"
}

passes "skopeo encrypts, scheme pkcs11, with a public key" \
	copy --encryption-key "pkcs11:$work/rsa.pub" "oci:$work/image:plain" "oci:$work/s-pkcs11:enc"
opens "kbs-image opens what skopeo encrypted (pkcs11, RSA-3072)" same_tars s-pkcs11-open \
	kbs-image copy --decryption-key "$(key_uri rsa)" "oci:$work/s-pkcs11:enc"
passes "skopeo encrypts, scheme jwe, with an RSA key" \
	copy --encryption-key "jwe:$work/rsa.pub" "oci:$work/image:plain" "oci:$work/s-jwe:enc"
opens "kbs-image opens what skopeo encrypted (jwe, RSA-3072)" same_tars s-jwe-open \
	kbs-image copy --decryption-key "$(key_uri rsa)" "oci:$work/s-jwe:enc"
passes "skopeo encrypts, scheme jwe, with an EC key" \
	copy --encryption-key "jwe:$work/ec.pub" "oci:$work/image:plain" "oci:$work/s-ec:enc"
opens "kbs-image opens what skopeo encrypted (jwe, P-256)" same_tars s-ec-open \
	kbs-image copy --decryption-key "$(key_uri ec)" "oci:$work/s-ec:enc"
passes "skopeo encrypts with the public key that our token shows" \
	copy --encryption-key "pkcs11:$work/rsa.yaml" "oci:$work/image:plain" "oci:$work/s-token:enc"
opens "kbs-image opens that" same_tars s-token-open kbs-image copy --decryption-key "$(key_uri rsa)" "oci:$work/s-token:enc"

passes "kbs-image encrypts, scheme pkcs11" \
	kbs-image copy --encryption-key "pkcs11:$work/rsa.pub" "oci:$work/image:plain" "oci:$work/k-pkcs11:enc"
opens "skopeo opens what kbs-image encrypted, through kbs-pkcs11.so" same_layers k-pkcs11-open \
	copy --decryption-key "$work/rsa.yaml" "oci:$work/k-pkcs11:enc"
kbs-token describe rsa --json | jq -r '.[].snippets.skopeo // empty' >"$work/described.yaml"
opens "skopeo opens it with the key file that kbs-token describe shows, which has no PIN" same_layers k-described-open \
	copy --decryption-key "$work/described.yaml" "oci:$work/k-pkcs11:enc"
for name in rsa ec; do
	passes "kbs-image encrypts, scheme jwe, $name" \
		kbs-image copy --encryption-key "jwe:$work/$name.pub" "oci:$work/image:plain" "oci:$work/k-$name:enc"
	passes "skopeo opens it with the private key" \
		copy --decryption-key "$work/$name.key" "oci:$work/k-$name:enc" "oci:$work/k-$name-open:plain"
	passes "byte for byte" same_layers "$work/image" plain "$work/k-$name-open" plain
done
passes "kbs-image encrypts for both schemes at once" kbs-image copy --encryption-key "pkcs11:$work/rsa.pub" \
	--encryption-key "jwe:$work/ec.pub" "oci:$work/image:plain" "oci:$work/k-both:enc"
opens "skopeo opens that through kbs-pkcs11.so" same_layers k-both-open copy --decryption-key "$work/rsa.yaml" "oci:$work/k-both:enc"
tap_end
