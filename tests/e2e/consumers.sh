#!/usr/bin/env bash
# Programs that people have: OpenSC's pkcs11-tool, GnuTLS's p11tool, p11-kit, and our own kbs-token.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"

kbs_start --allow-sample
front_start --upstream "$kbs_url"
make_key rsa:2048 rsa
make_key P-256 ec
resource_set kbs:///default/keys/rsa "$work/rsa.key"
resource_set kbs:///default/keys/ec "$work/ec.key"
with_id() { object "$1" "kbs:///default/keys/$1" "$work/$1.pub" | sed "s/ }$/, \"id\": \"$2\" }/"; }
conf_write "$front_url" "$(with_id rsa 01),$(with_id ec 02)"
tool() { pkcs11-tool --module "$module" "$@"; }

forget
passes "pkcs11-tool lists the token" outputs 'token label *: kbs' tool --list-token-slots
passes "pkcs11-tool lists the mechanisms" outputs 'RSA-PKCS-OAEP' tool --list-mechanisms
passes "pkcs11-tool lists the keys" outputs 'label: *rsa' tool --list-objects --type privkey
equal "listing touched no network" "" "$(cat "$work/front.log")"

head -c 400 /dev/urandom >"$work/data"
passes "pkcs11-tool signs with RSA" tool --sign --mechanism SHA256-RSA-PKCS --id 01 -i "$work/data" -o "$work/sig"
passes "and openssl verifies it" openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/sig" "$work/data"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
passes "pkcs11-tool signs with ECDSA" tool --sign --mechanism ECDSA --signature-format openssl --id 02 -i "$work/digest" \
	-o "$work/sig"
passes "and openssl verifies it" openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/sig" "$work/data"
head -c 32 /dev/urandom >"$work/plain"
oaep=(-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256)
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" "${oaep[@]}" -in "$work/plain" -out "$work/sealed"
passes "pkcs11-tool decrypts OAEP" tool --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA256 \
	--id 01 -i "$work/sealed" -o "$work/open"
passes "the same bytes" cmp "$work/plain" "$work/open"
# Its own test of a module: digests, signatures, verification, decryption; what it cannot have it says and skips.
passes "pkcs11-tool --test finds no errors" outputs '^No errors' tool --login --pin 0 --test --allow-sw
passes "it signed" grep -qE '^ +SHA256-RSA-PKCS: OK' "$work/listing"
passes "pkcs11-tool takes random bytes" tool --generate-random 32 -o "$work/random"
equal "32 of them" 32 "$(stat -c %s "$work/random")"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/peer.key" 2>/dev/null
openssl pkey -in "$work/peer.key" -pubout -outform DER -out "$work/peer.der"
openssl pkeyutl -derive -inkey "$work/peer.key" -peerkey "$work/ec.pub" -out "$work/z"
passes "pkcs11-tool derives by ECDH" tool --derive --mechanism ECDH1-DERIVE --id 02 -i "$work/peer.der" -o "$work/z2"
passes "the same secret as openssl's" cmp "$work/z" "$work/z2"
passes "a label repository/type/tag finds a key that no entry names, and it signs" \
	"$p11_host" --label default/keys/rsa --public "$work/rsa.pub" "$module" sign 2

# What softhsm-conf/setup.sh writes.
user_place
"$TOP_SRCDIR/softhsm-conf/setup.sh" "$place/conf" --module "$place/kbs-pkcs11.so" >/dev/null
give_place
user_env=(HOME="$place" SOFTHSM2_CONF="$place/conf/softhsm2.conf" XDG_CONFIG_HOME="$place/conf/config"
	KBS_PKCS11_CONF="$place/kbs-pkcs11.json")
passes "p11-kit loads the module from its .module file" outputs 'token: kbs' p11 p11-kit list-modules
passes "p11tool sees the token" outputs 'token=kbs' p11 p11tool --list-tokens
passes "p11tool sees its keys" outputs 'object=rsa' p11 p11tool --list-all 'pkcs11:token=kbs'
passes "p11tool signs with one of them and verifies" outputs 'ok' p11 p11tool --login --set-pin 0 --test-sign 'pkcs11:token=kbs;object=rsa;type=private'
passes "SoftHSM beside it still works" outputs 'token=softhsm' p11 p11tool --list-tokens

passes "kbs-token list shows the objects" outputs 'rsa' kbs-token list
get() { kbs-token get kbs:///default/keys/ec >"$work/got"; }
passes "kbs-token get gives the resource" get
passes "byte for byte" cmp "$work/ec.key" "$work/got"
passes "kbs-token doctor finds a good installation" kbs-token doctor
tap_end
