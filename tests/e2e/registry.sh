#!/usr/bin/env bash
# Images in a registry: Debian's docker-registry on loopback, with TLS, without and with passwords; what skopeo pushed
# is pulled by kbs-image, and the other way round.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

for program in docker-registry htpasswd skopeo; do
	command -v $program >/dev/null || {
		skip "images in registries" "$program is not installed"
		tap_end
		exit 0
	}
done
export HOME=$work/home XDG_RUNTIME_DIR=$work/run
unset REGISTRY_AUTH_FILE DOCKER_CONFIG
mkdir -p "$HOME" "$XDG_RUNTIME_DIR" "$work/certs" "$work/nocerts"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=registry \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/tls.key" -out "$work/certs/registry.crt" 2>/dev/null
htpasswd -Bbn -C 5 somebody 'pass:word' >"$work/htpasswd" 2>/dev/null

tls=", tls: {certificate: $work/certs/registry.crt, key: $work/tls.key}"
registry_start "$work/open" "$tls"
open=$host
registry_start "$work/closed" "$tls" "auth: {htpasswd: {realm: r, path: $work/htpasswd}}"
closed=$host
registry_start "$work/plain"
plain=$host

mkdir "$work/root"
head -c 3000000 /dev/urandom >"$work/root/file"
digest=$("$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" --layer "$work/certs")
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"
# Without any policy kbs-image takes nothing from registries; the machine may have none.
mkdir -p "$XDG_CONFIG_HOME/containers"
cp "$work/policy.json" "$XDG_CONFIG_HOME/containers/policy.json"
skopeo_copy() { skopeo --policy "$work/policy.json" copy -q "$@"; }
copy() { kbs-image copy -q "$@"; }

# --- pulled -----------------------------------------------------------------------------------------------------

skopeo_copy --dest-cert-dir "$work/certs" "oci:$work/image:plain" "docker://$open/group/app:one"
equal "pulls by tag what skopeo pushed" "$digest" "$(copy --src-cert-dir "$work/certs" "docker://$open/group/app:one" "oci:$work/pulled:a")"
equal "and by digest" "$digest" "$(copy --cert-dir "$work/certs" "docker://$open/group/app@$digest" "oci:$work/pulled:b")"
equal "inspects it" "$digest" "$(kbs-image inspect --format json --cert-dir "$work/certs" "docker://$open/group/app:one" | jq -r .digest)"
refuses "a server that no CA vouches for" 4 'TLS' copy --cert-dir "$work/nocerts" "docker://$open/group/app:one" "oci:$work/x:x"
refuses "a tag that is not there" 6 'HTTP 404: MANIFEST_UNKNOWN' \
	copy --cert-dir "$work/certs" "docker://$open/group/app:two" "oci:$work/x:x"
refuses "a repository that is not there" 6 'HTTP 404' copy --cert-dir "$work/certs" "docker://$open/group/none" "oci:$work/x:x"
refuses "a registry that is not there" 4 'no connection' copy "docker://127.0.0.1:1/group/app" "oci:$work/x:x"
equal "unverified certificates where the user says so" "$digest" \
	"$(copy --src-tls-verify=false "docker://$open/group/app:one" "oci:$work/pulled:c")"
skopeo_copy --dest-tls-verify=false "oci:$work/image:plain" "docker://$plain/app:one"
refuses "a registry without TLS" 4 '' copy "docker://$plain/app:one" "oci:$work/x:x"
equal "plain HTTP where the user says so" "$digest" "$(copy --tls-verify=false "docker://$plain/app:one" "oci:$work/pulled:d")"

# --- passwords --------------------------------------------------------------------------------------------------

skopeo_copy --dest-cert-dir "$work/certs" --dest-creds 'somebody:pass:word' "oci:$work/image:plain" "docker://$closed/app:one"
closed_image=docker://$closed/app:one
with_file() { copy --cert-dir "$work/certs" --authfile "$work/auth.json" "$closed_image" "oci:$work/pulled:e"; }
refuses "no password" 5 'a user and a password' copy --cert-dir "$work/certs" "$closed_image" "oci:$work/x:x"
refuses "a wrong password" 5 '401' copy --cert-dir "$work/certs" --creds somebody:wrong "$closed_image" "oci:$work/x:x"
refuses "credentials that are none" 2 'USER:PASSWORD' copy --creds somebody "$closed_image" "oci:$work/x:x"
equal "a password of the command line" "$digest" \
	"$(copy --cert-dir "$work/certs" --src-creds 'somebody:pass:word' "$closed_image" "oci:$work/pulled:e")"
