# tests/bench

# Small programs that scripts/bench runs; none of them is a test.
check_PROGRAMS += tests/bench/p11_cold_bench tests/bench/p11_speed_bench tests/bench/peak_rss
tests_bench_p11_cold_bench_SOURCES = tests/bench/p11_cold_bench.c
tests_bench_p11_cold_bench_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_bench_p11_cold_bench_LDFLAGS = $(PROGRAM_LINK_FLAGS)
check_PROGRAMS += tests/bench/p11_catalog_bench
tests_bench_p11_catalog_bench_SOURCES = tests/bench/p11_catalog_bench.c
tests_bench_p11_catalog_bench_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_bench_p11_catalog_bench_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_bench_p11_speed_bench_SOURCES = tests/bench/p11_speed_bench.c
tests_bench_p11_speed_bench_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_bench_p11_speed_bench_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_bench_p11_speed_bench_LDADD = $(CRYPTO_LIBS)
tests_bench_peak_rss_SOURCES = tests/bench/peak_rss.c
tests_bench_peak_rss_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_bench_peak_rss_LDFLAGS = $(PROGRAM_LINK_FLAGS)
check_PROGRAMS += tests/bench/layer_cipher_bench
tests_bench_layer_cipher_bench_SOURCES = tests/bench/layer_cipher_bench.c
tests_bench_layer_cipher_bench_LDADD = libkeywrap.la libcommon.la $(CRYPTO_LIBS)
check_PROGRAMS += tests/bench/unwrap_bench
tests_bench_unwrap_bench_SOURCES = tests/bench/unwrap_bench.c
tests_bench_unwrap_bench_LDADD = libcommon.la $(CRYPTO_LIBS)
check_PROGRAMS += tests/bench/verify_bench
tests_bench_verify_bench_SOURCES = tests/bench/verify_bench.c tests/support/tee_pki.c tests/support/tee_pki.h \
	tests/support/tee_intel.c tests/support/tee_intel.h tests/support/tee_amd.c tests/support/tee_amd.h
tests_bench_verify_bench_LDADD = libmeasure.la libverifier.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)
check_PROGRAMS += tests/bench/p11_first_bench tests/bench/tls_handshake_bench
tests_bench_p11_first_bench_SOURCES = tests/bench/p11_first_bench.c
tests_bench_p11_first_bench_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_bench_p11_first_bench_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_bench_tls_handshake_bench_SOURCES = tests/bench/tls_handshake_bench.c
tests_bench_tls_handshake_bench_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_bench_tls_handshake_bench_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_bench_tls_handshake_bench_LDADD = -lssl $(CRYPTO_LIBS)
