#!/usr/bin/env bash
# Makes a SoftHSM token and the configuration files that let other programs use it, or kbs-pkcs11.so, beside it.
#   softhsm-conf/setup.sh DIR [--label LABEL] [--pin PIN] [--key LABEL] [--bits N] [--module KBS-PKCS11.SO]
# Writes into DIR only (made where it is missing, mode 0700) and prints the `export` lines to use it:
#   eval "$(softhsm-conf/setup.sh DIR)"
# Run again on the same DIR it keeps the token and writes the configuration anew.
set -euo pipefail

usage() {
	sed -n '2,6s/^# \?//p' "$0"
	exit "$1"
}

die() {
	echo "softhsm-conf/setup.sh: $*" >&2
	exit 1
}

[ $# -gt 0 ] || usage 2 >&2
case $1 in
--help) usage 0 ;;
-*) usage 2 >&2 ;;
esac
dir=$1
shift
label=softhsm pin=1234 key=image-key bits=3072 module=
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || die "$1 needs a value"
	case $1 in
	--label) label=$2 ;;
	--pin) pin=$2 ;;
	--key) key=$2 ;;
	--bits) bits=$2 ;;
	--module) module=$2 ;;
	*) usage 2 >&2 ;;
	esac
	shift 2
done

# first FILE...: the first that exists; distributions differ.
first() {
	local file
	for file; do
		[ ! -e "$file" ] || {
			readlink -f "$file"
			return 0
		}
	done
	return 1
}

arch=$(uname -m)-linux-gnu
here=$(cd "$(dirname "$0")/.." && pwd)
softhsm=$(first "/usr/lib/$arch/softhsm/libsofthsm2.so" /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so \
	/usr/lib64/softhsm/libsofthsm2.so) || die "no libsofthsm2.so: install softhsm2"
[ -n "$module" ] || module=$(first "$here/build/kbs-pkcs11.so" "/usr/lib/$arch/pkcs11/kbs-pkcs11.so" \
	/usr/local/lib/pkcs11/kbs-pkcs11.so /usr/lib/pkcs11/kbs-pkcs11.so) || module=
engine=$(first "/usr/lib/$arch/engines-3/pkcs11.so" /usr/lib64/engines-3/pkcs11.so) || engine=
provider=$(first "/usr/lib/$arch/ossl-modules/pkcs11.so" /usr/lib64/ossl-modules/pkcs11.so) || provider=

umask 077
mkdir -p "$dir/tokens" "$dir/config/pkcs11/modules"
dir=$(cd "$dir" && pwd)

cat >"$dir/softhsm2.conf" <<END
directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
END
export SOFTHSM2_CONF=$dir/softhsm2.conf

has_token() { find "$dir/tokens" -mindepth 1 -maxdepth 1 -type d | grep -q .; }

make_token() {
	# The PINs of a test token: what is on a command line can be seen by everyone on the machine.
	softhsm2-util --init-token --free --label "$label" --so-pin "$pin" --pin "$pin" >"$dir/setup.log" 2>&1 ||
		die "softhsm2-util failed: $(tail -1 "$dir/setup.log")"
	pkcs11-tool --module "$softhsm" --token-label "$label" --login --pin "$pin" --keypairgen --key-type "rsa:$bits" \
		--label "$key" --id 01 >>"$dir/setup.log" 2>&1 || die "pkcs11-tool failed: $(tail -1 "$dir/setup.log")"
}
has_token || make_token

# p11-kit: `config` stands for ~/.config (XDG_CONFIG_HOME). The same .module files go to /etc/pkcs11/modules
# or /usr/share/p11-kit/modules for everyone.
printf '# Look for .module files in the user folder too.\nuser-config: merge\n' >"$dir/config/pkcs11/pkcs11.conf"
printf 'module: %s\n' "$softhsm" >"$dir/config/pkcs11/modules/softhsm2.module"
if [ -n "$module" ]; then
	printf '# Not critical: programs start without it.\nmodule: %s\ncritical: no\n' "$module" \
		>"$dir/config/pkcs11/modules/kbs-pkcs11.module"
fi

# engine_config FILE MODULE: libp11's engine, for OpenSSL programs that know engines.
engine_config() {
	cat >"$1" <<END
openssl_conf = openssl_init

[openssl_init]
engines = engine_section

[engine_section]
pkcs11 = pkcs11_section

[pkcs11_section]
engine_id = pkcs11
dynamic_path = $engine
MODULE_PATH = $2
init = 1
END
}

# provider_config FILE MODULE: latchset's pkcs11-provider, for OpenSSL 3 programs.
provider_config() {
	cat >"$1" <<END
openssl_conf = openssl_init

[openssl_init]
providers = provider_section

[provider_section]
default = default_section
pkcs11 = pkcs11_section

[default_section]
activate = 1

[pkcs11_section]
module = ${provider:-pkcs11.so}
pkcs11-module-path = $2
activate = 1
END
}

[ -z "$engine" ] || engine_config "$dir/openssl-engine-softhsm.cnf" "$softhsm"
provider_config "$dir/openssl-provider-softhsm.cnf" "$softhsm"
if [ -n "$module" ]; then
	[ -z "$engine" ] || engine_config "$dir/openssl-engine-kbs.cnf" "$module"
	provider_config "$dir/openssl-provider-kbs.cnf" "$module"
fi

# ocicrypt (skopeo, buildah, podman, kbs-image): which modules a key may name.
{
	printf 'pkcs11:\n  module-directories:\n    - %s\n' "$(dirname "$softhsm")/"
	[ -z "$module" ] || printf '    - %s\n' "$(dirname "$module")/"
	printf '  allowed-module-paths:\n    - %s\n' "$softhsm"
	[ -z "$module" ] || printf '    - %s\n' "$module"
} >"$dir/ocicrypt.conf"

cat <<END
export SOFTHSM2_CONF='$dir/softhsm2.conf'
export SOFTHSM2_MODULE='$softhsm'
export XDG_CONFIG_HOME='$dir/config'
export OCICRYPT_CONFIG='$dir/ocicrypt.conf'
END
[ -z "$engine" ] || echo "# export OPENSSL_CONF='$dir/openssl-engine-softhsm.cnf'  (or openssl-engine-kbs.cnf)"
[ -z "$provider" ] || echo "# export OPENSSL_CONF='$dir/openssl-provider-softhsm.cnf'  (or openssl-provider-kbs.cnf)"
