#!/usr/bin/env bash
# Images in archives, docker-archive: and oci-archive:, as skopeo writes them, and as somebody would who means harm.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

mkdir "$work/one" "$work/two"
echo one >"$work/one/a"
echo two >"$work/two/b"
make_image=$TOP_SRCDIR/tests/support/make_image.sh
"$make_image" "$work/lay" app --layer "$work/one" --plain-layer "$work/two" >/dev/null
"$make_image" "$work/lay" other --layer "$work/two" >/dev/null
passes "the files, unpacked from a layout" kbs-image unpack -q --unprivileged "oci:$work/lay:app" "$work/plain"
cd "$work"

# unpacks IMAGE [FOLDER]: and it holds what the layout's image, or FOLDER, does.
unpacks() {
	local to
	to=$(mktemp -u "$work/rootfs.XXXXXX")
	kbs-image unpack -q --unprivileged "$1" "$to" && diff -r "$to" "${2-$work/plain}"
}

# --- written by tar and jq: what docker save writes, with layers plain and compressed -----------------------------
# saved NAME: an archive of both images in it; layers of the second are compressed.
saved() {
	local folder=$work/saved.$1 i=0 blob layers=()
	mkdir "$folder"
	cp "$(jq -r .config.digest "$(manifest_of "$work/lay" app)" | sed "s,^sha256:,$work/lay/blobs/sha256/,")" "$folder/app.json"
	cp "$(jq -r .config.digest "$(manifest_of "$work/lay" other)" | sed "s,^sha256:,$work/lay/blobs/sha256/,")" "$folder/other.json"
	mapfile -t layers < <(layers_of "$work/lay" app)
	for blob in "${layers[@]}"; do
		mkdir "$folder/$i"
		gzip -dcf "$blob" >"$folder/$i/layer.tar"
		i=$((i + 1))
	done
	gzip -n <"$folder/1/layer.tar" >"$folder/other.tar.gz"
	cat >"$folder/manifest.json" <<-END
		[{"Config": "app.json", "RepoTags": ["app:one", "example.com/app:2"], "Layers": ["0/layer.tar", "1/layer.tar"]},
		 {"Config": "other.json", "RepoTags": null, "Layers": ["other.tar.gz"]}]
	END
}
saved good
tar -C "$work/saved.good" -cf "$work/good.tar" .
passes "an image of docker save's by its tag" unpacks docker-archive:good.tar:app:one
passes "by its other name" unpacks docker-archive:good.tar:example.com/app:2
passes "by its place" unpacks docker-archive:good.tar:@0
passes "with a layer that is compressed" unpacks docker-archive:good.tar:@1 "$work/two"
passes "copies it" kbs-image copy -q docker-archive:good.tar:@1 "oci:$work/copied:x"
passes "with all that is in it" unpacks "oci:$work/copied:x" "$work/two"
passes "makes a bundle of it" kbs-image bundle -q --unprivileged docker-archive:good.tar:@0 "$work/bundle"
passes "with its files" diff -r "$work/bundle/rootfs" "$work/plain"
inspect() { kbs-image inspect "$@"; }
refuses "several images and no name" 2 '2 images in it' inspect docker-archive:good.tar
refuses "a tag that is not there" 6 'docker.io/library/app:latest' inspect docker-archive:good.tar:app
refuses "a place that is not there" 6 'no image @2' inspect docker-archive:good.tar:@2
refuses "a digest for a tag" 2 'no digests' inspect "docker-archive:good.tar:app@sha256:$(printf '%064d' 0)"
refuses "no path" 2 'no path' inspect docker-archive::app:one
refuses "an archive that is not there" 6 'No such file' inspect docker-archive:none.tar
refuses "a folder" 10 'not a regular file' inspect "docker-archive:$work"
refuses "to be written" 8 'only be read' kbs-image copy -q "oci:$work/lay:app" docker-archive:new.tar
gzip -k good.tar
refuses "what is compressed as a whole" 8 'decompress it first' inspect docker-archive:good.tar.gz:@0

