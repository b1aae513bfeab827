# common: what everyone stands on. Without libcurl: that is libhttp_curl.la.
noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = \
	common/base64.c common/base64.h \
	common/bytes.c common/bytes.h common/cleanup.h \
	common/crypto_gate.c common/crypto_gate.h \
	common/deadline.c common/deadline.h \
	common/err.c common/err.h \
	common/file.c common/file.h \
	common/fnv.h \
	common/fork_mark.c common/fork_mark.h \
	common/harden.c common/harden.h \
	common/json.c common/json.h common/json_build.c common/json_build.h common/json_canonical.c \
	common/json_cut.c common/json_cut.h \
	common/json_grammar.c common/json_grammar.h \
	common/json_scan.c common/json_scan.h \
	common/libctx.c common/libctx.h \
	common/once.c common/once.h \
	common/openssl_errors.c common/openssl_errors.h \
	common/pin_verifier.c common/pin_verifier.h \
	common/program.c common/program.h \
	common/log.c common/log.h common/log_format.c common/log_format.h \
	common/resource_uri.c common/resource_uri.h \
	common/secret.c common/secret.h common/secret_arena.c common/secret_arena.h \
	common/settings.c common/settings.h \
	common/sigpipe.c common/sigpipe.h \
	common/stream.c common/stream_ahead.c common/stream_ahead.h common/stream_digest.c common/stream.h common/token_attribute.h common/token_reason.h \
	common/thread.c common/thread.h \
	common/toml.c common/toml.h common/toml_lex.c common/toml_lex.h \
	common/utf8.c common/utf8.h
libcommon_la_LIBADD = $(CRYPTO_LIBS) $(JSON_LIBS)
# Where time does not count, and what kbs-verify takes along.
common/err.lo common/file.lo common/harden.lo common/json.lo common/json_build.lo common/json_canonical.lo common/key_build.lo common/libctx.lo common/log.lo \
common/log_format.lo common/openssl_errors.lo common/pem.lo: CFLAGS += $(COLD_CFLAGS)
# And what makes the module large without making anything fast: a program has it loaded for one key of many.
common/jwe_crypto.lo common/jwe_decrypt.lo common/jwe_encrypt.lo common/jwe_key.lo common/jwe_message.lo common/jwk.lo \
common/jwk_private.lo common/jws.lo common/jwt.lo common/json_grammar.lo common/json_scan.lo common/key.lo common/key_encrypted.lo \
common/key_pqc.lo common/resource_uri.lo common/settings.lo common/toml.lo common/toml_lex.lo common/pin_verifier.lo: CFLAGS += $(COLD_CFLAGS)

# Keys and JOSE.
libcommon_la_SOURCES += \
	common/concat_kdf.c common/concat_kdf.h common/constant_time.h \
	common/der.c common/der.h \
	common/key_pqc.c common/key_pqc.h \
	common/jwe_crypto.c common/jwe_crypto.h common/jwe_decrypt.c common/jwe_encrypt.c common/jwe.h \
	common/jwe_key.c common/jwe_message.c common/jwe_message.h \
	common/jwk.c common/jwk.h common/jwk_private.c \
	common/jws.c common/jws.h common/jwt.c \
	common/key_build.c common/key_build.h common/key.c common/key.h common/key_encrypted.c common/key_encrypted.h \
	common/pem.c common/pem.h

# OpenPGP through GnuPG, and YAML: for keywrap and image, never in the module.
noinst_LTLIBRARIES += libdocuments.la
libdocuments_la_SOURCES = \
	common/pgp_home.c common/pgp_home.h \
	common/pgp_lib.c common/pgp_lib.h \
	common/pgp_loop.c common/pgp_loop.h common/pgp_work.c common/pgp_work.h \
	common/yaml_doc.c common/yaml_doc.h
libdocuments_la_LIBADD = $(YAML_LIBS)

# HTTP: the interface and the loader in libcommon; libcurl apart, for the commands and for the module's second half.
libcommon_la_SOURCES += common/http.c common/http.h common/http_on_demand.c
noinst_LTLIBRARIES += libhttp_curl.la
libhttp_curl_la_SOURCES = \
	common/http_curl.c \
	common/http_exchange.c common/http_exchange.h \
	common/http_socket.c common/http_socket.h
libhttp_curl_la_LIBADD = $(CURL_LIBS)
# Answers as streams: for images.
noinst_LTLIBRARIES += libhttp_stream.la
libhttp_stream_la_SOURCES = \
	common/http_lane.c common/http_lane.h \
	common/http_stream.c common/http_stream.h \
	common/http2_link.c common/http2_link.h common/http2_link_private.h common/http2_exchange.c
libhttp_stream_la_LIBADD = $(NGHTTP2_LIBS) $(SSL_LIBS)

# kbs-pkcs11.so loads it at its first fetch, from its own folder. Never unloaded: libcurl and OpenSSL leave handlers.
pkcs11_LTLIBRARIES += kbs-pkcs11-http.la
kbs_pkcs11_http_la_SOURCES = common/http_module.c
kbs_pkcs11_http_la_LIBADD = libhttp_curl.la libcommon.la
kbs_pkcs11_http_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^kbs_pkcs11_http$$' \
	-Wl,-Bsymbolic -Wl,-z,nodelete
noinst_DATA += kbs-pkcs11-http.so
kbs-pkcs11-http.so: kbs-pkcs11-http.la
	$(AM_V_GEN)ln -sf .libs/kbs-pkcs11-http.so $@
CLEANFILES += kbs-pkcs11-http.so

# What of it kbs-verify takes along, compiled to be small, and in the place of json-c what little of that it calls.
noinst_LTLIBRARIES += libcommon_small.la
libcommon_small_la_SOURCES = common/base64.c common/bytes.c common/crypto_gate.c common/der.c common/err.c common/file.c \
	common/fork_mark.c common/harden.c common/json.c common/json_grammar.c common/json_scan.c common/json_value.c common/json_value.h \
	common/json_value_text.c common/jws.c common/key_build.c common/libctx.c common/log.c \
	common/log_format.c common/openssl_errors.c common/pem.c common/secret.c common/secret_arena.c common/toml.c common/toml_lex.c common/utf8.c
libcommon_small_la_CFLAGS = $(AM_CFLAGS)
libcommon_small_la_LIBADD = $(CRYPTO_LIBS)
$(libcommon_small_la_OBJECTS): CFLAGS += $(SMALL_CFLAGS)
