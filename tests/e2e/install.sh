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
passes "make uninstall" make -C "$TOP_BUILDDIR" -s uninstall DESTDIR="$root"
equal "leaves nothing" "" "$(find "$root" -not -type d)"
tap_end