# --- hostile ----------------------------------------------------------------------------------------------------------
# variant NAME PYTHON: good.tar's members once more, as the code has it that gets `members`, [(TarInfo, bytes)].
variant() {
	python3 - "$work/good.tar" "$work/$1.tar" "$2" <<'PY'
import copy, io, sys, tarfile
old = tarfile.open(sys.argv[1])
members = [(m, old.extractfile(m).read() if m.isfile() else b"") for m in old]
def find(name):
    return next(i for i, (m, _) in enumerate(members) if m.name == "./" + name)
def add(name, data=b"", **more):
    m = tarfile.TarInfo(name)
    m.size = len(data)
    for key, value in more.items():
        setattr(m, key, value)
    members.append((m, data))
exec(sys.argv[3])
new = tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT)
for m, data in members:
    new.addfile(m, io.BytesIO(data))
new.close()
PY
}
variant link 'i = find("0/layer.tar"); members[i][0].name = "x/y.tar"; add("0/layer.tar", type=b"2", linkname="../x/y.tar")'
passes "a layer under a link's name" unpacks docker-archive:link.tar:@0
variant long 'm = members[find("0/layer.tar")][0]; m.name = "l" * 150; j = find("manifest.json"); members[j] = (members[j][0], members[j][1].replace(b"0/layer.tar", b"l" * 150)); members[j][0].size = len(members[j][1])'
passes "a layer with a long name" unpacks docker-archive:long.tar:@0
variant loop 'members.pop(find("0/layer.tar")); add("0/layer.tar", type=b"2", linkname="layer.tar")'
refuses "a link to itself" 8 'no plain file in the archive' inspect docker-archive:loop.tar:@0
variant out 'members.pop(find("0/layer.tar")); add("0/layer.tar", type=b"2", linkname="../../etc/passwd")'
refuses "a link upwards" 8 'out of the archive' inspect docker-archive:out.tar:@0
variant abs 'members.pop(find("0/layer.tar")); add("0/layer.tar", type=b"2", linkname="/etc/passwd")'
refuses "a link to the system" 8 'out of the archive' inspect docker-archive:abs.tar:@0
variant dots 'add("../manifest.json", b"[]")'
refuses "a name upwards" 8 'leads upwards' inspect docker-archive:dots.tar:@0
variant twice 'add("0/layer.tar", b"other")'
refuses "a layer that is there twice" 8 'more than once' inspect docker-archive:twice.tar:@0
variant lists 'add("/manifest.json", b"[]")'
refuses "two lists" 8 'manifest.json is in the archive more than once' inspect docker-archive:lists.tar:@0
variant missing 'members.pop(find("1/layer.tar"))'
refuses "a layer that is missing" 6 'layer 1: no 1/layer.tar' inspect docker-archive:missing.tar:@0
variant config 'members.pop(find("app.json"))'
refuses "a configuration that is missing" 6 'no app.json' inspect docker-archive:config.tar:@0
variant fifo 'members.pop(find("0/layer.tar")); add("0/layer.tar", type=b"6")'
refuses "a layer that is no file" 8 'no plain file in the archive' inspect docker-archive:fifo.tar:@0
variant sparse 'i = find("0/layer.tar"); m, d = members[i]; m.type = b"S"'
refuses "a layer with holes" 8 'sparse' inspect docker-archive:sparse.tar:@0
variant changed 'i = find("0/layer.tar"); d = bytearray(members[i][1]); d[1030] ^= 1; members[i] = (members[i][0], bytes(d))'
refuses "a layer that was changed" 7 'sha256:' unpacks docker-archive:changed.tar:@0
variant fewer 'j = find("manifest.json"); members[j] = (members[j][0], members[j][1].replace(b"\"0/layer.tar\", ", b"")); members[j][0].size = len(members[j][1])'
refuses "fewer layers than diff ids" 8 '2 diff ids for 1 layers' inspect docker-archive:fewer.tar:@0
variant tags 'j = find("manifest.json"); members[j] = (members[j][0], members[j][1].replace(b"null", b"[\"app:one\"]")); members[j][0].size = len(members[j][1])'
refuses "a tag of two images" 8 'name of several images' inspect docker-archive:tags.tar:app:one
head -c 9000 good.tar >cut.tar
refuses "an archive that is cut short" 8 'cut short' inspect docker-archive:cut.tar:@0
variant huge 'm = members[find("0/layer.tar")][0]; m.pax_headers = {"size": str(1 << 62)}'
refuses "a layer larger than the archive" 8 'cut short' inspect docker-archive:huge.tar:@0
# 70,000 names: none is kept beyond what an archive may have.
variant many 'm = tarfile.TarInfo("x"); members.extend((m, b"") for _ in range(70000))'
refuses "names without end" 8 'more than 65536 files' inspect docker-archive:many.tar:@0

