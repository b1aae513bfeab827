# unit tests of kbc/
kbc_test_libs = libkbc.la libattester.la libcommon.la $(CMOCKA_LIBS) $(CRYPTO_LIBS) $(JSON_LIBS)
fake_kbs_sources = tests/unit/kbc/fake_kbs.c tests/unit/kbc/fake_kbs.h

check_PROGRAMS += tests/unit/kbc/cc_kbc_test tests/unit/kbc/kbc_options_test tests/unit/kbc/kbc_test \
	tests/unit/kbc/kbc_failure_test tests/unit/kbc/flight_test
TESTS += tests/unit/kbc/cc_kbc_test tests/unit/kbc/kbc_options_test tests/unit/kbc/kbc_test \
	tests/unit/kbc/kbc_failure_test tests/unit/kbc/flight_test

tests_unit_kbc_cc_kbc_test_SOURCES = tests/unit/kbc/cc_kbc_test.c
tests_unit_kbc_cc_kbc_test_LDADD = $(kbc_test_libs)
tests_unit_kbc_kbc_options_test_SOURCES = tests/unit/kbc/kbc_options_test.c
tests_unit_kbc_kbc_options_test_LDADD = $(kbc_test_libs)
tests_unit_kbc_kbc_test_SOURCES = tests/unit/kbc/kbc_test.c $(fake_kbs_sources)
tests_unit_kbc_kbc_test_LDADD = $(kbc_test_libs)
tests_unit_kbc_kbc_failure_test_SOURCES = tests/unit/kbc/kbc_failure_test.c $(fake_kbs_sources)
tests_unit_kbc_kbc_failure_test_LDADD = $(kbc_test_libs)
tests_unit_kbc_flight_test_SOURCES = tests/unit/kbc/flight_test.c
tests_unit_kbc_flight_test_LDADD = $(kbc_test_libs)

check_PROGRAMS += tests/unit/kbc/kbc_server_test
TESTS += tests/unit/kbc/kbc_server_test
tests_unit_kbc_kbc_server_test_SOURCES = tests/unit/kbc/kbc_server_test.c
tests_unit_kbc_kbc_server_test_LDADD = libhttp_peer.la libkbs.la libverifier.la libhttp_curl.la $(kbc_test_libs)
