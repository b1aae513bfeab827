#!/usr/bin/env bash
# kbs-server as a program: its folder, its line on standard output, its refusals and exit codes, TLS, signals.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

uri=kbs:///default/image/key
server() { kbs-server "$@"; }
admin() { # VERB... : as the administrator of $work/kbs
	local what=$1 verb=$2
	shift 2
	kbs-server "$what" "$verb" --url "$kbs_url" --admin-key "${admin_key:-$work/kbs/admin.key}" "$@"
}
mode() { stat -c %a "$work/kbs/$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
head -c 3000 /dev/urandom >"$work/resource"

# forgets HOW: a resource that was stored, and refused once for its size, is nowhere in the server's memory.
forgets() {
	local found status=0 what="what was uploaded $1 is not in the server's memory any more"
	head -c 24 /dev/urandom >"$work/marker"
	for _ in $(seq 2000); do cat "$work/marker"; done >"$work/marked"
	for _ in $(seq 100); do cat "$work/marked"; done >"$work/marked.large"
	passes "a resource to look for, $1" admin resource set --ca "$work/tls.pem" kbs:///default/memory/key "$work/marked"
	refuses "and one that is too large, $1" 8 'larger' admin resource set --ca "$work/tls.pem" kbs:///default/memory/key "$work/marked.large"
	found=$(python3 "$TOP_SRCDIR/tests/support/memory_of.py" "$kbs_pid" "$work/marker") || status=$?
	if [ $status -eq 3 ]; then
		skip "$what" "only root may look"
	else
		equal "$what" 0 "$found"
	fi
	passes "delete it again" admin resource delete --ca "$work/tls.pem" kbs:///default/memory/key
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/tls.key" -out "$work/tls.pem" \
	-subj /CN=kbs -addext subjectAltName=IP:127.0.0.1 -days 1 2>"$work/openssl.log"

# --- words ---
passes "--help" server --help
passes "--version" server --version
refuses "no command" 2 'missing' server
refuses "an unknown command" 2 'no such command' server serve
refuses "an unknown option" 2 'unknown option --fast' server run "$work/kbs" --fast
refuses "no folder" 2 'folder' server run
refuses "a resource without a key" 2 'admin-key' server resource get --url http://127.0.0.1:1 $uri

# --- the folder ---
refuses "a folder that was never initialised" 3 'kbs-server init' server run "$work/kbs" --listen 127.0.0.1:0
passes "init makes a folder" server init "$work/kbs"
refuses "and not twice" 10 'before' server init "$work/kbs"
equal "keys are closed to others" "600 600 700" "$(mode admin.key) $(mode issuer.key) $(mode storage)"
passes "the administrator's key is Ed25519" bash -c "openssl pkey -in '$work/kbs/admin.key' -noout -text | grep -q ED25519"
for key in admin.key issuer.key; do
	chmod 640 "$work/kbs/$key"
	refuses "a $key that the group can read" 3 "$key.*chmod 600" server run "$work/kbs" --listen 127.0.0.1:0
	chmod 600 "$work/kbs/$key"
done
chmod 755 "$work/kbs/storage"
refuses "a storage that others can look into" 3 'storage.*chmod 700' server run "$work/kbs" --listen 127.0.0.1:0
chmod 700 "$work/kbs/storage"
refuses "plain http for everyone" 3 'loopback.*TLS' server run "$work/kbs" --listen 0.0.0.0:0
refuses "a TLS certificate without its key" 2 'together' server run "$work/kbs" --listen 127.0.0.1:0 --tls-cert x

# --- resources ---
kbs_start --allow-sample --verbose
equal "one line says where it listens" 1 "$(grep -c . "$work/kbs.log")"
refuses "an address in use" 10 'in use' server run "$work/kbs" --listen "${kbs_url#http://}"
passes "resource set, from a file" admin resource set $uri "$work/resource"
passes "it lies in the storage as it is" cmp "$work/resource" "$work/kbs/storage/default/image/key"
equal "closed to others" 600 "$(mode storage/default/image/key)"
passes "resource set, from standard input" bash -c "printf 'from a pipe' | kbs-server resource set --url '$kbs_url' --admin-key '$work/kbs/admin.key' $uri"
equal "which replaces it" "from a pipe" "$(cat "$work/kbs/storage/default/image/key")"
refuses "the administrator reads nothing by default" 5 'admin-read' admin resource get $uri
passes "resource delete" admin resource delete $uri
refuses "of something that is not there" 6 'no resource' admin resource delete $uri
refuses "a path that is none" 8 'not repository' admin resource set kbs:///a/b "$work/resource"
refuses "a path that leads elsewhere" 8 'not repository' admin resource set kbs:///a/../b "$work/resource"
refuses "a file that is not there" 6 'nothing-here' admin resource set $uri "$work/nothing-here"
head -c 4194305 /dev/zero >"$work/large"
refuses "a resource that is too large" 8 'larger' admin resource set $uri "$work/large"
forgets "over http"
passes "an access log, with --verbose" grep -q 'POST /kbs/v0/resource/default/image/key 200' "$work/kbs.log"

# --- who is no administrator ---
openssl genpkey -algorithm ED25519 -out "$work/wrong.key"
admin_key=$work/wrong.key refuses "another's key" 5 'administrator' admin resource set $uri "$work/resource"
admin_key=$work/kbs/issuer.key refuses "the issuer's key" 5 'administrator' admin resource set $uri "$work/resource"
admin_key=$work/kbs/admin.pub refuses "a public key" 3 'admin\.pub' admin resource set $uri "$work/resource"
equal "stored nothing" "" "$(find "$work/kbs/storage" -type f)"

# --- policy ---
passes "policy get" admin policy get "$work/policy.json"
passes "gives what init wrote" cmp "$work/policy.json" "$work/kbs/policy.json"
printf 'package policy\ndefault allow = true\n' >"$work/rego"
refuses "Rego" 8 'Rego' admin policy set "$work/rego"
echo '{"default":"perhaps"}' >"$work/bad.json"
refuses "a policy that says nothing" 8 'default' admin policy set "$work/bad.json"
passes "changed nothing" cmp "$work/policy.json" "$work/kbs/policy.json"
echo '{"default":"deny"}' >"$work/deny.json"
passes "policy set" admin policy set "$work/deny.json"
passes "is on disk" cmp "$work/deny.json" "$work/kbs/policy.json"

# --- the end ---
for signal in TERM INT; do
	kill -$signal "$kbs_pid"
	status=0
	wait "$kbs_pid" || status=$?
	equal "SIG$signal ends it with 0" 0 $status
	passes "and it is gone" gone "$kbs_pid"
	kbs_start
done
kbs_stop
refuses "a server that is not there" 4 'connect|refused' admin resource set $uri "$work/resource"

# --- reading as administrator ---
sed -i 's/"admin-read": false/"admin-read": true/' "$work/kbs/kbs.json"
kbs_start
passes "a resource to read" admin resource set $uri "$work/resource"
passes "resource get, where it is configured" admin resource get $uri "$work/back"
passes "gives the same" cmp "$work/resource" "$work/back"
equal "closed to others, too" 600 "$(stat -c %a "$work/back")"
admin_key=$work/wrong.key refuses "and to its administrator only" 5 'administrator' admin resource get $uri
kbs_stop

# --- TLS ---
kbs_start --tls-cert "$work/tls.pem" --tls-key "$work/tls.key"
passes "the URL says https" grep -q '^listening on https://127' "$work/kbs.log"
passes "https with its certificate" admin resource set --ca "$work/tls.pem" $uri "$work/resource"
refuses "and not without" 4 'certificate|TLS|SSL' admin resource set $uri "$work/resource"
forgets "over https"
kbs_stop
chmod 644 "$work/tls.key"
refuses "a TLS key that others can read" 3 'tls\.key' server run "$work/kbs" --listen 127.0.0.1:0 \
	--tls-cert "$work/tls.pem" --tls-key "$work/tls.key"

tap_end
