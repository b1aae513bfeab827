#!/usr/bin/env bash
# What `make install` puts where: the module and its registration with p11-kit, OpenSSL configuration to drop in, the
# example of the configuration, which holds what it says.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
root=$work/root
passes "make install" make -C "$TOP_BUILDDIR" -s install DESTDIR="$root"
# installed NAME: its path below $root.
installed() { find "$root" -name "$1" -not -type d | head -1; }
registered=$(sed -n 's/^module: *//p' "$(installed kbs-pkcs11.module)")
passes "the registration names the module that was installed" test -f "$root$registered"
passes "with its network half beside it" test -f "$root${registered%.so}-http.so"
# named VARIABLE FILE: what a drop-in says.
named() { sed -n "s/^$1 = //p" "$(installed "$2")"; }
equal "the engine's configuration names it" "$registered" "$(named MODULE_PATH openssl-engine.cnf)"
equal "the provider's configuration names it" "$registered" "$(named pkcs11-module-path openssl-provider.cnf)"
no_pin() { ! grep -rniE '^[^#]*pin *=' "$(installed openssl-engine.cnf)" "$(installed openssl-provider.cnf)"; }
passes "no PIN in either" no_pin
example=$(installed kbs-pkcs11.json.example)
cp "$example" "$work/example.json"
passes "the example is a good configuration" outputs 'pkcs11:token=kbs;.*object=image-key' \
	"$(installed kbs-token)" list --config "$work/example.json" --module "$root$registered"
for page in kbs-token.1 kbs-pkcs11.7 kbs-pkcs11.json.5; do passes "its page: $page" test -s "$(installed $page)"; done

# The registration as it stands, its path made good for this test, loads in p11-kit.
if command -v p11-kit >/dev/null; then
	consumer_start
	registered_start
	cp "$root$registered" "$place/kbs-pkcs11.so"
	sed "s,^module:.*,module: $place/kbs-pkcs11.so," "$(installed kbs-pkcs11.module)" >"$place/config/pkcs11/modules/kbs-pkcs11.module"
	give_place
	passes "p11-kit loads what was installed" outputs 'token: kbs' p11 p11-kit list-modules
else
	skip "p11-kit loads what was installed" "p11-kit is not installed"
fi
# A program as others write it: the installed header, library and pkg-config file alone.
if command -v pkg-config >/dev/null && command -v cc >/dev/null && ! sanitized; then
	pc=$(installed ocikeywrap.pc)
	export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
	passes "pkg-config knows the library's version" outputs '^[0-9]+\.[0-9]+\.[0-9]+$' pkg-config --modversion ocikeywrap
	read -ra flags <<<"$(pkg-config "--define-variable=prefix=$root$(sed -n 's/^prefix=//p' "$pc")" --cflags --libs ocikeywrap)"
	libraries=$(dirname "$(installed 'libocikeywrap.so.*')")
	passes "the example builds with it" cc -Wall -Wextra -Werror -o "$work/layer" "$TOP_SRCDIR/docs/examples/ocikeywrap_layer.c" \
		"${flags[@]}"
	make_key P-256 reader
	installed_library() { LD_LIBRARY_PATH=$libraries "$work/layer" "$@"; }
	there() { installed_library encrypt "$work/ann" "jwe:$work/reader.pub" <"$TOP_SRCDIR/README.md" >"$work/layer.enc"; }
	back() { installed_library decrypt "$work/ann" "$work/layer.out" "$work/reader.key" <"$work/layer.enc"; }
	passes "it encrypts" there
	passes "and decrypts" back
	passes "what it was" cmp "$TOP_SRCDIR/README.md" "$work/layer.out"
	others() { nm -D --defined-only "$libraries"/libocikeywrap.so.? | awk '$2 != "A" && $3 !~ /^okw_[a-z_]*@@OKW_0$/'; }
	equal "the library exports what its header declares, with a version" "" "$(others)"
	declared=$(grep -oE 'okw_[a-z_]+\(' "$(installed ocikeywrap.h)" | tr -d '(' | sort -u)
	for name in $declared; do
		nm -D --defined-only "$libraries"/libocikeywrap.so.? | grep " $name@@" >/dev/null || not_ok "$name is exported"
		[ -s "$(installed "$name.3")" ] || not_ok "$name has a page"
	done
else
	skip "the installed library" "no pkg-config or compiler here, or a sanitizer's build"
fi
passes "make uninstall" make -C "$TOP_BUILDDIR" -s uninstall DESTDIR="$root"
equal "leaves nothing" "" "$(find "$root" -not -type d)"
tap_end
