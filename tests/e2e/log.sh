#!/usr/bin/env bash
# The module's log: one line per failure, which names the stage, the object's URI and the KBS's answer; to standard error,
# a file or syslog, and nothing unless asked.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
consumer_start
log=$work/token.log
pair() { object "$1" "kbs:///default/keys/$1" "$work/rsa.pub"; }
# logs WHAT STAGE PATTERN LABEL: using the key fails with one line, level error, of that stage.
logs() {
	local what=$1 stage=$2 pattern=$3 label=$4 lines
	rm -f "$log"
	if KBS_PKCS11_LOG=error:$log "$p11_host" --label "$label" --public "$work/rsa.pub" "$module" sign 1 >"$work/out" 2>&1; then
		not_ok "$what: it did not fail"
		return 0
	fi
	lines=$(wc -l <"$log")
	equal "$what: one line" 1 "$lines"
	passes "$what: stage=$stage, with URI and answer" \
		grep -qE "level=error .*event=failure .*stage=$stage object=\"?kbs:///default/keys/$label\"? .*$pattern" "$log"
	[ "$tap_failed" = 0 ] || diag 5 <"$log"
}
conf_write "$front_url" "$(pair none)"
logs "no such resource" resource '404 PluginInternalError' none
head -c 30 /dev/urandom >"$work/junk"
resource_set kbs:///default/keys/junk "$work/junk"
conf_write "$front_url" "$(pair junk)"
logs "no key at all" parse 'is not a private-key' junk
conf_write "$front_url" "$(pair ec)"
logs "another key than the configured one" parse 'does not belong to' ec
double() { front_start --mode "$1" && conf_write "$front_url" "$(pair rsa)"; }
double resource-denied
logs "the policy denies" policy '403 PolicyDeny: denied by the double' rsa
double attest-malformed
logs "a malformed attestation result" parse 'attestation result' rsa
double auth-malformed
logs "a malformed challenge" parse 'line 1' rsa
double resource-unsealed
logs "an answer that was sealed for another" parse 'not encrypted for this key' rsa
double resource-expired
logs "a result that the KBS takes no more" resource '401 TokenVerifierError' rsa
kbs_stop
kbs_start
conf_write "$kbs_url" "$(pair rsa)"
logs "the verifier refuses" attest '401 AttestationError' rsa
timeout=2 conf_write http://127.0.0.1:1 "$(pair rsa)"
logs "nobody there" attest 'no connection' rsa
if [ ! -e /dev/tdx_guest ] && [ ! -e /dev/sev-guest ]; then
	sed -i 's/"sample"/"auto"/' "$work/kbs-pkcs11.json"
	logs "no TEE" evidence 'no TEE found' rsa
fi

host() { "$p11_host" --label rsa --public "$work/rsa.pub" "$module" sign 1; }
equal "unasked it says nothing" "" "$(host 2>&1 >/dev/null || true)"
says() { KBS_PKCS11_LOG=error host 2>&1 >/dev/null | grep -c 'event=failure' || true; }
equal "on standard error where nothing else is said" 1 "$(says)"
equal "the file is for its owner only" 600 "$(stat -c %a "$log")"
equal "nothing of syslog's goes to standard error" "" "$(KBS_PKCS11_LOG=error:syslog host 2>&1 >/dev/null || true)"
tap_end
