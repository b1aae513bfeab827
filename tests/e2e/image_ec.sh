#!/usr/bin/env bash
# A real image opens with an EC P-256 key that only the KBS holds: scheme jwe, through C_DeriveKey.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/image_round_trip.sh
. "$TOP_SRCDIR/tests/support/image_round_trip.sh"

kbs_start --allow-sample
front_start --upstream "$kbs_url"
passes "an image of Debian packages" make_image
image_round_trip P-256 jwe

# One layer only, and several recipients: the first key cannot open it, the token's can.
make_key P-256 stranger
passes "one layer is encrypted, for two keys" kbs-image copy --encrypt-layer -1 --encryption-key "jwe:$work/stranger.pub" \
	--encryption-key "jwe:$work/P-256-jwe.pub" "oci:$work/image:plain" "oci:$work/two:enc"
equal "the others are as they were" 1 \
	"$(jq '[.layers[] | select(.mediaType | endswith("+encrypted"))] | length' "$(manifest_of "$work/two" enc)")"
forget
passes "it opens through the token" \
	kbs-image copy --decryption-key "$(key_uri P-256-jwe)" "oci:$work/two:enc" "oci:$work/two-open:plain"
passes "byte for byte" same_layers "$work/image" plain "$work/two-open" plain
tap_end
