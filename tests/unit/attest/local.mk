# unit tests of attest/
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/attest_test
TESTS += tests/unit/attest/attest_test
endif
tests_unit_attest_attest_test_SOURCES = tests/unit/attest/attest_test.c tests/support/check.h
tests_unit_attest_attest_test_LDADD = libattester.la libverifier.la libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)

attest_libs = libverifier.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/verifier_fixture_test
TESTS += tests/unit/attest/verifier_fixture_test
endif
tests_unit_attest_verifier_fixture_test_SOURCES = tests/unit/attest/verifier_fixture_test.c \
	tests/support/check.h tests/support/vector.h
tests_unit_attest_verifier_fixture_test_LDADD = $(attest_libs)

# A vendor of TEEs of the tests' own: every check has a case that fails only because of it.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/appraise_intel_test
TESTS += tests/unit/attest/appraise_intel_test
endif
tests_unit_attest_appraise_intel_test_SOURCES = tests/unit/attest/appraise_intel_test.c tests/support/check.h \
	tests/support/tee_pki.c tests/support/tee_pki.h tests/support/tee_intel.c tests/support/tee_intel.h
tests_unit_attest_appraise_intel_test_LDADD = $(attest_libs)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/appraise_snp_test
TESTS += tests/unit/attest/appraise_snp_test
endif
tests_unit_attest_appraise_snp_test_SOURCES = tests/unit/attest/appraise_snp_test.c tests/support/check.h \
	tests/support/tee_pki.c tests/support/tee_pki.h tests/support/tee_amd.c tests/support/tee_amd.h
tests_unit_attest_appraise_snp_test_LDADD = $(attest_libs)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/appraise_tpm_test
TESTS += tests/unit/attest/appraise_tpm_test
endif
tests_unit_attest_appraise_tpm_test_SOURCES = tests/unit/attest/appraise_tpm_test.c tests/support/check.h \
	tests/support/tee_pki.c tests/support/tee_pki.h
tests_unit_attest_appraise_tpm_test_LDADD = $(attest_libs)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/relying_party_test
TESTS += tests/unit/attest/relying_party_test
endif
tests_unit_attest_relying_party_test_SOURCES = tests/unit/attest/relying_party_test.c tests/support/check.h \
	tests/support/vector.h
tests_unit_attest_relying_party_test_LDADD = $(attest_libs)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/measure_test tests/unit/attest/igvm_test
TESTS += tests/unit/attest/measure_test tests/unit/attest/igvm_test
endif
tests_unit_attest_measure_test_SOURCES = tests/unit/attest/measure_test.c tests/support/check.h tests/support/vector.h
tests_unit_attest_measure_test_LDADD = libmeasure.la libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_attest_igvm_test_SOURCES = tests/unit/attest/igvm_test.c tests/support/check.h tests/support/vector.h
tests_unit_attest_igvm_test_LDADD = libmeasure.la libcommon.la $(CRYPTO_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/references_test
TESTS += tests/unit/attest/references_test
endif
tests_unit_attest_references_test_SOURCES = tests/unit/attest/references_test.c tests/support/check.h tests/support/vector.h
tests_unit_attest_references_test_LDADD = libreferences.la libmeasure.la $(attest_libs)

# Taking evidence: configfs-tsm and the devices as the kernel behaves.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/tsm_report_test tests/unit/attest/attester_test
TESTS += tests/unit/attest/tsm_report_test tests/unit/attest/attester_test
endif
tests_unit_attest_tsm_report_test_SOURCES = tests/unit/attest/tsm_report_test.c tests/support/check.h \
	tests/support/tsm_model.c tests/support/tsm_model.h
tests_unit_attest_tsm_report_test_LDADD = libattester.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS)
tests_unit_attest_attester_test_SOURCES = tests/unit/attest/attester_test.c tests/support/check.h $(tee_guest_sources)
tests_unit_attest_attester_test_LDADD = libattester.la $(attest_libs)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/attest/init_data_test
TESTS += tests/unit/attest/init_data_test
endif
tests_unit_attest_init_data_test_SOURCES = tests/unit/attest/init_data_test.c tests/support/check.h
tests_unit_attest_init_data_test_LDADD = libinit_delivery.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS)
