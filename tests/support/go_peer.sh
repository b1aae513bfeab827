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

# go_program FOLDER OUT [TAGS]: builds tests/interop/FOLDER; leaves `no_peer`, empty or why there is none.
go_program() {
	no_peer=
	[ ! -x "$2" ] || [ "$TOP_SRCDIR/tests/interop/$1/main.go" -nt "$2" ] || return 0
	if ! go_new_enough; then
		no_peer="no Go 1.21 or newer here"
		return 0
	fi
	mkdir -p "$go_cache/$1"
	cp "$TOP_SRCDIR/tests/interop/$1"/{*.go,go.mod,go.sum} "$go_cache/$1/"
	chmod u+w "$go_cache/$1"/*
	(cd "$go_cache/$1" && GOPATH=$go_cache/path GOCACHE=$go_cache/build GOFLAGS=-modcacherw CGO_ENABLED=1 \
		timeout --foreground -k 5 300 go build -tags "${3-}" -o "$2" . 2>"$go_cache/build.log") ||
		no_peer="it could not be built: $(tail -n 1 "$go_cache/build.log" | cut -c 1-150)"
}

build_peer() {
	peer=$go_cache/ocicrypt-peer
	go_program ocicrypt "$peer"
}

# The other side of key providers: a server by gRPC, a client by ttrpc.
provider_peer=$go_cache/keyprovider-peer
build_provider_peer() { go_program keyprovider_peer "$provider_peer"; }

# build_cosign OUT: cosign's own sources, 300 modules of them.
build_cosign() {
	local version=v3.1.3
	no_peer=
	if ! go_new_enough; then
		no_peer="no Go 1.21 or newer here"
		return 0
	fi
	mkdir -p "$go_cache/cosign-build"
	(cd "$go_cache/cosign-build" && GOBIN=$go_cache GOPATH=$go_cache/path GOCACHE=$go_cache/build GOFLAGS=-modcacherw CGO_ENABLED=0 \
		timeout --foreground -k 5 1800 go install "github.com/sigstore/cosign/v3/cmd/cosign@$version" 2>build.log && mv "$go_cache/cosign" "$1.new" && mv "$1.new" "$1") ||
		no_peer="it could not be built: $(tail -n 1 "$go_cache/cosign-build/build.log" | cut -c 1-150)"
}

# The same program as build_peer's, with Debian's golang-github-containers-ocicrypt-dev and golang-go, both of them old.
build_debian_peer() {
	local go=/usr/lib/go-1.19/bin/go sources=/usr/share/gocode main=$TOP_SRCDIR/tests/interop/ocicrypt/main.go
	no_peer=
	peer=$go_cache/ocicrypt-peer-debian
	[ ! -x "$peer" ] || [ "$main" -nt "$peer" ] || return 0
	[ -x "$go" ] || go=/usr/lib/go/bin/go
	if [ ! -x "$go" ] || [ ! -d "$sources/src/github.com/containers/ocicrypt" ]; then
		no_peer="golang-go and golang-github-containers-ocicrypt-dev are not installed"
		return 0
	fi
	mkdir -p "$go_cache/debian"
	cp "$main" "$go_cache/debian/"
	(cd "$go_cache/debian" && GO111MODULE=off GOPATH=$sources GOCACHE=$go_cache/build-debian GOFLAGS='' GOTOOLCHAIN=local \
		timeout --foreground -k 5 300 "$go" build -o "$peer" . 2>"$go_cache/build-debian.log") ||
		no_peer="Debian's Go library could not be built: $(tail -n 1 "$go_cache/build-debian.log" | cut -c 1-150)"
}