# --- a layout in an archive -------------------------------------------------------------------------------------------
tar -C "$work/lay" -cf "$work/lay.tar" .
passes "an image of an archived layout" unpacks oci-archive:lay.tar:app
passes "by its place" unpacks oci-archive:lay.tar:@1 "$work/two"
equal "under its own digest" "$(kbs-image copy -q oci-archive:lay.tar:app "oci:$work/again:x")" \
	"$(kbs-image inspect --format json "oci:$work/lay:app" | jq -r .digest)"
refuses "no layout in it" 6 'no OCI layout' inspect oci-archive:good.tar
refuses "a tag that is not there" 6 'no image is named' inspect oci-archive:lay.tar:none
mkdir "$work/linked"
cp -r "$work/lay/." "$work/linked"
mv "$work/linked/index.json" "$work/linked/x"
ln -s x "$work/linked/index.json"
tar -C "$work/linked" -cf "$work/linked.tar" .
refuses "a link in a layout" 8 'index.json is no plain file' inspect oci-archive:linked.tar:app

# --- policies ---------------------------------------------------------------------------------------------------------
policy() { echo "{\"default\":[{\"type\":\"reject\"}],\"transports\":{$1}}" >"$work/policy.json"; }
verify() { kbs-image verify --policy "$work/policy.json" "$1"; }
accept='[{"type":"insecureAcceptAnything"}]'
policy "\"oci-archive\":{\"$work/lay.tar\":$accept},\"docker-archive\":{\"\":$accept}"
passes "a policy for the archive" verify oci-archive:lay.tar:app
passes "and for all of docker's" verify docker-archive:good.tar:@0
cp lay.tar other.tar
refuses "and for no other archive" 5 'such images are refused' verify oci-archive:other.tar:app
policy "\"oci-archive\":{\"$work\":$accept}"
passes "a policy for the folder" verify oci-archive:other.tar:app
refuses "and for none of docker's" 5 'such images are refused' verify docker-archive:good.tar:@0

# --- skopeo's ---------------------------------------------------------------------------------------------------------
if command -v skopeo >/dev/null; then
	passes "skopeo writes docker's" skopeo --insecure-policy copy -q oci:lay:app docker-archive:skopeo-d.tar:app:one
	passes "it is read" unpacks docker-archive:skopeo-d.tar
	passes "by its tag" unpacks docker-archive:skopeo-d.tar:docker.io/library/app:one
	passes "skopeo writes a layout" skopeo --insecure-policy copy -q oci:lay:app oci-archive:skopeo-o.tar:app
	passes "it is read" unpacks oci-archive:skopeo-o.tar:app
	passes "copies it into a layout" kbs-image copy -q docker-archive:skopeo-d.tar oci:from-d:app
	passes "which skopeo reads" skopeo --insecure-policy copy -q oci:from-d:app "dir:$work/dir2"
	passes "skopeo reads docker's good one" skopeo --insecure-policy copy -q docker-archive:good.tar:@0 "dir:$work/dir"
else
	skip "reads skopeo's archives" "skopeo is not installed"
fi
tap_end
