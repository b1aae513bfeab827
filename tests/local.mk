# Each fragment adds its programs to check_PROGRAMS and TESTS.
#
# A fuzz target, tests/fuzz/common/json_fuzz.c, includes "tests/support/fuzz.h", defines LLVMFuzzerTestOneInput() and is
# declared in tests/fuzz/common/local.mk as
#
#   check_PROGRAMS += tests/fuzz/common/json_fuzz
#   FUZZ_TESTS += tests/fuzz/common/json_fuzz
#   tests_fuzz_common_json_fuzz_SOURCES = tests/fuzz/common/json_fuzz.c
#   tests_fuzz_common_json_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
#   tests_fuzz_common_json_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la
#   EXTRA_DIST += tests/fuzz/common/json.seeds
#
# `make check` runs it through tests/support/fuzz_driver.c: each seed of json.seeds, then FUZZ_RUNS mutations of them, always
# the same ones. With --enable-fuzzers it is a libFuzzer program instead, to be run by hand:
#   tests/fuzz/common/json_fuzz CORPUS SRCDIR/tests/fuzz/common/json.seeds
FUZZ_TESTS =
if LIBFUZZER
FUZZ_DRIVER =
FUZZ_LINK_FLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
else
FUZZ_DRIVER = libfuzz_driver.la
FUZZ_LINK_FLAGS = $(AM_LDFLAGS)
TESTS += $(FUZZ_TESTS)
endif

include tests/support/local.mk
include tests/unit/common/local.mk
include tests/unit/attest/local.mk
include tests/unit/kbc/local.mk
include tests/unit/pkcs11/local.mk
include tests/unit/keywrap/local.mk
include tests/unit/image/local.mk
include tests/unit/kbs/local.mk
include tests/unit/tools/local.mk
include tests/fuzz/common/local.mk
include tests/fuzz/attest/local.mk
include tests/fuzz/kbc/local.mk
include tests/fuzz/pkcs11/local.mk
include tests/fuzz/keywrap/local.mk
include tests/fuzz/image/local.mk
include tests/fuzz/kbs/local.mk
include tests/e2e/local.mk
include tests/interop/local.mk
include tests/bench/local.mk
