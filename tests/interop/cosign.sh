#!/usr/bin/env bash
# Signatures that cosign itself makes, in Debian's docker-registry: under cosign's tag, among the referrers, as sigstore
# bundles, by keys and by certificates. A cosign is built from the Go module proxy where COSIGN_BUILD=1 says so, which takes
# minutes; else one that is there is used: COSIGN, or in the path.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/go_peer.sh
. "$TOP_SRCDIR/tests/support/go_peer.sh"

cosign=${COSIGN-$(command -v cosign || echo "$go_cache/cosign")}
[ -x "$cosign" ] || [ -z "${COSIGN_BUILD-}" ] || build_cosign "$cosign"
if [ ! -x "$cosign" ]; then
	skip "signatures of cosign" "${no_peer:-no cosign here: COSIGN=PROGRAM names one, COSIGN_BUILD=1 builds it}"
	tap_end
	exit
fi
command -v docker-registry >/dev/null || {
	skip "signatures of cosign" "docker-registry is not installed"
	tap_end
	exit
}
export HOME=$work/home COSIGN_PASSWORD=
mkdir -p "$HOME" "$work/root" "$work/registries.d"
registry_start "$work/registry"
head -c 1000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" >/dev/null

cd "$work"
for who in alice bob; do "$cosign" generate-key-pair --output-key-prefix "$who" >/dev/null 2>&1; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2 \
	-addext keyUsage=keyCertSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf 2>/dev/null
printf 'subjectAltName=email:carol@example.org\nextendedKeyUsage=codeSigning\nkeyUsage=digitalSignature\n' >leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 1 -extfile leaf.ext -out leaf.pem 2>/dev/null
"$cosign" import-key-pair --key leaf.key --output-key-prefix carol >/dev/null 2>&1

identity='"signedIdentity":{"type":"matchRepository"}'
for who in alice bob; do
	echo "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"$work/$who.pub\",$identity}]}" >"$who.json"
done
echo "{\"default\":[{\"type\":\"sigstoreSigned\",\"pki\":{\"caRootsPath\":\"$work/ca.pem\",\"subjectEmail\":\"carol@example.org\"},$identity}]}" >carol.json
sed 's/carol@/mallory@/' carol.json >mallory.json

has() { "$cosign" sign "$1" --help >/dev/null 2>&1; } # not all that it takes is in its help
# What later versions must be told so that they ask nobody.
offline=(--tlog-upload=false --allow-http-registry --yes)
if has --use-signing-config=false; then offline+=(--use-signing-config=false); fi

# image REPOSITORY: pushes it there, and sets `digest`.
image() { digest=$(kbs-image copy -q --tls-verify=false --insecure-policy "oci:$work/image:plain" "docker://$host/ns/$1:v1"); }
sign() {
	local repository=$1 who=$2
	shift 2
	"$cosign" sign --key "$who.key" "${offline[@]}" "$@" "$host/ns/$repository@$digest"
}
verify() {
	local repository=$1 policy=$2
	shift 2
	kbs-image verify --tls-verify=false --registries.d "$work/registries.d" --policy "$work/$policy.json" "$@" "docker://$host/ns/$repository:v1"
}

old=()
if has --new-bundle-format=false; then old=(--new-bundle-format=false); fi
image tag
refuses "before anybody signed" 5 'no sigstore signature' verify tag alice
passes "cosign signs under its tag" sign tag alice "${old[@]}"
passes "that is taken" verify tag alice
refuses "by another's key" 5 'no key of the policy' verify tag bob
if has --registry-referrers-mode=legacy; then
	image referrers
	export COSIGN_EXPERIMENTAL=1
	passes "cosign signs what refers to the image" sign referrers alice "${old[@]}" --registry-referrers-mode=oci-1-1
	unset COSIGN_EXPERIMENTAL
	passes "that is taken" verify referrers alice
	refuses "by another's key" 5 'no key of the policy' verify referrers bob
fi
image certificate
passes "cosign signs with a certificate" sign certificate carol "${old[@]}" --certificate leaf.pem --certificate-chain ca.pem
passes "that is taken" verify certificate carol
refuses "for somebody else" 5 'not for mallory@example.org' verify certificate mallory
if has --new-bundle-format=true; then
	image bundle
	passes "cosign makes a sigstore bundle" sign bundle alice --new-bundle-format=true
	refuses "which names no repository" 5 '--nameless-signatures' verify bundle alice
	passes "is taken by its key" verify bundle alice --nameless-signatures
	refuses "by another's key" 5 'no key of the policy' verify bundle bob --nameless-signatures
	image chain
	passes "cosign makes a bundle with a certificate" sign chain carol --new-bundle-format=true --certificate leaf.pem --certificate-chain ca.pem
	passes "that is taken" verify chain carol --nameless-signatures
	refuses "for somebody else" 5 'not for mallory@example.org' verify chain mallory --nameless-signatures
	image attested
	echo '{"anything": 1}' >predicate.json
	passes "cosign attests something" "$cosign" attest --key alice.key "${offline[@]}" --new-bundle-format=true --type https://example.org/any \
		--predicate predicate.json "$host/ns/attested@$digest"
	refuses "that is no signature" 5 'attestation of .*no signature' verify attested alice --nameless-signatures
else
	skip "sigstore bundles" "this cosign makes none"
fi
tap_end
