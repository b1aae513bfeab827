# unit tests of tools/

check_PROGRAMS += tests/unit/tools/token_reason_test
TESTS += tests/unit/tools/token_reason_test
tests_unit_tools_token_reason_test_SOURCES = tests/unit/tools/token_reason_test.c tools/token_reason.c
tests_unit_tools_token_reason_test_LDADD = libcommon.la $(CMOCKA_LIBS)
