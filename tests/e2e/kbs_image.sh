#!/usr/bin/env bash
# The command kbs-image itself: its grammar, exit codes, what it prints, what it leaves behind when it is stopped, and
# how much memory it takes. Keys are local files here.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

mkdir "$work/root"
head -c 100000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" --plain-layer "$work/root" >"$work/digest"
digest=$(cat "$work/digest")
make_key rsa:3072 rsa
make_key P-256 ec
image=oci:$work/image:plain

# --- grammar ----------------------------------------------------------------------------------------------------

prints() {
	local pattern=$1
	shift
	"$@" 2>"$work/err" | grep -E -- "$pattern" >/dev/null
}
passes "--help teaches with an example" prints 'kbs-image copy --encryption-key jwe:public.pem' kbs-image --help
passes "--help works after the command" prints '^Usage: kbs-image copy' kbs-image copy --help
passes "--version says which" prints '^kbs-image [0-9]' kbs-image --version
refuses "no command" 2 "recipients, remove, unpack or verify" kbs-image
refuses "an unknown command" 2 'unknown command "cpy"' kbs-image cpy
refuses "an unknown option" 2 'unknown option --encrypt-kay' kbs-image copy --encrypt-kay=secret a b
refuses "an option without its argument" 2 'wants an argument' kbs-image copy a b --encryption-key
refuses "one image too few" 2 'SRC and DST' kbs-image copy "$image"
refuses "one image too many" 2 'too many arguments' kbs-image copy "$image" b c
refuses "a layer that is no number" 2 'wants a number' kbs-image copy --encrypt-layer x "$image" "oci:$work/x:x"
refuses "an output format that is none" 2 'text or json' kbs-image inspect --format xml "$image"
refuses "a transport that is none" 2 'not an image name' kbs-image copy "$image" "$work/x"
refuses "a transport that is not supported" 8 'docker-daemon' kbs-image copy docker-daemon:debian "oci:$work/x:x"
refuses "an image that is not there" 6 'no image is named "nope"' kbs-image copy "oci:$work/image:nope" "oci:$work/x:x"
refuses "all images of an index at once" 8 'one image of an index' kbs-image copy --all "$image" "oci:$work/x:x"
refuses "a key file that is not there" '2|3|6|10' 'nokey' kbs-image copy --decryption-key "$work/nokey" "$image" "oci:$work/x:x"
refuses "a destination that is something else" 10 'no OCI layout' kbs-image copy "$image" "oci:$work/root:x"
equal "none of that made a destination" no "$([ -e "$work/x" ] && echo yes || echo no)"

# --- copy, inspect ----------------------------------------------------------------------------------------------

equal "copy prints the digest, and nothing else, to stdout" "$digest" "$(kbs-image copy "$image" "oci:$work/a:x" 2>/dev/null)"
equal "options stand anywhere" "$digest" "$(kbs-image --quiet copy "$image" --override-os=linux "oci:$work/a:y" 2>&1)"
equal "a line a layer elsewhere than on a terminal" 2 \
	"$(kbs-image copy "$image" "oci:$work/b:x" 2>&1 >/dev/null | grep -cE '^layer [12]/2 sha256:[0-9a-f]{64} copied, ')"
equal "JSON tells what was done" "$digest copied was there" "$(kbs-image copy --format json -q "oci:$work/a:x" "oci:$work/c:x" |
	jq -r '[.digest, .layers[0].done] | join(" ")') $(kbs-image copy --format json -q "oci:$work/a:x" "oci:$work/c:x" | jq -r '.layers[1].done')"
passes "encrypts for two" kbs-image copy --encryption-key "jwe:$work/rsa.pub" --encryption-key="jwe:$work/ec.pub" \
	--encrypt-layer=-1 "$image" "oci:$work/enc:x"
equal "inspect tells what is encrypted, and for how many" 'false true jwe 2' "$(kbs-image inspect --format json "oci:$work/enc:x" |
	jq -r '[.layers[0].encrypted, .layers[1].encrypted, .layers[1].recipients[0].scheme, .layers[1].recipients[0].count] | map(tostring) | join(" ")')"
