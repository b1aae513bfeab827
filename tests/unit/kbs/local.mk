# unit tests of kbs/
kbs_unit_tests = \
	tests/unit/kbs/body_test \
	tests/unit/kbs/emulated_tee_test \
	tests/unit/kbs/header_test \
	tests/unit/kbs/init_test \
	tests/unit/kbs/policy_test \
	tests/unit/kbs/real_tee_test \
	tests/unit/kbs/route_test \
	tests/unit/kbs/server_test \
	tests/unit/kbs/session_test \
	tests/unit/kbs/storage_test \
	tests/unit/kbs/token_test

if HAVE_CMOCKA
check_PROGRAMS += $(kbs_unit_tests)
TESTS += $(kbs_unit_tests)
endif
# A KBS in memory, and a guest that asks it.
check_LTLIBRARIES += libmemory_kbs.la
libmemory_kbs_la_SOURCES = tests/unit/kbs/memory_kbs.c tests/unit/kbs/memory_kbs.h \
	tests/support/kbs_guest.c tests/support/kbs_guest.h
libmemory_kbs_la_LIBADD = libkbs.la libverifier.la libattester.la libattest.la libcommon.la
kbs_unit_libs = libmemory_kbs.la libkbs.la libverifier.la libattester.la libattest.la libcommon.la $(CMOCKA_LIBS)
tests_unit_kbs_body_test_SOURCES = tests/unit/kbs/body_test.c tests/support/check.h
tests_unit_kbs_body_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_header_test_SOURCES = tests/unit/kbs/header_test.c tests/support/check.h
tests_unit_kbs_header_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_init_test_SOURCES = tests/unit/kbs/init_test.c tests/support/check.h
tests_unit_kbs_init_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_policy_test_SOURCES = tests/unit/kbs/policy_test.c tests/support/check.h
tests_unit_kbs_policy_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_real_tee_test_SOURCES = tests/unit/kbs/real_tee_test.c tests/support/check.h tests/support/vector.h
tests_unit_kbs_real_tee_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_route_test_SOURCES = tests/unit/kbs/route_test.c tests/support/check.h
tests_unit_kbs_route_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_session_test_SOURCES = tests/unit/kbs/session_test.c tests/support/check.h
tests_unit_kbs_session_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_storage_test_SOURCES = tests/unit/kbs/storage_test.c tests/support/check.h
tests_unit_kbs_storage_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_token_test_SOURCES = tests/unit/kbs/token_test.c tests/support/check.h
tests_unit_kbs_token_test_LDADD = $(kbs_unit_libs)
tests_unit_kbs_server_test_SOURCES = tests/unit/kbs/server_test.c tests/support/check.h
tests_unit_kbs_server_test_LDADD = libkbc.la libhttp_curl.la $(kbs_unit_libs)
tests_unit_kbs_emulated_tee_test_SOURCES = tests/unit/kbs/emulated_tee_test.c tests/support/check.h \
	tests/support/tee_trust.c tests/support/tee_trust.h $(tee_guest_sources)
tests_unit_kbs_emulated_tee_test_LDADD = $(kbs_unit_libs)
