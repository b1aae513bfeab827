#!/usr/bin/env bash
# A TD that is emulated down to its quotes opens an encrypted image: its KBS comes out of init data that the quote covers.
# Then one byte of the init data changes, and the key stays where it is. And a TPM that is a real emulator.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

fuse=$TOP_BUILDDIR/tests/support/tsm_fuse
root=$work/root
key=kbs:///default/image/key
mr_td=$(printf '77%.0s' {1..48})

# --- init data ----------------------------------------------------------------------------------------------------
printf '[token_configs.kbs]\nurl = "http://127.0.0.1:1"\n' >"$work/aa.toml"
printf "x = '''quotes'''\r\n\ty = \"\\\\\\\\\"\n" >"$work/odd"
passes "init data are composed" kbs-attest init-data make "aa.toml=$work/aa.toml" "odd=$work/odd"
mv "$work/out" "$work/a.toml"
equal "their digest is that of the bytes" "$(sha384sum <"$work/a.toml" | cut -d' ' -f1)" "$(kbs-attest init-data digest "$work/a.toml")"
equal "a TD carries it whole, an SNP guest the first 32 bytes" "$(kbs-attest init-data digest "$work/a.toml" | cut -c1-64)" \
	"$(kbs-attest init-data digest "$work/a.toml" --tee snp)"
for form in annotation disk; do
	kbs-attest init-data make "--$form" "aa.toml=$work/aa.toml" "odd=$work/odd" >"$work/a.$form"
	passes "as $form they are the same" cmp "$work/a.toml" <(kbs-attest init-data unpack "$work/a.$form")
done
equal "an annotation is gzip for everyone" "$(sha256sum <"$work/a.toml")" "$(base64 -d "$work/a.annotation" | gzip -dc | sha256sum)"
equal "a disk is of whole sectors" 0 $(($(stat -c %s "$work/a.disk") % 512))
passes "python reads the TOML as we do" python3 - "$work" <<-'END'
	import sys
	try:
	    import tomllib
	except ImportError:
	    sys.exit(0)
	data = tomllib.load(open(sys.argv[1] + "/a.toml", "rb"))["data"]
	assert data["odd"] == open(sys.argv[1] + "/odd", newline="").read(), data["odd"]
END
kbs-attest init-data make --json --algorithm sha256 "aa.toml=$work/aa.toml" >"$work/a.json"
equal "JSON is hashed as it stands" "$(sha256sum <"$work/a.json" | cut -d' ' -f1)$(printf '0%.0s' {1..32})" \
	"$(kbs-attest init-data digest "$work/a.json" --tee tdx)"
head -c 100 "$work/a.disk" >"$work/cut.disk"
refuses "half a disk" 8 "holds less than it says" kbs-attest init-data unpack "$work/cut.disk"

# on_device FILE COMMAND...: with a block device of 4 MiB that begins with the file, as its last argument.
on_device() {
	local device status=0
	{ cat "$1" && head -c 4M /dev/zero; } | head -c 4M >"$work/device"
	device=$(losetup --find --show --read-only "$work/device") || return
	"${@:2}" "$device" || status=$?
	losetup --detach "$device"
	return $status
}
if on_device "$work/a.disk" test -b 2>/dev/null; then
	on_device "$work/a.disk" kbs-attest init-data unpack >"$work/from-device"
	passes "a block device, larger than what is on it" cmp "$work/a.toml" "$work/from-device"
	refuses "one that has none" 8 "no init data" on_device "$work/odd" kbs-attest init-data unpack
else
	skip "init data from a block device" "no loop devices here, or not root"
fi
refuses "no sources" 2 "NAME=FILE" kbs-attest init-data make
refuses "a name with a folder" 8 "no name of a file" kbs-attest init-data make "a/b=$work/odd"
refuses "nothing here is a TEE" 5 "no TEE found" kbs-attest init-data check "$work/a.toml" --tee-root "$work"
refuses "the sample TEE carries none" 5 "carries no init data" kbs-attest init-data check "$work/a.toml" --attester sample
refuses "evidence wants something to be bound to" 2 "report-data" kbs-attest evidence

