#!/usr/bin/env bash
# Makes an OCI image layout DIR, or adds to it, with one image under TAG: a small root file system made from the files
# of Debian packages that are installed here, in three layers (gzip, plain, gzip). No network, no root.
#
#   make_image.sh DIR TAG [--size MiB] [--layer FOLDER]... [--plain-layer FOLDER]...
#
#   --size MiB            adds a plain layer of random data that brings the image to about that size
#   --layer FOLDER        takes these folders' contents as the layers instead of packages; gzip
#   --plain-layer FOLDER  the same, not compressed
#
# Prints the manifest's digest. Made from the same files it gives the same digest (but for --size).
set -euo pipefail
export LC_ALL=C

usage() {
	sed -n '5,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

die() {
	echo "make_image.sh: $*" >&2
	exit 1
}

[ $# -ge 2 ] || usage
dir=$1 tag=$2 size=0
shift 2
folders=() forms=()
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--size) size=$2 ;;
	--layer) folders+=("$2") forms+=(gzip) ;;
	--plain-layer) folders+=("$2") forms+=(plain) ;;
	*) usage ;;
	esac
	shift 2
done
[[ $size =~ ^[0-9]+$ && $tag =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || usage

mkdir -p "$dir/blobs/sha256"
work=$(mktemp -d "$dir/.make_image.XXXXXX")
trap 'rm -rf "$work"' EXIT
: >"$work/layers" # one descriptor a line
: >"$work/diff_ids" # one digest a line
total=0

# FILE -> its bare digest; the file becomes a blob.
blob_add() {
	local hex
	hex=$(sha256sum <"$1")
	hex=${hex%% *}
	mv -f "$1" "$dir/blobs/sha256/$hex"
	chmod 644 "$dir/blobs/sha256/$hex"
	echo "$hex"
}

# MEDIA_TYPE FILE -> a descriptor on one line; the file becomes a blob.
descriptor() {
	local bytes hex
	bytes=$(stat -c %s "$2")
	hex=$(blob_add "$2")
	jq -cn --arg type "$1" --arg digest "sha256:$hex" --argjson size "$bytes" \
		'{mediaType: $type, digest: $digest, size: $size}'
}

# FORM: the tar in $work/tar becomes the next layer.
layer_add() {
	local hex
	hex=$(sha256sum <"$work/tar")
	echo "sha256:${hex%% *}" >>"$work/diff_ids"
	if [ "$1" = gzip ]; then
		gzip -n "$work/tar"
		total=$((total + $(stat -c %s "$work/tar.gz")))
		descriptor application/vnd.oci.image.layer.v1.tar+gzip "$work/tar.gz" >>"$work/layers"
	else
		total=$((total + $(stat -c %s "$work/tar")))
		descriptor application/vnd.oci.image.layer.v1.tar "$work/tar" >>"$work/layers"
	fi
}

tar_make() {
	tar --create --file "$work/tar" --format=posix --pax-option=delete=atime,delete=ctime --numeric-owner \
		--owner=0 --group=0 --mtime=@1700000000 "$@"
}

# PACKAGE... -> the names, relative to /, of their files that can be read here, less the documentation. Where /bin and
# its like are links into /usr, so are they in the image.
package_files() {
	local path link
	for link in bin sbin lib lib32 lib64 libx32; do
		[ ! -L "/$link" ] || echo "$link"
	done
	dpkg-query -L "$@" | grep '^/[^.]' | grep -Ev '^/usr/(share/(doc|info|locale|man)|lib/[^/]*/gconv)/' | while IFS= read -r path; do
		link=${path#/} link=${link%%/*}
		if [ -L "/$link" ]; then
			[ "$path" != "/$link" ] || continue
			path=/usr$path
		fi
		[ -L "$path" ] || [ -d "$path" ] || { [ -f "$path" ] && [ -r "$path" ]; } || continue
		echo "${path#/}"
	done
}

# FORM PACKAGE...: those of them that are installed become a layer.
package_layer() {
	local form=$1 package installed=()
	shift
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" != "ii " ] || installed+=("$package")
	done
	[ ${#installed[@]} -gt 0 ] || die "none of these packages is installed: $*"
	package_files "${installed[@]}" | sort -u >"$work/names"
	tar_make -C / --no-recursion --verbatim-files-from --files-from "$work/names"
	layer_add "$form"
}

if [ ${#folders[@]} -gt 0 ]; then
	for i in "${!folders[@]}"; do
		tar_make --sort=name -C "${folders[i]}" .
		layer_add "${forms[i]}"
	done
else
	command -v dpkg-query >/dev/null || die "no dpkg here: give --layer FOLDER"
	package_layer gzip base-files base-passwd netbase
	package_layer plain dash sed grep hostname
	package_layer gzip bash coreutils libc6 libtinfo6 libselinux1 libpcre2-8-0 libgmp10 libacl1 libattr1
fi

if [ "$size" -gt 0 ] && [ $((size << 20)) -gt "$total" ]; then
	mkdir -p "$work/random/var/lib"
	head -c $(((size << 20) - total)) /dev/urandom >"$work/random/var/lib/random"
	tar_make --sort=name -C "$work/random" .
	rm -r "$work/random"
	layer_add plain
fi

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
armv*) arch=arm ;;
i?86) arch=386 ;;
*) arch=$(uname -m) ;;
esac
jq -cn --arg arch "$arch" --rawfile ids "$work/diff_ids" '{created: "2023-11-14T22:13:20Z", architecture: $arch, os: "linux",
	config: {Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["/bin/bash"], WorkingDir: "/"},
	rootfs: {type: "layers", diff_ids: ($ids | split("\n") | map(select(. != "")))},
	history: [$ids | split("\n")[] | select(. != "") | {created: "2023-11-14T22:13:20Z", created_by: "make_image.sh"}]}' |
	tr -d '\n' >"$work/config"
config=$(descriptor application/vnd.oci.image.config.v1+json "$work/config")

jq -cn --argjson config "$config" --slurpfile layers "$work/layers" \
	'{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: $layers}' |
	tr -d '\n' >"$work/manifest"
manifest=$(descriptor application/vnd.oci.image.manifest.v1+json "$work/manifest")

old='{"schemaVersion":2,"manifests":[]}'
[ ! -e "$dir/index.json" ] || old=$(cat "$dir/index.json")
jq -cn --argjson old "$old" --argjson manifest "$manifest" --arg tag "$tag" '"org.opencontainers.image.ref.name" as $name |
	$old | .manifests |= map(select(.annotations[$name] != $tag)) + [$manifest + {annotations: {($name): $tag}}]' \
	>"$work/index"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout"
mv "$work/layout" "$dir/oci-layout"
mv "$work/index" "$dir/index.json"
jq -r .digest <<<"$manifest"
