#!/usr/bin/env bash
# Policies and signatures with real parts: images in Debian's docker-registry, simple signatures that skopeo makes with
# gpg, cosign's as OpenSSL makes them, a lookaside by file and by HTTP.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

for program in docker-registry skopeo gpg python3; do
	command -v $program >/dev/null || {
		skip "policies and signatures" "$program is not installed"
		tap_end
		exit 0
	}
done
export HOME=$work/home XDG_RUNTIME_DIR=$work/run GNUPGHOME=$work/gpg
unset REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_DATA_HOME
mkdir -p "$HOME" "$XDG_RUNTIME_DIR" "$work/registries.d" "$work/lookaside" "$work/root"
mkdir -m 700 "$GNUPGHOME"

cat >"$work/registry.yml" <<END
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:0", secret: x}
END
start_until 'listening on 127[.]0[.]0[.]1:[0-9]+' "$work/registry.log" docker-registry serve "$work/registry.yml"
host=$(sed -nE 's/.*listening on (127[.]0[.]0[.]1:[0-9]+).*/\1/p' "$work/registry.log" | head -1)
name=$host/ns/app:v1
image=docker://$name

head -c 30000 /dev/urandom >"$work/root/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" >/dev/null
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/any.json"
skopeo --policy "$work/any.json" copy -q --dest-tls-verify=false "oci:$work/image:plain" "$image"

for who in alice bob carol; do
	gpg --batch -q --pinentry-mode loopback --passphrase '' --quick-gen-key "$who@example.org" rsa2048 sign never 2>/dev/null
	gpg --batch -q --armor --no-auto-check-trustdb --export "$who@example.org" >"$work/$who.pub"
done
fingerprint=$(gpg --batch --no-auto-check-trustdb --with-colons -k alice@example.org | awk -F: '/^fpr/ { print $10; exit }')

# policy FILE REQUIREMENT...: for this registry; all else is refused.
policy() {
	local file=$work/$1 list
	shift
	list=$(IFS=,; echo "$*")
	echo "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"${host}/ns\":[$list]}}}" >"$file"
}
verify() {
	local file=$work/$1
	shift
	kbs-image verify --tls-verify=false --registries.d "$work/registries.d" --policy "$file" "$@"
}
signed_by() { echo "{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"$work/$1.pub\"}"; }
holds() {
	local pattern=$1
	shift
	"$@" 2>"$work/err" | grep -E -- "$pattern" >/dev/null
}

# --- simple signing ---------------------------------------------------------------------------------------------

policy alice.json "$(signed_by alice)"
policy bob.json "$(signed_by bob)"
policy carol.json "$(signed_by carol)"
policy reject.json '{"type":"reject"}'
policy both.json "$(signed_by alice)" '{"type":"reject"}'
echo "docker: {\"$host\": {lookaside: \"file://$work/lookaside\"}}" >"$work/registries.d/x.yaml"
refuses "an image without signature" 5 'signedBy by .*alice.pub.*no OpenPGP signature' verify alice.json "$image"

kbs-image inspect --raw --tls-verify=false "$image" >"$work/manifest"
digest=$(sha256sum "$work/manifest" | cut -d' ' -f1)
folder=$work/lookaside/ns/app@sha256=$digest
mkdir -p "$folder"
skopeo standalone-sign -o "$folder/signature-1" "$work/manifest" "$name" bob@example.org >/dev/null
refuses "what somebody else signed" 5 'not among the keys of the policy' verify alice.json "$image"
skopeo standalone-sign -o "$folder/signature-2" "$work/manifest" "$name" alice@example.org >/dev/null
passes "takes what skopeo signed, and says by whom" holds "held: signedBy: OpenPGP key $fingerprint" verify alice.json "$image"
passes "copies it" kbs-image copy -q --tls-verify=false --registries.d "$work/registries.d" --policy "$work/alice.json" "$image" "oci:$work/copied:x"
refuses "what the policy rejects" 5 'requirement 1 \(reject\)' verify reject.json "$image"
refuses "what holds one requirement of two" 5 'requirement 2 \(reject\)' verify both.json "$image"
refuses "another transport: the default counts" 5 'the default' verify alice.json "oci:$work/image:plain"
refuses "to unpack what is not signed for it" 5 'the default' \
	kbs-image unpack --policy "$work/alice.json" "oci:$work/image:plain" "$work/rootfs"
equal "nothing was unpacked" no "$([ -e "$work/rootfs" ] && echo yes || echo no)"
refuses "a policy that is not there" 3 'No such file' verify none.json "$image"
passes "no policy where the user says so" verify none.json --insecure-policy "$image"

skopeo --policy "$work/any.json" copy -q --src-tls-verify=false --dest-tls-verify=false "$image" "docker://$host/ns/app:v2"
refuses "the same image by another name" 5 'is signed for' verify alice.json "docker://$host/ns/app:v2"
passes "but by its digest" verify alice.json "docker://$host/ns/app@sha256:$digest"

