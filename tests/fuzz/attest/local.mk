# fuzz targets of attest/
attest_fuzz_libs = libverifier.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)
check_PROGRAMS += tests/fuzz/attest/sample_evidence_fuzz
FUZZ_TESTS += tests/fuzz/attest/sample_evidence_fuzz
tests_fuzz_attest_sample_evidence_fuzz_SOURCES = tests/fuzz/attest/sample_evidence_fuzz.c
tests_fuzz_attest_sample_evidence_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_sample_evidence_fuzz_LDADD = $(FUZZ_DRIVER) libverifier.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)
EXTRA_DIST += tests/fuzz/attest/sample_evidence.seeds

check_PROGRAMS += tests/fuzz/attest/quote_fuzz
FUZZ_TESTS += tests/fuzz/attest/quote_fuzz
tests_fuzz_attest_quote_fuzz_SOURCES = tests/fuzz/attest/quote_fuzz.c
tests_fuzz_attest_quote_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_quote_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/quote.seeds

check_PROGRAMS += tests/fuzz/attest/snp_report_fuzz
FUZZ_TESTS += tests/fuzz/attest/snp_report_fuzz
tests_fuzz_attest_snp_report_fuzz_SOURCES = tests/fuzz/attest/snp_report_fuzz.c
tests_fuzz_attest_snp_report_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_snp_report_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/snp_report.seeds

check_PROGRAMS += tests/fuzz/attest/evidence_json_fuzz
FUZZ_TESTS += tests/fuzz/attest/evidence_json_fuzz
tests_fuzz_attest_evidence_json_fuzz_SOURCES = tests/fuzz/attest/evidence_json_fuzz.c
tests_fuzz_attest_evidence_json_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_evidence_json_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/evidence_json.seeds

check_PROGRAMS += tests/fuzz/attest/certificates_fuzz
FUZZ_TESTS += tests/fuzz/attest/certificates_fuzz
tests_fuzz_attest_certificates_fuzz_SOURCES = tests/fuzz/attest/certificates_fuzz.c
tests_fuzz_attest_certificates_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_certificates_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/certificates.seeds

check_PROGRAMS += tests/fuzz/attest/event_log_fuzz
FUZZ_TESTS += tests/fuzz/attest/event_log_fuzz
tests_fuzz_attest_event_log_fuzz_SOURCES = tests/fuzz/attest/event_log_fuzz.c
tests_fuzz_attest_event_log_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_event_log_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/event_log.seeds

check_PROGRAMS += tests/fuzz/attest/collateral_fuzz
FUZZ_TESTS += tests/fuzz/attest/collateral_fuzz
tests_fuzz_attest_collateral_fuzz_SOURCES = tests/fuzz/attest/collateral_fuzz.c
tests_fuzz_attest_collateral_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_collateral_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/collateral.seeds

check_PROGRAMS += tests/fuzz/attest/relying_party_fuzz
FUZZ_TESTS += tests/fuzz/attest/relying_party_fuzz
tests_fuzz_attest_relying_party_fuzz_SOURCES = tests/fuzz/attest/relying_party_fuzz.c
tests_fuzz_attest_relying_party_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_relying_party_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/relying_party.seeds

check_PROGRAMS += tests/fuzz/attest/firmware_fuzz
FUZZ_TESTS += tests/fuzz/attest/firmware_fuzz
tests_fuzz_attest_firmware_fuzz_SOURCES = tests/fuzz/attest/firmware_fuzz.c
tests_fuzz_attest_firmware_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_firmware_fuzz_LDADD = $(FUZZ_DRIVER) libmeasure.la libcommon.la $(CRYPTO_LIBS)
EXTRA_DIST += tests/fuzz/attest/firmware.seeds

check_PROGRAMS += tests/fuzz/attest/igvm_fuzz
FUZZ_TESTS += tests/fuzz/attest/igvm_fuzz
tests_fuzz_attest_igvm_fuzz_SOURCES = tests/fuzz/attest/igvm_fuzz.c
tests_fuzz_attest_igvm_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_igvm_fuzz_LDADD = $(FUZZ_DRIVER) libmeasure.la libcommon.la $(CRYPTO_LIBS) $(ZLIB_LIBS)
EXTRA_DIST += tests/fuzz/attest/igvm.seeds

check_PROGRAMS += tests/fuzz/attest/tpm_quote_fuzz
FUZZ_TESTS += tests/fuzz/attest/tpm_quote_fuzz
tests_fuzz_attest_tpm_quote_fuzz_SOURCES = tests/fuzz/attest/tpm_quote_fuzz.c
tests_fuzz_attest_tpm_quote_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_tpm_quote_fuzz_LDADD = $(FUZZ_DRIVER) $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/tpm_quote.seeds

check_PROGRAMS += tests/fuzz/attest/init_data_fuzz
FUZZ_TESTS += tests/fuzz/attest/init_data_fuzz
tests_fuzz_attest_init_data_fuzz_SOURCES = tests/fuzz/attest/init_data_fuzz.c
tests_fuzz_attest_init_data_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_init_data_fuzz_LDADD = $(FUZZ_DRIVER) libinit_delivery.la libattest.la libcommon.la
EXTRA_DIST += tests/fuzz/attest/init_data.seeds

check_PROGRAMS += tests/fuzz/attest/attester_answer_fuzz
FUZZ_TESTS += tests/fuzz/attest/attester_answer_fuzz
tests_fuzz_attest_attester_answer_fuzz_SOURCES = tests/fuzz/attest/attester_answer_fuzz.c
tests_fuzz_attest_attester_answer_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_attester_answer_fuzz_LDADD = $(FUZZ_DRIVER) libattester.la libattest.la libcommon.la
EXTRA_DIST += tests/fuzz/attest/attester_answer.seeds

check_PROGRAMS += tests/fuzz/attest/references_fuzz
FUZZ_TESTS += tests/fuzz/attest/references_fuzz
tests_fuzz_attest_references_fuzz_SOURCES = tests/fuzz/attest/references_fuzz.c
tests_fuzz_attest_references_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_attest_references_fuzz_LDADD = $(FUZZ_DRIVER) libreferences.la libmeasure.la $(attest_fuzz_libs)
EXTRA_DIST += tests/fuzz/attest/references.seeds
