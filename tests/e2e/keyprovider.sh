#!/usr/bin/env bash
# kbs-keyprovider with keys that only the KBS holds: images, encrypted and decrypted through it, and its refusals.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

mkdir "$work/root"
head -c 100000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" --plain-layer "$work/root" >"$work/digest"
kbs_start --allow-sample
front_start --upstream "$kbs_url"
conf_write "$front_url"
head -c 32 /dev/urandom >"$work/kek"
head -c 16 /dev/urandom >"$work/short"
resource_set kbs:///default/key/1 "$work/kek"
resource_set kbs:///default/key/2 "$work/short"
kek=kbs:///default/key/1

# providers [ARGUMENT...]: kbs-keyprovider with these, as "kbs".
providers() {
	jq -n --arg path "$TOP_BUILDDIR/kbs-keyprovider" '{"key-providers":{kbs:{cmd:{path:$path,args:$ARGS.positional}}}}' \
		--args -- "$@" >"$work/providers.json"
	export OCICRYPT_KEYPROVIDER_CONFIG=$work/providers.json
}
# packet_of DIR TAG: the first layer's annotation packet.
packet_of() {
	jq -r '.layers[0].annotations["org.opencontainers.image.enc.keys.provider.kbs"]' "$(manifest_of "$1" "$2")" | base64 -d
}

round_trip() {
	local what=$1 key=$2 name=$3
	passes "$what: encrypts" kbs-image copy --encryption-key "provider:kbs:$key" "oci:$work/image:plain" "oci:$work/$name:enc"
	passes "$what: every layer" all_encrypted "$work/$name" enc provider.kbs
	passes "$what: no layer is the plain one" no_layer_in_common "$work/image" plain "$work/$name" enc
	passes "$what: decrypts" kbs-image copy --decryption-key provider:kbs "oci:$work/$name:enc" "oci:$work/$name-open:x"
	passes "$what: the same layers" same_layers "$work/image" plain "$work/$name-open" x
}

providers
round_trip "GCM" "$kek" gcm
equal "the packet names the key and the algorithm" "$kek A256GCM" "$(packet_of "$work/gcm" enc | jq -r '.kid + " " + .wrap_type')"
round_trip "CTR" "keyid=$kek::algorithm=A256CTR" ctr
providers --packet-version 2 --name kbs
round_trip "version 2" "$kek" v2
equal "the packet says its version" "0.1.0 kbs" "$(packet_of "$work/v2" enc | jq -r '.version + " " + .provider')"

# A layer for the provider and for a local key opens with either.
make_key P-256 ec
providers --name kbs
passes "encrypts for two schemes" kbs-image copy --encryption-key "provider:kbs:$kek" --encryption-key "jwe:$work/ec.pub" \
	"oci:$work/image:plain" "oci:$work/two:enc"
passes "opens by the provider" kbs-image copy --decryption-key provider:kbs "oci:$work/two:enc" "oci:$work/two-a:x"
OCICRYPT_KEYPROVIDER_CONFIG='' passes "opens by the local key, without any provider" \
	kbs-image copy --decryption-key "$work/ec.key" "oci:$work/two:enc" "oci:$work/two-b:x"
passes "the same layers" same_layers "$work/image" plain "$work/two-b" x

# --- the command itself -------------------------------------------------------------------------------------------

providers
asks() { kbs-keyprovider "${@:2}" <<<"$1"; }
unwrap='{"op":"keyunwrap","keywrapparams":{"ec":null,"optsdata":null},"keyunwrapparams":{"dc":null,"annotation":"@"}}'
request() { echo "${unwrap/@/$(base64 -w0)}"; }
packet_of "$work/gcm" enc >"$work/packet"
asks "$(request <"$work/packet")" >"$work/answer"
passes "answers in octets that Go's and Rust's callers take" \
	jq -e '.keyunwrapresults.optsdata | length == 193 and all(. >= 0 and . < 256)' "$work/answer"
for file in sample_kbc_annotation annotation-packet-v1; do
	packet=$TOP_SRCDIR/../shared/fixtures/ocicrypt/$file.json
	if [ -r "$packet" ]; then
		refuses "$file.json: a packet of another's key" 7 "$kek: .*wrong key" asks "$(request <"$packet")"
	else
		skip "$file.json" "no fixtures here"
	fi
