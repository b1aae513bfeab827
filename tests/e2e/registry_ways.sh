#!/usr/bin/env bash
# Ways to a registry: through proxies, with a client's certificate, with credentials and certificates from a Key Broker
# Service. nginx stands before Debian's docker-registry.
set -euo pipefail
# shellcheck source=tests/support/e2e.sh
. "$(dirname "$0")/../support/e2e.sh"

for program in docker-registry htpasswd nginx python3; do
	command -v $program >/dev/null || {
		skip "ways to registries" "$program is not installed"
		tap_end
		exit 0
	}
done
export HOME=$work/home XDG_RUNTIME_DIR=$work/run
unset REGISTRY_AUTH_FILE DOCKER_CONFIG no_proxy NO_PROXY
mkdir -p "$HOME/.config/containers" "$XDG_RUNTIME_DIR" "$work/ca" "$work/both" "$work/nginx" "$work/root"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$XDG_CONFIG_HOME/policy.json"
mkdir -p "$XDG_CONFIG_HOME/containers"
mv "$XDG_CONFIG_HOME/policy.json" "$XDG_CONFIG_HOME/containers/policy.json"

certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		${2:+-addext "subjectAltName=$2"} -keyout "$work/$1.key" -out "$work/$1.crt" 2>/dev/null
}
certificate server DNS:localhost,IP:127.0.0.1,DNS:registry.example
certificate client
cp "$work/server.crt" "$work/ca/"
cp "$work/server.crt" "$work/both/"
cp "$work/client.crt" "$work/both/client.cert"
cp "$work/client.key" "$work/both/"
htpasswd -Bbn -C 5 somebody 'pass:word' >"$work/htpasswd" 2>/dev/null

registry_start "$work/registry" ", relativeurls: true"
plain=$host

