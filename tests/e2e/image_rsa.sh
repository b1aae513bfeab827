#!/usr/bin/env bash
# A real image opens with an RSA-3072 key that only the KBS holds: schemes pkcs11, jwe and pkcs7; and
# a hundred layers of one image take one attestation and one fetch.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/image_round_trip.sh
. "$TOP_SRCDIR/tests/support/image_round_trip.sh"

kbs_start --allow-sample
front_start --upstream "$kbs_url"
passes "an image of Debian packages" make_image
passes "it has several layers, gzip and plain" image_is_mixed
image_round_trip rsa:3072 pkcs11
image_round_trip rsa:3072 jwe
image_round_trip rsa:3072 pkcs7

# --- a hundred layers for one key ---
mkdir "$work/tars"
for ((i = 0; i < 100; i++)); do
	echo $i >"$work/number"
	tar -cf "$work/tars/$i.tar" -C "$work" number
done
passes "an image of 100 layers" python3 "$TOP_SRCDIR/tests/support/layers_image.py" "$work/hundred" plain "$work"/tars/*.tar
make_key rsa:3072 hundred
resource_set kbs:///default/image/hundred "$work/hundred.key"
conf_write "$front_url" "$(object hundred kbs:///default/image/hundred "$work/hundred.pub")"
passes "is encrypted for one key" \
	kbs-image copy --encryption-key "pkcs11:$work/hundred.pub" "oci:$work/hundred:plain" "oci:$work/hundred-enc:enc"
forget
passes "opens through the token" \
	kbs-image copy --decryption-key "$(key_uri hundred)" "oci:$work/hundred-enc:enc" "oci:$work/hundred-open:plain"
passes "as what it was" same_layers "$work/hundred" plain "$work/hundred-open" plain
equal "100 layers took one attestation" 1 "$(handshakes)"
equal "and one fetch" 1 "$(seen '^GET /kbs/v0/resource/')"
tap_end
