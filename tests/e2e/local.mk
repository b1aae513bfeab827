# tests/e2e: real programs, run by scripts/check once everything is built.
EXTRA_DIST += tests/e2e/image_rsa.sh tests/e2e/image_ec.sh tests/e2e/refusals.sh tests/e2e/engine.sh tests/e2e/consumers.sh \
	tests/e2e/process.sh tests/e2e/secrecy.sh tests/e2e/keyprovider.sh tests/e2e/kbs_image.sh tests/e2e/recipients.sh tests/e2e/bad_layers.sh tests/e2e/token.sh tests/e2e/verify.sh
EXTRA_DIST += tests/e2e/leases.sh tests/e2e/registry.sh tests/support/registry_faults.py tests/e2e/image_policy.sh tests/e2e/image_archive.sh tests/e2e/image_store.sh tests/e2e/image_kill.sh
EXTRA_DIST += tests/e2e/registry_ways.sh tests/support/connect_proxy.py
EXTRA_DIST += tests/e2e/tee.sh tests/e2e/kbs_server.sh tests/support/memory_of.py tests/e2e/image_unpack.sh tests/e2e/image_bundle.sh
EXTRA_DIST += tests/e2e/image_tar.sh tests/e2e/image_layers.sh
EXTRA_DIST += tests/e2e/consumer_curl.sh tests/e2e/consumer_gnutls.sh tests/e2e/consumer_java.sh \
	tests/e2e/consumer_nginx.sh tests/e2e/consumer_nss.sh tests/e2e/consumer_openssh.sh tests/e2e/consumer_openssl.sh \
	tests/e2e/consumer_p11kit.sh tests/e2e/consumer_provider.sh tests/e2e/consumer_pykcs11.sh tests/support/consumer.sh tests/e2e/describe.sh tests/e2e/log.sh tests/e2e/install.sh
EXTRA_DIST += tests/e2e/measure.sh tests/support/corim_check.py
EXTRA_DIST += tests/e2e/faults.sh tests/support/faults.libraries
EXTRA_DIST += tests/support/pcs_double.py tests/support/registry_lists.py tests/support/registry_put.sh
