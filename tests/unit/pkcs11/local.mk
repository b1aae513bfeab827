# unit tests of pkcs11/: the module's code linked in, a real KBS on loopback beside it.
pkcs11_unit_tests = \
	tests/unit/pkcs11/catalog_test \
	tests/unit/pkcs11/cipher_test \
	tests/unit/pkcs11/edge_cases_test \
	tests/unit/pkcs11/conformance_test \
	tests/unit/pkcs11/entry_points_test \
	tests/unit/pkcs11/entry_test \
	tests/unit/pkcs11/fetch_test \
	tests/unit/pkcs11/known_answers_test \
	tests/unit/pkcs11/lease_test \
	tests/unit/pkcs11/mechanism_test \
	tests/unit/pkcs11/message_test \
	tests/unit/pkcs11/mechanism_walk_test \
	tests/unit/pkcs11/module_test \
	tests/unit/pkcs11/object_test \
	tests/unit/pkcs11/operation_test \
	tests/unit/pkcs11/pqc_test \
	tests/unit/pkcs11/pin_test \
	tests/unit/pkcs11/process_test \
	tests/unit/pkcs11/rsa_unpad_test \
	tests/unit/pkcs11/session_object_test \
	tests/unit/pkcs11/threads_test \
	tests/unit/pkcs11/wrap_test

if HAVE_CMOCKA
check_PROGRAMS += $(pkcs11_unit_tests)
TESTS += $(pkcs11_unit_tests)
check_LTLIBRARIES += libtoken_fixture.la
endif
libtoken_fixture_la_SOURCES = tests/unit/pkcs11/token_fixture.c tests/unit/pkcs11/token_fixture.h
libtoken_fixture_la_LIBADD = libpkcs11.la libkbs.la libverifier.la libhttp_curl.la
pkcs11_unit_libs = libtoken_fixture.la $(CMOCKA_LIBS)

tests_unit_pkcs11_catalog_test_SOURCES = tests/unit/pkcs11/catalog_test.c tests/support/check.h
tests_unit_pkcs11_catalog_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_cipher_test_SOURCES = tests/unit/pkcs11/cipher_test.c tests/support/check.h
tests_unit_pkcs11_cipher_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_edge_cases_test_SOURCES = tests/unit/pkcs11/edge_cases_test.c tests/support/check.h
tests_unit_pkcs11_edge_cases_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_conformance_test_SOURCES = tests/unit/pkcs11/conformance_test.c tests/unit/pkcs11/conformance.h tests/support/check.h \
	tests/unit/pkcs11/conformance_general_test.c tests/unit/pkcs11/conformance_slot_test.c \
	tests/unit/pkcs11/conformance_session_test.c tests/unit/pkcs11/conformance_object_test.c \
	tests/unit/pkcs11/conformance_encrypt_test.c tests/unit/pkcs11/conformance_decrypt_test.c \
	tests/unit/pkcs11/conformance_message_test.c tests/unit/pkcs11/conformance_message_sign_test.c \
	tests/unit/pkcs11/conformance_digest_test.c tests/unit/pkcs11/conformance_sign_test.c \
	tests/unit/pkcs11/conformance_verify_test.c tests/unit/pkcs11/conformance_dual_test.c \
	tests/unit/pkcs11/conformance_key_test.c tests/unit/pkcs11/conformance_random_test.c
tests_unit_pkcs11_conformance_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_entry_points_test_SOURCES = tests/unit/pkcs11/entry_points_test.c tests/support/check.h
tests_unit_pkcs11_entry_points_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_entry_test_SOURCES = tests/unit/pkcs11/entry_test.c tests/support/check.h
tests_unit_pkcs11_entry_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_known_answers_test_SOURCES = tests/unit/pkcs11/known_answers_test.c tests/support/check.h
tests_unit_pkcs11_known_answers_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_lease_test_SOURCES = tests/unit/pkcs11/lease_test.c tests/support/check.h
tests_unit_pkcs11_lease_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_pin_test_SOURCES = tests/unit/pkcs11/pin_test.c tests/support/check.h
tests_unit_pkcs11_pin_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_fetch_test_SOURCES = tests/unit/pkcs11/fetch_test.c tests/support/check.h
tests_unit_pkcs11_fetch_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_mechanism_test_SOURCES = tests/unit/pkcs11/mechanism_test.c tests/support/check.h
tests_unit_pkcs11_mechanism_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_message_test_SOURCES = tests/unit/pkcs11/message_test.c tests/support/check.h
tests_unit_pkcs11_message_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_mechanism_walk_test_SOURCES = tests/unit/pkcs11/mechanism_walk_test.c tests/support/check.h \
	tests/unit/pkcs11/walk_parameters.c tests/unit/pkcs11/walk_parameters.h
tests_unit_pkcs11_mechanism_walk_test_LDADD = $(pkcs11_unit_libs)
# Beside the module, not with its code in it.
tests_unit_pkcs11_module_test_SOURCES = tests/unit/pkcs11/module_test.c tests/support/check.h
tests_unit_pkcs11_module_test_LDADD = libcommon.la $(P11KIT_LIBS) $(CMOCKA_LIBS)
tests_unit_pkcs11_object_test_SOURCES = tests/unit/pkcs11/object_test.c tests/support/check.h
tests_unit_pkcs11_object_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_operation_test_SOURCES = tests/unit/pkcs11/operation_test.c tests/support/check.h
tests_unit_pkcs11_operation_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_pqc_test_SOURCES = tests/unit/pkcs11/pqc_test.c tests/support/check.h
tests_unit_pkcs11_pqc_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_process_test_SOURCES = tests/unit/pkcs11/process_test.c tests/support/check.h
tests_unit_pkcs11_process_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_session_object_test_SOURCES = tests/unit/pkcs11/session_object_test.c tests/support/check.h
tests_unit_pkcs11_session_object_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_rsa_unpad_test_SOURCES = tests/unit/pkcs11/rsa_unpad_test.c tests/support/check.h
tests_unit_pkcs11_rsa_unpad_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_threads_test_SOURCES = tests/unit/pkcs11/threads_test.c tests/support/check.h
tests_unit_pkcs11_threads_test_LDADD = $(pkcs11_unit_libs)
tests_unit_pkcs11_wrap_test_SOURCES = tests/unit/pkcs11/wrap_test.c tests/support/check.h
tests_unit_pkcs11_wrap_test_LDADD = $(pkcs11_unit_libs)
EXTRA_DIST += tests/vectors/pkcs11/known_answers.txt tests/vectors/pkcs11/ml_dsa.txt \
	tests/vectors/pkcs11/edge_cases.txt tests/vectors/pkcs11/make_edge_cases.py
