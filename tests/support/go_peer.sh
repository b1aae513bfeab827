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

# go_program FOLDER OUT: builds tests/interop/FOLDER; leaves `no_peer`, empty or why there is none.
go_program() {
	no_peer=
	[ ! -x "$2" ] || [ "$TOP_SRCDIR/tests/interop/$1/main.go" -nt "$2" ] || return 0
	if ! go_new_enough; then
		no_peer="no Go 1.21 or newer here"
		return 0
	fi
	mkdir -p "$go_cache/$1"
	cp "$TOP_SRCDIR/tests/interop/$1"/{main.go,go.mod,go.sum} "$go_cache/$1/"
	chmod u+w "$go_cache/$1"/*
	(cd "$go_cache/$1" && GOPATH=$go_cache/path GOCACHE=$go_cache/build GOFLAGS=-modcacherw CGO_ENABLED=1 \
		timeout --foreground -k 5 300 go build -o "$2" . 2>"$go_cache/build.log") ||
		no_peer="it could not be built: $(tail -n 1 "$go_cache/build.log" | cut -c 1-150)"
}

build_peer() { go_program ocicrypt "$peer"; }

# The other side of key providers: a server by gRPC, a client by ttrpc.
provider_peer=$go_cache/keyprovider-peer
build_provider_peer() { go_program keyprovider_peer "$provider_peer"; }
