#!/usr/bin/env bash
# p11-kit: the .module file that `make install` puts; and remoting, where one attested process (p11-kit server) serves
# programs that know nothing of the KBS.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "p11-kit loads the module" p11-kit p11-kit p11tool
consumer_start
registered_start
passes "p11-kit loads the module from its .module file" outputs 'token: kbs' p11 p11-kit list-modules
passes "p11tool lists its keys" outputs 'object=ec' p11 p11tool --list-all 'pkcs11:token=kbs'
passes "p11tool lists its certificates" outputs 'type=cert' p11 p11tool --list-all-certs 'pkcs11:token=kbs'
nothing_fetched "listing"
for name in rsa ec; do
	passes "p11tool signs with $name and verifies, without a login" outputs 'ok' \
		p11 p11tool --test-sign "pkcs11:token=kbs;object=$name;type=private"
	passes "and with one, whatever the PIN" outputs 'ok' \
		p11 p11tool --login --set-pin 0 --test-sign "pkcs11:token=kbs;object=$name;type=private"
done

client=$(compgen -G '/usr/lib*/*/pkcs11/p11-kit-client.so' | head -1) || client=
if [ -z "$client" ] || [ ! -x /usr/libexec/p11-kit/p11-kit-server ]; then
	skip "p11-kit remoting" "p11-kit-modules is not installed"
	tap_end
	exit
fi
forget
# In the foreground, so that it is stopped by its pid.
start_until 'P11_KIT_SERVER_ADDRESS=' "$work/server.log" env KBS_PKCS11_CONF="$KBS_PKCS11_CONF" \
	p11-kit server --foreground --sh --name "$work/p11.socket" --provider "$module" 'pkcs11:token=kbs'
remote() { env -u KBS_PKCS11_CONF P11_KIT_SERVER_ADDRESS="unix:path=$work/p11.socket" "$@"; }
tool() { remote pkcs11-tool --module "$client" "$@"; }
passes "a client sees the token" outputs 'token label *: kbs' tool --list-token-slots
passes "a client sees its keys" outputs 'label: *rsa' tool --list-objects --type privkey
nothing_fetched "serving"
head -c 400 /dev/urandom >"$work/data"
for turn in 1 2 3; do
	passes "client $turn signs" tool --sign --mechanism SHA256-RSA-PKCS --id 01 -i "$work/data" -o "$work/sig$turn"
	passes "openssl verifies it" openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/sig$turn" "$work/data"
done
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
server_pid=$pid
signs=()
for turn in 4 5 6 7; do
	tool --sign --mechanism ECDSA --signature-format openssl --id 02 -i "$work/digest" -o "$work/sig$turn" >"$work/tool$turn.log" 2>&1 &
	signs+=($!)
done
for turn in 4 5 6 7; do
	passes "client $turn, of four at the same time, signs" wait "${signs[$((turn - 4))]}"
	passes "openssl verifies it" openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/sig$turn" "$work/data"
done
# p11-kit's server has a child for every connection, and the token's secrets do not survive a fork: one attestation a client.
equal "each of these clients cost one attestation, in the server" 7 "$(handshakes)"
forget
# One client that stays connected: many threads and sessions, one attestation.
passes "a client's four threads sign 80 times" remote "$p11_host" --label ec --public "$work/ec.pub" "$client" threads 4
equal "with one attestation" 1 "$(handshakes)"
equal "and one fetch" 1 "$(fetched ec)"
stop "$server_pid"

# One process for all: kbs-token serve, with the same client module and clients as above.
forget
start_until 'P11_KIT_SERVER_ADDRESS=' "$work/serve.log" kbs-token serve --socket "$work/serve.socket" --module "$module"
server_pid=$pid
remote() { env -u KBS_PKCS11_CONF "$(cat "$work/serve.log")" "$@"; }
equal "its socket is its user's alone" 600 "$(stat -c %a "$work/serve.socket")"
nothing_fetched "kbs-token serve that has started"
for turn in 1 2 3; do
	passes "client $turn of kbs-token serve signs" tool --sign --mechanism SHA256-RSA-PKCS --id 01 -i "$work/data" -o "$work/sig$turn"
	passes "openssl verifies it" openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/sig$turn" "$work/data"
done
equal "all of them cost one attestation" 1 "$(handshakes)"
equal "and one fetch" 1 "$(fetched rsa)"
signs=()
for turn in 4 5 6 7; do
	remote "$p11_host" --label rsa --public "$work/rsa.pub" "$client" threads 4 >"$work/tool$turn.log" 2>&1 &
	signs+=($!)
done
for turn in 4 5 6 7; do
	passes "client $turn, of four at the same time, signs 80 times" wait "${signs[$((turn - 4))]}"
done
equal "still one attestation" 1 "$(handshakes)"
refuses "a second server on the same socket" 10 'in use' kbs-token serve --socket "$work/serve.socket" --module "$module"
passes "and the first goes on" outputs 'label: *rsa' tool --list-objects --type privkey
other_kind='import socket, subprocess, sys
other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
other.bind(sys.argv[1])
sys.exit(subprocess.run(sys.argv[2:]).returncode)'
refuses "to take away a socket of another kind that is in use" 10 'in use' python3 -c "$other_kind" "$work/other.socket" \
	timeout 20 kbs-token serve --socket "$work/other.socket" --module "$module"
passes "which stays" test -S "$work/other.socket"
stop "$server_pid"
gone() { [ ! -e "$work/serve.socket" ]; }
passes "it takes its socket away" gone
tap_end
