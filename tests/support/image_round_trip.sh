# shellcheck shell=bash disable=SC2154 # e2e.sh sets work and the URLs
# image_round_trip KEY SCHEME: an image of Debian packages is encrypted for KEY (rsa:3072, P-256), the private half goes to
# the KBS and is removed here, and the image opens through the token. Needs kbs_start, front_start and make_image before.

make_image() { "$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain >"$work/image.digest"; }

# What the image test must see of the layers: several, gzip and plain ones.
image_is_mixed() {
	jq -e '[.layers[].mediaType] | length >= 3 and any(endswith("+gzip")) and any(endswith(".tar"))' \
		"$(manifest_of "$work/image" plain)"
}

image_round_trip() {
	local key=$1 scheme=$2 name=${1/:/}-$2
	local uri=kbs:///default/image/$name
	local recipient=$work/$name.pub
	make_key "$key" "$name"
	if [ "$scheme" = pkcs7 ]; then
		recipient=$work/$name.crt
		openssl req -new -x509 -key "$work/$name.key" -subj "/CN=$name" -days 2 -out "$recipient"
	fi
	passes "$name: an image is encrypted with a public key" \
		kbs-image copy --encryption-key "$scheme:$recipient" "oci:$work/image:plain" "oci:$work/$name:enc"
	passes "$name: every layer is encrypted under the scheme $scheme" all_encrypted "$work/$name" enc "$scheme"
	passes "$name: no layer of the encrypted image is the plain one" \
		no_layer_in_common "$work/image" plain "$work/$name" enc
	passes "$name: the private key goes to the KBS" resource_set "$uri" "$work/$name.key"
	shred -u "$work/$name.key"
	conf_write "$front_url" "$(object "$name" "$uri" "$work/$name.pub")"
	forget
	passes "$name: the image opens through the token" \
		kbs-image copy --decryption-key "$(key_uri "$name")" "oci:$work/$name:enc" "oci:$work/$name-open:plain"
	passes "$name: its layers are byte for byte the ones before" \
		same_layers "$work/image" plain "$work/$name-open" plain
	equal "$name: all layers together took one attestation" 1 "$(handshakes)"
	equal "$name: first use took three requests" "POST /kbs/v0/auth POST /kbs/v0/attest GET /kbs/v0/resource/${uri#kbs:///}" \
		"$(grep -v connect "$work/front.log" | paste -sd' ')"
	equal "$name: and one connection" 1 "$(seen '^connect')"
	passes "$name: a copy without the key leaves the layers encrypted" \
		kbs-image copy "oci:$work/$name:enc" "oci:$work/$name-copy:enc"
	passes "$name: and these are the same bytes" same_layers "$work/$name" enc "$work/$name-copy" enc
}
