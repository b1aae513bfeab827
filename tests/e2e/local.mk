# tests/e2e: real programs, run by scripts/check once everything is built.
EXTRA_DIST += tests/e2e/image_rsa.sh tests/e2e/image_ec.sh tests/e2e/refusals.sh tests/e2e/engine.sh tests/e2e/consumers.sh \
	tests/e2e/process.sh tests/e2e/secrecy.sh tests/e2e/kbs_image.sh tests/e2e/token.sh
EXTRA_DIST += tests/e2e/kbs_server.sh tests/support/memory_of.py