start_until 'Serving HTTP' "$work/http.log" python3 -u -m http.server --bind 127.0.0.1 --directory "$work/lookaside" 0
port=$(sed -nE 's/.*port ([0-9]+) .*/\1/p' "$work/http.log" | head -1)
echo "docker: {\"$host\": {lookaside: \"http://127.0.0.1:$port\"}}" >"$work/registries.d/x.yaml"
passes "takes a signature from a lookaside by HTTP" verify alice.json "$image"

# --- policy and keys in a Key Broker Service --------------------------------------------------------------------

kbs_start --allow-sample
conf_write "$kbs_url"
resource_set kbs:///default/gpg/alice "$work/alice.pub"
policy remote.json '{"type":"signedBy","keyType":"GPGKeys","keyPath":"kbs:///default/gpg/alice"}'
resource_set kbs:///default/policy/images "$work/remote.json"
from_kbs() { kbs-image verify --tls-verify=false --registries.d "$work/registries.d" --policy "$1" "$image"; }
passes "policy and keys come from the KBS" holds "held: signedBy: OpenPGP key $fingerprint" from_kbs kbs:///default/policy/images
refuses "a policy that the KBS has not" '3|5|6' 'kbs:///default/policy/none' from_kbs kbs:///default/policy/none

# --- cosign -----------------------------------------------------------------------------------------------------

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/cosign.key" 2>/dev/null
openssl pkey -in "$work/cosign.key" -pubout -out "$work/cosign.pub"
policy cosign.json "{\"type\":\"sigstoreSigned\",\"keyPath\":\"$work/cosign.pub\",\"signedIdentity\":{\"type\":\"matchRepository\"}}"
policy cosign_exact.json "{\"type\":\"sigstoreSigned\",\"keyPath\":\"$work/cosign.pub\"}"
refuses "an image that cosign did not sign" 5 'no sigstore signature' verify cosign.json "$image"
blob() {
	local file=$1 url
	url=$(curl -fsS -X POST -D - -o /dev/null "http://$host/v2/ns/app/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')
	curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$file" "$url&digest=sha256:$(sha256sum "$file" | cut -d' ' -f1)" >/dev/null
}
descriptor() { echo "\"digest\":\"sha256:$(sha256sum "$1" | cut -d' ' -f1)\",\"size\":$(stat -c %s "$1")"; }
printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"sha256:%s"},"type":"cosign container image signature"},"optional":null}' \
	"$host/ns/app" "$digest" >"$work/payload"
printf '{}' >"$work/cosign.config"
blob "$work/payload"
blob "$work/cosign.config"
signature=$(openssl dgst -sha256 -sign "$work/cosign.key" "$work/payload" | base64 -w0)
cat >"$work/cosign.manifest" <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json",$(descriptor "$work/cosign.config")},
"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json",$(descriptor "$work/payload"),
"annotations":{"dev.cosignproject.cosign/signature":"$signature"}}]}
END
curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$work/cosign.manifest" \
	"http://$host/v2/ns/app/manifests/sha256-$digest.sig" >/dev/null
passes "takes what cosign signed" holds 'held: sigstoreSigned: key 1, .*cosign.pub' verify cosign.json "$image"
refuses "a signature without tag where the name must be exact" 5 'no tag, no digest' verify cosign_exact.json "$image"

# --- what was pulled is judged by the policy of now ---------------------------------------------------------------

echo "docker: {\"$host\": {lookaside: \"file://$work/lookaside\"}}" >"$work/registries.d/x.yaml"
pull() { kbs-image pull -q --tls-verify=false --registries.d "$work/registries.d" --store "$work/store" "$@"; }
refuses "to pull what the policy does not take" 5 'not among the keys' pull --policy "$work/carol.json" "$image"
equal "there is no store then" no "$([ -e "$work/store" ] && echo yes || echo no)"
passes "pulls what a policy takes that asks for no signature" pull --policy "$work/any.json" "$image"
pulled() { verify "$1" --store "$work/store" "${2-store:$name}"; }
mv "$work/lookaside" "$work/away"
requests=$(grep -c 'http.request.uri=' "$work/registry.log")
passes "alice's signature was kept with it" holds "held: signedBy: OpenPGP key $fingerprint" pulled alice.json
passes "so was cosign's" holds 'held: sigstoreSigned: key 1, .*cosign.pub' pulled cosign.json
refuses "what a policy rejects since" 5 'requirement 1 \(reject\)' pulled reject.json
refuses "a key that is demanded since" 5 'not among the keys' pulled carol.json
refuses "to unpack it either" 5 'not among the keys' kbs-image unpack -q --policy "$work/carol.json" --store "$work/store" "store:$name" "$work/rootfs"
refuses "to make a bundle of it" 5 'requirement 1 \(reject\)' kbs-image bundle -q --policy "$work/reject.json" --store "$work/store" "store:$name" "$work/bundle"
equal "nothing is there" no "$([ -e "$work/rootfs" ] || [ -e "$work/bundle" ] && echo yes || echo no)"
equal "and nobody was asked" "$requests" "$(grep -c 'http.request.uri=' "$work/registry.log")"
mv "$work/away" "$work/lookaside"
echo "docker: {\"$host\": {use-sigstore-attachments: false}}" >"$work/registries.d/x.yaml"
refuses "to look there where it may not" 5 'no sigstore signature' verify cosign.json "$image"

gpgconf --kill all
tap_end