done
if [ -r "$TOP_SRCDIR/../shared/fixtures/ocicrypt/sample_kbc_annotation.json" ]; then
	known=d99b7705b0ba7a168295b3a3367270b0dd9b371bf514ca8b9ba7f0a33711daea
	python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' $known >"$work/known"
	resource_set kbs:///default/key/1 "$work/known"
	passes "opens a packet of Confidential Containers with its well-known key" \
		asks "$(request <"$TOP_SRCDIR/../shared/fixtures/ocicrypt/sample_kbc_annotation.json")"
	passes "and that is a layer's key" jq -e '.keyunwrapresults.optsdata | implode | fromjson | .symkey' "$work/out"
	resource_set kbs:///default/key/1 "$work/kek"
fi
refuses "no request" 8 'the request' asks ''
refuses "bad JSON" 8 'the request' asks '{"op":'
refuses "another operation" 8 'neither keywrap nor keyunwrap' asks '{"op":"destroy"}'
refuses "an annotation that is no packet" 8 'annotation packet' asks "${unwrap/@/AAAA}"
refuses "a key that the KBS lacks" 6 'kbs:///default/key/3' \
	asks "$(sed 's,default/key/1,default/key/3,' "$work/packet" | request)"
refuses "a key of another length" 9 'kbs:///default/key/2: .*16 bytes instead of 32' \
	asks "$(sed 's,default/key/1,default/key/2,' "$work/packet" | request)"
refuses "a PIN among the arguments" 2 'pin-source' asks '{}' --token 'pkcs11:token=kbs?pin-value=secretpin'
refuses "an unknown option" 2 'unknown option' asks '{}' --nope
refuses "a packet version that is none" 2 '1 or 2' asks '{}' --packet-version 3
refuses "a token that names an object" 2 'names an object' asks '{}' --token 'pkcs11:token=kbs;object=x'
head -c 300000 /dev/zero | tr '\0' ' ' >"$work/large"
refuses "a request that is too large" 8 '' kbs-keyprovider <"$work/large"
passes "--help teaches" grep -q 'OCICRYPT_KEYPROVIDER_CONFIG' <(kbs-keyprovider --help)

# --- by ttrpc -----------------------------------------------------------------------------------------------------

socket=$work/keyprovider.sock
daemon() { start_until '^listening on ' "$work/daemon.log" kbs-keyprovider --ttrpc "unix://$socket"; }
forget
daemon
daemon_pid=$pid
cmd_providers=$OCICRYPT_KEYPROVIDER_CONFIG
printf '{"key-providers":{"kbs":{"ttrpc":"unix://%s"}}}' "$socket" >"$work/ttrpc.json"
export OCICRYPT_KEYPROVIDER_CONFIG=$work/ttrpc.json
round_trip "ttrpc" "$kek" ttrpc
passes "what went through a socket opens by cmd" env OCICRYPT_KEYPROVIDER_CONFIG="$cmd_providers" \
	kbs-image copy --decryption-key provider:kbs "oci:$work/ttrpc:enc" "oci:$work/ttrpc-cmd:x"
forget
many() {
	local i pids=()
	for i in 1 2 3 4 5 6; do
		kbs-image copy -q --decryption-key provider:kbs "oci:$work/ttrpc:enc" "oci:$work/many-$i:x" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return 1; done
}
passes "six callers at the same time" many
equal "and the daemon attested before, once for all" 0 "$(handshakes)"
refuses "a second daemon at the same socket" 10 'in use' kbs-keyprovider --ttrpc "unix://$socket"
refuses "an address that is none" 2 'unix:///PATH' kbs-keyprovider --ttrpc "tcp://$socket"
refuses "a key that the KBS lacks, by name" 6 'the key provider kbs: .*status 5: kbs:///default/key/9' \
	kbs-image copy --encryption-key provider:kbs:kbs:///default/key/9 "oci:$work/image:plain" "oci:$work/never:x"
