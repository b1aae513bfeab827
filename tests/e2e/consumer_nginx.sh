#!/usr/bin/env bash
# nginx serves TLS with keys that only the KBS holds, through OpenSSL's engine; curl talks to it. `nginx -t` and starting
# the server fetch no key.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "nginx serves TLS with a KBS key" nginx nginx
needs "nginx serves TLS with a KBS key" libengine-pkcs11-openssl "/usr/lib*/*/engines-3/pkcs11.so"
needs "nginx serves TLS with a KBS key" curl curl
PATH=$PATH:/usr/sbin
consumer_start
rsa_port=$(free_port)
ec_port=$(free_port)
mkdir -p "$work/nginx"/{logs,temp,www}
echo "served from the guest" >"$work/nginx/www/index.html"
server() {
	cat <<-END
		server {
		    listen 127.0.0.1:$1 ssl;
		    ssl_certificate $work/$2.crt;
		    $(kbs-token describe "$2" --json | jq -r '.[] | .snippets.nginx // empty')
		    location / { root $work/nginx/www; }
		}
	END
}
cat >"$work/nginx/nginx.conf" <<END
daemon off;
$([ "$(id -u)" != 0 ] || echo 'user root;')
worker_processes 2;
pid $work/nginx/nginx.pid;
error_log $work/nginx/logs/error.log info;
# Workers look for the token themselves.
env KBS_PKCS11_CONF;
env OPENSSL_CONF;
events { worker_connections 64; }
http {
    access_log off;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    client_body_temp_path $work/nginx/temp/body;
    proxy_temp_path $work/nginx/temp/proxy;
    fastcgi_temp_path $work/nginx/temp/fastcgi;
    uwsgi_temp_path $work/nginx/temp/uwsgi;
    scgi_temp_path $work/nginx/temp/scgi;
$(server "$rsa_port" rsa)
$(server "$ec_port" ec)
}
END
nginx=(env "OPENSSL_CONF=$work/engine.cnf" nginx -p "$work/nginx" -e "$work/nginx/logs/start.log" -c "$work/nginx/nginx.conf")
nginx_start() {
	"${nginx[@]}" >"$work/nginx.out" 2>&1 </dev/null &
	nginx_pid=$!
	started+=("$nginx_pid")
	until_listening "$nginx_pid" "$rsa_port" "$work/nginx.out"
}

passes "nginx -t accepts the configuration" "${nginx[@]}" -t
nothing_fetched "nginx -t"
nginx_start
nothing_fetched "nginx that has started"

get() { curl -sS --fail --max-time 20 --cacert "$work/ca.crt" "$@"; }
for version in 1.2 1.3; do
	for name in rsa ec; do
		port=$rsa_port
		[ $name = rsa ] || port=$ec_port
		passes "curl over TLS $version, $name key" outputs 'served from the guest' \
			get --tlsv$version --tls-max $version "https://127.0.0.1:$port/"
	done
done
many() { for _ in $(seq 12); do get "https://127.0.0.1:$rsa_port/" >/dev/null || return 1; done; }
passes "twelve connections" many
at_most_two() { [ "$1" -ge 1 ] && [ "$1" -le 2 ]; }
passes "at most one attestation a worker: $(handshakes)" at_most_two "$(handshakes)"

# A new configuration is taken over without one failed connection, and the new workers sign too.
kill -HUP "$nginx_pid"
passes "twelve connections while it reloads" many
sleep 0.5
passes "and after" many
wrong() { curl -sS --max-time 20 --cacert "$work/rsa.pub" "https://127.0.0.1:$rsa_port/"; }
refuses "curl that trusts another CA" '60|77' . wrong
stop "$nginx_pid"
no_crash() { ! grep -E 'exited on signal|\[(alert|emerg)\]' "$work/nginx/logs/error.log"; }
passes "no worker died" no_crash

# What happens when the KBS is away: the connection fails, nginx lives, and when the KBS is back it serves.
kbs_stop
nginx_start
refuses "no connection without the KBS" '35|52|56|28' . get --max-time 5 "https://127.0.0.1:$rsa_port/"
start_until '^listening on ' "$work/kbs.log" kbs-server run "$work/kbs" --listen "${kbs_url#http://}" --allow-sample
back() { local deadline=$((SECONDS + 20)); until get "https://127.0.0.1:$rsa_port/"; do [ $SECONDS -lt $deadline ] || return 1; sleep 0.5; done; }
passes "it serves when the KBS is back, without a restart" back
stop "$nginx_pid"
tap_end
