#!/usr/bin/env bash
# NSS (Firefox, Thunderbird, and so on): modutil registers the module, certutil lists certificates and keys, cmsutil signs.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
needs "NSS uses the token" libnss3-tools modutil certutil cmsutil
consumer_start
db=sql:$work/nss
mkdir "$work/nss"
certutil -N -d "$db" --empty-password
passes "modutil adds the module" modutil -force -dbdir "$db" -add kbs -libfile "$module"
passes "modutil lists its token" outputs 'token: kbs' modutil -dbdir "$db" -list
nothing_fetched "registering"
passes "certutil -L lists the certificates" outputs 'kbs:rsa' certutil -L -d "$db" -h kbs
passes "both" grep -q 'kbs:ec' "$work/listing"
nothing_fetched "certutil -L"
echo 0 >"$work/pin"
passes "certutil -K lists the private keys" outputs 'rsa +01' certutil -K -d "$db" -h kbs -f "$work/pin"
head -c 3000 /dev/urandom >"$work/data"
certutil -A -d "$db" -n ca -t CT,C,C -i "$work/ca.crt" -a
for name in rsa ec; do
	passes "cmsutil signs with the $name key" cmsutil -S -d "$db" -f "$work/pin" -N "kbs:$name" -H SHA256 -i "$work/data" -o "$work/cms"
	passes "openssl verifies it" openssl cms -verify -binary -CAfile "$work/ca.crt" -purpose any -inform DER -in "$work/cms" \
		-out "$work/open"
	passes "with the same bytes" cmp "$work/data" "$work/open"
done
openssl cms -encrypt -binary -aes-256-cbc -in "$work/data" -outform DER -out "$work/cms" "$work/rsa.crt"
passes "cmsutil opens what was encrypted for the RSA key" cmsutil -D -d "$db" -f "$work/pin" -i "$work/cms" -o "$work/open"
passes "the same bytes" cmp "$work/data" "$work/open"
tap_end
