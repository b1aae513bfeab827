#!/usr/bin/env bash
# The same image, by some hundred policies, judged by kbs-image and by containers' own library (Go): yes or no, they agree.
# The peer is built from the Go module proxy where POLICY_PEER_BUILD=1 says so, which takes minutes; POLICY_PEER names one.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/go_peer.sh
. "$TOP_SRCDIR/tests/support/go_peer.sh"
# shellcheck source=tests/support/registry_put.sh
. "$TOP_SRCDIR/tests/support/registry_put.sh"

peer=${POLICY_PEER-$go_cache/policy-peer}
no_peer=
[ -x "$peer" ] || [ -z "${POLICY_PEER_BUILD-}" ] || go_program policy_peer "$peer" containers_image_openpgp
if [ ! -x "$peer" ] || ! command -v docker-registry >/dev/null; then
	skip "policies as containers' library sees them" \
		"${no_peer:-no docker-registry, or no peer: POLICY_PEER=PROGRAM names one, POLICY_PEER_BUILD=1 builds it}"
	tap_end
	exit
fi
export HOME=$work/home
mkdir -p "$HOME" "$work/root" "$work/registries.d" "$work/keys" "$work/policies"
registry_start "$work/registry"
printf 'default-docker:\n  use-sigstore-attachments: true\n  lookaside: file:///nonexistent\n' >"$work/registries.d/x.yaml"
head -c 1000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" >/dev/null
digest=$(kbs-image copy -q --tls-verify=false --insecure-policy "oci:$work/image:plain" "docker://$host/ns/app:v1")

# A signer with a certificate as Fulcio's are, and a log.
cd "$work/keys"
for who in key other rekor ca; do
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $who.key 2>/dev/null
	openssl pkey -in $who.key -pubout -out $who.pub
done
openssl req -x509 -key ca.key -out ca.pem -subj /CN=ca -days 2 -addext keyUsage=critical,keyCertSign
openssl req -new -key key.key -out leaf.csr -subj /CN=carol
printf 'subjectAltName=critical,email:carol@example.org,DNS:*.a.example\nextendedKeyUsage=codeSigning\nkeyUsage=digitalSignature\n1.3.6.1.4.1.57264.1.1=DER:%s\n' \
	"$(printf 'https://issuer.example' | od -An -tx1 | tr -d ' \n')" >leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 1 -extfile leaf.ext -out leaf.pem 2>/dev/null

b64() { base64 -w0; }
# signed_image TAG-OR-NONE SIGNER: a statement with this name, and the log's entry about it with key or certificate.
signed_image() {
	local signature body when
	printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":{"creator":"x","timestamp":1}}' \
		"$host/ns/app$1" "$digest" >"$work/payload"
	signature=$(openssl dgst -sha256 -sign key.key "$work/payload" | b64)
	body=$(printf '{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"%s"}},"signature":{"content":"%s","publicKey":{"content":"%s"}}}}' \
		"$(sha256sum <"$work/payload" | cut -d' ' -f1)" "$signature" "$(b64 <"$2")" | b64)
	when=$(date +%s)
	printf '{"body":"%s","integratedTime":%d,"logID":"abcd","logIndex":7}' "$body" "$when" >"$work/entry"
	jq -nc --rawfile entry "$work/entry" --arg promise "$(openssl dgst -sha256 -sign rekor.key "$work/entry" | b64)" --arg signature "$signature" \
		--rawfile certificate leaf.pem --rawfile chain ca.pem '{
			"dev.cosignproject.cosign/signature": $signature,
			"dev.sigstore.cosign/bundle": ({SignedEntryTimestamp: $promise, Payload: ($entry | fromjson)} | tojson),
			"dev.sigstore.cosign/certificate": $certificate,
			"dev.sigstore.cosign/chain": $chain}' >"$work/annotations"
	cosign_put "${digest#sha256:}" "$work/payload" "$(cat "$work/annotations")"
}

python3 "$TOP_SRCDIR/tests/interop/policies.py" "$work/policies" "$host" "$work/keys"
# agree WHAT IMAGE: on every policy; at least one says yes and one no.
agree() {
	local policy theirs ours differ=0 yes=0
	"$peer" "$work/registries.d" "$2" "$work"/policies/*.json >"$work/theirs" || true
	for policy in "$work"/policies/*.json; do
		theirs=$(awk -v policy="$policy" '{ sub(/:$/, "", $2) } $2 == policy { print $1; exit }' "$work/theirs")
		ours=no
		kbs-image verify --tls-verify=false --registries.d "$work/registries.d" --policy "$policy" "docker://$2" >"$work/ours" 2>&1 && ours=yes
		[ $ours = no ] || yes=$((yes + 1))
		[ "$ours" = "$theirs" ] || {
			differ=$((differ + 1))
			{ cat "$policy"; echo; grep -F "$policy" "$work/theirs"; cat "$work/ours"; } | diag 8
		}
	done
	equal "$1: $(find "$work/policies" -name '*.json' | wc -l) policies, of which $yes hold" "0 differ" "$differ differ"
}
signed_image "" leaf.pem
agree "a certificate, a repository's name" "$host/ns/app:v1"
signed_image :v1 leaf.pem
agree "a certificate, a whole name" "$host/ns/app:v1"
agree "the same image by its digest" "$host/ns/app@$digest"
signed_image :v1 key.pub
agree "the log has a key" "$host/ns/app:v1"
signed_image :v1 other.pub
agree "the log has another key" "$host/ns/app:v1"
tap_end
