#!/usr/bin/env bash
# A process signs on while its key and certificate are rotated in a real KBS, taken away, denied, or the KBS is gone; a
# pinned key; PIN policies with pkcs11-tool.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
watch=$TOP_BUILDDIR/tests/support/p11_watch

# self_signed NAME: $work/NAME.crt of $work/NAME.key.
self_signed() { openssl req -new -x509 -key "$work/$1.key" -subj "/CN=$1" -days 2 -out "$work/$1.crt" 2>"$work/openssl.log"; }
make_key rsa:2048 one
make_key rsa:3072 two
self_signed one
self_signed two
kbs_start --allow-sample
put_pair() {
	resource_set kbs:///default/web/key "$work/$1.key"
	resource_set kbs:///default/web/cert "$work/$2.crt"
}
put_pair one one

# configure TOKEN-MEMBERS ENTRY-MEMBERS: one key `web` with its certificate, both in the KBS.
timeout=1
configure() {
	cat >"$work/kbs-pkcs11.json" <<-END
		{ "kbs": { "url": "$kbs_url", "attester": "sample", "timeout": $timeout }, "token": { "label": "kbs"${1:+, $1} },
		  "objects": [ { "label": "web", "class": "private-key", "uri": "kbs:///default/web/key",
		    "certificate": "kbs:///default/web/cert"${2:+, $2} } ] }
	END
	export KBS_PKCS11_CONF=$work/kbs-pkcs11.json
}
watch_start() {
	: >"$work/events"
	start_until '^[0-9]+ signs rsa' "$work/events" "$watch" "$module" web "$1"
	watch_pid=$pid
}
# seen_within SECONDS PATTERN: an event.
seen_within() {
	local deadline=$((SECONDS + $1 + 1))
	until grep -qE -- "$2" "$work/events"; do
		[ $SECONDS -le $deadline ] || { cat "$work/events"; return 1; }
		sleep 0.1
	done
}
watch_ends() { stop "$watch_pid"; }

seen_stale() {
	local deadline=$((SECONDS + 4))
	until grep -qE 'event=stale .*object="kbs:///default/web/key" seconds=5' "$work/stale.log" 2>/dev/null; do
		[ $SECONDS -le $deadline ] || return 1
		sleep 0.1
	done
}

# --- rotation: the certificate half a second after the key ----------------------------------------------------------
configure '"lifetime": 3'
watch_start 30
resource_set kbs:///default/web/key "$work/two.key"
sleep 0.5
resource_set kbs:///default/web/cert "$work/two.crt"
passes "a rotated key and its certificate are there within the lifetime" seen_within 3 ' signs rsa 3072'
sleep 0.3
watch_ends
passes "and no operation failed, none with half of the pair" grep -qE '^[1-9][0-9]+ signatures, 0 refused, 0 wrong$' "$work/events"

# --- the KBS goes away: fail, and serve-stale -----------------------------------------------------------------------
configure '"lifetime": 1'
watch_start 30
kbs_stop
passes "without the KBS a key lives as long as its lease" seen_within 3 ' refused 0x30$'
ended=$(sed -n 's/ refused.*//p' "$work/events" | head -1)
passes "and no longer" test "$ended" -gt 700 -a "$ended" -lt 3500
watch_ends
kbs_start --allow-sample
configure '"lifetime": 1, "on-expiry": "serve-stale", "stale": 60'
export KBS_PKCS11_LOG=warn:$work/stale.log
watch_start 30
kbs_stop
passes "serve-stale is told in the log" seen_stale
sleep 0.3
watch_ends
unset KBS_PKCS11_LOG
passes "and goes on with the key" grep -qE '^[1-9][0-9]+ signatures, 0 refused, 0 wrong$' "$work/events"
kbs_start --allow-sample

# --- removed, and denied -------------------------------------------------------------------------------------------
configure '"lifetime": 2, "on-expiry": "serve-stale", "stale": 60'
watch_start 30
kbs-server resource delete --url "$kbs_url" --admin-key "$work/kbs/admin.key" kbs:///default/web/key
passes "a key that is removed ends within the lifetime" seen_within 2 ' refused 0x60$'
watch_ends
put_pair two two
watch_start 30
echo '{ "default": "deny", "rules": [] }' >"$work/deny.json"
kbs-server policy get --url "$kbs_url" --admin-key "$work/kbs/admin.key" "$work/policy.json"
kbs-server policy set --url "$kbs_url" --admin-key "$work/kbs/admin.key" "$work/deny.json"
passes "so does one that a policy denies" seen_within 2 ' refused 0x101$'
kbs-server policy set --url "$kbs_url" --admin-key "$work/kbs/admin.key" "$work/policy.json"
again() { sed '1,/ refused 0x101$/d' "$work/events" | grep ' signs rsa 3072' >/dev/null; }
allowed_again() {
	local deadline=$((SECONDS + 5))
	until again; do
		[ $SECONDS -le $deadline ] || { cat "$work/events"; return 1; }
		sleep 0.1
	done
}
passes "and works again when it is allowed again" allowed_again
watch_ends

