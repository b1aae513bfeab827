#!/usr/bin/env bash
# kbs-image unpack of archives that GNU tar and others made, and of archives that nobody should have made: sparse files,
# owners, modes, capabilities, devices and hard links as GNU tar and umoci unpack them; a reason for each refusal.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
umask 022
chmod 755 "$work"

layers_image=$TOP_SRCDIR/tests/support/layers_image.py
unpack() { kbs-image unpack -q --insecure-policy "$@"; }

# --- sparse files ----------------------------------------------------------------------------------------------------
sparse_make() {
	local i
	mkdir "$1"
	truncate -s 3M "$1/hole"
	for i in 0 1 2 3 4 5 6 7 8 9; do
		head -c 5000 /dev/urandom | dd of="$1/many" bs=65536 seek=$((3 * i)) conv=notrunc status=none
	done
	truncate -s 2500001 "$1/many"
	head -c 100 /dev/urandom | dd of="$1/tail" bs=1000 seek=2000 status=none
	: >"$1/empty"
	cp --sparse=always "$1/many" "$1/$(printf 'long%.0s' {1..40})"
}
sparse_same() {
	diff -r "$work/sparse" "$1" && diff <(cd "$work/sparse" && find . -type f -printf '%p %s\n' | sort) \
		<(cd "$1" && find . -type f -printf '%p %s\n' | sort) &&
		[ "$(du -sk "$1" | cut -f1)" -le $(($(du -sk "$work/sparse" | cut -f1) + 64)) ]
}
sparse_make "$work/sparse"
for form in gnu posix-0.0 posix-0.1 posix-1.0; do
	version=()
	[ "$form" = gnu ] || version=("--sparse-version=${form#*-}")
	tar -S --format="${form%-*}" "${version[@]}" -cf "$work/sparse.tar" -C "$work/sparse" .
	"$layers_image" "$work/lay" "$form" "$work/sparse.tar"
	passes "unpacks sparse files, $form" unpack --unprivileged "oci:$work/lay:$form" "$work/out.$form" || true
	passes "as they were, with their holes, $form" sparse_same "$work/out.$form"
done
tap_end
