#!/usr/bin/env bash
# Where secrets must not be: logs at any level, files, argument lists, environments, core dumps of a host process that
# used the module. And our own commands give no core at all.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

pin=PIN-$(head -c 9 /dev/urandom | od -An -tx1 | tr -d ' \n')
log=$work/log/module.log
mkdir "$work/log" "$work/secret" "$work/root"
seq 1 50000 >"$work/root/numbers"
make_key rsa:3072 key
mv "$work/key.key" "$work/secret/"
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" >/dev/null
export KBS_PKCS11_LOG=debug:$log
kbs_start --allow-sample
resource_set kbs:///default/image/key "$work/secret/key.key"
kbs-image copy --encryption-key "pkcs11:$work/key.pub" "oci:$work/image:plain" "oci:$work/enc:enc" >"$work/log/encrypt" 2>&1
conf_write "$kbs_url" "$(object image-key kbs:///default/image/key "$work/key.pub")"
printf %s "$pin" >"$work/secret/pin"
# The token asks for that PIN, and knows it by its verifier only.
verifier=$(kbs-token pin-verifier <"$work/secret/pin")
sed -i "s|\"token\": { \"label\": \"kbs\" }|\"token\": { \"label\": \"kbs\", \"pin\": \"$verifier\" }|" "$KBS_PKCS11_CONF"
passes "the token has a PIN policy" grep -q '"pin": "[$]scrypt' "$KBS_PKCS11_CONF"

# The content keys: what the annotation holds, opened with the private key itself, apart from our code.
jq -r '.layers[].annotations["org.opencontainers.image.enc.keys.pkcs11"]' "$(manifest_of "$work/enc" enc)" | base64 -d |
	jq -r '.recipients[0].blob' | base64 -d |
	openssl pkeyutl -decrypt -inkey "$work/secret/key.key" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
		-pkeyopt rsa_mgf1_md:sha256 >"$work/secret/options"
jq -rj .symkey "$work/secret/options" >"$work/secret/symkey.b64"
base64 -d "$work/secret/symkey.b64" >"$work/secret/symkey"
equal "the test knows the layer's content key" 32 "$(stat -c %s "$work/secret/symkey")"

# One secret a file: the PEM's lines and the whole DER of the resource, the content key raw, in base64 and in hex, the PIN.
mkdir "$work/secret/needles"
grep -v -- ----- "$work/secret/key.key" | split -l 1 - "$work/secret/needles/pem-line-"
openssl pkey -in "$work/secret/key.key" -outform DER -out "$work/secret/needles/der"
cp "$work/secret/symkey" "$work/secret/needles/content-key"
cp "$work/secret/symkey.b64" "$work/secret/needles/content-key-base64"
od -An -v -tx1 "$work/secret/symkey" | tr -d ' \n' >"$work/secret/needles/content-key-hex"
cp "$work/secret/pin" "$work/secret/needles/pin"

# find_secrets FILE...: names what it finds where; silent if nothing.
cat >"$work/find.py" <<'END'
import os, sys
needles = {}
for name in os.listdir(sys.argv[1]):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        needles[name] = file.read().strip(b"\n")
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        data = file.read()
    for name, needle in needles.items():
        if len(needle) >= 16 and needle in data:
            print(f"{path} holds {name}")
END
find_secrets() { python3 "$work/find.py" "$work/secret/needles" "$@"; }
cat "$work/secret/key.key" "$work/secret/symkey" "$work/secret/pin" >"$work/secret/all"
passes "the search finds secrets where they are" test "$(find_secrets "$work/secret/all" | wc -l)" -gt 20

# --- logs and files ---
pin_uri="pkcs11:token=kbs;object=image-key?pin-source=file:$work/secret/pin"
passes "the image opens, with logging at its loudest" \
	kbs-image copy --decryption-key "$pin_uri" "oci:$work/enc:enc" "oci:$work/open:plain"
passes "something was logged" test -s "$log"
refused() { ! kbs-token get kbs:///default/image/absent 2>"$work/log/stderr"; }
passes "a refusal is logged too" refused
cp "$work/kbs.log" "$work/log/"
mapfile -t files < <(find "$work" -type f -not -path "$work/secret/*" -not -path "$work/kbs/storage/*")
equal "no secret in any log or file but the KBS's storage" "" "$(find_secrets "${files[@]}")"
equal "nothing is left in the temporary folder" "" "$(find "$TMPDIR" -type f)"

# --- a host process, while it uses the module -------------------------------------------------------------------

jq -r '.layers[0].annotations["org.opencontainers.image.enc.keys.pkcs11"]' "$(manifest_of "$work/enc" enc)" | base64 -d |
	jq -r '.recipients[0].blob' | base64 -d >"$work/wrapped"
mkfifo "$work/wait"
"$p11_host" --pin-file "$work/secret/pin" --label image-key --public "$work/key.pub" --wrapped "$work/wrapped" "$module" \
	hold <"$work/wait" >"$work/hold.out" 2>&1 &
host=$!
started+=("$host")
exec 7>"$work/wait"
for _ in $(seq 100); do
	! grep -q ready "$work/hold.out" || break
	sleep 0.1
done
passes "a host process signs and unwraps a layer's key" grep -q ready "$work/hold.out"
for pid in "$host" "$kbs_pid"; do cat "/proc/$pid/cmdline" "/proc/$pid/environ" >>"$work/secret/proc" 2>/dev/null || true; done
equal "no secret in argument lists or environments" "" "$(find_secrets "$work/secret/proc")"

if sanitized; then
	skip "no secret in the core of a host process" "a sanitizer's build has no useful core"
elif gcore -o "$work/core" "$host" >"$work/gcore.log" 2>&1; then
	passes "its core is taken" test -s "$work/core.$host"
	equal "no raw resource, PIN or content key in it" "" "$(find_secrets "$work/core.$host")"
else
	skip "no secret in the core of a host process" "gcore may not attach here: $(tail -1 "$work/gcore.log")"
fi
exec 7>&-
wait "$host" || true

# --- our own commands give no core --------------------------------------------------------------------------------

core_of() { (cd "$TMPDIR" && python3 "$TOP_SRCDIR/tests/support/core_of.py" "$@"); }
if [ "$(core_of '' sleep 60)" = core ]; then
	equal "an aborted kbs-server leaves no core" "no core" \
		"$(core_of '^listening' kbs-server run "$work/kbs" --listen 127.0.0.1:0 --allow-sample)"
	front_start --mode hang
	conf_write "$front_url" "$(object image-key kbs:///default/image/key "$work/key.pub")"
	equal "an aborted kbs-image leaves no core" "no core" \
		"$(core_of '' kbs-image copy --decryption-key "$pin_uri" "oci:$work/enc:enc" "oci:$work/never:plain")"
	equal "an aborted kbs-token leaves no core" "no core" "$(core_of '' kbs-token get kbs:///default/image/key)"
else
	skip "our commands leave no core" "no process leaves a core on this machine"
fi
tap_end