status=0
kill "$daemon_pid"
wait "$daemon_pid" || status=$?
equal "it ends in good order" "0 gone" "$status $([ -e "$socket" ] && echo there || echo gone)"
refuses "a daemon that is down" 4 'the key provider kbs: .*not reached' \
	kbs-image copy --decryption-key provider:kbs "oci:$work/ttrpc:enc" "oci:$work/never:x"
daemon
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
daemon
passes "takes the place of one that was killed" \
	kbs-image copy --decryption-key provider:kbs "oci:$work/ttrpc:enc" "oci:$work/again:x"
stop "$pid"
hand_over='import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp("kbs-keyprovider", ["kbs-keyprovider", "--ttrpc", "unix:///not/used"])'
start_until '^listening on ' "$work/daemon.log" python3 -c "$hand_over" "$socket"
passes "takes a socket that is handed over" \
	kbs-image copy --decryption-key provider:kbs "oci:$work/ttrpc:enc" "oci:$work/handed:x"
stop "$pid"

# --- by gRPC ------------------------------------------------------------------------------------------------------

# grpc_at ADDRESS [MEMBERS]: the callers' configuration.
grpc_at() {
	printf '{"key-providers":{"kbs":{"grpc":"%s"%s}}}' "$1" "${2:+,$2}" >"$work/grpc.json"
	export OCICRYPT_KEYPROVIDER_CONFIG=$work/grpc.json
}
# grpc_daemon ADDRESS [ARGUMENT...]: sets grpc_address, grpc_pid.
grpc_daemon() {
	start_until '^listening on .* for grpc$' "$work/grpc.log" kbs-keyprovider --grpc "$@"
	grpc_address=${matched#listening on }
	grpc_address=${grpc_address% for grpc}
	grpc_pid=$pid
}
opens_by_grpc() { kbs-image copy -q --decryption-key provider:kbs "oci:$work/grpc:enc" "oci:$work/grpc-$1:x"; }
grpc_daemon localhost:0 --ttrpc "unix://$socket"
grpc_at "$grpc_address"
round_trip "gRPC" "$kek" grpc
many_by_grpc() {
	local i pids=()
	for i in 1 2 3 4 5 6; do
		opens_by_grpc "$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return 1; done
}
passes "six callers of gRPC at the same time" many_by_grpc
if [ "$(id -u)" = 0 ]; then
	stranger='import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
host, port = sys.argv[1].rsplit(":", 1)
s = socket.socket()
s.connect((host.encode(), int(port)))
s.settimeout(10)
try:
    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
    sys.exit(1 if s.recv(100) else 0)
except ConnectionError:
    sys.exit(0)'
	passes "another user of this machine is not answered" python3 -c "$stranger" "$grpc_address"
else
	skip "another user of this machine is not answered" "only root can be another user"
fi
crowd='import socket, subprocess, sys
host, port = sys.argv[1].rsplit(":", 1)
idle = [socket.create_connection((host, int(port))) for i in range(70)]
for s in idle[:20]: # half a request
    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5) + b"\0\1\0\1\0\0\0\0\1")
sys.exit(subprocess.call(sys.argv[2:]))'
passes "a crowd that says nothing keeps nobody out" python3 -c "$crowd" "$grpc_address" \
	kbs-image copy -q --decryption-key provider:kbs "oci:$work/grpc:enc" "oci:$work/grpc-crowd:x"
OCICRYPT_KEYPROVIDER_CONFIG=$work/ttrpc.json passes "and ttrpc of the same daemon" opens_by_grpc ttrpc
refuses "gRPC: a key that the KBS lacks, by name" 6 'the key provider kbs: .*status 5: kbs:///default/key/9' \
	kbs-image copy --encryption-key provider:kbs:kbs:///default/key/9 "oci:$work/image:plain" "oci:$work/never:x"
status=0
kill "$grpc_pid"
wait "$grpc_pid" || status=$?
equal "the daemon of both ends in good order" "0 gone" "$status $([ -e "$socket" ] && echo there || echo gone)"
refuses "gRPC: a daemon that is down" 4 'the key provider kbs: .*not reached' opens_by_grpc never
refuses "gRPC where others could read" 2 'others could read.*--tls-cert' kbs-keyprovider --grpc 0.0.0.0:0
refuses "ttrpc at a port" 2 'unix:///PATH' kbs-keyprovider --ttrpc localhost:0
refuses "half of what TLS needs" 2 'belong together' kbs-keyprovider --grpc localhost:0 --tls-cert "$work/server.pem"

