#!/usr/bin/env bash
# kbs-image recipients: lists, adds and removes who can open an image, for each scheme, without touching the layers' bytes
# or other images of the layout.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

mkdir "$work/root"
head -c 50000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" --plain-layer "$work/root" >/dev/null
for key in rsa:2048:alice P-256:bob rsa:3072:carol P-384:dave; do make_key "${key%:*}" "${key##*:}"; done
cert() { openssl req -new -x509 -key "$work/$1.key" -subj "/O=Test/CN=$1" -set_serial "$2" -days 2 -out "$work/$1.crt"; }
cert alice 0x1234
cert carol 0x5678
layout=$work/enc
image=oci:$layout:app
copy() { kbs-image copy -q "$@"; }
copy --encryption-key "jwe:$work/alice.pub" --encryption-key "jwe:$work/bob.pub" "oci:$work/image:plain" "$image" >/dev/null
copy "$image" "oci:$layout:other" >/dev/null
copy "oci:$work/image:plain" "oci:$layout:plain" >/dev/null

# Everything of the layout but what a change may touch.
blobs() { (cd "$layout" && find blobs -type f | sort | xargs sha256sum); }
entry() { jq -c --arg tag "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag)' "$layout/index.json"; }
list() { kbs-image recipients list "$@" "$image"; }
layers() { jq -c '[.layers[].digest]' "$(manifest_of "$layout" app)"; }
opens() { copy --decryption-key "$1" "$image" "oci:$work/open-$RANDOM$RANDOM:x" >/dev/null; }
does_not_open() { ! opens "$1" 2>/dev/null; }

layers=$(layers) other=$(entry other) plain=$(entry plain)
blobs >"$work/blobs"

# --- list -------------------------------------------------------------------------------------------------------
equal "list has a line for each recipient" '0.0 jwe RSA-OAEP, RSA-2048
0.1 jwe ECDH-ES+A256KW, P-256
1.0 jwe RSA-OAEP, RSA-2048
1.1 jwe ECDH-ES+A256KW, P-256' "$(list | tr -s ' ')"
equal "list with a key says which it opens" '0.1 1.1' "$(list --format json --decryption-key "$work/bob.key" |
	jq -r '[.layers[].recipients[] | select(.opens).id] | join(" ")')"
equal "list of one layer" '1.0 1.1' "$(list --layer -1 | cut -d ' ' -f 1 | paste -sd ' ')"
refuses "list of a layer that is not there" 2 'no layer 2: the image has 2' kbs-image recipients list --layer 2 "$image"
refuses "list of an image that is not encrypted" 2 'no layer of the image is encrypted' kbs-image recipients list "oci:$layout:plain"

# --- add --------------------------------------------------------------------------------------------------------
before=$(entry app | jq -r .digest)
added=$(kbs-image recipients add --decryption-key "$work/bob.key" --encryption-key "jwe:$work/dave.pub" \
	--encryption-key "pkcs7:$work/carol.crt" --encryption-key "pkcs7:$work/alice.crt" --encryption-key "pkcs11:$work/carol.pub" \
	"$image" 2>"$work/note")
equal "add prints the new manifest's digest" "$(entry app | jq -r .digest)" "$added"
differs() { [ "$1" != "$2" ]; }
passes "and it is a new one" differs "$added" "$before"
passes "it says that signatures are of the old one" grep 'what was signed is the old one' "$work/note"
equal "the layers are the same" "$layers" "$(layers)"
equal "another name of the same image is left alone" "$other" "$(entry other)"
equal "and so is another image" "$plain" "$(entry plain)"
blobs >"$work/blobs.after"
equal "one new blob, and none changed" "1 0" "$(comm -13 "$work/blobs" "$work/blobs.after" | wc -l) $(comm -23 "$work/blobs" "$work/blobs.after" | wc -l)"
for who in alice bob carol dave; do passes "$who opens it" opens "$work/$who.key"; done
equal "pkcs7 recipients are told by issuer and serial number, pkcs11 by hash" '0.3 pkcs7 RSA-3072, serial 5678 of CN=carol,O=Test
0.4 pkcs7 RSA-2048, serial 1234 of CN=alice,O=Test
0.5 pkcs11 RSA-3072, OAEP with sha256' "$(list --layer 0 | grep -v jwe | tr -s ' ')"
make_key rsa:2048 nobody
refuses "a key that opens nothing adds nobody" 9 'layer 0 \(sha256:.*no key opens the layer' kbs-image recipients add \
	--decryption-key "$work/nobody.key" --encryption-key "jwe:$work/dave.pub" "$image"
