# fuzz targets of kbs/
kbs_fuzz_tests = \
	tests/fuzz/kbs/kbs_attest_fuzz \
	tests/fuzz/kbs/kbs_policy_fuzz \
	tests/fuzz/kbs/kbs_request_fuzz
check_PROGRAMS += $(kbs_fuzz_tests)
FUZZ_TESTS += $(kbs_fuzz_tests)
kbs_fuzz_libs = libmemory_kbs.la libkbs.la libverifier.la libattester.la libattest.la libcommon.la
tests_fuzz_kbs_kbs_attest_fuzz_SOURCES = tests/fuzz/kbs/kbs_attest_fuzz.c
tests_fuzz_kbs_kbs_attest_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbs_kbs_attest_fuzz_LDADD = $(FUZZ_DRIVER) $(kbs_fuzz_libs)
tests_fuzz_kbs_kbs_policy_fuzz_SOURCES = tests/fuzz/kbs/kbs_policy_fuzz.c
tests_fuzz_kbs_kbs_policy_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbs_kbs_policy_fuzz_LDADD = $(FUZZ_DRIVER) $(kbs_fuzz_libs)
tests_fuzz_kbs_kbs_request_fuzz_SOURCES = tests/fuzz/kbs/kbs_request_fuzz.c
tests_fuzz_kbs_kbs_request_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbs_kbs_request_fuzz_LDADD = $(FUZZ_DRIVER) $(kbs_fuzz_libs)
EXTRA_DIST += tests/fuzz/kbs/kbs_attest.seeds tests/fuzz/kbs/kbs_policy.seeds tests/fuzz/kbs/kbs_request.seeds