# TLS, both sides by their certificates.
make_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$work/$1.key" \
		-out "$work/$1.pem" 2>>"$work/openssl.log"
}
# make_certificate NAME CA SAN
make_certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$work/$1.key" 2>>"$work/openssl.log" |
		openssl x509 -req -days 2 -CA "$work/$2.pem" -CAkey "$work/$2.key" -extfile <(echo "subjectAltName=$3") \
			-out "$work/$1.pem" 2>>"$work/openssl.log"
}
make_ca ca
make_ca other-ca
make_certificate server ca DNS:keyprovider.example
make_certificate client ca DNS:client
make_certificate stranger other-ca DNS:client
tls_with() {
	printf '"grpc-tls":{"root-ca-file":"%s","server-name":"%s","cert-file":"%s","key-file":"%s"}' "$work/$1.pem" "$2" \
		"${3:+$work/$3.pem}" "${3:+$work/$3.key}"
}
grpc_daemon 127.0.0.1:0 --tls-cert "$work/server.pem" --tls-key "$work/server.key" --tls-client-ca "$work/ca.pem"
grpc_at "$grpc_address" "$(tls_with ca keyprovider.example client)"
passes "TLS: opens" opens_by_grpc tls
# What it unwrapped just now, and a key that it has in mind.
OCICRYPT_KEYPROVIDER_CONFIG=$cmd_providers asks "$(packet_of "$work/grpc" enc | request)" >"$work/answer"
jq -j '.keyunwrapresults.optsdata | implode | fromjson | .symkey' "$work/answer" >"$work/symkey.b64"
base64 -d "$work/symkey.b64" >"$work/symkey"
jq -j '.keyunwrapresults.optsdata[11:43] | map(tostring) | join(",")' "$work/answer" >"$work/symkey.octets" # as it travels
remembers() { python3 "$TOP_SRCDIR/tests/support/memory_of.py" "$grpc_pid" "$work/$1"; }
if status=0 && { remembers symkey >/dev/null || status=$?; } && [ "$status" -eq 3 ]; then
	skip "the daemon keeps no layer's key" "its memory is not ours to read"
else
	equal "the daemon keeps no layer's key" "0 0 0" "$(remembers symkey) $(remembers symkey.b64) $(remembers symkey.octets)"
fi
grpc_at "$grpc_address" "$(tls_with other-ca keyprovider.example client)"
refuses "TLS: a server that nobody vouches for" 4 'its certificate: ' opens_by_grpc never
grpc_at "$grpc_address" "$(tls_with ca another.example client)"
refuses "TLS: another server" 4 'its certificate: .*mismatch' opens_by_grpc never
grpc_at "$grpc_address" "$(tls_with ca keyprovider.example stranger)"
refuses "TLS: a client that nobody vouches for" 4 'TLS.*unknown ca' opens_by_grpc never
grpc_at "$grpc_address" "$(tls_with ca keyprovider.example)"
refuses "TLS: a client without a certificate" 4 'TLS.*certificate required' opens_by_grpc never
grpc_at "$grpc_address"
refuses "TLS: a client without TLS" '4|8' 'the key provider kbs' opens_by_grpc never
stop "$grpc_pid"
chmod a+r "$work/server.key"
refuses "a key that others may read" 3 'others may read' \
	kbs-keyprovider --grpc localhost:0 --tls-cert "$work/server.pem" --tls-key "$work/server.key"

# --- with systemd -------------------------------------------------------------------------------------------------

