# fuzz targets of attest/
check_PROGRAMS += tests/fuzz/attest/sample_evidence_fuzz
FUZZ_TESTS += tests/fuzz/attest/sample_evidence_fuzz
tests_fuzz_attest_sample_evidence_fuzz_SOURCES = tests/fuzz/attest/sample_evidence_fuzz.c
tests_fuzz_attest_sample_evidence_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_sample_evidence_fuzz_LDADD = $(FUZZ_DRIVER) libverifier.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)
EXTRA_DIST += tests/fuzz/attest/sample_evidence.seeds
