#!/usr/bin/env bash
# kbs-image bundle: what umoci makes of the same image, in what matters; and crun starts it.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key.pem" 2>/dev/null
openssl pkey -in "$work/key.pem" -pubout -out "$work/pub.pem"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/lay" app >/dev/null

# configured TAG JSON: the image once more, with this for its "config".
configured() {
	python3 - "$work/lay" "$1" "$2" <<'PY'
import hashlib, json, sys
layout, tag, config_text = sys.argv[1:]
def path(digest):
    return layout + "/blobs/" + digest.replace(":", "/")
def put(value):
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    open(path(digest), "wb").write(data)
    return digest, len(data)
index = json.load(open(layout + "/index.json"))
entry = next(m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "app")
manifest = json.load(open(path(entry["digest"])))
config = json.load(open(path(manifest["config"]["digest"])))
config["config"] = json.loads(config_text)
manifest["config"]["digest"], manifest["config"]["size"] = put(config)
entry = json.loads(json.dumps(entry))
entry["annotations"]["org.opencontainers.image.ref.name"] = tag
entry["digest"], entry["size"] = put(manifest)
index["manifests"].append(entry)
json.dump(index, open(layout + "/index.json", "w"))
PY
}
configured full '{"Entrypoint": ["/bin/echo", "hello"], "Cmd": ["from", "here"], "Env": ["A=b", "PATH=/bin"],
	"WorkingDir": "/usr", "User": "4:7", "StopSignal": "SIGQUIT", "ExposedPorts": {"80/tcp": {}}, "Labels": {"x": "y"}}'
configured root '{"Entrypoint": ["/bin/echo"], "Cmd": ["hello"]}'
configured nobody '{"Cmd": ["/bin/true"], "User": "nobody-there"}'
configured empty '{}'

bundle() { kbs-image bundle -q "$@"; }
passes "makes a bundle" bundle --unprivileged "oci:$work/lay:root" "$work/mine"
equal "of two things" "config.json rootfs" "$(cd "$work/mine" && echo *)"
passes "unpacks the same without it" kbs-image unpack -q --unprivileged "oci:$work/lay:root" "$work/rootfs"
passes "to the same files" diff -r --no-dereference "$work/rootfs" "$work/mine/rootfs"
passes "encrypts it" kbs-image copy -q --encryption-key "jwe:$work/pub.pem" "oci:$work/lay:root" "oci:$work/lay:secret"
passes "makes one of an encrypted image" bundle --unprivileged --decryption-key "$work/key.pem" "oci:$work/lay:secret" "$work/opened"
passes "with the same files" diff -r --no-dereference "$work/rootfs" "$work/opened/rootfs"

# --- from skopeo's folder --------------------------------------------------------------------------------------------
lies() {
	local layer code=0
	layer=$(find "$work/dir" -type f -size +8k | head -1)
	byte_changed "$layer" 100
	kbs-image copy -q "dir:$work/dir" "oci:$work/lie:app" 2>"$work/err1" || code=$?
	[ "$code" = 7 ] || { echo "exit $code"; cat "$work/err1"; return 1; }
}
onto() {
	local code=0
	kbs-image copy -q "oci:$work/lay:root" "dir:$work/new" 2>"$work/err1" || code=$?
	[ "$code" = 8 ] && grep -q 'only be read' "$work/err1" && [ ! -e "$work/new" ]
}
passes "a folder is not written" onto
if command -v skopeo >/dev/null; then
	passes "skopeo writes a folder" skopeo --insecure-policy copy -q "oci:$work/lay:root" "dir:$work/dir"
	passes "makes a bundle of it" bundle --unprivileged "dir:$work/dir" "$work/of-dir"
	passes "with the same files" diff -r --no-dereference "$work/rootfs" "$work/of-dir/rootfs"
	passes "copies it" kbs-image copy -q "dir:$work/dir" "oci:$work/lay:from-dir"
	passes "one byte changed is found" lies
else
	skip "reads skopeo's folder" "skopeo is not installed"
fi

# --- umoci's -------------------------------------------------------------------------------------------------------
# Arguments, variables, folder, user and what the spec makes annotations; umoci also writes those that are empty, and a
# variable TERM of its own.
matters() {
	python3 - "$1/config.json" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
p = c["process"]
print(p["args"], sorted(v for v in p["env"] if not v.startswith("TERM=")), p["cwd"], p["user"]["uid"], p["user"]["gid"])
print(sorted((k, v) for k, v in c.get("annotations", {}).items() if v))
print(c["root"]["path"], p["noNewPrivileges"])
PY
}
if ! command -v umoci >/dev/null; then
	skip "the same as umoci's" "umoci is not installed"
elif [ "$(id -u)" != 0 ]; then
	skip "the same as umoci's" "not root"
else
	passes "makes a bundle as root" bundle "oci:$work/lay:full" "$work/full"
	passes "umoci makes one" umoci unpack --image "$work/lay:full" "$work/umoci"
	equal "the same as umoci's" "$(matters "$work/umoci")" "$(matters "$work/full")"
	passes "with umoci's files" diff -r --no-dereference "$work/umoci/rootfs" "$work/full/rootfs"
fi

# --- crun ----------------------------------------------------------------------------------------------------------
# In a mount namespace of its own: crun refuses machines with cgroups of both versions.
cat >"$work/run.sh" <<'SH'
cd "$1" || exit 1
if mount --make-rprivate / 2>/dev/null && umount -R -l /sys/fs/cgroup 2>/dev/null; then
	mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || mount -t tmpfs none /sys/fs/cgroup
fi
exec timeout 20 crun --root "$1.state" --cgroup-manager=disabled run "test$$"
SH
started_by_crun() {
	[ "$(unshare -m sh "$work/run.sh" "$1" 2>"$work/crun.err")" = "$2" ] || { cat "$work/crun.err"; return 1; }
}
# Whether the machine lets anybody make these at all.
if ! command -v crun >/dev/null; then
	skip "crun starts it" "crun is not installed"
elif ! unshare -m -p -n -i -u -C -f --mount-proc true 2>/dev/null; then
	skip "crun starts it" "this machine lets us make no namespaces"
else
	passes "makes a bundle for root" bundle "oci:$work/lay:root" "$work/run"
	passes "makes a bundle for another user" bundle "oci:$work/lay:full" "$work/other"
	passes "crun starts it" started_by_crun "$work/run" hello
	passes "crun starts what is for a user namespace" started_by_crun "$work/mine" hello
	passes "crun starts it as another user" started_by_crun "$work/other" "hello from here"
fi

# --- refusals ---------------------------------------------------------------------------------------------------------
# refuses CODE PATTERN ARGS...: so ended, and nothing is there.
refuses() {
	local code=$1 pattern=$2 got=0
	shift 2
	bundle "$@" "$work/none" >"$work/out1" 2>&1 || got=$?
	if [ "$got" != "$code" ] || ! grep -qE -- "$pattern" "$work/out1"; then
		echo "exit $got"
		cat "$work/out1"
		return 1
	fi
	[ -z "$(find "$work" -maxdepth 1 -name 'none*')" ] || { ls -a "$work"; return 1; }
}
passes "a user that is not in the image" refuses 8 'no user nobody-there' --unprivileged "oci:$work/lay:nobody"
passes "nothing to start" refuses 8 'neither Entrypoint nor Cmd' --unprivileged "oci:$work/lay:empty"
passes "an encrypted layer without a key" refuses 9 'no decryption key' --unprivileged "oci:$work/lay:secret"
tap_end