if command -v systemd-socket-activate >/dev/null; then
	start_until '^Listening on ' "$work/activate.log" systemd-socket-activate -E "KBS_PKCS11_CONF=$KBS_PKCS11_CONF" \
		-l "$work/grpc.sock" -l "$work/ttrpc.sock" --fdname=grpc:ttrpc "$TOP_BUILDDIR/kbs-keyprovider"
	grpc_at "unix://$work/grpc.sock"
	passes "serves gRPC at a socket of systemd's, by its name" opens_by_grpc systemd
	printf '{"key-providers":{"kbs":{"ttrpc":"unix://%s"}}}' "$work/ttrpc.sock" >"$work/grpc.json"
	passes "and ttrpc at another" opens_by_grpc systemd-ttrpc
	stop "$pid"
else
	skip "sockets of systemd" "systemd-socket-activate is not installed"
fi
notified='import os, socket, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(10)
p = subprocess.Popen(["kbs-keyprovider", "--grpc", "localhost:0"], env=dict(os.environ, NOTIFY_SOCKET=sys.argv[1]))
first = s.recv(100)
p.terminate()
sys.exit(0 if first == b"READY=1" and s.recv(100) == b"STOPPING=1" and p.wait() == 0 else 1)'
passes "tells systemd when it is ready, and when it ends" python3 -c "$notified" "$work/notify.sock"
if command -v systemd-analyze >/dev/null; then
	mkdir "$work/units"
	cp "$TOP_SRCDIR"/tools/systemd/*.socket "$work/units"
	sed "s,^ExecStart=.*,ExecStart=$TOP_BUILDDIR/kbs-keyprovider," "$TOP_BUILDDIR/tools/systemd/kbs-keyprovider.service" \
		>"$work/units/kbs-keyprovider.service"
	passes "its units are good" systemd-analyze verify --man=no "$work"/units/*
	passes "and leave it little" systemd-analyze security --no-pager --offline=yes --threshold=25 "$work/units/kbs-keyprovider.service"
else
	skip "the units" "systemd-analyze is not installed"
fi
OCICRYPT_KEYPROVIDER_CONFIG=$cmd_providers

# --- what kbs-image says ------------------------------------------------------------------------------------------

refuses "a key of the KBS that is not there is named" 6 'the key provider kbs: .*exit status 6: .*kbs:///default/key/9' \
	kbs-image copy --encryption-key provider:kbs:kbs:///default/key/9 "oci:$work/image:plain" "oci:$work/never:x"
# bad_provider SCRIPT: a provider of ours that is none.
bad_provider() {
	jq -n --arg script "$1" '{"key-providers":{kbs:{cmd:{path:"/bin/sh",args:["-c",$script]},timeout:1}}}' >"$work/bad.json"
}
opens_badly() { OCICRYPT_KEYPROVIDER_CONFIG=$work/bad.json kbs-image copy -q --decryption-key provider:kbs "oci:$work/gcm:enc" "oci:$work/never:x"; }
# refuses_provider WHAT EXIT PATTERN SCRIPT
refuses_provider() {
	bad_provider "$4"
	refuses "$1" "$2" "layer 0 .*the key provider kbs: /bin/sh: $3" opens_badly
}
refuses_provider "a provider that hangs" 4 'it did not answer in time, and was killed' 'sleep 600'
refuses_provider "one that dies" 8 'it was ended by signal 11' 'kill -SEGV $$'
refuses_provider "one that prints megabytes" '8|9' 'it printed more than 262144 bytes' 'exec head -c 9999999 /dev/zero'
refuses_provider "one that prints bad JSON" '8|9' 'its answer: ' 'echo "{"'
refuses_provider "one that prints nothing" '8|9' 'its answer: ' 'cat >/dev/null'
refuses_provider "one that is denied" 5 'it ended with exit status 5: no' 'echo no >&2; exit 5'
refuses_provider "one whose key does not fit" 9 'it ended with exit status 9' 'exit 9'
refuses "a provider that is not configured" 8 'no key provider "other"' \
	kbs-image copy --decryption-key provider:other "oci:$work/gcm:enc" "oci:$work/never:x"
kbs_stop
refuses "a KBS that is down" '4|8' 'layer 0 .*the key provider kbs: .*exit status (4|8): ' \
	kbs-image copy --decryption-key provider:kbs "oci:$work/gcm:enc" "oci:$work/never:x"
equal "none of that made an image" no "$([ -e "$work/never/index.json" ] && echo yes || echo no)"
tap_end
