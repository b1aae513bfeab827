#!/usr/bin/env bash
# kbs-image unpack of archives that GNU tar and others made, and of archives that nobody should have made: sparse files,
# owners, modes, capabilities, devices and hard links as GNU tar and umoci unpack them; a reason for each refusal.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
umask 022
chmod 755 "$work"

layers_image=$TOP_SRCDIR/tests/support/layers_image.py
compare=$TOP_SRCDIR/tests/support/trees_compare.py
nasty=$TOP_SRCDIR/tests/support/nasty_archives.py
# Root, and not only of a user namespace with a few ids.
is_root() { [ "$(id -u)" = 0 ] && grep -qE '^ *0 +0 +4294967295$' /proc/self/uid_map; }
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

# --- archives that nobody should have made -----------------------------------------------------------------------------
privileges=(--unprivileged)
! is_root || privileges=()
mkdir "$work/nasty" "$work/ours" "$work/tars" "$work/umocis"
PYTHONDONTWRITEBYTECODE=1 "$nasty" "$work/nasty" "$work/nasty.lay" >"$work/nasty.list"
with_tar=() with_umoci=()
while read -r name what; do
	code=0
	unpack "${privileges[@]}" "oci:$work/nasty.lay:$name" "$work/ours/$name" >"$work/nasty.out" 2>&1 || code=$?
	expected=0 pattern=
	# The pattern is quoted as a shell would have it.
	case $what in no*) eval "set -- $what" && expected=$2 pattern=$3 ;; esac
	if [ "$code" = "$expected" ] && grep -qE -- "$pattern" "$work/nasty.out" && { [ "$code" = 0 ] || [ ! -e "$work/ours/$name" ]; }; then
		ok "$([ "$code" = 0 ] && echo takes || echo refuses) $name"
	else
		not_ok "$name: ${what}"
		{ echo "exit $code" && cat "$work/nasty.out"; } | diag 10
	fi
	case $what in
	tar)
		with_tar+=("$work/ours/$name" "$work/tars/$name")
		mkdir "$work/tars/$name"
		tar --numeric-owner -xpf "$work/nasty/$name.0.tar" -C "$work/tars/$name" 2>/dev/null || true
		;;
	umoci) with_umoci+=("$name") ;;
	esac
done <"$work/nasty.list"
equal "nothing is left of what was refused" "" "$(find "$work/ours" -maxdepth 1 -name '*.unpacking-*')"
umoci_same() {
	local name pairs=()
	for name in "${with_umoci[@]}"; do
		umoci unpack --image "$work/nasty.lay:$name" "$work/umocis/$name" || return 1
		pairs+=("$work/ours/$name" "$work/umocis/$name/rootfs")
	done
	"$compare" --no-folder-times "${pairs[@]}"
}
if is_root; then
	passes "GNU tar makes the same of what is taken" "$compare" --no-folder-times "${with_tar[@]}"
else
	skip "GNU tar makes the same of what is taken" "not root"
fi
if is_root && command -v umoci >/dev/null; then
	passes "umoci makes the same of what is taken" umoci_same
else
	skip "umoci makes the same of what is taken" "not root, or umoci is not installed"
fi

# Whoever is not root changes folders of lower layers, too, whose modes forbid it.
another=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if is_root && "${another[@]}" kbs-image --version >/dev/null 2>&1; then
	mkdir -m 777 "$work/others"
	chmod -R a+rX "$work/nasty.lay"
	others() {
		"${another[@]}" kbs-image unpack -q --insecure-policy \
			"oci:$work/nasty.lay:read-only-folder" "$work/others/made" || return 1
		diff -r "$work/others/made" "$work/ours/read-only-folder" && [ "$(stat -c %a "$work/others/made/r")" = 555 ]
	}
	passes "who is not root fills read-only folders" others
else
	skip "who is not root fills read-only folders" "we cannot become somebody else who can start kbs-image"
fi

