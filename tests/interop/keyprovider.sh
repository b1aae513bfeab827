#!/usr/bin/env bash
# The Go library's own client of key providers against kbs-keyprovider, with keys that only the KBS holds; and layers that
# go from it to us and back. Needs Go 1.21 or newer and the Go module proxy (once: cached in the build folder).
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/go_peer.sh
. "$TOP_SRCDIR/tests/support/go_peer.sh"

build_peer
if [ -n "$no_peer" ]; then
	skip "the Go library's client of key providers" "$no_peer"
	tap_end
	exit 0
fi
ours=$TOP_BUILDDIR/docs/examples/ocikeywrap_layer
kek=kbs:///default/key/1
kbs_start --allow-sample
conf_write "$kbs_url"
head -c 32 /dev/urandom >"$work/kek"
resource_set "$kek" "$work/kek"
make_key P-256 ec
cd "$work"
head -c 300007 /dev/urandom >plain

# providers [ARGUMENT...]: kbs-keyprovider with these, as "kbs".
providers() {
	jq -n --arg path "$TOP_BUILDDIR/kbs-keyprovider" '{"key-providers":{kbs:{cmd:{path:$path,args:$ARGS.positional}}}}' \
		--args -- "$@" >providers.json
	export OCICRYPT_KEYPROVIDER_CONFIG=$work/providers.json
}
go_encrypts() { "$peer" encrypt ann "$@" <plain >enc; }
we_encrypt() { "$ours" encrypt ann "$@" <plain >enc; }
go_opens() { rm -f out && "$peer" decrypt ann "$@" <enc >out && cmp plain out; }
we_open() { rm -f out && "$ours" decrypt ann out "$@" <enc && cmp plain out; }

round() {
	local what=$1
	shift
	passes "$what: the Go library encrypts through kbs-keyprovider" go_encrypts "$@"
	passes "$what: it opens that" go_opens provider:kbs
	passes "$what: we open that" we_open provider:kbs
	passes "$what: we encrypt" we_encrypt "$@"
	passes "$what: the Go library opens that" go_opens provider:kbs
}
providers
round "GCM" "provider:kbs:$kek"
round "CTR" "provider:kbs:keyid=$kek::algorithm=A256CTR"
providers --packet-version 2
round "version 2" "provider:kbs:$kek"
providers --name kbs
round "mixed with jwe" "provider:kbs:$kek" "jwe:$work/ec.pub"
passes "and by the other key" go_opens "$work/ec.key"

# --- by gRPC ------------------------------------------------------------------------------------------------------

# grpc_at NAME ADDRESS [MEMBERS]
grpc_at() {
	printf '{"key-providers":{"%s":{"grpc":"%s"%s}}}' "$1" "$2" "${3:+,$3}" >grpc.json
	export OCICRYPT_KEYPROVIDER_CONFIG=$work/grpc.json
}
make_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" \
		-out "$1.pem" 2>>openssl.log
}
make_certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" 2>>openssl.log |
		openssl x509 -req -days 2 -CA ca.pem -CAkey ca.key -extfile <(echo "subjectAltName=$2") -out "$1.pem" 2>>openssl.log
}
make_ca ca
make_certificate server DNS:localhost,IP:127.0.0.1
make_certificate client DNS:client
tls='"grpc-tls":{"root-ca-file":"'$work'/ca.pem","cert-file":"'$work'/client.pem","key-file":"'$work'/client.key"}'

