#!/usr/bin/env bash
# kbs-image unpack: what GNU tar makes of the same layers; nothing is seen of what does not verify.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key.pem" 2>/dev/null
openssl pkey -in "$work/key.pem" -pubout -out "$work/pub.pem"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/lay" app >/dev/null
image=oci:$work/lay:app
unpack() { kbs-image unpack -q "$@"; }

# --- the same as tar ------------------------------------------------------------------------------------------------
layers_of() {
	python3 - "$1" "$2" <<'PY'
import json, sys
layout, tag = sys.argv[1:]
def blob(digest):
    return layout + "/blobs/" + digest.replace(":", "/")
index = json.load(open(layout + "/index.json"))
entry = next(m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == tag)
for layer in json.load(open(blob(entry["digest"])))["layers"]:
    print(blob(layer["digest"]))
PY
}
mkdir "$work/tar"
layers_of "$work/lay" app | while read -r layer; do (umask 022 && tar -xpf "$layer" -C "$work/tar"); done
# Without the times of folders that no archive names.
listing() { (cd "$1" && find . -mindepth 1 -printf '%p %y %m %U %G %s %l ' \( -type d -printf '\n' -o -printf '%T@\n' \) | sort); }
passes "unpacks" unpack "$image" "$work/rootfs"
equal "the files are those that tar makes" "$(listing "$work/tar")" "$(listing "$work/rootfs")"
passes "and what is in them" diff -r --no-dereference "$work/tar" "$work/rootfs"
passes "encrypts it" kbs-image copy -q --encryption-key "jwe:$work/pub.pem" "$image" "oci:$work/lay:secret"
passes "unpacks what is encrypted" unpack --decryption-key "$work/key.pem" "oci:$work/lay:secret" "$work/opened"
passes "to the same" diff -r --no-dereference "$work/tar" "$work/opened"
mkdir "$work/empty"
passes "into an empty folder" unpack --unprivileged "$image" "$work/empty"

# --- refusals ---------------------------------------------------------------------------------------------------------
# refuses CODE PATTERN ARGS...: so ended, and nothing is there.
refuses() {
	local code=$1 pattern=$2 got=0
	shift 2
	unpack "$@" "$work/none" >"$work/out1" 2>&1 || got=$?
	if [ "$got" != "$code" ] || ! grep -qE -- "$pattern" "$work/out1"; then
		echo "exit $got"
		cat "$work/out1"
		return 1
	fi
	[ -z "$(find "$work" -maxdepth 1 -name 'none*')" ] || { ls -a "$work"; return 1; }
}
passes "an encrypted layer without a key" refuses 9 'layer 0 .*no decryption key' "oci:$work/lay:secret"
passes "more than it may be" refuses 8 'larger than 1024 bytes' --max-size 1K "$image"
# A copy of the layout whose config or layer lies, every digest of it right.
lying() {
	rm -rf "$work/lie"
	cp -r "$work/lay" "$work/lie"
	python3 - "$work/lie" "$1" <<'PY'
import gzip, hashlib, json, os, sys
layout, what = sys.argv[1:]
def path(digest):
    return layout + "/blobs/" + digest.replace(":", "/")
def put(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    open(path(digest), "wb").write(data)
    return digest, len(data)
index = json.load(open(layout + "/index.json"))
entry = next(m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "app")
manifest = json.load(open(path(entry["digest"])))
config = json.load(open(path(manifest["config"]["digest"])))
layer = manifest["layers"][-1]
data = open(path(layer["digest"]), "rb").read()
if what == "diff-id":
    config["rootfs"]["diff_ids"][-1] = "sha256:" + "0" * 64
elif what == "few":
    config["rootfs"]["diff_ids"].pop()
elif what == "cut":
    layer["digest"], layer["size"] = put(data[:-200])
elif what == "bytes":
    plain = gzip.decompress(data)
    layer["digest"], layer["size"] = put(gzip.compress(plain[:-1] + b"x", 1))
manifest["config"]["digest"], manifest["config"]["size"] = put(json.dumps(config).encode())
entry["digest"], entry["size"] = put(json.dumps(manifest).encode())
json.dump(index, open(layout + "/index.json", "w"))
PY
}
lying diff-id
passes "another diff id" refuses 7 'layer 2 .*unpacked layer does not have the digest' "oci:$work/lie:app"
lying bytes
passes "one other byte behind the archive" refuses 7 'unpacked layer does not have the digest' "oci:$work/lie:app"
lying few
passes "fewer diff ids than layers" refuses 8 '2 diff ids for 3 layers' "oci:$work/lie:app"
lying cut
passes "a layer that is cut short" refuses 8 'cut short' "oci:$work/lie:app"
full() { unpack "$image" "$work/rootfs" 2>"$work/err1"; [ $? = 10 ] && grep -q 'something in it' "$work/err1"; }
passes "a folder that holds something" full

# --- progress ---------------------------------------------------------------------------------------------------------
kbs-image unpack --format json "$image" "$work/told" >"$work/result" 2>"$work/events"
equal "events for machines: each layer is done once, in order, all of its bytes" '0 true unpacked, 1 true unpacked, 2 true unpacked' \
	"$(jq -s -r '[.[] | select(.event == "done") | "\(.layer) \(.bytes == .size) \(.done)"] | join(", ")' "$work/events")"
equal "and the result says the same" "$(jq -r 'select(.event == "done") | .digest' "$work/events")" "$(jq -r '.layers[].digest' "$work/result")"
kbs-image unpack "$image" "$work/told-lines" >"$work/result" 2>"$work/lines"
equal "a line a layer elsewhere" '1/3 2/3 3/3' "$(sed -n 's/^layer \([0-9/]*\) sha256:[0-9a-f]* unpacked, .*/\1/p' "$work/lines" | paste -sd' ')"
on_terminal() {
	TERM=xterm python3 -c 'import os, pty, sys
status = pty.spawn(sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(status))' kbs-image unpack "$image" "$work/told-bars" >"$work/bars" </dev/null &&
		grep -q 'layer [1-3]/3 unpack .*\[' "$work/bars" && [ "$(grep -c ' unpacked, ' "$work/bars")" = 3 ]
}
passes "bars on a terminal" on_terminal

# --- what is killed ---------------------------------------------------------------------------------------------------
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/big" app --size 96 >/dev/null
killed() {
	local delay
	for delay in 0.02 0.05 0.1 0.2; do
		timeout -s KILL $delay kbs-image unpack -q "oci:$work/big:app" "$work/killed" >/dev/null 2>&1 || true
		[ ! -e "$work/killed" ] || return 0 # it was faster
	done
	[ -z "$(find "$work" -maxdepth 1 -name 'killed.*' ! -perm 700)" ] || { echo "others may look into it"; return 1; }
	unpack "oci:$work/big:app" "$work/killed"
}
passes "what was killed is made anew" killed
equal "and what it left behind is gone" "" "$(find "$work" -maxdepth 1 -name 'killed.*')"
passes "whole" test -s "$work/killed/usr/share/common-licenses/GPL-3" -o -d "$work/killed/usr"
tap_end
