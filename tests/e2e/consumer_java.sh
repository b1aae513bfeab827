#!/usr/bin/env bash
# Java's SunPKCS11: keytool lists the keys of the token and signs requests for certificates with them.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
if ! command -v keytool >/dev/null; then
	skip "Java uses the token" "default-jre-headless is not installed, and is too large to install it for this alone"
	tap_end
	exit
fi
if ! keytool -J-version >/dev/null 2>&1; then
	skip "Java uses the token" "keytool does not run"
	tap_end
	exit
fi
consumer_start
printf 'name = kbs\nlibrary = %s\n' "$module" >"$work/java.conf"
java_tool() {
	keytool "$@" -J-Xshare:auto -J-XX:TieredStopAtLevel=1 -keystore NONE -storetype PKCS11 -storepass 0 -addprovider SunPKCS11 \
		-providerarg "$work/java.conf"
}
passes "keytool lists the RSA key" outputs '^rsa, PrivateKeyEntry' java_tool -list
passes "and the EC key" grep -q '^ec, PrivateKeyEntry' "$work/listing"
for name in rsa ec; do
	passes "SunPKCS11 signs with the $name key" java_tool -certreq -alias $name -file "$work/$name.csr"
	passes "openssl verifies it" outputs 'verify OK' openssl req -in "$work/$name.csr" -noout -verify
	equal "with the key of the KBS" "$(cat "$work/$name.pub")" "$(openssl req -in "$work/$name.csr" -noout -pubkey)"
done
passes "PSS" java_tool -certreq -alias rsa -sigalg RSASSA-PSS -file "$work/pss.csr"
passes "openssl verifies it" outputs 'verify OK' openssl req -in "$work/pss.csr" -noout -verify
tap_end
