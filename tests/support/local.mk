# tests/support
EXTRA_DIST += tests/support/make_image.sh

# Runs a fuzz target without libFuzzer: see tests/local.mk.
check_LTLIBRARIES += libfuzz_driver.la
libfuzz_driver_la_SOURCES = tests/support/fuzz_driver.c tests/support/fuzz.h
libfuzz_driver_la_LIBADD = libcommon.la
