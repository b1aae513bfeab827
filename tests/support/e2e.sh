# shellcheck shell=bash disable=SC2034 # variables for whoever sources this
# What the end-to-end tests share: a private folder, real servers on free loopback ports that are stopped by their
# pid, checks that print TAP. Sourced by tests/e2e/*.sh, tests/interop/*.sh and scripts/demo's tests.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${TOP_SRCDIR:=$here}" "${TOP_BUILDDIR:=$here/build}"
export TOP_SRCDIR TOP_BUILDDIR
# shellcheck source=tests/support/tap.sh
. "$TOP_SRCDIR/tests/support/tap.sh"

# Keys go to memory where there is a tmpfs, never to a disk.
umask 077
if [ -d /dev/shm ] && [ -w /dev/shm ] && [ "$(df -k --output=avail /dev/shm | tail -1)" -gt 524288 ]; then
	work=$(mktemp -d /dev/shm/kbs-e2e.XXXXXX)
else
	work=$(mktemp -d "${TMPDIR:-/tmp}/kbs-e2e.XXXXXX")
fi
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

# Nothing of the caller's configuration reaches a test.
unset AA_KBC_PARAMS KBS_PKCS11_CONF KBS_PKCS11_LOG OPENSSL_CONF SOFTHSM2_CONF OCICRYPT_OAEP_HASHALG \
	OCICRYPT_KEYPROVIDER_CONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
export XDG_CONFIG_HOME=$work/config
unset OCICRYPT_CONFIG
mkdir -p "$XDG_CONFIG_HOME"

PATH=$TOP_BUILDDIR:$PATH
module=$TOP_BUILDDIR/kbs-pkcs11.so
p11_host=$TOP_BUILDDIR/tests/support/p11_host

# True in a build that a sanitizer watches. (Not `grep -q`: with pipefail nm's broken pipe would count.)
sanitized() { nm -D "$module" 2>/dev/null | grep -E '__(asan|tsan)_init' >/dev/null; }

