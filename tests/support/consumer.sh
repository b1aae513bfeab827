# shellcheck shell=bash disable=SC2034 # variables for whoever sources this
# What the tests of single consumers share: a KBS with an RSA and an EC key, a certificate for each, configuration.
# Sourced by tests/e2e/consumer_*.sh.
# shellcheck source=tests/support/e2e.sh
. "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

# needs WHAT PACKAGE FILE-OR-COMMAND...: ends the test, skipped, where one is missing.
needs() {
	local what=$1 package=$2 thing
	shift 2
	for thing; do
		if [[ $thing = /* ]]; then
				compgen -G "$thing" >/dev/null && continue
		elif PATH=$PATH:/usr/sbin:/sbin command -v "$thing" >/dev/null; then
			continue
		fi
		skip "$what" "$package is not installed"
		tap_end
		exit 0
	done
}

# outputs PATTERN COMMAND...: for `passes`: succeeds, and a line of its output matches.
outputs() {
	local pattern=$1
	shift
	"$@" >"$work/listing" 2>&1 || { cat "$work/listing"; return 1; }
	grep -qE -- "$pattern" "$work/listing" || { cat "$work/listing"; return 1; }
}

# certify NAME SUBJECT: $work/NAME.crt for $work/NAME.key by $work/ca.key; for 127.0.0.1, servers and clients.
certify() {
	openssl req -new -key "$work/$1.key" -subj "$2" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out "$work/$1.csr"
	openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
		-copy_extensions copy -out "$work/$1.crt"
}

# consumer_start: the KBS behind a front that logs; keys `rsa` (id 01) and `ec` (id 02) that only the KBS has, each with
# a certificate of $work/ca.crt in $work/NAME.crt; $work/engine.cnf for OpenSSL's engine.
consumer_start() {
	local name
	kbs_start --allow-sample
	front_start --upstream "$kbs_url"
	make_key rsa:2048 rsa
	make_key P-256 ec
	make_key P-256 ca
	{
		openssl req -new -x509 -key "$work/ca.key" -subj "/CN=test ca" -days 2 -out "$work/ca.crt"
		for name in rsa ec; do certify "$name" "/CN=$name"; done
	} >"$work/certify.log" 2>&1 || { diag 20 <"$work/certify.log"; return 1; }
	for name in rsa ec; do
		resource_set "kbs:///default/keys/$name" "$work/$name.key"
		shred -u "$work/$name.key"
	done
	conf_write "$front_url" "$(consumer_object rsa 01),$(consumer_object ec 02)"
	sed -E "s,^#? *MODULE_PATH *=.*,MODULE_PATH = $module," "$TOP_BUILDDIR/docs/examples/openssl-engine.cnf" >"$work/engine.cnf"
	forget
}

# consumer_object NAME ID: with its certificate in a file.
consumer_object() {
	printf '{ "label": "%s", "class": "private-key", "uri": "kbs:///default/keys/%s", "certificate": "%s/%s.crt", "id": "%s" }' \
		"$1" "$1" "$work" "$1" "$2"
}

# Nothing of the key was fetched, and nobody attested.
nothing_fetched() { equal "$1: touched no network" "" "$(cat "$work/front.log")"; }

# How often a key was fetched: fetched NAME.
fetched() { seen "^GET /kbs/v0/resource/default/keys/$1\$"; }

# --- p11-kit ----------------------------------------------------------------------------------------------------

# user_place: $place, a folder for programs that "${as_user[@]}" runs, with copies of the module, the public keys and the
# configuration. p11-kit reads no user's configuration in programs of root: there it is nobody, who cannot read ours.
as_user=()
user_place() {
	place=$work/user
	if [ "$(id -u)" = 0 ]; then
		as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		place=$(mktemp -d /tmp/kbs-e2e-user.XXXXXX)
		trap 'rm -rf "$place"; finish' EXIT
	fi
	mkdir -p "$place/pub"
	find "$work" -maxdepth 1 \( -name '*.pub' -o -name '*.crt' \) -exec cp {} "$place/pub/" \;
	cp "$(readlink -f "$module")" "$place/kbs-pkcs11.so"
	cp "$(readlink -f "$TOP_BUILDDIR/kbs-pkcs11-http.so")" "$place/kbs-pkcs11-http.so"
	sed "s,$work/\([a-z]*\.\),$place/pub/\1,g" "$KBS_PKCS11_CONF" >"$place/kbs-pkcs11.json"
}
give_place() {
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$place"
	chmod 755 "$place"
}

# registered_start: there, the module is registered for that user as `make install` does it for everyone; p11 COMMAND...
registered_start() {
	user_place
	mkdir -p "$place/config/pkcs11/modules" "$place/run"
	echo 'user-config: merge' >"$place/config/pkcs11/pkcs11.conf"
	sed "s,^module:.*,module: $place/kbs-pkcs11.so," "$TOP_BUILDDIR/pkcs11/kbs-pkcs11.module" \
		>"$place/config/pkcs11/modules/kbs-pkcs11.module"
	give_place
	user_env=(HOME="$place" TMPDIR="$place" XDG_CONFIG_HOME="$place/config" XDG_RUNTIME_DIR="$place/run"
		KBS_PKCS11_CONF="$place/kbs-pkcs11.json")
}
p11() { "${as_user[@]}" env "${user_env[@]}" "$@"; }
