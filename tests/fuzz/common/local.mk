# fuzz targets of common/
check_PROGRAMS += tests/fuzz/common/base64_fuzz
FUZZ_TESTS += tests/fuzz/common/base64_fuzz
tests_fuzz_common_base64_fuzz_SOURCES = tests/fuzz/common/base64_fuzz.c
tests_fuzz_common_base64_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_base64_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la
EXTRA_DIST += tests/fuzz/common/base64.seeds

check_PROGRAMS += tests/fuzz/common/json_fuzz
FUZZ_TESTS += tests/fuzz/common/json_fuzz
tests_fuzz_common_json_fuzz_SOURCES = tests/fuzz/common/json_fuzz.c
tests_fuzz_common_json_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_json_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la $(JSON_LIBS)
EXTRA_DIST += tests/fuzz/common/json.seeds

check_PROGRAMS += tests/fuzz/common/json_value_fuzz
FUZZ_TESTS += tests/fuzz/common/json_value_fuzz
tests_fuzz_common_json_value_fuzz_SOURCES = tests/fuzz/common/json_value_fuzz.c
tests_fuzz_common_json_value_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_json_value_fuzz_LDADD = $(FUZZ_DRIVER) libcommon_small.la
EXTRA_DIST += tests/fuzz/common/json_value.seeds

check_PROGRAMS += tests/fuzz/common/json_scan_fuzz
FUZZ_TESTS += tests/fuzz/common/json_scan_fuzz
tests_fuzz_common_json_scan_fuzz_SOURCES = tests/fuzz/common/json_scan_fuzz.c
tests_fuzz_common_json_scan_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_json_scan_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la $(JSON_LIBS)
EXTRA_DIST += tests/fuzz/common/json_scan.seeds

check_PROGRAMS += tests/fuzz/common/pin_verifier_fuzz
FUZZ_TESTS += tests/fuzz/common/pin_verifier_fuzz
tests_fuzz_common_pin_verifier_fuzz_SOURCES = tests/fuzz/common/pin_verifier_fuzz.c
tests_fuzz_common_pin_verifier_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_pin_verifier_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la
EXTRA_DIST += tests/fuzz/common/pin_verifier.seeds

check_PROGRAMS += tests/fuzz/common/resource_uri_fuzz
FUZZ_TESTS += tests/fuzz/common/resource_uri_fuzz
tests_fuzz_common_resource_uri_fuzz_SOURCES = tests/fuzz/common/resource_uri_fuzz.c
tests_fuzz_common_resource_uri_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_resource_uri_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la $(JSON_LIBS)
EXTRA_DIST += tests/fuzz/common/resource_uri.seeds

check_PROGRAMS += tests/fuzz/common/settings_fuzz
FUZZ_TESTS += tests/fuzz/common/settings_fuzz
tests_fuzz_common_settings_fuzz_SOURCES = tests/fuzz/common/settings_fuzz.c
tests_fuzz_common_settings_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_settings_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la $(JSON_LIBS)
EXTRA_DIST += tests/fuzz/common/settings.seeds

# Keys and JOSE.
jose_fuzz_programs = \
	tests/fuzz/common/jwe_fuzz \
	tests/fuzz/common/jwk_fuzz \
	tests/fuzz/common/jws_fuzz \
	tests/fuzz/common/key_private_fuzz \
	tests/fuzz/common/key_public_fuzz
jose_fuzz_libs = $(FUZZ_DRIVER) libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)
check_PROGRAMS += $(jose_fuzz_programs)
FUZZ_TESTS += $(jose_fuzz_programs)
tests_fuzz_common_jwe_fuzz_SOURCES = tests/fuzz/common/jwe_fuzz.c
tests_fuzz_common_jwe_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_jwe_fuzz_LDADD = $(jose_fuzz_libs)
tests_fuzz_common_jwk_fuzz_SOURCES = tests/fuzz/common/jwk_fuzz.c
tests_fuzz_common_jwk_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_jwk_fuzz_LDADD = $(jose_fuzz_libs)
tests_fuzz_common_jws_fuzz_SOURCES = tests/fuzz/common/jws_fuzz.c
tests_fuzz_common_jws_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_jws_fuzz_LDADD = $(jose_fuzz_libs)
tests_fuzz_common_key_private_fuzz_SOURCES = tests/fuzz/common/key_private_fuzz.c
tests_fuzz_common_key_private_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_key_private_fuzz_LDADD = $(jose_fuzz_libs)
tests_fuzz_common_key_public_fuzz_SOURCES = tests/fuzz/common/key_public_fuzz.c
tests_fuzz_common_key_public_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_key_public_fuzz_LDADD = $(jose_fuzz_libs)
EXTRA_DIST += tests/fuzz/common/jwe.seeds tests/fuzz/common/jwk.seeds tests/fuzz/common/jws.seeds \
	tests/fuzz/common/key_private.seeds tests/fuzz/common/key_public.seeds

check_PROGRAMS += tests/fuzz/common/der_fuzz
FUZZ_TESTS += tests/fuzz/common/der_fuzz
tests_fuzz_common_der_fuzz_SOURCES = tests/fuzz/common/der_fuzz.c
tests_fuzz_common_der_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_der_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la
EXTRA_DIST += tests/fuzz/common/der.seeds

check_PROGRAMS += tests/fuzz/common/toml_fuzz
FUZZ_TESTS += tests/fuzz/common/toml_fuzz
tests_fuzz_common_toml_fuzz_SOURCES = tests/fuzz/common/toml_fuzz.c
tests_fuzz_common_toml_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_common_toml_fuzz_LDADD = $(FUZZ_DRIVER) libcommon.la
EXTRA_DIST += tests/fuzz/common/toml.seeds