started=()
finish() {
	local status=$? pid
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
	if [ -n "${E2E_KEEP-}" ]; then
		echo "# kept: $work"
	else
		rm -rf "$work"
	fi
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# start_until PATTERN LOG COMMAND...: in the background until a line of its output matches; sets `matched` and `pid`.
start_until() {
	local pattern=$1 log=$2 deadline=$((SECONDS + 15))
	shift 2
	: >"$log"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	started+=("$pid")
	until matched=$(grep -m1 -E "$pattern" "$log"); do
		if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
			echo "# $1 did not start:"
			diag 20 <"$log"
			return 1
		fi
		sleep 0.05
	done
}

# stop PID: and waits.
stop() {
	local pid keep=()
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	for pid in "${started[@]}"; do [ "$pid" = "$1" ] || keep+=("$pid"); done
	started=("${keep[@]}")
}

# free_port: one that nobody listens on, for servers that cannot take 0. Drawn from below the range of which the kernel
# gives ports away by itself, so that neither another test's server nor a connection takes it meanwhile.
free_port() {
	python3 -c '
import random, socket
while True:
    port = random.randrange(10000, 30000)
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break'
}

# until_listening PID PORT LOG: 15 s at most.
until_listening() {
	local deadline=$((SECONDS + 15))
	until (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
		if ! kill -0 "$1" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
			echo "# nobody listens on port $2:"
			diag 30 <"$3"
			return 1
		fi
		sleep 0.1
	done
}

# --- the KBS ----------------------------------------------------------------------------------------------------

# kbs_start [OPTION...]: a KBS in $work/kbs; sets kbs_url, kbs_pid.
kbs_start() {
	[ -d "$work/kbs" ] || kbs-server init "$work/kbs" >"$work/kbs-init.log" 2>&1 || { diag 20 <"$work/kbs-init.log"; return 1; }
	start_until '^listening on ' "$work/kbs.log" kbs-server run "$work/kbs" --listen 127.0.0.1:0 "$@" || return 1
	kbs_pid=$pid
	kbs_url=${matched#listening on }
}

kbs_stop() { stop "$kbs_pid"; }

# resource_set URI FILE
resource_set() { kbs-server resource set --url "$kbs_url" --admin-key "$work/kbs/admin.key" "$1" "$2"; }

# front_start [OPTION...]: tests/support/kbs_double.py; sets front_url, front_pid; what passes goes to $work/front.log.
front_start() {
	: >"$work/front.log"
	start_until '^listening on ' "$work/front.out" python3 "$TOP_SRCDIR/tests/support/kbs_double.py" \
		--log "$work/front.log" "$@" || return 1
	front_pid=$pid
	front_url=${matched#listening on }
}

# seen PATTERN: how many lines of the front's log match.
seen() { grep -cE "$1" "$work/front.log" || true; }
handshakes() { seen '^POST /kbs/v0/attest'; }
forget() { : >"$work/front.log"; }

# --- configuration ----------------------------------------------------------------------------------------------

# conf_write URL [OBJECTS] [KBS MEMBERS]: the token's configuration in $work/kbs-pkcs11.json.
timeout=20
conf_write() {
	local objects=${2-} more=${3-}
	cat >"$work/kbs-pkcs11.json" <<-END
		{
		  "kbs": { "kbc": "cc_kbc", "url": "$1", "attester": "sample", "timeout": $timeout${more:+, $more} },
		  "token": { "label": "kbs" },
		  "objects": [ $objects ]
		}
	END
	export KBS_PKCS11_CONF=$work/kbs-pkcs11.json
}

# object LABEL URI [PUBLIC KEY FILE]: one entry of the configuration.
object() {
	printf '{ "label": "%s", "class": "private-key", "uri": "%s"%s }' "$1" "$2" "${3:+, \"public\": \"$3\"}"
}

# key_uri LABEL: names a key of the token for kbs-image, which finds this project's module itself.
key_uri() { echo "pkcs11:token=kbs;object=$1"; }
# key_uri_for_go LABEL: the same for skopeo, which wants a PIN and the module's path.
key_uri_for_go() { echo "pkcs11:token=kbs;object=$1?pin-value=1234&module-path=$module"; }

# Keys of skopeo may name our module; ocicrypt's default is none at all.
allow_module() {
	{
		printf 'pkcs11:\n  module-directories:\n    - %s/\n  allowed-module-paths:\n' "$TOP_BUILDDIR"
		printf '    - %s\n' "$module" "$(readlink -f "$module")"
	} >"$work/ocicrypt.conf"
	export OCICRYPT_CONFIG=$work/ocicrypt.conf
}

# --- checks -----------------------------------------------------------------------------------------------------

# passes WHAT COMMAND...: exit code 0. Its output is shown where it fails.
passes() {
	local what=$1 status=0
	shift
	"$@" >"$work/out" 2>"$work/err" || status=$?
	if [ $status -eq 0 ]; then
		ok "$what"
		return 0
	fi
	not_ok "$what"
	{
		echo "exit code $status of: $*"
		cat "$work/err" "$work/out"
	} | diag 40
	return 0
}

# refuses WHAT EXIT PATTERN COMMAND...: exactly this exit code (or one of A|B), and stderr says why.
refuses() {
	local what=$1 expected=$2 pattern=$3 status=0
	shift 3
	"$@" >"$work/out" 2>"$work/err" || status=$?
	if [[ $status =~ ^($expected)$ ]] && grep -qiE -- "$pattern" "$work/err"; then
		ok "$what"
		return 0
	fi
	not_ok "$what"
	{
		echo "exit code $status (expected $expected), stderr must match /$pattern/; command: $*"
		cat "$work/err"
	} | diag 20
	return 0
}

# equal WHAT EXPECTED FOUND
equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf 'expected: %s\nfound:    %s\n' "$2" "$3" | diag 20
	fi
}

# --- keys and images --------------------------------------------------------------------------------------------

# registry_start FOLDER [HTTP [LINES]]: Debian's docker-registry, its blobs in FOLDER, what it says in FOLDER.log; sets `host`
# (with its port) and `pid`. HTTP: ", NAME: VALUE" pairs for its `http`; LINES: more of its configuration.
registry_start() {
	mkdir -p "$1"
	cat >"$1.yml" <<END
version: 0.1
log: {accesslog: {disabled: false}, level: info}
storage: {filesystem: {rootdirectory: $1}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0", secret: x${2-}}
${3-}
END
	start_until 'listening on 127[.]0[.]0[.]1:[0-9]+' "$1.log" docker-registry serve "$1.yml"
	host=$(sed -nE 's/.*listening on (127[.]0[.]0[.]1:[0-9]+).*/\1/p' "$1.log" | head -1)
}

# make_key rsa:BITS|CURVE NAME: $work/NAME.key (PKCS#8 PEM) and $work/NAME.pub.
make_key() {
	case $1 in
	rsa:*) openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${1#rsa:}" -out "$work/$2.key" ;;
	*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$1" -out "$work/$2.key" ;;
	esac 2>"$work/openssl.log" || { diag 20 <"$work/openssl.log"; return 1; }
	openssl pkey -in "$work/$2.key" -pubout -out "$work/$2.pub"
}

# byte_changed FILE OFFSET: to another than it was, whatever that is.
byte_changed() {
	local was
	was=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059 # an escape of printf's
	printf "\\x$(printf %02x $((was ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# manifest_of DIR TAG: the path of its manifest's blob.
manifest_of() {
	local digest
	digest=$(jq -r --arg tag "$2" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag) | .digest' \
		"$1/index.json")
	[ -n "$digest" ] || return 1
	echo "$1/blobs/sha256/${digest#sha256:}"
}

# layers_of DIR TAG: the paths of its layers' blobs.
layers_of() {
	jq -r '.layers[].digest' "$(manifest_of "$1" "$2")" | sed "s,^sha256:,$1/blobs/sha256/,"
}

# same_layers DIR TAG DIR TAG: as many, at least one, every blob byte for byte the same.
same_layers() {
	local one two i
	mapfile -t one < <(layers_of "$1" "$2")
	mapfile -t two < <(layers_of "$3" "$4")
	[ ${#one[@]} -gt 0 ] && [ ${#one[@]} -eq ${#two[@]} ] || return 1
	for i in "${!one[@]}"; do cmp "${one[$i]}" "${two[$i]}" || return 1; done
}

# no_layer_in_common DIR TAG DIR TAG
no_layer_in_common() {
	! comm -12 <(layers_of "$1" "$2" | xargs -n1 basename | sort) <(layers_of "$3" "$4" | xargs -n1 basename | sort) | grep .
}

# all_encrypted DIR TAG SCHEME
all_encrypted() {
	jq -e --arg key "org.opencontainers.image.enc.keys.$3" \
		'.layers | length > 0 and all(.mediaType | endswith("+encrypted")) and all(.annotations[$key] != null)' \
		"$(manifest_of "$1" "$2")"
}

# snapshot DIR: every file of it with its digest; compare before and after a refusal.
snapshot() {
	[ ! -e "$1" ] || find "$1" -type f -exec sha256sum {} + | sort -k2
}
