# shellcheck shell=bash disable=SC2154,SC2034 # for, and from, whoever sources this
# The Go library as a program, tests/interop/ocicrypt: built once, with Go 1.21 or newer and the Go module proxy, and kept
# in the build folder.
go_cache=$TOP_BUILDDIR/tests/interop/go-cache
peer=$go_cache/ocicrypt-peer

go_new_enough() {
	local version
	version=$(go env GOVERSION 2>/dev/null) || return 1
	[[ $version =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 21 ]
}

# Leaves `no_peer`, empty or why there is none.
build_peer() {
	no_peer=
	[ ! -x "$peer" ] || return 0
	if ! go_new_enough; then
		no_peer="no Go 1.21 or newer here"
		return 0
	fi
	mkdir -p "$go_cache/ocicrypt"
	cp "$TOP_SRCDIR"/tests/interop/ocicrypt/{main.go,go.mod,go.sum} "$go_cache/ocicrypt/"
	chmod u+w "$go_cache"/ocicrypt/*
	(cd "$go_cache/ocicrypt" && GOPATH=$go_cache/path GOCACHE=$go_cache/build GOFLAGS=-modcacherw CGO_ENABLED=1 \
		timeout --foreground -k 5 300 go build -o "$peer" . 2>"$go_cache/build.log") ||
		no_peer="the Go library could not be built: $(tail -n 1 "$go_cache/build.log" | cut -c 1-150)"
}