skopeo login --cert-dir "$work/certs" --authfile "$work/auth.json" -u somebody -p 'pass:word' "$closed" >/dev/null
equal "a password of a file that skopeo wrote" "$digest" "$(with_file)"
cp "$work/auth.json" "$work/auth.first"
mkdir -p "$HOME/.docker"
cp "$work/auth.json" "$HOME/.docker/config.json"
equal "a password of Docker's file" "$digest" "$(copy --cert-dir "$work/certs" "$closed_image" "oci:$work/pulled:f")"
rm "$HOME/.docker/config.json"
auth=$(jq -r '.auths[].auth' "$work/auth.first")
jq -n --arg at "$closed/app" --arg wrong "$closed" --arg auth "$auth" \
	'{auths: {($wrong): {auth: "eDp5"}, ($at): {auth: $auth}}}' >"$work/auth.json"
equal "the most special entry counts" "$digest" "$(with_file)"
jq -n --arg at "$closed/ap" --arg auth "$auth" '{auths: {($at): {auth: $auth}}}' >"$work/auth.json"
refuses "an entry whose name only begins alike" 5 'a user and a password' with_file
echo '{"auths": {' >"$work/auth.json"
refuses "a file that is malformed" 3 'auth.json' with_file
rm "$work/auth.json"
refuses "a file that is not there" 3 'auth.json' with_file
mkdir "$work/bin"
cat >"$work/bin/docker-credential-test" <<END
#!/bin/sh
read -r host
[ "\$host" != broken.example ] || exit 1
[ "\$1 \$host" = "get $closed" ] || { echo "credentials not found in native keychain"; exit 1; }
echo '{"ServerURL": "$closed", "Username": "somebody", "Secret": "pass:word"}'
END
chmod +x "$work/bin/docker-credential-test"
PATH=$work/bin:$PATH
jq -n --arg at "$closed" '{credHelpers: {($at): "test"}}' >"$work/auth.json"
equal "a credential helper" "$digest" "$(with_file)"
echo '{"credsStore": "test"}' >"$work/auth.json"
equal "a store of credentials" "$digest" "$(with_file)"
equal "which has nothing for another registry" "$digest" "$(copy --cert-dir "$work/certs" --authfile "$work/auth.json" \
	"docker://$open/group/app:one" "oci:$work/pulled:g")"
refuses "a helper that fails" 3 'docker-credential-test: it ended with exit status 1' \
	copy --authfile "$work/auth.json" docker://broken.example/app "oci:$work/x:x"
echo '{"credsStore": "../../bin/test"}' >"$work/auth.json"
refuses "a helper that is a path" 3 'the name of a credential helper' with_file

# --- pushed -----------------------------------------------------------------------------------------------------

make_key P-256 ec
push=docker://$open/pushed/app
equal "pushes" "$digest" "$(copy --dest-cert-dir "$work/certs" "oci:$work/image:plain" "$push:one")"
passes "and skopeo pulls it" skopeo_copy --src-cert-dir "$work/certs" "$push:one" "oci:$work/skopeo:one"
equal "as it is" "$digest" "$(jq -r '.manifests[0].digest' "$work/skopeo/index.json")"
equal "a layer that is there does not go up again" 2 "$(kbs-image copy --format json -q --cert-dir "$work/certs" \
	"oci:$work/image:plain" "$push:two" | jq '[.layers[] | select(.done == "was there")] | length')"
encrypted=$(copy --cert-dir "$work/certs" --encryption-key "jwe:$work/ec.pub" "$push:one" "$push:encrypted")
equal "encrypts from registry to registry" true "$(kbs-image inspect --format json --cert-dir "$work/certs" \
	"$push@$encrypted" | jq '.layers[0].encrypted')"
equal "and decrypts what it pushed" "$digest" "$(copy --cert-dir "$work/certs" --decryption-key "$work/ec.key" \
	"$push:encrypted" "docker://$open/other/app:decrypted")"
passes "unpacks an image out of a registry" kbs-image unpack -q --cert-dir "$work/certs" --unprivileged \
	"docker://$open/other/app:decrypted" "$work/rootfs"
passes "all of it" cmp "$work/root/file" "$work/rootfs/file"
# patches: how many bodies went up so far.
patches() { grep -c 'PATCH /v2/mounted/' "$work/open.log" || true; }
equal "mounts the layers of another repository of the registry" "$digest" \
	"$(copy --cert-dir "$work/certs" "$push:one" "docker://$open/mounted/app:one")"