# --- a TPM --------------------------------------------------------------------------------------------------------
tpm_start() {
	local port
	port=$(python3 -c 'import socket
a, b = socket.socket(), socket.socket()
while True:
    a = socket.socket(); a.bind(("127.0.0.1", 0)); p = a.getsockname()[1]
    try:
        b = socket.socket(); b.bind(("127.0.0.1", p + 1)); break
    except OSError:
        continue
print(p)')
	mkdir -p "$work/tpm"
	swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --server "type=tcp,port=$port,bindaddr=127.0.0.1" \
		--ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" --flags not-need-init,startup-clear >"$work/swtpm.log" 2>&1 &
	started+=($!)
	tcti=swtpm:host=127.0.0.1,port=$port
	for _ in {1..100}; do
		(: <"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null && return 0
		sleep 0.05
	done
	return 1
}
# tpm_checkquote of tpm2-tools is the judge.
tpm_holds() {
	kbs-attest evidence --attester tpm --tpm "$tcti" --report-data "$1" >"$work/tpm.json"
	jq -r .ak_public "$work/tpm.json" | base64 -d | openssl pkey -pubin -inform der -out "$work/ak.pem"
	jq -r .tpm_quote.message "$work/tpm.json" | base64 -d >"$work/quote.msg"
	jq -r .tpm_quote.signature "$work/tpm.json" | base64 -d >"$work/quote.sig"
	tpm2_checkquote -u "$work/ak.pem" -m "$work/quote.msg" -s "$work/quote.sig" -q "$2" -g sha256
}
tpm_pcrs_match() {
	tpm2_pcrread -T "$tcti" sha256:0,8,23 | sed -nE 's/^ +([0-9]+) *: 0x/\1 /p' | while read -r pcr value; do
		[ "$(jq -r ".tpm_quote.pcrs[$pcr]" "$work/tpm.json")" = "${value,,}" ] || { echo "PCR $pcr"; exit 1; }
	done
	[ "$(jq '.tpm_quote.pcrs | length' "$work/tpm.json")" = 24 ]
}
if command -v swtpm >/dev/null && command -v tpm2_checkquote >/dev/null; then
	nonce=$(printf '5a%.0s' {1..48})
	passes "a TPM starts" tpm_start
	passes "its quote holds, and is bound to the report data" tpm_holds "$nonce" "$nonce"
	cp "$work/ak.pem" "$work/ak1.pem"
	refuses "and to no other" 1 "" tpm_holds "$nonce" "${nonce%5a}5b"
	passes "its PCRs are those of the TPM" tpm_pcrs_match
	passes "its key is the same each time" cmp "$work/ak1.pem" "$work/ak.pem"
	passes "kbs-verify affirms it under that key" kbs-verify json "$work/tpm.json" --tee tpm --certs "$work/ak.pem" --report-data "$nonce"
	refuses "other init data than PCR 8 holds" 5 "the TEE carries 0000" \
		kbs-attest init-data check "$work/a.json" --attester tpm --tpm "$tcti"
	tpm2_pcrextend -T "$tcti" "8:sha256=$(kbs-attest init-data digest "$work/a.json")"
	passes "init data that PCR 8 was extended with" kbs-attest init-data check "$work/a.json" --attester tpm --tpm "$tcti"
	refuses "a digest that is no SHA-256" 5 "sha256" kbs-attest init-data check "$work/a.toml" --attester tpm --tpm "$tcti"
	# The KBS that is installed, and evidence that no test made: PCR 8 holds the init data, which name the KBS.
	kbs-server init "$work/kbs-tpm" >/dev/null
	cp "$work/ak.pem" "$work/kbs-tpm/"
	printf '{"tpm-keys": "ak.pem", "reference-values": "values.json"}' >"$work/kbs-tpm/kbs.json"
	printf '{"pcr00": ["%064d"]}' 0 >"$work/kbs-tpm/values.json"
	start_until '^listening on ' "$work/kbs-tpm.log" kbs-server run "$work/kbs-tpm" --listen 127.0.0.1:0
	printf '{"default": "deny", "rules": [{"path": "*/*/*", "tee": ["tpm"], "allow": true, "claims": {"/init_data": ["%s"]}}]}' \
		"$(kbs-attest evidence --attester tpm --tpm "$tcti" --report-data 00 | jq -r '.tpm_quote.pcrs[8]')" >"$work/policy.json"
	kbs-server policy set --url "${matched#listening on }" --admin-key "$work/kbs-tpm/admin.key" "$work/policy.json"
	echo secret >"$work/secret"
	kbs-server resource set --url "${matched#listening on }" --admin-key "$work/kbs-tpm/admin.key" kbs:///a/b/c "$work/secret"
	printf '{"kbs": {"url": "%s", "attester": "tpm", "tpm": "%s", "init-data": "%s"}}' \
		"${matched#listening on }" "$tcti" "$work/a.json" >"$work/kbs-tpm.json"
	# (What a.json names is another KBS, of before: that does not do.)
	refuses "init data and configuration do not name the same KBS" 3 "name another KBS" \
		env KBS_PKCS11_CONF="$work/kbs-tpm.json" kbs-token get kbs:///a/b/c --out "$work/got"
	printf '{"kbs": {"url": "%s", "attester": "tpm", "tpm": "%s"}}' "${matched#listening on }" "$tcti" >"$work/kbs-tpm.json"
	passes "a machine with this TPM gets its key" env KBS_PKCS11_CONF="$work/kbs-tpm.json" kbs-token get kbs:///a/b/c --out "$work/got"
	passes "and it is the key" cmp "$work/secret" "$work/got"
	tpm2_pcrextend -T "$tcti" "8:sha256=$(printf '0%.0s' {1..64})"
	refuses "not once PCR 8 has moved on" 5 "does not allow /init_data" \
		env KBS_PKCS11_CONF="$work/kbs-tpm.json" kbs-token get kbs:///a/b/c --out "$work/got2"
	tpm2_pcrextend -T "$tcti" "0:sha256=$(printf '0%.0s' {1..64})"
	refuses "nor with another PCR 0" 5 "pcr00" \
		env KBS_PKCS11_CONF="$work/kbs-tpm.json" kbs-token get kbs:///a/b/c --out "$work/got2"
	refuses "a TPM that is not there" 5 "TPM" kbs-attest evidence --attester tpm --tpm swtpm:host=127.0.0.1,port=1 --report-data 00
else
	skip "a TPM" "no swtpm or tpm2-tools"
fi

# --- a realm --------------------------------------------------------------------------------------------------------
# Arm CCA: the guest's side alone. No KBS here verifies its token, and says so.
mkdir "$work/realm"
if [ -w /dev/fuse ] && [ -x "$fuse" ] && start_until '^mounted' "$work/realm.log" "$fuse" "$work/realm" cca; then
	realm_pid=$pid
	kbs-attest init-data digest "$work/a.toml" --tee cca | tr -d '\n' >"$work/realm/carried"
	passes "auto finds the realm, which carries the init data" kbs-attest init-data check "$work/a.toml" --tee-root "$work/realm"
	refuses "and no others" 5 "not those that it was started with" kbs-attest init-data check "$work/a.json" --tee-root "$work/realm"
	equal "its evidence is the token as a list of bytes" '["token"]' \
		"$(kbs-attest evidence --tee-root "$work/realm" --report-data 0102 | jq -c keys)"
	kbs-server init "$work/kbs-cca" >/dev/null
	start_until '^listening on ' "$work/kbs-cca.log" kbs-server run "$work/kbs-cca" --listen 127.0.0.1:0
	printf '{"kbs": {"url": "%s", "tee-root": "%s"}}' "${matched#listening on }" "$work/realm" >"$work/kbs-cca.json"
	refuses "a KBS that cannot verify it says so" 5 "cca" \
		env KBS_PKCS11_CONF="$work/kbs-cca.json" kbs-token get kbs:///a/b/c --out "$work/got3"
	stop "$realm_pid"
else
	skip "a realm takes evidence" "no /dev/fuse, built without libfuse3, or FUSE does not mount here"
fi

# --- a TD ---------------------------------------------------------------------------------------------------------
if [ ! -w /dev/fuse ] || [ ! -x "$fuse" ]; then
	skip "an emulated TD opens an image" "no /dev/fuse, or built without libfuse3"
	tap_end
	exit
fi
mkdir "$root"
if ! start_until '^mounted' "$work/fuse.log" "$fuse" "$root" tdx slow 20; then
	skip "an emulated TD opens an image" "FUSE does not mount here"
	tap_end
	exit
fi
equal "auto finds the TD" tdx "$(kbs-attest evidence --tee-root "$root" --report-data 00 | jq -r 'if has("quote") then "tdx" else "?" end')"

kbs-server init "$work/kbs" >/dev/null
printf '{"mr_td":["%s"]}' "$mr_td" >"$work/kbs/values.json"
cp "$root/collateral.json" "$work/kbs/"
printf '{"collateral": "collateral.json", "reference-values": "values.json"}' >"$work/kbs/kbs.json"
export KBS_TEST_ROOT=$root/root.hex
export KBS_PKCS11_LOG=info:stderr
start_until '^listening on ' "$work/kbs.log" "$TOP_BUILDDIR/tests/support/kbs_server_of_tests" run "$work/kbs" --listen 127.0.0.1:0
unset KBS_PKCS11_LOG
kbs_url=${matched#listening on }

printf '[token_configs.kbs]\nurl = "%s"\n' "$kbs_url" >"$work/aa.toml"
kbs-attest init-data make "aa.toml=$work/aa.toml" >"$work/init.toml"
# carry FILE: as if the host had started the TD with these init data.
carry() { kbs-attest init-data digest "$1" --tee tdx >"$work/carried" && tr -d '\n' <"$work/carried" >"$root/carried"; }
carry "$work/init.toml"
passes "the TD carries the init data" kbs-attest init-data check "$work/init.toml" --tee-root "$root"

# The policy names the firmware and the init data; the token knows nothing of the KBS but what these say.
cat >"$work/policy.json" <<-END
	{"default": "deny", "rules": [{"path": "default/image/key", "tee": ["tdx"], "allow": true,
		"claims": {"/tdx/quote/body/mr_td": ["$mr_td"], "/init_data": ["$(cat "$root/carried")"]}}]}
END
passes "a policy about MRTD and init data" kbs-server policy set --url "$kbs_url" --admin-key "$work/kbs/admin.key" "$work/policy.json"
token_conf() {
	printf '{"kbs": {"tee-root": "%s", "init-data": "%s"}, "objects": [%s]}' "$root" "$1" \
		"$(object key "$key" "$work/key.pub")" >"$work/kbs-pkcs11.json"
	export KBS_PKCS11_CONF=$work/kbs-pkcs11.json
}
opens() {
	rm -rf "$work/open"
	kbs-image copy --decryption-key "$(key_uri key)" "oci:$work/enc:enc" "oci:$work/open:plain"
}
make_key rsa:2048 key
mkdir "$work/layer"
echo "the contents" >"$work/layer/file"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/layer" >/dev/null
passes "an image is encrypted" kbs-image copy --encryption-key "jwe:$work/key.pub" "oci:$work/image:plain" "oci:$work/enc:enc"
passes "the key goes to the KBS" resource_set "$key" "$work/key.key"
shred -u "$work/key.key"

token_conf "$work/init.toml"
passes "the image opens in the TD" opens
passes "it is the image of before" same_layers "$work/image" plain "$work/open" plain
equal "the KBS attested a TD" 1 "$(grep -c 'event=attest .*result=ok tee=tdx' "$work/kbs.log")"

doctor() { { kbs-token doctor 2>&1 || true; } | grep -E "$1"; }
passes "the doctor says that the TEE carries them" doctor '^ok +init data +the TEE carries'

{ cat "$work/init.toml"; echo; } >"$work/changed.toml"
token_conf "$work/changed.toml"
passes "and that it carries no others" doctor '^FAIL +init data .*not those that it was started with'
refuses "one byte more in the init data: nothing is asked" '[0-9]+' "not those that it was started with" opens
equal "the KBS heard nothing of it" 2 "$(grep -c 'event=attest ' "$work/kbs.log")"
carry "$work/changed.toml"
refuses "a TD that was started with these is refused" '[0-9]+' "policy" opens
passes "and the KBS says why" grep -q "does not allow /init_data to be" "$work/kbs.log"
carry "$work/init.toml"
token_conf "$work/init.toml"
passes "with the first ones it opens again" opens

# --- the image policy comes with the init data ------------------------------------------------------------------------

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/signer.key" 2>/dev/null
blob_put() { # LAYOUT FILE MEDIA-TYPE: prints a descriptor
	local digest
	digest=$(sha256sum <"$2" | cut -d' ' -f1)
	cp "$2" "$1/blobs/sha256/$digest"
	printf '{"mediaType":"%s","digest":"sha256:%s","size":%d}' "$3" "$digest" "$(stat -c %s "$2")"
}
# sign_layout LAYOUT TAG NAME: as cosign does it, under the tag of the manifest's digest.
sign_layout() {
	local digest signature layer
	digest=$(jq -r --arg tag "$2" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag) | .digest' "$1/index.json")
	printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}' \
		"$3" "$digest" >"$work/statement"
	signature=$(openssl dgst -sha256 -sign "$work/signer.key" "$work/statement" | base64 -w0)
	printf '{}' >"$work/empty"
	layer=$(blob_put "$1" "$work/statement" application/vnd.dev.cosign.simplesigning.v1+json)
	jq -nc --argjson layer "$layer" --argjson config "$(blob_put "$1" "$work/empty" application/vnd.oci.image.config.v1+json)" \
		--arg signature "$signature" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config,
			layers: [$layer + {annotations: {"dev.cosignproject.cosign/signature": $signature}}]}' >"$work/signature.manifest"
	jq -c --argjson m "$(blob_put "$1" "$work/signature.manifest" application/vnd.oci.image.manifest.v1+json)" \
		--arg tag "${digest/:/-}.sig" '.manifests += [$m + {annotations: {"org.opencontainers.image.ref.name": $tag}}]' \
		"$1/index.json" >"$work/index"
	cp "$work/index" "$1/index.json"
}
# init_data OUT [NAME=FILE]...: which the TD then carries.
init_data() {
	local out=$1
	shift
	kbs-attest init-data make "$@" >"$out"
	carry "$out"
}
attested() { grep -c 'event=attest ' "$work/kbs.log"; }
# only_with_these PATH: the KBS gives it to a TD with the init data of now.
only_with_these() {
	jq --arg value "$(cat "$root/carried")" --arg path "$1" \
		'.rules[0].path = $path | .rules[0].claims = {"/init_data": [$value]}' "$work/policy.json" >"$work/policy2.json"
	kbs-server policy set --url "$kbs_url" --admin-key "$work/kbs/admin.key" "$work/policy2.json"
}

cp -r "$work/enc" "$work/signed"
sign_layout "$work/signed" enc registry.example/app
cat >"$work/images.json" <<-END
	{"default": [{"type": "sigstoreSigned", "keyData": "$(openssl pkey -in "$work/signer.key" -pubout | base64 -w0)",
		"signedIdentity": {"type": "exactRepository", "dockerRepository": "registry.example/app"}}]}
END
printf "[image]\nimage_security_policy = '''\n%s\n'''\n" "$(cat "$work/images.json")" >"$work/cdh.toml"
init_data "$work/images.toml" "aa.toml=$work/aa.toml" "cdh.toml=$work/cdh.toml"
only_with_these default/image/key
token_conf "$work/images.toml"
before=$(attested)
rm -rf "$work/open"
open_image() { kbs-image copy --decryption-key "$(key_uri key)" "$@" "oci:$work/open:plain"; }
refuses "an unsigned image, by the policy of the init data" 5 \
	'policy of the init data: the default, requirement 1 \(sigstoreSigned.*no sigstore signature' open_image "oci:$work/enc:enc"
refuses "nor does the command line know better" 3 'neither --policy nor --insecure-policy' open_image --insecure-policy "oci:$work/enc:enc"
for command in unpack bundle; do
	refuses "$command refuses it, too" 5 'policy of the init data' kbs-image $command "oci:$work/enc:enc" "$work/out.$command"
done
equal "no key was asked for" "$before" "$(attested)"
passes "the signed image opens" open_image "oci:$work/signed:enc"
equal "with one attestation" $((before + 1)) "$(attested)"
passes "it is the image of before" same_layers "$work/image" plain "$work/open" plain
{ cat "$work/images.toml"; echo; } >"$work/changed.toml"
printf '{"kbs": {"tee-root": "%s"}}' "$root" >"$work/kbs-pkcs11.json"
verify_with() { kbs-image verify --init-data "$1" "${2-oci:$work/signed:enc}"; }
equal "verify takes it, and says by which requirement" 1 "$(verify_with "$work/images.toml" | grep -c '^held: sigstoreSigned: key 1, ')"
refuses "one byte more in the init data: both digests are named" 5 \
	"digest is $(kbs-attest init-data digest "$work/changed.toml"), the TEE carries $(cat "$work/carried")" verify_with "$work/changed.toml"
refuses "before anything is fetched" 5 "the TEE carries" verify_with "$work/changed.toml" docker://127.0.0.1:1/none
refuses "inspect asks no policy" 2 'asks no policy' kbs-image inspect --init-data "$work/images.toml" "oci:$work/enc:enc"
echo 'image = { image_security_policy_uri = "file:///etc/policy.json" }' >"$work/cdh.toml"
init_data "$work/file.toml" "cdh.toml=$work/cdh.toml"
refuses "a policy that is a file of the machine" 8 'none of a KBS' verify_with "$work/file.toml"

resource_set kbs:///default/policy/images "$work/images.json"
printf '[image]\nimage_security_policy_uri = "kbs:///default/policy/images"\n' >"$work/cdh.toml"
init_data "$work/uri.toml" "aa.toml=$work/aa.toml" "cdh.toml=$work/cdh.toml"
only_with_these default/policy/images
passes "a policy that the KBS has, which the init data name" verify_with "$work/uri.toml"
refuses "an unsigned image by that" 5 'policy kbs:///default/policy/images: the default' verify_with "$work/uri.toml" "oci:$work/enc:enc"

# A machine where the init data name a KBS and the configuration another.
printf '{"kbs": {"tee-root": "%s", "init-data": "%s", "url": "http://127.0.0.1:1"}}' "$root" "$work/init.toml" >"$work/kbs-pkcs11.json"
refuses "two KBSs" 3 "name another KBS" kbs-token get "$key" --out "$work/got"
equal "no entry is left in configfs" 0 "$(find "$root/sys/kernel/config/tsm/report" -mindepth 1 -maxdepth 1 | wc -l)"
tap_end