# --- a root file system of this machine's: owners, devices, capabilities, access lists, hard links -----------------------
# May fail where the file system knows none.
attribute() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))' "$@" 2>/dev/null || true; }
root_make() {
	mkdir -p "$1/bin" "$1/dev" "$1/var/mail" "$1/home/user"
	cp -a /bin/ls /bin/cat /etc/services "$1/bin"
	ln "$1/bin/cat" "$1/bin/cat2"
	ln "$1/bin/cat" "$1/var/cat3"
	ln -s ../bin/cat "$1/var/link"
	mknod "$1/dev/null" c 1 3 && mknod "$1/dev/loop0" b 7 0 && mkfifo "$1/dev/fifo" || return 1
	chown 1000:1001 "$1/home/user" "$1/bin/services"
	chmod 4755 "$1/bin/ls" && chmod 2775 "$1/var/mail" && chmod 600 "$1/dev/loop0"
	# cap_net_raw+ep, and one of a user namespace whose root is 1000; user:1000:rw.
	attribute "$1/bin/cat" security.capability 0100000200200000000000000000000000000000
	attribute "$1/bin/services" security.capability 0100000300200000000000000000000000000000e8030000
	attribute "$1/bin/services" user.some 00ff0a
	attribute "$1/home/user" system.posix_acl_access 0200000001000700ffffffff02000600e803000004000500ffffffff10000700ffffffff20000500ffffffff
	attribute "$1/home/user" system.posix_acl_default 0200000001000700ffffffff02000600e803000004000500ffffffff10000700ffffffff20000500ffffffff
	echo x >"$1/home/user/file"
	find "$1" -exec touch -h -d @1234567890.5 {} +
}
if ! is_root || ! root_make "$work/root"; then
	skip "a root file system comes out as it was" "not root, or this machine lets us make no devices"
else
	tar --format=posix --xattrs --xattrs-include='*' --numeric-owner --sort=name -cf "$work/root.tar" -C "$work/root" .
	"$layers_image" "$work/lay" root "$work/root.tar"
	passes "unpacks a root file system" unpack "oci:$work/lay:root" "$work/root.ours"
	passes "it comes out as it was" "$compare" "$work/root" "$work/root.ours"
	if command -v umoci >/dev/null; then
		passes "umoci unpacks it" umoci unpack --image "$work/lay:root" "$work/root.umoci"
		passes "to the same" "$compare" "$work/root.umoci/rootfs" "$work/root.ours"
	else
		skip "umoci unpacks it to the same" "umoci is not installed"
	fi

	# Root of a user namespace, with ids from 100000 on.
	mkdir "$work/lent" && chown 100000:100000 "$work/lent"
	# mapped COUNT COMMAND...: as its root, with so many ids.
	mapped() {
		python3 - "$@" <<'END'
import ctypes, os, sys
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    if ctypes.CDLL(None).unshare(0x10000000) != 0:
        os._exit(77)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(ready[1])
if os.read(ready[0], 1):
    for ids in "uid", "gid":
        with open(f"/proc/{child}/{ids}_map", "w") as of:
            of.write(f"0 100000 {sys.argv[1]}")
    os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
	}
	unpack_mapped() {
		mapped "$1" kbs-image unpack -q --insecure-policy --format json "oci:$work/lay:root" "$work/lent/$2"
	}
	chmod -R a+rX "$work/lay"
	if mapped 65536 kbs-image --version >/dev/null 2>&1; then
		equal "root of a user namespace unpacks it, less its two devices" 2 "$(unpack_mapped 65536 made | jq .leftOut)"
		equal "but with its owners" "101000:101001 100000:100000" \
			"$(cd "$work/lent/made" && stat -c %u:%g home/user bin/ls | paste -sd' ')"
		refuses "an owner that has no id there" 5 'owner, 1000:100[01], has no id' unpack_mapped 100 few
		equal "leaves nothing" "" "$(find "$work/lent" -maxdepth 1 -name '*few*')"
	else
		skip "root of a user namespace unpacks it" "no user namespaces here, or another cannot start kbs-image"
	fi
fi
tap_end
