#!/usr/bin/env bash
# kbs-image pull, list, remove and gc; what was pulled is verified, and kept decrypted. What policies make of it, with
# signatures: image_policy.sh. What a kill leaves: image_kill.sh.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

export HOME=$work/home XDG_DATA_HOME=$work/data XDG_RUNTIME_DIR=$work/run
unset REGISTRY_AUTH_FILE DOCKER_CONFIG
mkdir -p "$HOME/.config/containers" "$XDG_RUNTIME_DIR" "$work/base" "$work/one" "$work/two"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
make_key P-256 key
head -c 60000 /dev/urandom | base64 >"$work/base/shared"
echo "PLAIN TEXT OF ONE" >"$work/one/one"
echo "PLAIN TEXT OF TWO" >"$work/two/two"
make_image=$TOP_SRCDIR/tests/support/make_image.sh
"$make_image" "$work/lay" one --layer "$work/base" --plain-layer "$work/one" >/dev/null
"$make_image" "$work/lay" two --layer "$work/base" --plain-layer "$work/two" >/dev/null
kbs-image copy -q --encryption-key "jwe:$work/key.pub" "oci:$work/lay:one" "oci:$work/lay:sealed" >/dev/null
cd "$work"
store() {
	local command=$1
	shift
	kbs-image "$command" --store "$work/store" "$@"
}
pull() { store pull -q "$@"; }
open_sealed=(--decryption-key "$work/key.key" "oci:$work/lay:sealed")
blobs() { find "$work/store/blobs" -type f | wc -l; }
done_of() { jq -c '[.layers[].done]' <<<"$1"; }
# unpacks NAME FOLDER...: and it holds what the folders do.
unpacks() {
	local to expected=$work/expected name=$1
	shift
	to=$(mktemp -u "$work/rootfs.XXXXXX")
	rm -rf "$expected"
	mkdir "$expected"
	for folder; do cp -r "$folder/." "$expected"; done
	store unpack -q --unprivileged "store:$name" "$to" && diff -r "$to" "$expected"
}

# --- pull -------------------------------------------------------------------------------------------------------------

refuses "a store that is not there" 6 'no store of images' store list
equal "pulls" "$(kbs-image inspect --format json oci:lay:one | jq -r .digest)" "$(pull oci:lay:one)"
equal "nobody else looks into it" 700 "$(stat -c %a "$work/store")"
passes "unpacks it" unpacks oci:lay:one base one
passes "by its full name" unpacks "oci:$work/lay:one" base one
passes "by its digest" unpacks "$(kbs-image inspect --format json oci:lay:one | jq -r .digest)" base one
passes "makes a bundle of it" store bundle -q --unprivileged store:oci:lay:one "$work/bundle"
passes "with its files" cmp one/one bundle/rootfs/one
equal "a layer that is there is not read again" '["was there","pulled"]' "$(done_of "$(pull --format json oci:lay:two)")"
equal "nothing is, at the second time" '["was there","was there"]' "$(done_of "$(pull --format json oci:lay:two)")"
mv lay away
passes "what it came from is not needed" unpacks "oci:$work/lay:two" base two
mv away lay

# --- encrypted --------------------------------------------------------------------------------------------------------

refuses "an encrypted image without a key" 9 'no decryption key' pull "oci:lay:sealed"
passes "pulls it with the key" pull "${open_sealed[@]}"
passes "unpacks it without" unpacks oci:lay:sealed base one
refuses "what is there, for who has no key" 9 'no decryption key' pull "oci:lay:sealed"
make_key P-256 other
refuses "or another's" 9 'no key opens' pull --decryption-key "$work/other.key" "oci:lay:sealed"
refuses "to give away what was encrypted" 8 'does not give that away' store copy -q store:oci:lay:sealed "oci:$work/given:x"
passes "copies what was not" store copy -q store:oci:lay:one "oci:$work/given:x"
passes "as it was" same_layers "$work/lay" one "$work/given" x

# --- list, remove, gc -------------------------------------------------------------------------------------------------

