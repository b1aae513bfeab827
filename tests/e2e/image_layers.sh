#!/usr/bin/env bash
# kbs-image unpack and bundle --layers, mount: what overlayfs makes of layers in folders of their own is what unpack makes
# of them in one; as root, and in a user namespace of an unprivileged user's; with as many layers as overlayfs takes.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
umask 022

layers_image=$TOP_SRCDIR/tests/support/layers_image.py
image() { kbs-image "$1" -q --insecure-policy "${@:2}"; }

# --- an image of three layers: whiteouts, opaque folders, links, folders that no layer names -----------------------------
mkdir -p "$work/0/etc" "$work/0/usr/lib" "$work/0/d/e" "$work/0/bin"
for file in etc/x usr/lib/y d/e/f gone kept; do echo 0 >"$work/0/$file"; done
cp -L /bin/true "$work/0/bin/true"
ln -s usr/lib "$work/0/lib"
ln "$work/0/kept" "$work/0/kept-too"
mkdir -p "$work/1/d" "$work/1/lib" "$work/1/new"
touch "$work/1/.wh.gone" "$work/1/d/.wh..wh..opq"
echo 1 >"$work/1/d/new"
echo 1 >"$work/1/lib/z"
mkdir -p "$work/2/etc"
echo 2 >"$work/2/etc/x"
: >"$work/2/d"
for layer in 0 2; do tar -cf "$work/$layer.tar" -C "$work/$layer" --mtime=@1700000000 --sort=name .; done
tar -cf "$work/1.tar" -C "$work/1" --mtime=@1700000000 .wh.gone d/.wh..wh..opq d/new lib/z new
"$layers_image" "$work/lay" app "$work/0.tar" "$work/1.tar" "$work/2.tar"
passes "unpacks into one folder" image unpack --unprivileged "oci:$work/lay:app" "$work/plain"

listing() { (cd "$1" && find . -mindepth 1 -printf '%p %y %m %U %G %T@ %l ' \( -type d -printf '\n' -o -printf '%s\n' \) | sort); }
# Mounts DIR, compares it with PLAIN; in whatever namespace this runs.
cat >"$work/compare.sh" <<SH
kbs-image mount "\$1" || exit 3
diff -r --no-dereference "\$2" "\$1/rootfs" || exit 4
$(declare -f listing)
listing "\$2" >"\$1.wanted"
listing "\$1/rootfs" >"\$1.found"
diff "\$1.wanted" "\$1.found" && echo changed >"\$1/rootfs/changed" && test -s "\$1/upper/changed"
SH
# can_mount HOW...: whether this machine lets us mount overlayfs so.
can_mount() {
	rm -rf "$work/can" && mkdir -p "$work/can/layers/0" "$work/can/rootfs" "$work/can/upper" "$work/can/work"
	echo '{"layers":[{"folder":"0"}],"userxattr":true}' >"$work/can/layers.json"
	"$@" kbs-image mount "$work/can" 2>/dev/null
}
mounted_as() {
	local how=$1 name=$2
	shift 2
	case $how in
	root) unshare -m bash "$work/compare.sh" "$@" ;;
	user) unshare -Urm bash "$work/compare.sh" "$@" ;;
	esac >"$work/$name.out" 2>&1 || { cat "$work/$name.out"; return 1; }
}
has_attributes() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.overlay.test", b"y")' "$work/can" 2>/dev/null; }
mkdir "$work/can"
if ! mknod "$work/whiteout" c 0 0 2>/dev/null || ! has_attributes; then
	skip "layers for overlayfs" "this file system, or machine, has no whiteouts and attributes for us"
	tap_end
	exit
fi
passes "unpacks each layer into a folder of its own" image unpack --unprivileged --layers "oci:$work/lay:app" "$work/mine"
equal "three of them, and what the mount wants" "layers layers.json rootfs upper work" "$(cd "$work/mine" && echo *)"
equal "described, the lowest first" "0 1 2" "$(jq -r '[.layers[].folder] | join(" ")' "$work/mine/layers.json")"
equal "what is gone is a whiteout" "character special file 0,0" "$(stat -c '%F %t,%T' "$work/mine/layers/1/gone")"
passes "makes a bundle of layers" image bundle --unprivileged --layers "oci:$work/lay:app" "$work/bundle"
passes "with a configuration" jq -e '.root.path == "rootfs"' "$work/bundle/config.json"
if can_mount unshare -Urm; then
	passes "a user's mount shows the same" mounted_as user one "$work/mine" "$work/plain"
else
	skip "a user's mount shows the same" "this machine lets users mount no overlayfs"
fi
if [ "$(id -u)" = 0 ] && can_mount unshare -m; then
	passes "unpacks into one folder as root" image unpack "oci:$work/lay:app" "$work/plain-root"
	passes "and into folders" image unpack --layers "oci:$work/lay:app" "$work/root"
	passes "root's mount shows the same" mounted_as root two "$work/root" "$work/plain-root"
else
	skip "root's mount shows the same" "this machine lets us mount no overlayfs"
fi

# --- as many layers as overlayfs takes, more than their paths would fit into a page ---------------------------------------------------------------------------------
python3 - "$TOP_SRCDIR/tests/support" "$work/lay" <<'PY'
import io, sys, tarfile
sys.path.insert(0, sys.argv[1])
import layers_image
def layer(n):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in (("all/%d" % n, b"x" * n), ("last", b"%d" % n), ("all/.wh.%d" % (n - 3), b"")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            entry.mtime = 1700000000
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()
layers_image.image_add(sys.argv[2], "many", [layer(n) for n in range(500)])
PY
passes "unpacks 500 layers into one folder" image unpack --unprivileged "oci:$work/lay:many" "$work/many-plain"
passes "and into folders of their own" image unpack --unprivileged --layers "oci:$work/lay:many" "$work/many"
if can_mount unshare -Urm; then
	# Folders that no layer names have the time at which they were made.
	touch -d @1700000000 "$work/many-plain/all"
	many_same() {
		# shellcheck disable=SC2016 # the inner shell expands these
		unshare -Urm sh -c 'kbs-image mount "$1" && diff -r "$1/rootfs" "$2"' _ "$work/many" "$work/many-plain"
	}
	passes "all in one mount" many_same
else
	skip "all in one mount" "this machine lets users mount no overlayfs"
fi

# --- refusals ----------------------------------------------------------------------------------------------------------
described() { sed 's/"folder":"1"/"folder":"..\/.."/' "$work/mine/layers.json" >"$work/can/layers.json"; }
mkdir -p "$work/can"
described
refuses "a description that leads elsewhere" 8 'is not the next' kbs-image mount "$work/can"
refuses "a folder that is none of ours" 6 'layers.json' kbs-image mount "$work/lay"
tap_end