open_port=$(free_port) client_port=$(free_port) password_port=$(free_port)
cat >"$work/nginx.conf" <<END
daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx/error.log;
events {}
http {
	access_log $work/nginx/access.log;
	log_format connections '\$server_port \$connection \$server_protocol \$request_method \$uri \$status';
	access_log $work/nginx/connections.log connections;
	client_body_temp_path $work/nginx/1; proxy_temp_path $work/nginx/2; fastcgi_temp_path $work/nginx/3;
	uwsgi_temp_path $work/nginx/4; scgi_temp_path $work/nginx/5;
	client_max_body_size 0;
	ssl_certificate $work/server.crt; ssl_certificate_key $work/server.key;
	server {
		listen 127.0.0.1:$open_port ssl http2;
		location / { proxy_pass http://$plain; proxy_request_buffering off; proxy_http_version 1.1; }
	}
	server {
		listen 127.0.0.1:$client_port ssl;
		ssl_client_certificate $work/client.crt; ssl_verify_client on;
		location / { proxy_pass http://$plain; }
	}
	server {
		listen 127.0.0.1:$password_port ssl;
		auth_basic registry; auth_basic_user_file $work/htpasswd;
		location / { proxy_pass http://$plain; proxy_set_header Authorization ""; }
	}
}
END
nginx -c "$work/nginx.conf" >"$work/nginx/out" 2>&1 </dev/null &
pid=$!
started+=("$pid")
until_listening "$pid" "$open_port" "$work/nginx/error.log"

head -c 300000 /dev/urandom >"$work/root/file"
digest=$("$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" plain --layer "$work/root" --layer "$work/ca")
copy() { kbs-image copy -q "$@"; }
new() { echo "oci:$(mktemp -u "$work/new.XXXXXX"):x"; }
equal "pushes through nginx" "$digest" "$(copy --cert-dir "$work/ca" "oci:$work/image:plain" "docker://localhost:$open_port/app:one")"

# --- one connection ---------------------------------------------------------------------------------------------

layers=()
for n in 1 2 3 4 5 6; do
	mkdir "$work/part$n"
	head -c 2000000 /dev/urandom >"$work/part$n/file$n"
	layers+=(--layer "$work/part$n")
done
"$TOP_SRCDIR/tests/support/make_image.sh" "$work/image" parts "${layers[@]}" >/dev/null
passes "pushes six layers" copy --cert-dir "$work/ca" "oci:$work/image:parts" "docker://localhost:$open_port/parts:one"
: >"$work/nginx/connections.log"
passes "unpacks them, several at once" kbs-image unpack -q --unprivileged --cert-dir "$work/ca" \
	"docker://localhost:$open_port/parts:one" "$work/parts"
passes "all of it" cmp "$work/part6/file6" "$work/parts/file6"
blobs() { grep -E "^$open_port .* GET /v2/parts/blobs/.* 200$" "$work/nginx/connections.log"; }
equal "every blob comes by HTTP/2" "HTTP/2.0" "$(blobs | cut -d' ' -f3 | sort -u)"
equal "as many as there are" 7 "$(blobs | cut -d' ' -f5 | sort -u | wc -l)"
equal "over one connection" 1 "$(blobs | cut -d' ' -f2 | sort -u | wc -l)"

# --- proxies ----------------------------------------------------------------------------------------------------

# proxy PORT: one that takes everything there.
proxy() {
	: >"$work/proxy.log"
	start_until '^listening on ' "$work/proxy.out" python3 "$TOP_SRCDIR/tests/support/connect_proxy.py" "$1" "$work/proxy.log"
	proxy_pid=$pid
	proxy_url=http://someone:secret@127.0.0.1:${matched#listening on }
}
far=docker://registry.example/app:one
proxy "$open_port"
through() { https_proxy=$proxy_url copy --cert-dir "$work/ca" "$1" "$(new)"; }
equal "goes through a proxy" "$digest" "$(through "$far")"
equal "by CONNECT, with the proxy's own password" yes "$(grep -q '^CONNECT registry.example:443 auth=Basic$' "$work/proxy.log" && echo yes)"
refuses "a host that the proxy refuses" '4|8' 'refused.example' through docker://refused.example/app:one
: >"$work/proxy.log"
equal "this machine is reached without it" "$digest" "$(through "docker://localhost:$open_port/app:one")"
refuses "hosts of no_proxy are, too" 4 'registry.example' env no_proxy=.example https_proxy="$proxy_url" \
	kbs-image copy -q --cert-dir "$work/ca" "$far" "$(new)"
equal "so that it sees nothing" "" "$(cat "$work/proxy.log")"
refuses "a proxy that is not there" 4 'registry.example' env https_proxy=http://127.0.0.1:1 \
	kbs-image copy -q --cert-dir "$work/ca" "$far" "$(new)"
refuses "a registry behind a proxy that no CA vouches for" 4 'TLS' env https_proxy="$proxy_url" kbs-image copy -q "$far" "$(new)"
stop "$proxy_pid"
proxy "${plain#*:}"
equal "plain HTTP through a proxy, where the user says so" "$digest" \
	"$(http_proxy=$proxy_url https_proxy=http://127.0.0.1:1 copy --tls-verify=false "$far" "$(new)")"
equal "by whole URLs" yes "$(grep -q '^GET http://registry.example/v2/app/manifests/one' "$work/proxy.log" && echo yes)"

# --- clients' certificates --------------------------------------------------------------------------------------

client=docker://localhost:$client_port/app:one
equal "shows a client's certificate" "$digest" "$(copy --cert-dir "$work/both" "$client" "$(new)")"
refuses "a server that wants one where there is none" 8 'HTTP 400' copy --cert-dir "$work/ca" "$client" "$(new)"
mkdir -p "$XDG_CONFIG_HOME/containers/certs.d"
cp -r "$work/both" "$XDG_CONFIG_HOME/containers/certs.d/localhost:$client_port"
equal "certificates of certs.d" "$digest" "$(copy "$client" "$(new)")"
cat >"$work/registries.conf" <<END
[[registry]]
location = "localhost:$open_port"
[[registry.mirror]]
location = "localhost:$client_port"
END
rm -r "$XDG_CONFIG_HOME/containers/certs.d"
: >"$work/nginx/connections.log"
equal "a mirror is not shown what --cert-dir has for the registry" "$digest" "$(copy --registries-conf "$work/registries.conf" \
	--cert-dir "$work/both" "docker://localhost:$open_port/app:one" "$(new)")"
equal "which it refused" yes "$(grep -qE "^$client_port .* 400$" "$work/nginx/connections.log" && echo yes)"
rm "$work/both/client.key"
refuses "a certificate without its key" 3 'client.cert' copy --cert-dir "$work/both" "$client" "$(new)"

# --- from the Key Broker Service --------------------------------------------------------------------------------

kbs_start --allow-sample
conf_write "$kbs_url"
resource_set kbs:///default/registry/certs.crt "$work/server.crt"
resource_set kbs:///default/registry/certs.cert "$work/client.crt"
resource_set kbs:///default/registry/certs.key "$work/client.key"
resource_set kbs:///default/registry/ca.crt "$work/server.crt"
jq -n --arg at "localhost:$password_port" --arg auth "$(printf 'somebody:pass:word' | base64)" \
	'{auths: {($at): {auth: $auth}}}' >"$work/auth.json"
resource_set kbs:///default/registry/auth "$work/auth.json"
equal "a CA, a client's certificate and its key come from the KBS" "$digest" \
	"$(copy --cert-dir kbs:///default/registry/certs "$client" "$(new)")"
equal "a CA alone, and credentials" "$digest" "$(copy --cert-dir kbs:///default/registry/ca \
	--authfile kbs:///default/registry/auth "docker://localhost:$password_port/app:one" "$(new)")"
refuses "certificates that the KBS has not" '3|5|6' 'kbs:///default/registry/none' copy --cert-dir kbs:///default/registry/none "$client" "$(new)"
refuses "credentials that the KBS has not" '3|5|6' 'kbs:///default/registry/none' copy --cert-dir "$work/ca" \
	--authfile kbs:///default/registry/none "docker://localhost:$password_port/app:one" "$(new)"

tap_end
