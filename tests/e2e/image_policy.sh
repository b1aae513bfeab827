#!/usr/bin/env bash
# Policies and signatures with real parts: images in Debian's docker-registry, simple signatures that skopeo makes with
# gpg, cosign's as OpenSSL makes them, a lookaside by file and by HTTP.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"
# shellcheck source=tests/support/registry_put.sh
. "$TOP_SRCDIR/tests/support/registry_put.sh"

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

registry_start "$work/registry"
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

skopeo --policy "$work/any.json" copy -q --src-tls-verify=false "$image" "dir:$work/folder"
echo "{\"default\":[$(signed_by alice | sed "s|}\$|,\"signedIdentity\":{\"type\":\"exactReference\",\"dockerReference\":\"$name\"}}|")]}" >"$work/folder.json"
refuses "a folder without signatures" 5 'no OpenPGP signature' verify folder.json "dir:$work/folder"
cp "$folder/signature-1" "$work/folder/signature-1"
cp "$folder/signature-2" "$work/folder/$digest.signature-1"
refuses "nor do those of another image of it count" 5 'not among the keys' verify folder.json "dir:$work/folder"
cp "$folder/signature-2" "$work/folder/signature-2"
passes "takes what lies in a folder as skopeo writes it" holds "held: signedBy: OpenPGP key $fingerprint" verify folder.json "dir:$work/folder"
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
printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"sha256:%s"},"type":"cosign container image signature"},"optional":null}' \
	"$host/ns/app" "$digest" >"$work/payload"
signature=$(openssl dgst -sha256 -sign "$work/cosign.key" "$work/payload" | base64 -w0)
cosign_put "$digest" "$work/payload" "{\"dev.cosignproject.cosign/signature\":\"$signature\"}"
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

# --- what refers to an image, by the tag where the registry has no list of it --------------------------------------

