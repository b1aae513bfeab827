# tests/support
EXTRA_DIST += tests/support/make_image.sh
