# tests/interop: other people's programs, run by scripts/check.
EXTRA_DIST += tests/interop/skopeo.sh
