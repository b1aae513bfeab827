#!/usr/bin/env bash
# OCI layouts and JWE layers against the distribution's own skopeo, and layouts against umoci: each reads what the
# other wrote. (tests/interop/skopeo.sh has the current skopeo and PKCS#11.)
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

have() { command -v "$1" >/dev/null; }
quietly() { "$@" >"$work/said" 2>&1 || { diag 10 <"$work/said"; return 1; }; }
digest_of() { kbs-image inspect --format json "$1" | jq -r .digest; }
same_image() { cmp <(kbs-image inspect --raw "$1") <(kbs-image inspect --raw "$2"); }
# What the layers unpack to: peers may pack a layer, or pack it otherwise, on its way.
unpacked() {
	local digest
	kbs-image inspect --raw "oci:$1:$2" | jq -r '.layers[].digest' | while read -r digest; do
		gzip -dcf <"$1/blobs/sha256/${digest#sha256:}" | sha256sum
	done
}
same_unpacked() { cmp <(unpacked "$1" "$2") <(unpacked "$3" "$4"); }

"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain >"$work/digest"
passes "kbs-image reads the digest that the image was made with" test "$(digest_of "oci:$work/image:plain")" = "$(cat "$work/digest")"

if have umoci; then
	umoci_init() { quietly umoci init --layout "$work/umoci" && quietly umoci new --image "$work/umoci:empty"; }
	passes "umoci makes a layout" umoci_init
	passes "kbs-image copies from umoci's layout" quietly kbs-image copy "oci:$work/umoci:empty" "oci:$work/from-umoci:empty"
	passes "kbs-image copies into umoci's layout" quietly kbs-image copy "oci:$work/image:plain" "oci:$work/umoci:plain"
	passes "umoci reads what came" quietly umoci stat --image "$work/umoci:plain"
	passes "umoci unpacks it" quietly umoci unpack --rootless --image "$work/umoci:plain" "$work/bundle"
	passes "there is a shell in it" test -x "$work/bundle/rootfs/usr/bin/bash"
	passes "umoci still has its own image" quietly umoci stat --image "$work/umoci:empty"
	passes "umoci collects garbage" quietly umoci gc --layout "$work/umoci"
	passes "and finds none of ours" quietly kbs-image copy "oci:$work/umoci:plain" "oci:$work/after-gc:plain"
else
	skip "umoci and kbs-image read each other's layouts" "no umoci here"
fi

if ! have skopeo; then
	skip "skopeo and kbs-image read each other's layouts" "no skopeo here"
	tap_end
	exit
fi
echo "# $(skopeo --version)"
policy=$work/policy.json
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$policy"
sk() { quietly skopeo --policy "$policy" "$@"; }

openssl genrsa -out "$work/rsa.key" 3072 2>/dev/null
openssl rsa -in "$work/rsa.key" -pubout -out "$work/rsa.pub" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.key" 2>/dev/null
openssl ec -in "$work/ec.key" -pubout -out "$work/ec.pub" 2>/dev/null

passes "kbs-image copies" quietly kbs-image copy "oci:$work/image:plain" "oci:$work/ours:plain"
passes "skopeo inspects the copy" sk inspect "oci:$work/ours:plain"
passes "skopeo copies the copy" sk copy --dest-oci-accept-uncompressed-layers "oci:$work/ours:plain" "oci:$work/theirs:plain"
passes "kbs-image reads skopeo's copy" quietly kbs-image copy "oci:$work/theirs:plain" "oci:$work/back:plain"
passes "both layouts hold the same files" same_unpacked "$work/image" plain "$work/back" plain

for name in rsa ec; do
	passes "$name: kbs-image encrypts" quietly kbs-image copy --encryption-key "jwe:$work/$name.pub" \
		"oci:$work/image:plain" "oci:$work/$name:enc"
	passes "$name: skopeo decrypts" sk copy --dest-oci-accept-uncompressed-layers --decryption-key "$work/$name.key" \
		"oci:$work/$name:enc" "oci:$work/$name-sk:plain"
	passes "$name: and has the files" same_unpacked "$work/image" plain "$work/$name-sk" plain
	passes "$name: skopeo encrypts, and packs the plain layer on its way" sk copy \
		--encryption-key "jwe:$work/$name.pub" "oci:$work/image:plain" "oci:$work/$name-theirs:enc"
	passes "$name: kbs-image decrypts it" quietly kbs-image copy --decryption-key "$work/$name.key" \
		"oci:$work/$name-theirs:enc" "oci:$work/$name-open:plain"
	passes "$name: and has the files" same_unpacked "$work/image" plain "$work/$name-open" plain
done

encrypts_one() {
	quietly kbs-image copy --encrypt-layer -1 --encryption-key "jwe:$work/rsa.pub" "oci:$work/image:plain" "oci:$work/one:enc" &&
		jq -e '[.layers[].mediaType | endswith("+encrypted")] == [false, false, true]' \
			<(kbs-image inspect --raw "oci:$work/one:enc") >/dev/null
}
passes "kbs-image encrypts the last layer alone" encrypts_one
passes "skopeo opens that" sk copy --dest-oci-accept-uncompressed-layers --decryption-key "$work/rsa.key" \
	"oci:$work/one:enc" "oci:$work/one-sk:plain"
passes "kbs-image adds a recipient" quietly kbs-image copy --decryption-key "$work/rsa.key" \
	--encryption-key "jwe:$work/ec.pub" "oci:$work/rsa:enc" "oci:$work/rsa:two"
for name in rsa ec; do
	passes "skopeo opens that with $name" sk copy --dest-oci-accept-uncompressed-layers --decryption-key "$work/$name.key" \
		"oci:$work/rsa:two" "oci:$work/two-$name:plain"
done
passes "and so does kbs-image" quietly kbs-image copy --decryption-key "$work/ec.key" "oci:$work/rsa:two" "oci:$work/two:plain"
passes "to the very same manifest" same_image "oci:$work/image:plain" "oci:$work/two:plain"
tap_end