# bundle_make NAME: a sigstore bundle, OpenSSL's, of the image; with that name, or "".
bundle_make() {
	local type=application/vnd.in-toto+json statement
	statement='{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"'$1'","digest":{"sha256":"'$digest'"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}'
	printf 'DSSEv1 %d %s %d %s' ${#type} $type ${#statement} "$statement" >"$work/pae"
	printf '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""}},"dsseEnvelope":{"payload":"%s","payloadType":"%s","signatures":[{"sig":"%s"}]}}' \
		"$(printf %s "$statement" | base64 -w0)" $type "$(openssl dgst -sha256 -sign "$work/cosign.key" "$work/pae" | base64 -w0)" >"$work/bundle"
	blob "$work/bundle"
	cat >"$work/bundle.manifest" <<-END
		{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
		"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json",
		"config":{"mediaType":"application/vnd.oci.empty.v1+json",$(descriptor "$work/cosign.config")},
		"layers":[{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",$(descriptor "$work/bundle")}],
		"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json",$(descriptor "$work/manifest")}}
	END
	manifest_put "$work/bundle.manifest"
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",%s,"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"}]}' \
		"$(descriptor "$work/bundle.manifest")" >"$work/referrers"
}
curl -fsS -X DELETE "http://$host/v2/ns/app/manifests/sha256:$(sha256sum "$work/cosign.manifest" | cut -d' ' -f1)" >/dev/null
rm "$work/registries.d/x.yaml"
refuses "nothing is left of what cosign signed" 5 'no sigstore signature' verify cosign.json "$image"
bundle_make ""
manifest_put "$work/referrers" "sha256-$digest" application/vnd.oci.image.index.v1+json
refuses "a bundle, which names no repository" 5 'nameless-signatures' verify cosign.json "$image"
passes "takes it by its key where the user says so" holds 'held: .*in a sigstore bundle' verify cosign.json --nameless-signatures "$image"

# --- a registry that has a list of it, and keeps signatures itself --------------------------------------------------

signature_entry() { printf '{"schemaVersion":%s,"name":"x","type":"%s","content":"%s"}' "$1" "$2" "$3"; }
signatures() { printf '{"signatures":[%s]}' "$(IFS=,; echo "$*")" >"$work/lists/signatures.json"; }
mkdir "$work/lists"
signatures
start_until '^listening on ' "$work/lists.log" python3 "$TOP_SRCDIR/tests/support/registry_lists.py" "${host#*:}" "$work/lists"
other=127.0.0.1:${matched#listening on }
lists=docker://$other/ns/app:v1
sed "s|$host|$other|" "$work/alice.json" >"$work/alice_there.json"
sed "s|$host|$other|" "$work/cosign.json" >"$work/cosign_there.json"
bundle_make "$other/ns/app:v1"
refuses "a registry that lists nothing: what the tag has counts" 5 'nameless-signatures' verify cosign_there.json "$lists"
cp "$work/referrers" "$work/lists/referrers.json"
passes "takes what the registry lists, by its name" holds 'held: .*in a sigstore bundle' verify cosign_there.json "$lists"
sed 's/"manifests":\[/"manifests":[{},/' "$work/referrers" >"$work/lists/referrers.json"
refuses "a list that is none" 8 'mediaType' verify cosign_there.json "$lists"

skopeo standalone-sign -o "$work/there" "$work/manifest" "$other/ns/app:v1" alice@example.org >/dev/null
there=$(base64 -w0 "$work/there")
cp "$work/there" "$folder/signature-1"
echo "docker: {\"$other\": {lookaside: \"file://$work/lookaside\"}}" >"$work/registries.d/x.yaml"
signatures
refuses "no lookaside beside a registry that keeps signatures" 5 'no OpenPGP signature' verify alice_there.json "$lists"
signatures "$(signature_entry 2 other "!")" "$(signature_entry 1 atomic "!")" "$(signature_entry 2 atomic "$there")"
passes "takes the registry's own" holds "held: signedBy: OpenPGP key $fingerprint" verify alice_there.json "$lists"
signatures "$(signature_entry 2 atomic "!")"
refuses "one that is not base64" 8 'signatures of sha256' verify alice_there.json "$lists"
mapfile -t many < <(for _ in {1..129}; do signature_entry 2 atomic AAAA; echo; done)
signatures "${many[@]}"
refuses "more of them than anybody needs" 8 'more than 128' verify alice_there.json "$lists"
rm "$work/lists/signatures.json"
refuses "a registry that says it keeps some and does not" 6 'HTTP 404' verify alice_there.json "$lists"

# --- a mirror: the place by its own name, the identity by the name that was asked for --------------------------------

cat >"$work/registries.conf" <<END
[[registry]]
prefix = "registry.example/team"
location = "127.0.0.1:1/none"
[[registry.mirror]]
location = "$host/ns"
insecure = true
END
skopeo standalone-sign -o "$folder/signature-1" "$work/manifest" registry.example/team/app:v1 alice@example.org >/dev/null
rm -f "$folder/signature-2"
echo "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"registry.example/team\":[$(signed_by alice)],\"$host\":[{\"type\":\"insecureAcceptAnything\"}]}}}" >"$work/mirror.json"
from_mirror() { verify mirror.json --registries-conf "$work/registries.conf" docker://registry.example/team/app:v1; }
echo "docker: {\"registry.example\": {lookaside: \"file://$work/lookaside\"}}" >"$work/registries.d/x.yaml"
refuses "a mirror has no lookaside of the name that was asked for" 5 'registry.example/team.*no OpenPGP signature' from_mirror
echo "docker: {\"$host\": {lookaside: \"file://$work/lookaside\"}}" >"$work/registries.d/x.yaml"
passes "but its own, and the policy of the name that was asked for" holds "held: signedBy: OpenPGP key $fingerprint" from_mirror

# --- no policy anywhere -----------------------------------------------------------------------------------------

# In name spaces of its own, where the machine's folders are empty.
without_policies() {
	# shellcheck disable=SC2016 # expands in there
	unshare --user --map-root-user --mount sh -c '
		for folder in /etc/containers /usr/share/containers; do
			[ ! -d $folder ] || mount -t tmpfs none $folder || exit 99
		done
		exec "$@"' sh "$@"
}
if without_policies true 2>/dev/null; then
	refuses "images of registries where there is no policy" 5 \
		"none of $XDG_CONFIG_HOME/containers/policy.json, /etc/containers/policy.json, /usr/share/containers/policy.json is there" \
		without_policies kbs-image copy --src-tls-verify=false "$image" "oci:$work/unjudged:x"
	equal "nothing was copied" no "$([ -e "$work/unjudged" ] && echo yes || echo no)"
	passes "they are taken where the user says so" without_policies kbs-image copy -q --insecure-policy --src-tls-verify=false "$image" "oci:$work/unjudged:x"
else
	skip "images of registries where there is no policy" "no name spaces here"
fi
refuses "a policy that the environment names and that is not there" 3 '/nonexistent/policy.json' \
	env CONTAINERS_POLICY_JSON=/nonexistent/policy.json kbs-image verify --tls-verify=false "$image"

gpgconf --kill all
tap_end
