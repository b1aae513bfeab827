#!/usr/bin/env bash
# kill -9 at random points of pull and copy: the store and the layout work afterwards, and nothing in the clear is left
# of a layer that did not verify, or was not known to yet. KILLS=100 for a hundred points instead of ten.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

: "${KILLS:=10}"
exec 3>&1
export HOME=$work/home XDG_RUNTIME_DIR=$work/run
mkdir -p "$HOME" "$XDG_RUNTIME_DIR" "$work/good" "$work/bad"
make_key P-256 key

# Layers that do not compress, for they are not: each page of them says whose it is.
filled() { { yes "$1, in the clear, $(printf '%040d' 0)" || true; } 2>/dev/null | head -c 6000000 >"$work/$2/file"; }
good_text="THE GOOD LAYER" bad_text="THE BAD LAYER"
filled "$good_text" good
filled "$bad_text" bad
for kind in good bad; do
	"$TOP_SRCDIR/tests/support/make_image.sh" "$work/lay" "$kind" --plain-layer "$work/$kind" >/dev/null
	kbs-image copy -q --encryption-key "jwe:$work/key.pub" "oci:$work/lay:$kind" "oci:$work/sealed:$kind" >/dev/null
done
# An HMAC that does not hold: known at the layer's end, and not before.
manifest=$(manifest_of "$work/sealed" bad)
jq -c '.layers[0].annotations["org.opencontainers.image.enc.pubopts"] |=
	(@base64d | fromjson | .hmac = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" | tojson | @base64)' "$manifest" >"$work/changed"
hex=$(sha256sum "$work/changed" | cut -d' ' -f1)
mv "$work/changed" "$work/sealed/blobs/sha256/$hex"
jq -c --arg digest "sha256:$hex" --argjson size "$(stat -c %s "$work/sealed/blobs/sha256/$hex")" \
	'(.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "bad")) |= (.digest = $digest | .size = $size)' \
	"$work/sealed/index.json" >"$work/index"
mv "$work/index" "$work/sealed/index.json"
rm -r "$work/lay"

# With exec, so that it is the program's own process that is killed.
pull() { $2 kbs-image pull -q --store "$work/store" --decryption-key "$work/key.key" "oci:$work/sealed:$1"; }
copy() { $2 kbs-image copy -q --decryption-key "$work/key.key" "oci:$work/sealed:$1" "oci:$work/plain:$1"; }
# The next command there, whatever it is.
pull_next() { kbs-image list --store "$work/store" >"$work/list"; }
copy_next() { copy good "" >/dev/null; }
# The first may have been killed before there was a store.
pull_looks() { [ ! -e "$work/store/kbs-image-store" ] || pull_next; }
copy_looks() { copy_next; }
# (Not by grep's status: a folder that is not there would count as none found.)
clear_of() { [ "$(grep -rl "$1" "$work/store" "$work/plain" 2>/dev/null | wc -l)" = 0 ]; }

pull_works() {
	rm -rf "$work/bundle"
	pull good "" >/dev/null && pull_next && [ "$(wc -l <"$work/list")" = 2 ] &&
		kbs-image bundle -q --unprivileged --store "$work/store" "store:oci:$work/sealed:good" "$work/bundle" >/dev/null &&
		cmp "$work/good/file" "$work/bundle/rootfs/file" && kbs-image gc --store "$work/store" >/dev/null &&
		[ "$(find "$work/store/blobs" -type f | wc -l)" = 3 ]
}
copy_works() {
	rm -rf "$work/rootfs"
	copy good "" >/dev/null && kbs-image unpack -q --unprivileged "oci:$work/plain:good" "$work/rootfs" >/dev/null &&
		cmp "$work/good/file" "$work/rootfs/file" && [ -z "$(find "$work/plain" -name '.*' -type f)" ]
}

now_us() { echo $(($(date +%s%N) / 1000)); }
# killed COMMAND KIND MICROSECONDS: after a random part of that time.
killed() {
	"$1" "$2" exec >/dev/null 2>&1 &
	local process=$! after=$((RANDOM * 32768 + RANDOM))
	after=$((after % ($3 * 7 / 8 + 1)))
	sleep "$(printf '%d.%06d' $((after / 1000000)) $((after % 1000000)))"
	kill -KILL "$process" 2>/dev/null || true
	local status=0
	wait "$process" 2>/dev/null || status=$?
	[ $status != 137 ]
}

# points COMMAND: kills it KILLS times, with one image and the other in turn.
points() {
	local command=$1 begin took i died=0 kind
	for kind in good bad; do
		begin=$(now_us)
		"$command" $kind "" >/dev/null 2>&1 || true
		took=$(($(now_us) - begin))
		rm -rf "$work/store" "$work/plain"
		for ((i = 0; i < KILLS; i += 2)); do
			killed "$command" $kind "$took" || died=$((died + 1))
			"${command}_looks" || { echo "after kill $i of $command $kind: the next command failed"; return 1; }
			[ $kind = good ] || clear_of "$bad_text" || { echo "after kill $i of $command: in the clear"; return 1; }
			# Alternately onto what was left, and anew.
			[ $((i % 4)) = 0 ] || rm -rf "$work/store" "$work/plain"
		done
		"${command}_works" || { echo "$command does not work after kills with the $kind image"; return 1; }
		rm -rf "$work/store" "$work/plain"
	done
	echo "# $died of $KILLS ended by the signal" >&3
}
passes "$KILLS points of pull" points pull
passes "$KILLS points of copy" points copy
# That the text would be found at all:
pull good "" >/dev/null
equal "the good layer is in the store, in the clear" found "$(clear_of "$good_text" || echo found)"
tap_end