names() { store list --format json | jq -r '.[].name' | sed "s,$work/,," | paste -sd' '; }
equal "lists them by name" "oci:lay:one oci:lay:sealed oci:lay:two" "$(names)"
equal "as a table" "NAME DIGEST SIZE PULLED 3" "$(store list | awk 'NR == 1 { printf "%s %s %s %s ", $1, $2, $3, $4 } END { print NR - 1 }')"
equal "gc removes nothing that is needed" 0 "$(store gc --format json | jq .files)"
before=$(blobs)
passes "takes a name off" store remove oci:lay:two
equal "the others stay" "oci:lay:one oci:lay:sealed" "$(names)"
equal "the blobs stay until gc" "$before" "$(blobs)"
refuses "what has no name any more" 6 'no image' store unpack -q store:oci:lay:two "$work/x"
passes "gc" store gc
passes "what others share is still there" unpacks oci:lay:one base one
equal "what nobody shares is not" "" "$(grep -rl 'TEXT OF TWO' store)"
passes "the shared layer's last but one goes" store remove oci:lay:one
passes "gc" store gc
passes "the encrypted one holds it" unpacks oci:lay:sealed base one
refuses "to remove what is not there" 6 'no image' store remove oci:lay:one
passes "removes the last" store remove oci:lay:sealed
passes "gc" store gc
equal "nothing is left" "0 " "$(blobs) $(grep -rl 'PLAIN TEXT' store)"
refuses "arguments that gc has not" 2 'too many' store gc x
refuses "no name" 2 'wants NAME' store remove

# --- several at once --------------------------------------------------------------------------------------------------

passes_at_once() {
	local status=0 pids=() i
	for i in 1 2 3 4; do
		pull "$([ $((i % 2)) = 0 ] && echo oci:lay:one || echo oci:lay:two)" >/dev/null 2>"$work/once.$i" &
		pids+=($!)
	done
	[ ! -e store/kbs-image-store ] || store gc >/dev/null || status=1
	for i in "${pids[@]}"; do wait "$i" || status=1; done
	[ $status = 0 ] || cat "$work"/once.*
	return $status
}
passes "four pulls and a gc at once" passes_at_once
passes "one is whole" unpacks oci:lay:one base one
passes "so is the other" unpacks oci:lay:two base two
rm -rf store
passes "into a store that nobody had made" passes_at_once
passes "which is whole" unpacks oci:lay:two base two
store gc >/dev/null
equal "and holds no more than is needed" 7 "$(blobs)"

# --- damage and harm --------------------------------------------------------------------------------------------------

