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
kbs_stop
refuses "the Go library opens nothing without the KBS" 1 '' go_opens provider:kbs
tap_end
