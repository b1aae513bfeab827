# unit tests of common/
common_unit_tests = \
	tests/unit/common/base64_test \
	tests/unit/common/bytes_test \
	tests/unit/common/err_test \
	tests/unit/common/file_test \
	tests/unit/common/json_canonical_test \
	tests/unit/common/toml_test \
	tests/unit/common/json_scan_test \
	tests/unit/common/json_test \
	tests/unit/common/json_value_test \
	tests/unit/common/libctx_test \
	tests/unit/common/log_test \
	tests/unit/common/resource_uri_test \
	tests/unit/common/secret_test \
	tests/unit/common/settings_test \
	tests/unit/common/stream_test

if HAVE_CMOCKA
check_PROGRAMS += $(common_unit_tests)
TESTS += $(common_unit_tests)
endif
tests_unit_common_log_test_SOURCES = tests/unit/common/log_test.c tests/support/check.h
tests_unit_common_log_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_stream_test_SOURCES = tests/unit/common/stream_test.c tests/support/check.h
tests_unit_common_stream_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_settings_test_SOURCES = tests/unit/common/settings_test.c tests/support/check.h
tests_unit_common_settings_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_resource_uri_test_SOURCES = tests/unit/common/resource_uri_test.c tests/support/check.h
tests_unit_common_resource_uri_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_file_test_SOURCES = tests/unit/common/file_test.c tests/support/check.h
tests_unit_common_file_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_base64_test_SOURCES = tests/unit/common/base64_test.c tests/support/check.h
tests_unit_common_base64_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_bytes_test_SOURCES = tests/unit/common/bytes_test.c tests/support/check.h
tests_unit_common_bytes_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_err_test_SOURCES = tests/unit/common/err_test.c tests/support/check.h
tests_unit_common_err_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_json_test_SOURCES = tests/unit/common/json_test.c tests/support/check.h
tests_unit_common_json_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
# The same with what kbs-verify has in the place of json-c.
tests_unit_common_json_value_test_SOURCES = tests/unit/common/json_test.c tests/support/check.h
tests_unit_common_json_value_test_LDADD = libcommon_small.la $(CMOCKA_LIBS)
tests_unit_common_json_canonical_test_SOURCES = tests/unit/common/json_canonical_test.c tests/support/check.h
tests_unit_common_json_canonical_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_json_scan_test_SOURCES = tests/unit/common/json_scan_test.c tests/support/check.h
tests_unit_common_json_scan_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_libctx_test_SOURCES = tests/unit/common/libctx_test.c tests/support/check.h
tests_unit_common_libctx_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_secret_test_SOURCES = tests/unit/common/secret_test.c tests/support/check.h
tests_unit_common_secret_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)

# Keys, JOSE and HTTP.
jose_unit_tests = \
	tests/unit/common/http_stream_test \
	tests/unit/common/http_curl_test \
	tests/unit/common/http_on_demand_test \
	tests/unit/common/jwe_test \
	tests/unit/common/jws_test \
	tests/unit/common/key_residue_test \
	tests/unit/common/key_test

if HAVE_CMOCKA
check_PROGRAMS += $(jose_unit_tests)
TESTS += $(jose_unit_tests)
endif
tests_unit_common_http_curl_test_SOURCES = tests/unit/common/http_curl_test.c
tests_unit_common_http_curl_test_LDADD = libhttp_peer.la libhttp_curl.la libcommon.la $(CMOCKA_LIBS)
tests_unit_common_http_stream_test_SOURCES = tests/unit/common/http_stream_test.c
tests_unit_common_http_stream_test_LDADD = libhttp2_peer.la libhttp_peer.la libhttp_stream.la libhttp_curl.la libcommon.la $(CMOCKA_LIBS)
tests_unit_common_http_on_demand_test_SOURCES = tests/unit/common/http_on_demand_test.c tests/support/check.h
tests_unit_common_http_on_demand_test_LDADD = libhttp_peer.la libcommon.la $(CMOCKA_LIBS)
# It is loaded, not linked.
tests_unit_common_http_on_demand_test_DEPENDENCIES = libhttp_peer.la libcommon.la kbs-pkcs11-http.so
tests_unit_common_jwe_test_SOURCES = tests/unit/common/jwe_test.c tests/support/check.h tests/support/vector.h
tests_unit_common_jwe_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_jws_test_SOURCES = tests/unit/common/jws_test.c tests/support/check.h tests/support/vector.h
tests_unit_common_jws_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_key_residue_test_SOURCES = tests/unit/common/key_residue_test.c tests/support/check.h \
	tests/support/vector.h
tests_unit_common_key_residue_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_common_key_test_SOURCES = tests/unit/common/key_test.c tests/support/check.h tests/support/vector.h
tests_unit_common_key_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/vectors
tests_unit_common_toml_test_SOURCES = tests/unit/common/toml_test.c tests/support/check.h
tests_unit_common_toml_test_LDADD = libcommon.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
