#!/usr/bin/env bash
# A real image opens with an RSA-3072 key that only the KBS holds: schemes pkcs11, jwe and pkcs7.
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
tap_end
