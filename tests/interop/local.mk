# tests/interop: other people's programs, run by scripts/check.
EXTRA_DIST += tests/interop/skopeo.sh tests/interop/skopeo_layout.sh

EXTRA_DIST += tests/interop/keyprovider.sh tests/support/go_peer.sh tests/support/skopeo_peer.sh
EXTRA_DIST += tests/interop/keyprovider_peer/main.go tests/interop/keyprovider_peer/go.mod tests/interop/keyprovider_peer/go.sum \
	tests/interop/keyprovider_rust/Cargo.toml tests/interop/keyprovider_rust/src/main.rs

EXTRA_DIST += tests/interop/measure.sh tests/interop/sev_snp_measure.py tests/interop/igvm_rust/Cargo.toml \
	tests/interop/igvm_rust/src/main.rs

EXTRA_DIST += tests/interop/cosign.sh tests/interop/policy.sh tests/interop/policies.py
EXTRA_DIST += tests/interop/policy_peer/main.go tests/interop/policy_peer/go.mod tests/interop/policy_peer/go.sum
EXTRA_DIST += tests/interop/ocicrypt.sh tests/interop/ocicrypt/main.go tests/interop/ocicrypt/jose.go tests/interop/ocicrypt/go.mod \
	tests/interop/ocicrypt/go.sum

# A program as others write it: the installed header and the shared library alone.
check_PROGRAMS += docs/examples/ocikeywrap_layer
docs_examples_ocikeywrap_layer_SOURCES = docs/examples/ocikeywrap_layer.c
docs_examples_ocikeywrap_layer_CPPFLAGS = -I$(top_srcdir)/keywrap $(FORTIFY_CPPFLAGS)
docs_examples_ocikeywrap_layer_LDADD = libocikeywrap.la
