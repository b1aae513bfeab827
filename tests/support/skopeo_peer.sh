# shellcheck shell=bash disable=SC2154,SC2034 # for, and from, whoever sources this
# A skopeo that is newer than Debian's: built once, with Go 1.21 or newer and the Go module proxy, and kept in the build
# folder.
# What a go.sum would hold; with it the checksum database need not know the module. The current one needs Go 1.25.
version=v1.23.0 sum='h1:GZ4FPzvx6wU14SAB76Fz4buhfQkMANuknsV0HFCKYEA='
older_version=v1.19.0 older_sum='h1:MiA+kxXGHg47GeHqdqyipNwBOa4OaBxFnFiNiwtcYu0='
tags='containers_image_openpgp exclude_graphdriver_btrfs exclude_graphdriver_devicemapper'
cache=$TOP_BUILDDIR/interop

# go_is_at_least 1.21
go_is_at_least() {
	local found
	found=$(go env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9]*\.[0-9]*\).*/\1/p')
	[ -n "$found" ] && [ "$(printf '%s\n%s\n' "$found" "$1" | sort -V | head -1)" = "$1" ]
}

# Its own go.sum vouches for everything that it needs.
skopeo_build() {
	local found dir
	rm -rf "$cache/src"
	mkdir -p "$cache/src"
	(cd "$cache" && GOFLAGS=-mod=mod GONOSUMDB=github.com/containers/skopeo \
		go mod download -json "github.com/containers/skopeo@$version") >"$cache/download.json" 2>"$cache/download.log" || return 1
	found=$(jq -r .Sum "$cache/download.json")
	[ "$found" = "$sum" ] || {
		echo "the module proxy gave skopeo $version with the sum $found, not $sum" >"$cache/download.log"
		return 2
	}
	dir=$(jq -r .Dir "$cache/download.json")
	cp -r "$dir/." "$cache/src"
	chmod -R u+w "$cache/src"
	rm -rf "$cache/src/vendor"
	(cd "$cache/src" && go mod download all) >>"$cache/download.log" 2>&1 || return 1
	(cd "$cache/src" && GOFLAGS=-mod=mod CGO_ENABLED=1 go build -trimpath -tags "$tags" -o "$cache/skopeo.new" ./cmd/skopeo) \
		>"$cache/build.log" 2>&1 || return 2
	mv "$cache/skopeo.new" "$cache/skopeo-$version"
	rm -rf "$cache/src"
}

# Leaves `skopeo`; and `no_skopeo`, empty or why there is none, or `skopeo_failed`, what its compiler said.
find_skopeo() {
	local status=0
	no_skopeo='' skopeo_failed=''
	skopeo=${SKOPEO-}
	if [ -n "$skopeo" ]; then
		[ -x "$skopeo" ] || { echo "SKOPEO=$skopeo cannot be run" >&2; exit 1; }
		return 0
	fi
	go_is_at_least 1.25 || { version=$older_version sum=$older_sum; }
	skopeo=$cache/skopeo-$version
	[ ! -x "$skopeo" ] || return 0
	if ! go_is_at_least 1.21; then
		no_skopeo="no Go 1.21 or newer here to build a skopeo that knows pkcs11; SKOPEO=path names one"
		return 0
	fi
	mkdir -p "$cache"
	echo "# building skopeo $version, once"
	TMPDIR=$cache skopeo_build || status=$?
	if [ $status -eq 1 ] && [ "$version" != "$older_version" ]; then
		version=$older_version sum=$older_sum status=0
		skopeo=$cache/skopeo-$version
		echo "# the proxy does not give that one; building skopeo $version"
		[ -x "$skopeo" ] || TMPDIR=$cache skopeo_build || status=$?
	fi
	case $status in
	0) ;;
	1) no_skopeo="the Go module proxy could not be reached: $(tail -1 "$cache/download.log" | cut -c1-200)" ;;
	*) skopeo_failed=$(tail -20 "$cache/download.log" "$cache/build.log" 2>/dev/null) ;;
	esac
}
