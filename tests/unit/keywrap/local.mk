# unit tests of keywrap/
if HAVE_CMOCKA
check_LTLIBRARIES += libkeywrap_test.la
libkeywrap_test_la_SOURCES = tests/unit/keywrap/layers.c tests/unit/keywrap/layers.h \
	tests/unit/keywrap/softhsm.c tests/unit/keywrap/softhsm.h
libkeywrap_test_la_LIBADD = libkeywrap.la libcommon.la $(CMOCKA_LIBS) $(P11KIT_LIBS)

keywrap_tests = \
	tests/unit/keywrap/coco_packet_test \
	tests/unit/keywrap/golden_test \
	tests/unit/keywrap/grpc_test \
	tests/unit/keywrap/kek_test \
	tests/unit/keywrap/layer_cipher_test \
	tests/unit/keywrap/layer_key_test \
	tests/unit/keywrap/layer_options_test \
	tests/unit/keywrap/pgp_test \
	tests/unit/keywrap/pkcs7_test \
	tests/unit/keywrap/provider_test \
	tests/unit/keywrap/ttrpc_test \
	tests/unit/keywrap/token_ref_test \
	tests/unit/keywrap/token_test
check_PROGRAMS += $(keywrap_tests)
TESTS += $(keywrap_tests)
tests_unit_keywrap_coco_packet_test_LDADD = libkeywrap_test.la $(P11KIT_LIBS)
tests_unit_keywrap_grpc_test_SOURCES = tests/unit/keywrap/grpc_test.c tests/unit/keywrap/h2_bytes.c \
	tests/unit/keywrap/h2_bytes.h
tests_unit_keywrap_grpc_test_LDADD = libkeywrap.la libcommon.la $(NGHTTP2_LIBS) $(CMOCKA_LIBS)
tests_unit_keywrap_golden_test_LDADD = libkeywrap_test.la
tests_unit_keywrap_kek_test_LDADD = libkeywrap_test.la $(P11KIT_LIBS)
tests_unit_keywrap_layer_cipher_test_LDADD = libkeywrap_test.la $(CRYPTO_LIBS)
tests_unit_keywrap_layer_key_test_LDADD = libkeywrap_test.la
tests_unit_keywrap_layer_options_test_LDADD = libkeywrap_test.la
tests_unit_keywrap_pgp_test_LDADD = libkeywrap_test.la $(CRYPTO_LIBS)
tests_unit_keywrap_pkcs7_test_LDADD = libkeywrap_test.la $(CRYPTO_LIBS)
tests_unit_keywrap_provider_test_LDADD = libkeywrap_test.la
tests_unit_keywrap_ttrpc_test_LDADD = libkeywrap_test.la $(P11KIT_LIBS)
tests_unit_keywrap_token_ref_test_LDADD = libkeywrap_test.la $(P11KIT_LIBS)
tests_unit_keywrap_token_test_LDADD = libkeywrap_test.la
endif
EXTRA_DIST += tests/vectors/keywrap