equal "so that nothing goes up" 0 "$(patches)"
equal "and what it mounted is all of it" "$digest" "$(copy --cert-dir "$work/certs" "docker://$open/mounted/app:one" "oci:$work/pulled:mounted")"
equal "pushes with a password" "$digest" "$(copy --cert-dir "$work/certs" --dest-creds 'somebody:pass:word' \
	"oci:$work/image:plain" "docker://$closed/app:three")"
refuses "to push without one" 5 'a user and a password' copy --cert-dir "$work/certs" "oci:$work/image:plain" "docker://$closed/app:x"
refuses "to push under another digest" 2 'named by the digest' copy --cert-dir "$work/certs" "oci:$work/image:plain" "$push@$encrypted"

# --- registries.conf --------------------------------------------------------------------------------------------

cat >"$work/registries.conf" <<END
[[registry]]
prefix = "images.example/team"
location = "$open/group"
[[registry.mirror]]
location = "127.0.0.1:1/group"
[[registry.mirror]]
location = "$closed"
[[registry]]
prefix = "images.example/mirrored"
location = "127.0.0.1:1"
[[registry.mirror]]
location = "$open/group"
[[registry]]
prefix = "images.example/plain"
location = "$plain"
insecure = true
[[registry]]
location = "blocked.example"
blocked = true
END
by_conf() { copy --cert-dir "$work/certs" --registries-conf "$work/registries.conf" "$@" "oci:$(mktemp -u "$work/conf.XXXXXX"):x"; }
equal "another location, after mirrors that have nothing" "$digest" "$(by_conf docker://images.example/team/app:one)"
equal "a mirror where the registry is away" "$digest" "$(by_conf docker://images.example/mirrored/app:one)"
equal "a registry that is insecure by the file" "$digest" "$(by_conf docker://images.example/plain/app:one)"
refuses "a mirror does not get the registry's password" 4 '127.0.0.1:1' \
	by_conf --src-creds 'somebody:pass:word' docker://images.example/mirrored/none:one
refuses "a registry that is blocked" 5 'blocked' by_conf docker://blocked.example/app
refuses "to push there, too" 5 'blocked' copy --registries-conf "$work/registries.conf" "oci:$work/image:plain" docker://blocked.example/app
refuses "a file of registries that is not there" 3 'nothing.conf' copy --registries-conf "$work/nothing.conf" "docker://$open/app" "oci:$work/x:x"

# Short names, credential helpers, and what is dropped in; all of them as the user's own files, in their order.
mkdir -p "$XDG_CONFIG_HOME/containers/registries.conf.d"
own=$XDG_CONFIG_HOME/containers
short() { copy --cert-dir "$work/certs" "$@" "oci:$(mktemp -u "$work/short.XXXXXX"):x"; }
cat >"$own/registries.conf" <<END
unqualified-search-registries = ["$closed", "$open"]
credential-helpers = ["test", "containers-auth.json"]
[aliases]
"alias" = "$open/group/app"
[[registry]]
location = "dropped.example"
blocked = true
END
echo 'short-name-mode = "enforcing"' >"$own/registries.conf.d/10-mode.conf"
refuses "a name that may be at two registries" 2 'may be at any of 2 registries.*enforcing' short docker://group/app:one
equal "but not an alias" "$digest" "$(short docker://alias:one)"
refuses "what a file blocks" 5 'blocked' short docker://dropped.example/app:one
printf '[[registry]]\nprefix = "dropped.example"\nlocation = "%s/group"\n' "$open" >"$own/registries.conf.d/20-later.conf"
equal "which a later one takes back" "$digest" "$(short docker://dropped.example/app:one)"
echo 'short-name-mode = "permissive"' >"$own/registries.conf.d/30-mode.conf"
equal "searches registries in their order" "$digest" "$(short docker://group/app:one)"
refuses "what none of them has" 6 'HTTP 404' short docker://group/app:none
refuses "to push to a name without a host" 2 'name one' copy "oci:$work/image:plain" docker://group/app:one
equal "credentials of a helper that the file names" "$digest" "$(short "$closed_image")"
echo 'credential-helpers = ["none-such"]' >"$own/registries.conf.d/40-helper.conf"
refuses "a helper that is not there" 3 'docker-credential-none-such' short "$closed_image"
rm -r "$own"/registries.conf*