passes "and tells people" prints 'encrypted for 2 of jwe' kbs-image inspect "oci:$work/enc:x"
equal "inspect --raw is the manifest itself" "$digest" "sha256:$(kbs-image inspect --raw "$image" | sha256sum | cut -d' ' -f1)"
equal "what is decrypted has the digest that it had" "$digest" \
	"$(kbs-image copy -q --decryption-key "$work/ec.key" "oci:$work/enc:x" "oci:$work/dec:x")"
make_key rsa:3072 other
refuses "a key that fits no recipient" 9 'layer 1 \(sha256:[0-9a-f]{64}\)' \
	kbs-image copy --decryption-key "$work/other.key" "oci:$work/enc:x" "oci:$work/never:x"
byte_changed "$(layers_of "$work/enc" x | tail -1)" 5000
refuses "a layer with another byte in it" 7 'layer 1 \(sha256:[0-9a-f]{64}\)' \
	kbs-image copy --decryption-key "$work/ec.key" "oci:$work/enc:x" "oci:$work/never:x"
equal "and nothing is left of these" no "$([ -e "$work/never" ] && echo yes || echo no)"

on_terminal() { script -qec "$1" "$work/typescript" >/dev/null </dev/null; }
if command -v script >/dev/null; then
	head -c 60000000 /dev/zero >"$work/root/zeros"
	"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" large --plain-layer "$work/root" >/dev/null
	TERM=xterm on_terminal "kbs-image copy --encryption-key 'jwe:$work/rsa.pub' 'oci:$work/image:large' 'oci:$work/t:x'"
	passes "a bar on a terminal" grep -qE 'layer 1/1 encrypt .* MiB/s \[#*-*\]' "$work/typescript"
	TERM=dumb on_terminal "kbs-image copy 'oci:$work/image:large' 'oci:$work/t:y'"
	passes "and none on a dumb one" bash -c "! grep -q '\[#' '$work/typescript'"
else
	skip "a bar on a terminal" "no script(1) here"
fi

# --- stopped ----------------------------------------------------------------------------------------------------

# Waits before it publishes, for as long as somebody else holds the layout's lock: that is when it is looked at.
mkdir "$work/locked"
stopped_by() {
	local signal=$1 expected=$2 pid status=0 lines
	exec {lock}<"$work/locked"
	flock "$lock"
	: >"$work/lines"
	kbs-image copy --decryption-key "$work/ec.key:pass=hunter2" "$image" "oci:$work/locked:x" 2>"$work/lines" >&2 {lock}<&- &
	pid=$!
	for _ in $(seq 200); do
		lines=$(wc -l <"$work/lines")
		[ "$lines" -lt 2 ] || break
		sleep 0.02
	done
	tr '\0' ' ' <"/proc/$pid/cmdline" >"$work/cmdline"
	kill "-$signal" "$pid"
	{ wait "$pid" || status=$?; } 2>/dev/null
	exec {lock}<&-
	equal "SIG$signal ends it by that signal" "$expected" "$status"
	equal "with nothing left in the destination" 0 "$(find "$work/locked" -mindepth 1 | wc -l)"
}
stopped_by TERM 143
passes "its arguments could be seen" grep -q decryption-key "$work/cmdline"
equal "but not the key among them" 0 "$(grep -c -e hunter2 -e ec.key "$work/cmdline" || true)"
stopped_by HUP 129
stopped_by KILL 137 # what is not yet published has no name

# --- memory -----------------------------------------------------------------------------------------------------

peak() {
	local kib
	"$TOP_BUILDDIR/tests/bench/peak_rss" kbs-image copy -q "$@" 2>&1 >/dev/null | awk '{ print $2 }' >"$work/peak"
	kib=$(cat "$work/peak")
	[ "$kib" -lt 16384 ] || { echo "$kib KiB" >&2; return 1; }
}
if [ ! -x "$TOP_BUILDDIR/tests/bench/peak_rss" ]; then
	skip "a copy takes less than 16 MiB" "tests/bench/peak_rss is not built"
elif sanitized; then
	skip "a copy takes less than 16 MiB" "sanitizers take more"
else
	"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" huge --size 100 --plain-layer "$work/root" >/dev/null
	passes "encrypting 100 MiB takes less than 16 MiB" peak --encryption-key "jwe:$work/ec.pub" "oci:$work/image:huge" "oci:$work/h:enc"
	passes "and so does decrypting" peak --decryption-key "$work/ec.key" "oci:$work/h:enc" "oci:$work/h:dec"
fi
tap_end
