# common: what everyone stands on. Without libcurl: that is libhttp_curl.la.
noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = \
	common/base64.c common/base64.h \
	common/bytes.c common/bytes.h common/cleanup.h \
	common/deadline.c common/deadline.h \
	common/err.c common/err.h \
	common/file.c common/file.h \
	common/harden.c common/harden.h \
	common/libctx.c common/libctx.h \
	common/log.c common/log.h \
	common/secret.c common/secret.h common/secret_arena.c common/secret_arena.h \
	common/stream.c common/stream_digest.c common/stream.h \
	common/utf8.c common/utf8.h
libcommon_la_LIBADD = $(CRYPTO_LIBS) $(JSON_LIBS)
