# shellcheck shell=bash disable=SC2154 # for whoever sources this
# Blobs and manifests into the repository ns/app of a registry on loopback, `host`, with curl: what no client would write.

# blob FILE
blob() {
	local file=$1 url
	url=$(curl -fsS -X POST -D - -o /dev/null "http://$host/v2/ns/app/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //Ip')
	curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$file" "$url&digest=sha256:$(sha256sum "$file" | cut -d' ' -f1)" >/dev/null
}
# descriptor FILE: its digest and size.
descriptor() { echo "\"digest\":\"sha256:$(sha256sum "$1" | cut -d' ' -f1)\",\"size\":$(stat -c %s "$1")"; }
# manifest_put FILE [REFERENCE [TYPE]]
manifest_put() {
	curl -fsS -X PUT -H "Content-Type: ${3-application/vnd.oci.image.manifest.v1+json}" --data-binary "@$1" \
		"http://$host/v2/ns/app/manifests/${2-sha256:$(sha256sum "$1" | cut -d' ' -f1)}" >/dev/null
}
# cosign_put DIGEST PAYLOAD ANNOTATIONS: a statement, with these annotations, under cosign's tag.
cosign_put() {
	printf '{}' >"$work/cosign.config"
	blob "$2"
	blob "$work/cosign.config"
	cat >"$work/cosign.manifest" <<-END
		{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
		"config":{"mediaType":"application/vnd.oci.image.config.v1+json",$(descriptor "$work/cosign.config")},
		"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json",$(descriptor "$2"),"annotations":$3}]}
	END
	manifest_put "$work/cosign.manifest" "sha256-$1.sig"
}