# --- faults -----------------------------------------------------------------------------------------------------

fault() { echo "$*" >"$work/fault"; : >"$work/faults.log"; }
fault none
start_until '^listening on ' "$work/faults.out" python3 "$TOP_SRCDIR/tests/support/registry_faults.py" \
	"${plain#*:}" "$work/fault" "$work/faults.log"
faulty=docker://127.0.0.1:${matched#listening on }/app:one
seen() { grep -cE "$1" "$work/faults.log" || true; }
# Into a new place each time: what is there is not fetched.
through() { copy --tls-verify=false "$@" "$faulty" "oci:$(mktemp -u "$work/through.XXXXXX"):x"; }
equal "passes through a proxy" "$digest" "$(through)"
fault cut 3 500000
equal "goes on where connections broke" "$digest" "$(through)"
equal "with the bytes that were missing" "bytes=500000-" "$(grep -oE 'bytes=[0-9]+-' "$work/faults.log" | head -1)"
fault norange 2 300000
equal "begins anew where ranges are not understood" "$digest" "$(through)"
fault wrongrange 1 300000
refuses "another part than was asked for" 8 'not the part that was asked for' through
fault status 1 429
equal "asks a busy registry again" "$digest" "$(through)"
fault status 1 503
equal "and one that is away" "$digest" "$(through)"
fault status 99 400
refuses "what no second try would change" 8 'HTTP 400' through
equal "which was not tried again" 1 "$(seen manifests)"
fault corrupt
refuses "a blob that is another" 7 'sha256:' through
fault longer
refuses "a blob with a byte more" 7 'sha256:' through
fault shorter
refuses "a blob with a byte less" 7 'sha256:' through
fault manifest
refuses "a manifest that is not what its digest says" 7 'docker://' through
fault redirect
equal "follows redirects" "$digest" "$(through --src-creds u:p)"
fault loop
refuses "redirects without end" 8 'redirects' through
fault elsewhere
refuses "a challenge from where a redirect led" 5 'another place' through --src-creds u:p
equal "which gets no credentials, and no request for a token" "0 0" "$(seen '/elsewhere.*auth=[^-]') $(seen '/token')"
fault unended
equal "takes a blob whose end alone was not said" "$digest" "$(through)"
fault part
refuses "a part that nobody asked for" 8 'not the part' through
fault liar
refuses "a manifest that is said to be another" 7 'sha256:0000' through
fault drip 1
equal "takes a manifest that comes byte by byte" "$digest" "$(through)"
fault gzip
refuses "an encoding that nobody asked for" 7 '' through
fault downgrade
refuses "a redirect to something that is not HTTP" '2|8' '' through
fault token 2
equal "gets a token, and another when that is not taken" "$digest" "$(through --src-creds u:p)"
equal "credentials go to the token's place alone" "0 yes" \
	"$(grep -v '/token' "$work/faults.log" | grep -c 'auth=Basic' || true) $([ "$(seen '/token.*auth=Basic')" -ge 2 ] && echo yes)"
fault token 2
refuses "a token for the wrong password" 5 'not taken' through --src-creds u:q
refuses "a token without credentials" 5 'without credentials' through
fault uploads
refuses "an upload that goes on elsewhere, and wants credentials there" "4|5" '' copy --tls-verify=false --dest-creds u:p \
	"oci:$work/image:plain" "${faulty%/app:one}/new:one"
equal "which gets none" "0 0" "$(seen '/elsewhere.*auth=[^-]') $(seen '/token')"
# interrupted WHAT: what waits ends at a signal, and leaves nothing.
interrupted() {
	kbs-image copy -q --tls-verify=false "$faulty" "oci:$work/interrupted:x" 2>"$work/err" &
	local copying=$! deadline=$((SECONDS + 20)) status=0
	until [ "$(seen "$2")" -gt 0 ] || [ $SECONDS -ge $deadline ]; do sleep 0.05; done
	kill -TERM $copying
	wait $copying || status=$?
	equal "$1" "143 no" "$status $([ -e "$work/interrupted" ] && echo yes || echo no)"
}
fault wait
interrupted "a signal ends the wait that a registry asked for" manifests
fault silent
interrupted "and the wait for bytes" blobs
fault cut 99 100000
refuses "a blob that breaks off again and again" 4 'connection broke' through
equal "nothing was made of what failed" no "$([ -e "$work/x" ] || ls "$work"/through.*/blobs/*/.??* 2>/dev/null && echo yes || echo no)"

tap_end