largest=$(find store/blobs -type f -size +20k | head -1)
byte_changed "$largest" 5000
refuses "a blob that was changed" '7|8' 'sha256:' store unpack -q --unprivileged store:oci:lay:one "$work/x"
equal "nothing of it is there" "" "$(find . -maxdepth 1 -name 'x*')"
equal "is pulled anew" '["pulled","was there"]' "$(done_of "$(pull --format json oci:lay:one)")"
passes "and good again" unpacks oci:lay:one base one
rm "$largest"
refuses "a blob that is missing" 6 '' store unpack -q --unprivileged store:oci:lay:one "$work/x"
passes "is pulled anew" pull oci:lay:one
manifest=$(manifest_of lay one)
sum=$(basename "$manifest")
sed -i 's/schemaVersion/schemaversion/' "store/blobs/sha256/$sum"
refuses "a manifest that was changed" 7 'manifest' store unpack -q --unprivileged store:oci:lay:one "$work/x"
passes "is pulled anew" pull oci:lay:one
mapfile -t digests < <(jq -r '.layers[].digest | sub("sha256:"; "")' "$manifest")
cp "store/layers/sha256/${digests[1]}" "$work/second"
cp "store/layers/sha256/${digests[0]}" "store/layers/sha256/${digests[1]}"
refuses "another good layer in a layer's place" 7 'unpacked layer' store unpack -q --unprivileged store:oci:lay:one "$work/x"
cp "$work/second" "store/layers/sha256/${digests[1]}"
record=$(grep -l '"[^"]*lay:one"' store/images/*)
cp "$record" "store/images/$(printf '%064d' 0)"
refuses "an image under another's name" 8 "another image's" store list
rm "store/images/$(printf '%064d' 0)"
echo '{"name": 1}' >"$record"
refuses "an image's file that makes no sense" 8 'images/' store list
refuses "which gc does not take for none" 8 'images/' store gc
passes "is removed" store remove "oci:$work/lay:one"
passes "and the rest is there" unpacks oci:lay:two base two
chmod g+w store
refuses "a store that others may write" 3 'group or others' store list
chmod g-w store
mkdir full
echo x >full/file
refuses "a folder of something else" 10 'not empty' kbs-image pull -q --store full oci:lay:one
equal "which stays as it was" file "$(ls -A full)"
refuses "a file" 10 '' kbs-image pull -q --store full/file oci:lay:one
refuses "to pull what was pulled" 2 'pulled already' pull store:oci:lay:two
refuses "to write into a store by name" 8 'only be read' store copy -q oci:lay:one store:x

# What does not verify leaves nothing, and no name.
python3 - "$work/lay" <<'PY'
import base64, hashlib, json, sys
layout = sys.argv[1]
def path(digest):
    return layout + "/blobs/" + digest.replace(":", "/")
def put(value):
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    open(path(digest), "wb").write(data)
    return digest, len(data)
index = json.load(open(layout + "/index.json"))
def entry(tag):
    return json.loads(json.dumps(next(m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == tag)))
def image(tag, base, change):
    e = entry(base)
    manifest = json.load(open(path(e["digest"])))
    change(manifest)
    e["digest"], e["size"] = put(manifest)
    e["annotations"]["org.opencontainers.image.ref.name"] = tag
    index["manifests"].append(e)
def hmac(manifest):
    notes = manifest["layers"][1]["annotations"]
    key = "org.opencontainers.image.enc.pubopts"
    options = json.loads(base64.b64decode(notes[key]))
    options["hmac"] = base64.b64encode(bytes(32)).decode()
    notes[key] = base64.b64encode(json.dumps(options).encode()).decode()
def diff_id(manifest):
    config = json.load(open(path(manifest["config"]["digest"])))
    config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
    manifest["config"]["digest"], manifest["config"]["size"] = put(config)
image("hmac", "sealed", hmac)
image("diff", "one", diff_id)
json.dump(index, open(layout + "/index.json", "w"))
PY
rm -rf store
refuses "an HMAC that does not hold" 7 'HMAC' pull --decryption-key "$work/key.key" oci:lay:hmac
refuses "a diff id that does not hold" 7 'unpacked layer' pull oci:lay:diff
equal "have no name" "" "$(names)"
equal "and left nothing in the clear" "" "$(grep -rl 'PLAIN TEXT' store)"

# --- where it is by itself ------------------------------------------------------------------------------------------

if [ "$(id -u)" != 0 ]; then
	passes "pulls into the user's own store" kbs-image pull -q oci:lay:two
	equal "where data are" yes "$([ -e "$XDG_DATA_HOME/kbs-image/kbs-image-store" ] && echo yes)"
else
	skip "the user's own store" "root has another"
fi

# --- from a registry ------------------------------------------------------------------------------------------------

if ! command -v docker-registry >/dev/null; then
	skip "pulls from a registry" "docker-registry is not installed"
	tap_end
	exit
fi
registry_start "$work/registry"
kbs-image copy -q --tls-verify=false oci:lay:one "docker://$host/ns/app:v1" >/dev/null
rm -rf store
passes "pulls from a registry" pull --tls-verify=false "docker://$host/ns/app:v1"
# Nothing but manifests can be had any more.
for digest in $(jq -r '.config.digest, .layers[].digest' "$(manifest_of lay one)"); do
	hex=${digest#sha256:}
	rm -r "registry/docker/registry/v2/blobs/sha256/${hex:0:2}/$hex"
done
passes "once more, and asks for no blobs" pull --tls-verify=false "docker://$host/ns/app:v1"
rm -rf "$work/store2"
refuses "which would not be there" 6 'HTTP 404' kbs-image pull -q --store "$work/store2" --tls-verify=false "docker://$host/ns/app:v1"
stop "$pid"
passes "and unpacks it without the registry" unpacks "$host/ns/app:v1" base one
passes "by the name that it was pulled by" unpacks "docker://$host/ns/app:v1" base one
tap_end
