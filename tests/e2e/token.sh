#!/usr/bin/env bash
# kbs-token with a real KBS and the real module: list, get, doctor; and kbs, which runs it.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

outputs() {
	local pattern=$1
	shift
	if ! "$@" >"$work/out1" || ! grep -qE -- "$pattern" "$work/out1"; then
		cat "$work/out1"
		return 1
	fi
}

make_key rsa:2048 key
head -c 48 /dev/urandom >"$work/binary"
kbs_start --allow-sample
resource_set kbs:///default/image/key "$work/key.key"
resource_set kbs:///default/data/binary "$work/binary"
front_start --upstream "$kbs_url"
conf_write "$front_url" "$(object image-key kbs:///default/image/key "$work/key.pub"), $(object other kbs:///default/other/key)"

# --- list ---------------------------------------------------------------------------------------------------------
passes "list shows a key with its type" outputs '^image-key +private-key +[0-9a-f]+ +RSA +pkcs11:' kbs-token list
passes "list does not fetch a key to learn its type" outputs '^other +private-key +[0-9a-f]+ +- +pkcs11:' kbs-token list
passes "list --json is JSON" jq -e 'map(select(.label == "image-key" and .class == "private-key" and ."key-type" == "RSA"
	and (.uri | startswith("pkcs11:token=kbs;")))) | length == 1' <(kbs-token list --json)
passes "list finds the configuration that --config names" env KBS_PKCS11_CONF=/nonexistent \
	kbs-token list --config "$work/kbs-pkcs11.json"
equal "list touches no network" 0 "$(seen .)"
refuses "list of a module that is none" 3 'not a PKCS#11 module|cannot|invalid|undefined|no such' \
	kbs-token list --module "$(ldconfig -p | sed -n 's/.*libz.so.1 .*=> //p' | head -1)"
refuses "list of a module that is not there" 2 "No such file" kbs-token list --module "$work/none.so"

