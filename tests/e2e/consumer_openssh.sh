#!/usr/bin/env bash
# OpenSSH: the public keys of the token, an agent that uses it, and log-ins to an sshd of our own on a free loopback port.
# Nothing of the machine's own ssh configuration is read or changed.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "OpenSSH uses the token" openssh-client ssh ssh-keygen ssh-add ssh-agent "/usr/lib*/openssh/ssh-pkcs11-helper"
consumer_start
# ssh asks for the real path of what it may load.
real=$(readlink -f "$module")

passes "ssh-keygen -D lists the keys" outputs '^ssh-rsa ' ssh-keygen -D "$real"
cp "$work/listing" "$work/keys"
passes "both of them" grep -qE '^ecdsa-sha2-nistp256 ' "$work/keys"
nothing_fetched "ssh-keygen -D"
same_key() { [ "$(ssh-keygen -i -m PKCS8 -f "$work/$1.pub")" = "$(grep "^$2 " "$work/keys" | cut -d' ' -f1,2)" ]; }
passes "the RSA key is the KBS's" same_key rsa ssh-rsa
passes "the EC key is the KBS's" same_key ec ecdsa-sha2-nistp256

start_until '^echo Agent pid' "$work/agent.log" ssh-agent -D -a "$work/agent.socket" -P "$real"
agent_pid=$pid
export SSH_AUTH_SOCK=$work/agent.socket
# The token wants no PIN; ssh-add asks for one whatever the token says.
printf '#!/bin/sh\necho 0\n' >"$work/askpass"
chmod 700 "$work/askpass"
export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
passes "ssh-add -s hands the token to an agent" ssh-add -s "$real"
passes "the agent has both keys" outputs ECDSA ssh-add -l
nothing_fetched "ssh-add"
for name in rsa ec; do
	ssh-keygen -i -m PKCS8 -f "$work/$name.pub" >"$work/$name.ssh.pub"
	passes "ssh-add -T: the agent signs with $name, and it verifies" ssh-add -T "$work/$name.ssh.pub"
done

sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || sshd=
if [ -z "$sshd" ]; then
	skip "a log-in with a key of the KBS" "openssh-server is not installed"
	ssh-add -e "$real" >/dev/null 2>&1 || true
	tap_end
	exit
fi
# The folder of sshd's unprivileged half, which its service would make.
if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then
	mkdir -m 755 /run/sshd
	trap 'rmdir /run/sshd 2>/dev/null; finish' EXIT
fi
port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
cut -d' ' -f1,2 "$work/keys" >"$work/authorized"
cat >"$work/sshd.conf" <<END
ListenAddress 127.0.0.1:$port
HostKey $work/host
PidFile none
AuthorizedKeysFile $work/authorized
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthenticationMethods publickey
END
"$sshd" -D -e -f "$work/sshd.conf" >"$work/sshd.log" 2>&1 </dev/null &
started+=("$!")
until_listening "$!" "$port" "$work/sshd.log"
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$work/host.pub")" >"$work/known"
login() {
	ssh -F none -p "$port" -o UserKnownHostsFile="$work/known" -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes \
		-o PreferredAuthentications=publickey -o ConnectTimeout=10 -o BatchMode=yes "$@" "$(id -un)@127.0.0.1" 'echo logged in'
}
for name in rsa ec; do
	passes "ssh logs in through the agent, $name" outputs '^logged in' login -o IdentitiesOnly=yes -i "$work/$name.ssh.pub"
done
passes "ssh-add -e takes the token away" ssh-add -e "$real"
refuses "and then nobody logs in" 255 'denied' login -o IdentityFile=none
stop "$agent_pid"
unset SSH_AUTH_SOCK
forget
passes "ssh -I logs in without an agent" outputs '^logged in' login -I "$real"
equal "with one attestation" 1 "$(handshakes)"
tap_end
