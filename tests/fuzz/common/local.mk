# fuzz targets of common/
check_PROGRAMS += tests/fuzz/common/base64_fuzz
FUZZ_TESTS += tests/fuzz/common/base64_fuzz
tests_fuzz_common_base64_fuzz_SOURCES = tests/fuzz/common/base64_fuzz.c
tests_fuzz_common_base64_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_base64_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la
EXTRA_DIST += tests/fuzz/common/base64.seeds