# --- get ----------------------------------------------------------------------------------------------------------
fetch() { kbs-token get kbs:///default/data/binary >"$work/got" && cmp "$work/got" "$work/binary"; }
passes "get writes a resource to standard output" fetch
equal "that took three requests" 3 "$(seen '^(GET|POST) ')"
fetch_out() { kbs-token get default/data/binary --out "$work/file" && cmp "$work/file" "$work/binary"; }
passes "get --out writes it to a file" fetch_out
equal "that others cannot read" 600 "$(stat -c %a "$work/file")"
if command -v script >/dev/null; then
	refuses "a binary resource is not written to a terminal" 2 'terminal' \
		bash -c 'script -qec "kbs-token get default/data/binary" /dev/null >&2'
else
	skip "a binary resource is not written to a terminal" "script(1) is not installed"
fi
refuses "get of a resource that is not there" 6 'resource: .*404' kbs-token get kbs:///default/data/none
refuses "get of something that is no URI" 2 'repository/type/tag' kbs-token get image
refuses "get from another host" 2 'nothing was sent' kbs-token get kbs://kbs.example/default/data/binary
refuses "get without a URI" 2 'URI' kbs-token get
refuses "a value where there is none" 2 'json takes no argument' kbs-token list --json=1
refuses "a short option" 2 'unknown option -j' kbs-token list -j
refuses "get with an option of list" 2 'not an option' kbs-token get --json default/data/binary
refuses "get into a folder that is not there" 10 'No such file' \
	kbs-token get default/data/binary --out "$work/none/file"
refuses "get to a full device" 10 'space' bash -c 'kbs-token get default/data/binary >/dev/full'

# --- several tokens -----------------------------------------------------------------------------------------------
cat >"$work/tokens.json" <<EOF
{ "kbs": { "url": "http://127.0.0.1:1", "attester": "sample", "timeout": 2 }, "tokens": [
  { "label": "away", "objects": [ $(object far kbs:///default/image/key) ] },
  { "label": "bad", "objects": [ { "label": "k", "class": "key" } ] },
  { "label": "near", "kbs": { "url": "$front_url", "attester": "sample" },
    "objects": [ $(object image-key kbs:///default/image/key "$work/key.pub") ] } ] }
EOF
chmod 600 "$work/tokens.json"
single=$KBS_PKCS11_CONF
export KBS_PKCS11_CONF=$work/tokens.json
passes "list goes over all tokens" outputs '^far .*pkcs11:token=away;' kbs-token list
passes "and passes over one that is wrong" outputs '^image-key .*pkcs11:token=near;' kbs-token list
equal "list --token shows that one alone" near "$(kbs-token list --token near --json | jq -r 'map(.token) | unique | join(" ")')"
refuses "a token that is not there" 6 'no token has the label none' kbs-token list --token none
passes "describe tells what was not fetched" outputs '^  time left +not fetched$' kbs-token describe image-key
get_near() { kbs-token get --token near default/data/binary >"$work/got" && cmp "$work/got" "$work/binary"; }
passes "get --token asks the KBS of that one" get_near
refuses "get asks the first one otherwise" 4 'no connection' kbs-token get default/data/binary
kbs-token doctor >"$work/doctor" 2>&1 || true
passes "doctor finds each token" grep -q '^ok .* offers the token "near"' "$work/doctor"
passes "and says what is wrong with one" grep -q '^FAIL  module .*slot 1: .*tokens\[1\]: objects\[0\] k: "class"' "$work/doctor"
passes "doctor looks at each KBS" grep -q "^ok    kbs-http  .*$front_url" "$work/doctor"
export KBS_PKCS11_CONF=$single

# --- doctor -------------------------------------------------------------------------------------------------------
for check in configuration kbs-tcp kbs-http attester attestation module; do
	passes "doctor finds $check good" outputs "^ok +$check " kbs-token doctor
done
passes "doctor --json is JSON" jq -e 'all(.state == "ok" or .state == "skip")' <(kbs-token doctor --json)
echo "{ \"kbs\": { \"url\": \"$kbs_url\", \"attester\": \"sample\" } }" >"$work/other.json"
passes "doctor reads what --config names" outputs "^ok +configuration +$work/other.json: cc_kbc at $kbs_url" \
	kbs-token doctor --config "$work/other.json"

# says EXIT PATTERN: what doctor exits with and prints.
says() {
	local status=0
	kbs-token doctor >"$work/doctor" 2>&1 || status=$?
	if [ "$status" != "$1" ] || ! grep -qE -- "$2" "$work/doctor"; then
		echo "exit code $status"
		cat "$work/doctor"
		return 1
	fi
}
kbs_stop
kbs_start
conf_write "$kbs_url"
passes "doctor names a refused attestation" says 5 '^FAIL +attestation .*AttestationError'
kbs_stop
passes "doctor names a KBS that is down" says 4 '^FAIL +kbs-tcp .*refused.*; do: '
passes "doctor does not try what cannot work" says 4 '^skip +attestation '
conf_write "$kbs_url" "" '"attester": "nosuch"'
passes "doctor names a member that is there twice" says 3 '^FAIL +configuration .*member is there twice'
echo '{ "kbs": { "ulr": "https://kbs" } }' >"$work/kbs-pkcs11.json"
refuses "list names a wrong member" 3 'kbs-pkcs11.json.*ulr' kbs-token list
passes "doctor names a wrong member" says 3 '^FAIL +configuration .*kbs-pkcs11.json.*ulr'
echo '{ "kbs": { "url": "https://127.0.0.1:1", "ca": "/nonexistent" } }' >"$work/kbs-pkcs11.json"
passes "doctor works without a KBS" says 4 '^FAIL +kbs-tcp '

# --- kbs ----------------------------------------------------------------------------------------------------------
refuses "kbs runs only what lies beside it" 2 'no such command' "$TOP_BUILDDIR/tools/kbs" nonesuch
refuses "kbs runs no path" 2 'not the name' "$TOP_BUILDDIR/tools/kbs" ../../bin/true
passes "kbs token is kbs-token" outputs '^kbs-token ' "$TOP_BUILDDIR/tools/kbs" token --version
refuses "and hands its exit code on" 2 'kbs-token: ' "$TOP_BUILDDIR/tools/kbs" token nonesuch
for command in kbs-token "$TOP_BUILDDIR/tools/kbs"; do
	passes "$(basename "$command") --help teaches" outputs 'Exit codes:' "$command" --help
	refuses "$(basename "$command") without a command" 2 'missing' "$command"
done
passes "--help shows examples" outputs 'Examples:' kbs-token --help
tap_end
