# unit tests of keywrap/
if HAVE_CMOCKA
check_LTLIBRARIES += libkeywrap_test.la
libkeywrap_test_la_SOURCES = tests/unit/keywrap/layers.c tests/unit/keywrap/layers.h
libkeywrap_test_la_LIBADD = libkeywrap.la libcommon.la $(CMOCKA_LIBS)

KEYWRAP_TESTS = tests/unit/keywrap/golden_test tests/unit/keywrap/token_test
check_PROGRAMS += $(KEYWRAP_TESTS)
TESTS += $(KEYWRAP_TESTS)
tests_unit_keywrap_golden_test_LDADD = libkeywrap_test.la
tests_unit_keywrap_token_test_LDADD = libkeywrap_test.la
endif
