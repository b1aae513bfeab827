#!/usr/bin/env bash
# The module inside other people's processes: eight threads, forked children (STORMS=10: ten storms of them), unloaded and loaded again, under
# valgrind, and forked amid fetches. Runs on the sanitizers' builds too.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

kbs_start --allow-sample
front_start --upstream "$kbs_url"
make_key rsa:2048 rsa
make_key P-256 ec
resource_set kbs:///default/keys/rsa "$work/rsa.key"
resource_set kbs:///default/keys/ec "$work/ec.key"
conf_write "$front_url" \
	"$(object rsa kbs:///default/keys/rsa "$work/rsa.pub"),$(object ec kbs:///default/keys/ec "$work/ec.pub")"
host() {
	local key=$1
	shift
	timeout --foreground -k 5 120 "$p11_host" --label "$key" --public "$work/$key.pub" "$module" "$@"
}
requests() { grep -v connect "$work/front.log" | sed 's,/kbs/v0/,,' | paste -sd' ' || true; }
once="POST auth POST attest GET resource/default/keys"

equal "finding a key maps no libcurl" "libcurl is not mapped" "$("$p11_host" --label rsa "$module" maps 2>&1)"
equal "and touches no network" "" "$(cat "$work/front.log")"
for key in rsa ec; do
	forget
	passes "$key: eight threads sign at once" host $key threads 8
	equal "$key: and share one attestation and one fetch" "$once/$key" "$(requests)"
	forget
	passes "$key: forked children initialise again and sign; the parent goes on" host $key fork 3
	equal "$key: the parent and each child attested once" 4 "$(handshakes)"
	storms=${STORMS-1} children=50
	# Seen with gcc 12: AddressSanitizer's and ThreadSanitizer's allocators take their locks into a child that is forked amid
	# threads, and it waits for a thread that it has not.
	if sanitized; then
		skip "$key: children of a parent whose threads sign" "this sanitizer's allocator does not survive fork() amid threads"
		storms=0
	fi
	for ((storm = 1; storm <= storms; storm++)); do
		forget
		passes "$key: $children children initialise, sign and exit while their parent's threads sign${STORMS:+, storm $storm}" host $key storm $children
		equal "$key: the parent and each of these attested once" $((children + 1)) "$(handshakes)"
		equal "$key: each on a connection of its own: none was inherited" $((children + 1)) "$(seen '^connect')"
	done
	forget
	passes "$key: loaded, finalised and unloaded ten times over" host $key cycle 10
	equal "$key: with one attestation for all" 1 "$(handshakes)"
done

if sanitized || ! command -v valgrind >/dev/null; then
	skip "under valgrind" "this build has a sanitizer of its own, or there is no valgrind"
else
	under() {
		timeout --foreground -k 5 300 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
			"$p11_host" --label "$1" --public "$work/$1.pub" "$module" "${@:2}"
	}
	for key in rsa ec; do
		passes "$key: signs under valgrind" under $key sign 3
		passes "$key: threads under valgrind" under $key threads 3
		passes "$key: unloads and loads again under valgrind" under $key cycle 2
	done
	passes "pkcs11-tool under valgrind" timeout --foreground -k 5 300 valgrind -q --error-exitcode=99 pkcs11-tool --module "$module" \
		--sign --mechanism SHA256-RSA-PKCS --label rsa -i "$work/rsa.pub" -o "$work/sig"
fi

# A fetch computes as well: the key pair of an attestation, TLS, what the answer is sealed with. Where a fork does not wait for that, nearly each of these
# runs has a child that hangs, since the locks of OpenSSL are held for long here.
amid_fetches="children of a parent that fetches"
if sanitized; then
	skip "$amid_fetches" "this sanitizer's allocator does not survive fork() amid threads"
else
	kbs_stop
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 \
		-keyout "$work/tls.key" -out "$work/tls.pem" 2>"$work/openssl.log" || diag 20 <"$work/openssl.log"
	kbs_start --allow-sample --tls-cert "$work/tls.pem" --tls-key "$work/tls.key"
	conf_write "$kbs_url" "" "\"ca\": \"$work/tls.pem\""
	for key in rsa ec; do
		for ((name = 0; name < 400; name++)); do
			ln "$work/kbs/storage/default/keys/$key" "$work/kbs/storage/default/keys/$key-$name"
		done
		for ((storm = 1; storm <= ${STORMS-1}; storm++)); do
			passes "$key: 20 $amid_fetches, over TLS, initialise, sign and exit${STORMS:+, storm $storm}" \
				timeout --foreground -k 5 120 env LD_PRELOAD="$TOP_BUILDDIR/tests/support/.libs/slow_locks.so" \
				"$p11_host" --label "kbs:///default/keys/$key" --public "$work/$key.pub" "$module" fetch 20
		done
	done
fi
tap_end