refuses "adding to what is not encrypted" 2 'no layer of the image is encrypted' kbs-image recipients add \
	--decryption-key "$work/bob.key" --encryption-key "jwe:$work/dave.pub" "oci:$layout:plain"

# --- remove -----------------------------------------------------------------------------------------------------
remove() { kbs-image recipients remove -q "$@" >/dev/null; }
# jwe: 0 alice, 1 bob, 2 dave; pkcs7: 3 carol, 4 alice; pkcs11: 5 carol
passes "removes one of an element" remove "$image" 0.4 1.4
passes "its companion still opens the layers" opens "$work/carol.key"
passes "removes whom a key opens, in every scheme and layer" remove --decryption-key "$work/carol.key" "$image"
passes "who was removed does not open the image" does_not_open "$work/carol.key"
passes "removes in all layers, the first of a JWE" remove "$image" '*.0'
passes "who was removed does not open the image" does_not_open "$work/alice.key"
for who in bob dave; do passes "$who still opens it" opens "$work/$who.key"; done
if command -v skopeo >/dev/null; then
	passes "so does the Go library, by a JWE that lost a recipient" skopeo copy -q --insecure-policy \
		--decryption-key "$work/bob.key" "$image" "oci:$work/skopeo:x"
else
	skip "the Go library opens it" "no skopeo here"
fi
refuses "a recipient that is not there" 2 'layer 0 .*there is no recipient 2: it has 2' remove "$image" 0.2
refuses "a layer that is not there" 2 'there is no layer 7' remove "$image" 7.0
refuses "something that is no recipient" 2 '"x" is no recipient: want LAYER.NUMBER' remove "$image" x
refuses "nobody to remove" 2 'wants recipients' remove "$image"
refuses "a key that opens nobody" 9 'none was removed' remove --decryption-key "$work/alice.key" "$image"
refuses "the last recipients together" 2 'last recipient' remove "$image" 0.0 0.1
passes "removes one of one layer" remove "$image" 0.1
refuses "a layer's last recipient" 2 'layer 0 .*last recipient' remove "$image" '*.0'
equal "what was refused changed nothing" '0.0 1.0 1.1' "$(list | cut -d ' ' -f 1 | paste -sd ' ')"
equal "the layers are the same" "$layers" "$(layers)"
equal "the others, too" "$other $plain" "$(entry other) $(entry plain)"

# --- an index for several platforms -----------------------------------------------------------------------------
# Two images in one index, which has a name; the other one and what the entries say of platforms stay.
multi=$work/multi
cp -r "$layout" "$multi"
first=$(entry app | jq -c '{mediaType, digest, size, platform: {os: "linux", architecture: "amd64"}, annotations: {note: "kept"}}')
second=$(jq -c '{mediaType, digest, size, platform: {os: "linux", architecture: "riscv64"}}' <<<"$other")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,%s]}' "$first" "$second" >"$work/index"
hash=$(sha256sum "$work/index" | cut -d ' ' -f 1)
cp "$work/index" "$multi/blobs/sha256/$hash"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"all"}}]}' \
	"$hash" "$(stat -c %s "$work/index")" >"$multi/index.json"
