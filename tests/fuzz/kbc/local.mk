# fuzz targets of kbc/
kbc_fuzz_libs = $(FUZZ_DRIVER) libkbc.la libattester.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)
kbc_fuzz_messages = tests/fuzz/kbc/answers.c tests/fuzz/kbc/answers.h
kbc_fuzz_programs = tests/fuzz/kbc/challenge_fuzz tests/fuzz/kbc/attest_answer_fuzz tests/fuzz/kbc/refusal_fuzz \
	tests/fuzz/kbc/resource_answer_fuzz tests/fuzz/kbc/exchange_fuzz tests/fuzz/kbc/options_fuzz
check_PROGRAMS += $(kbc_fuzz_programs)
FUZZ_TESTS += $(kbc_fuzz_programs)
EXTRA_DIST += tests/fuzz/kbc/challenge.seeds tests/fuzz/kbc/attest_answer.seeds tests/fuzz/kbc/refusal.seeds \
	tests/fuzz/kbc/resource_answer.seeds tests/fuzz/kbc/exchange.seeds tests/fuzz/kbc/options.seeds

tests_fuzz_kbc_challenge_fuzz_SOURCES = tests/fuzz/kbc/challenge_fuzz.c $(kbc_fuzz_messages)
tests_fuzz_kbc_challenge_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbc_challenge_fuzz_LDADD = $(kbc_fuzz_libs)
tests_fuzz_kbc_attest_answer_fuzz_SOURCES = tests/fuzz/kbc/attest_answer_fuzz.c
tests_fuzz_kbc_attest_answer_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbc_attest_answer_fuzz_LDADD = $(kbc_fuzz_libs)
tests_fuzz_kbc_refusal_fuzz_SOURCES = tests/fuzz/kbc/refusal_fuzz.c $(kbc_fuzz_messages)
tests_fuzz_kbc_refusal_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbc_refusal_fuzz_LDADD = $(kbc_fuzz_libs)
tests_fuzz_kbc_resource_answer_fuzz_SOURCES = tests/fuzz/kbc/resource_answer_fuzz.c
tests_fuzz_kbc_resource_answer_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbc_resource_answer_fuzz_LDADD = $(kbc_fuzz_libs)
tests_fuzz_kbc_exchange_fuzz_SOURCES = tests/fuzz/kbc/exchange_fuzz.c $(kbc_fuzz_messages)
tests_fuzz_kbc_exchange_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbc_exchange_fuzz_LDADD = $(kbc_fuzz_libs)
tests_fuzz_kbc_options_fuzz_SOURCES = tests/fuzz/kbc/options_fuzz.c
tests_fuzz_kbc_options_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_kbc_options_fuzz_LDADD = $(kbc_fuzz_libs)