# --- pins ----------------------------------------------------------------------------------------------------------
pin=$(openssl pkey -in "$work/one.key" -pubout -outform DER | sha256sum | cut -d' ' -f1)
configure '"lifetime": 600' "\"spki-sha256\": \"$pin\""
export KBS_PKCS11_LOG=error:$work/pin.log
passes "another key than the pinned one is refused" bash -c "'$watch' '$module' web 1 | grep -qE '^0 signatures, [1-9][0-9]* refused'"
unset KBS_PKCS11_LOG
passes "and the log says why" grep -qE 'object="kbs:///default/web/key" err=integrity .*pinned' "$work/pin.log"
put_pair one one
passes "the pinned one signs" bash -c "'$watch' '$module' web 1 | grep -qE '^[1-9][0-9]+ signatures, 0 refused, 0 wrong'"

# --- PIN policies --------------------------------------------------------------------------------------------------
passes "a verifier is made of a PIN from standard input" bash -c "echo 4711 | kbs-token pin-verifier >'$work/verifier'"
# asks ANSWER ANSWER: at a terminal, which types each only when it is asked for.
cat >"$work/terminal.py" <<'END'
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execvp("kbs-token", ["kbs-token", "pin-verifier"])
shown = b""
def read_until(what):
    global shown
    try:
        while what is None or shown.count(b": ") < what:
            shown += os.read(terminal, 1000)
    except OSError:
        pass
for n, answer in enumerate(sys.argv[1:], 1):
    read_until(n)
    os.write(terminal, answer.encode() + b"\n")
read_until(None)
sys.stdout.buffer.write(shown.replace(b"\r", b""))
os.waitpid(pid, 0)
END
asks() { timeout 20 python3 "$work/terminal.py" "$@" >"$work/terminal"; }
asks 47110815 47110815
passes "at a terminal the PIN is asked for twice" grep -q '^[$]scrypt' "$work/terminal"
equal "and not shown" 0 "$(grep -c 47110815 "$work/terminal" || true)"
asks 47110815 47110816
passes "two that differ are refused" grep -q 'not the same' "$work/terminal"
refuses "a PIN of three bytes is too short" 8 '4 to 255' bash -c 'echo 471 | kbs-token pin-verifier'
refuses "a PIN is no argument" 2 'scrypt' bash -c 'echo 4711 | kbs-token pin-verifier 4711'
configure "\"pin-file\": \"$work/verifier\", \"pin-state\": \"$work/wrong-pins\", \"pin-tries\": 2"
says_why() { kbs-token list >"$work/list" 2>"$work/list.err" && ! grep -q private-key "$work/list" && grep -q 'logs in' "$work/list.err"; }
passes "kbs-token list says why it shows no private key" says_why
if command -v pkcs11-tool >/dev/null; then
	tool() { pkcs11-tool --module "$module" "$@" 2>&1; }
	holds() { local pattern=$1; shift; "$@" >"$work/listing" || true; grep -qE -- "$pattern" "$work/listing" || { cat "$work/listing"; return 1; }; }
	lacks() { ! holds "$@" >/dev/null; }
	echo data >"$work/data"
	sign_with_pin() { tool --login --pin "$1" --sign --mechanism SHA256-RSA-PKCS --label web -i "$work/data" -o "$work/sig"; }
	passes "pkcs11-tool sees that a login is required" holds 'login required' tool -L
	passes "and no private key without one" lacks 'Private Key Object' tool -O
	passes "with the PIN it signs" sign_with_pin 4711
	passes "and the signature holds" openssl dgst -sha256 -verify "$work/one.pub" -signature "$work/sig" "$work/data"
	passes "a wrong PIN is refused" holds 'CKR_PIN_INCORRECT' sign_with_pin 4712
	passes "one try is left, says another process" holds 'CKR_PIN_INCORRECT' sign_with_pin 4712
	passes "two wrong ones lock the token for all processes" holds 'CKR_PIN_LOCKED' sign_with_pin 4711
	rm "$work/wrong-pins"
	passes "who takes the count away unlocks it" sign_with_pin 4711
	front_start --upstream "$kbs_url"
	kbs_direct=$kbs_url kbs_url=$front_url
	configure '"pin": "attest"'
	kbs_url=$kbs_direct
	passes "with a login that attests, listing shows no private key" lacks 'Private Key Object' tool -O --type privkey
	equal "and touches no network" 0 "$(seen .)"
	passes "pkcs11-tool sees the protected path" holds 'PIN pad present' tool -L
	passes "and signs after a login" sign_with_pin 0000
	equal "of one attestation" 1 "$(handshakes)"
else
	skip "PIN policies with pkcs11-tool" "opensc is not installed"
fi
tap_end