digest=$(kbs-image recipients remove -q --override-arch amd64 "oci:$multi:all" 1.0)
equal "an index above the image is made anew" "$digest" "$(jq -r '.manifests[0].digest' "$multi/index.json")"
equal "its name stays" all "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$multi/index.json")"
new=$multi/blobs/sha256/${digest#sha256:}
equal "its other image stays" "$second" "$(jq -c '.manifests[1]' "$new")"
equal "what else stands in the entry stays" 'amd64 kept' "$(jq -r '.manifests[0] | .platform.architecture + " " + .annotations.note' "$new")"
equal "the image has one recipient a layer" '0.0 1.0' \
	"$(kbs-image recipients list --override-arch amd64 "oci:$multi:all" | cut -d ' ' -f 1 | paste -sd ' ')"
equal "nothing is left in the temporary folder" "" "$(find "$TMPDIR" -type f)"

# --- OpenPGP ----------------------------------------------------------------------------------------------------
if command -v gpg >/dev/null && [ -w /dev/shm ]; then
	export GNUPGHOME=$work/gnupg
	mkdir -m 700 "$GNUPGHOME"
	for who in eve frank; do
		gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key "$who@example.com" rsa2048 encr 1d 2>"$work/err"
		gpg --batch --quiet --export-secret-keys "$who@example.com" >"$work/$who.gpg"
	done
	add() { kbs-image recipients add -q "$@" >/dev/null; }
	passes "adds OpenPGP recipients" add --decryption-key "$work/bob.key" --encryption-key pgp:eve@example.com \
		--encryption-key pgp:frank@example.com "$image"
	id=$(gpg --with-colons -k frank@example.com 2>"$work/err" | awk -F: '/^pub/ { print tolower($5) }')
	equal "and tells them by their key ids" "0.2 pgp RSA, key id $id" "$(list --layer 0 | tr -s ' ' | grep "$id")"
	passes "removes one of them" remove "$image" 0.1 1.2
	passes "the other one opens the image" opens "$work/frank.gpg"
	passes "and the one that was removed does not" does_not_open "$work/eve.gpg"
	gpgconf --kill all
	# The same secret key, which only the KBS holds, as a data object of the token.
	kbs_start --allow-sample
	conf_write "$kbs_url"
	resource_set kbs:///default/pgp/frank "$work/frank.gpg"
	passes "a secret key of the token opens it, too" opens 'pgp:pkcs11:token=kbs;object=default%2Fpgp%2Ffrank;type=data'
	refuses "a data object that is none says so" 6 'pgp: pkcs11:token=kbs;object=default%2Fpgp%2Fnobody: ' \
		kbs-image copy -q --decryption-key 'pgp:pkcs11:token=kbs;object=default%2Fpgp%2Fnobody' "$image" "oci:$work/never:x"
	kbs_stop
else
	skip "OpenPGP recipients" "no gpg, or no /dev/shm, here"
fi

# --- an AES key that only the KBS holds -------------------------------------------------------------------------
kbs_start --allow-sample
conf_write "$kbs_url"
head -c 32 /dev/urandom >"$work/kek"
resource_set kbs:///default/key/1 "$work/kek"
kek='pkcs11:token=kbs;object=default%2Fkey%2F1'
passes "adds an AES key of the token" kbs-image recipients add -q --decryption-key "$work/bob.key" --decryption-key "$work/dave.key" \
	--encryption-key "kek:$kek" "$image"
passes "the list tells its label" grep -E '^0\.[0-9] +kek +A256KW, kid "default/key/1"$' <(list --layer 0)
passes "opens with it" opens "$kek"
passes "and with its type named" opens "$kek;type=secret-key"
passes "with the name of the scheme, too" opens "kek:$kek"
refuses "a key of another kind says so" 9 'layer 0 .*no key opens the layer' \
	kbs-image copy -q --decryption-key "$work/nobody.key" "$image" "oci:$work/never:x"
head -c 32 /dev/urandom >"$work/kek2"
resource_set kbs:///default/key/2 "$work/kek2"
refuses "another AES key does not open it" 9 'kek: pkcs11:token=kbs;object=default%2Fkey%2F2;type=secret-key: JWE: not encrypted for this key' \
	kbs-image copy -q --decryption-key 'pkcs11:token=kbs;object=default%2Fkey%2F2;type=secret-key' "$image" "oci:$work/never:x"
tap_end