# ours_listens ARGUMENT...: kbs-keyprovider; sets address and pid.
ours_listens() {
	start_until '^listening on .* for grpc$' daemon.log kbs-keyprovider "$@"
	address=${matched#listening on }
	address=${address% for grpc}
}
ours_listens --grpc localhost:0
grpc_at kbs "$address"
round "gRPC" "provider:kbs:$kek"
refuses "gRPC: the Go library hears why" 1 'NotFound.*kbs:///default/key/9' go_encrypts provider:kbs:kbs:///default/key/9
stop "$pid"
ours_listens --grpc "unix://$work/grpc.sock"
grpc_at kbs "$address"
round "gRPC by a Unix socket" "provider:kbs:$kek"
stop "$pid"
ours_listens --grpc localhost:0 --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem
grpc_at kbs "$address" "$tls"
round "gRPC with TLS" "provider:kbs:$kek"
stop "$pid"

build_provider_peer
if [ -n "$no_peer" ]; then
	skip "a server of the Go library, and containerd's ttrpc" "$no_peer"
	tap_end
	exit 0
fi
go_listens() {
	start_until '^listening on ' daemon.log "$provider_peer" serve "$@"
	address=${matched#listening on }
}
# asks_go: our client and the Go library's own against its server, whose provider is "go".
asks_go() {
	passes "$1: we encrypt by the Go server" we_encrypt provider:go
	passes "$1: the Go library opens that" go_opens provider:go
	passes "$1: we open that" we_open provider:go
}
go_listens 127.0.0.1:0
grpc_at go "$address"
asks_go "a Go server"
refuses "its status and its message" 1 'status 5: there is no key .*x.*, 100% sure' we_encrypt provider:go:fail:x
printf '{"key-providers":{"go":{"grpc":"%s","timeout":1}}}' "$address" >grpc.json
refuses "our time limit" 1 'no answer in time' we_encrypt provider:go:slow
stop "$pid"
go_listens "$work/go.sock"
grpc_at go "unix://$address"
asks_go "a Go server at a Unix socket"
stop "$pid"
go_listens 127.0.0.1:0 server.pem server.key ca.pem
grpc_at go "$address" "$tls"
asks_go "a Go server with TLS"
stop "$pid"

# --- containerd's ttrpc -------------------------------------------------------------------------------------------

providers
passes "a layer for ttrpc" we_encrypt "provider:kbs:$kek"
annotation=$(sed -n 's/^org.opencontainers.image.enc.keys.provider.kbs=//p' ann)
printf '{"op":"keyunwrap","keywrapparams":{"ec":null,"optsdata":null},"keyunwrapparams":{"dc":{"Parameters":{}},"annotation":"%s"}}' \
	"$annotation" >unwrap.json
printf '{"op":"keywrap","keywrapparams":{"ec":{"Parameters":{"kbs":["%s"]},"DecryptConfig":{"Parameters":{}}},"optsdata":"%s"},"keyunwrapparams":{"dc":null,"annotation":null}}' \
	"$(printf %s "$kek" | base64 -w0)" "$(printf %s "$annotation" | base64 -w0)" >wrap.json
start_until '^listening on .* for ttrpc$' daemon.log kbs-keyprovider --ttrpc "unix://$work/ttrpc.sock"
asks_ttrpc() { "$provider_peer" ttrpc "$work/ttrpc.sock" "$1" "$2" <"$1.json" >ttrpc.out; }
passes "containerd's ttrpc unwraps" asks_ttrpc unwrap 1
passes "and that is a layer's key" jq -e '.keyunwrapresults.optsdata | implode | fromjson | .symkey' ttrpc.out
passes "forty requests at once on one connection" asks_ttrpc unwrap 40
passes "it wraps" asks_ttrpc wrap 10
echo '{"op":"destroy"}' >bad.json
refuses "it hears why" 1 'neither keywrap nor keyunwrap' asks_ttrpc bad 1

# Rust's: building it takes minutes, so it is asked for by name.
if [ -z "${INTEROP_RUST-}" ]; then
	skip "Rust's ttrpc" "INTEROP_RUST=1 builds it"
elif ! command -v cargo >/dev/null; then
	skip "Rust's ttrpc" "no cargo here"
elif ! cp -r "$TOP_SRCDIR/tests/interop/keyprovider_rust" rust || ! cargo build -q --manifest-path rust/Cargo.toml \
	--target-dir "$TOP_BUILDDIR/tests/interop/rust" 2>rust.log; then
	skip "Rust's ttrpc" "it could not be built: $(tail -n 1 rust.log | cut -c 1-150)"
else
	asks_rust() { "$TOP_BUILDDIR/tests/interop/rust/debug/keyprovider-ttrpc" "unix://$work/ttrpc.sock" "$1" 20 <"$2" >ttrpc.out; }
	passes "Rust's ttrpc unwraps, twenty requests at once" asks_rust UnWrapKey unwrap.json
	passes "and that is a layer's key, too" jq -e '.keyunwrapresults.optsdata | implode | fromjson | .symkey' ttrpc.out
	passes "it wraps" asks_rust WrapKey wrap.json
	refuses "Rust's hears why" 1 'neither keywrap nor keyunwrap' asks_rust WrapKey bad.json
fi
stop "$pid"
providers --name kbs
kbs_stop
refuses "the Go library opens nothing without the KBS" 1 '' go_opens provider:kbs
tap_end
