# tests/support
EXTRA_DIST += tests/support/bench_image.sh tests/support/make_image.sh tests/support/layers_image.py tests/support/nasty_archives.py tests/support/trees_compare.py

# Runs a fuzz target without libFuzzer: see tests/local.mk.
check_LTLIBRARIES += libfuzz_driver.la
libfuzz_driver_la_SOURCES = tests/support/fuzz_driver.c tests/support/fuzz.h
libfuzz_driver_la_LIBADD = libcommon.la

# A host process for the module, and what the shell tests share.
check_PROGRAMS += tests/support/p11_host
tests_support_p11_host_SOURCES = tests/support/p11_host.c
tests_support_p11_host_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_support_p11_host_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_support_p11_host_LDADD = $(CRYPTO_LIBS)
check_PROGRAMS += tests/support/p11_watch
tests_support_p11_watch_SOURCES = tests/support/p11_watch.c
tests_support_p11_watch_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_support_p11_watch_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_support_p11_watch_LDADD = $(CRYPTO_LIBS)
EXTRA_DIST += tests/support/bench_plot.awk tests/support/tap.sh tests/support/e2e.sh tests/support/image_round_trip.sh \
	tests/support/analyzer.h tests/support/tsan.suppressions tests/support/kbs_double.py tests/support/core_of.py tests/support/valgrind.sh

# A scripted HTTP server in a thread: tests/support/http_peer.h.
check_LTLIBRARIES += libhttp_peer.la
libhttp_peer_la_SOURCES = tests/support/http_peer.c tests/support/http_peer.h \
	tests/support/http_peer_tls.c tests/support/http_peer_tls.h
libhttp_peer_la_LIBADD = libcommon.la -lssl $(CRYPTO_LIBS)
# The same of HTTP/2.
check_LTLIBRARIES += libhttp2_peer.la
libhttp2_peer_la_SOURCES = tests/support/http2_peer.c tests/support/http2_peer.h
libhttp2_peer_la_LIBADD = libhttp_peer.la $(NGHTTP2_LIBS)

# Writes the seeds of attest/'s fuzz targets; by hand.
check_PROGRAMS += tests/support/tee_seeds
tests_support_tee_seeds_SOURCES = tests/support/tee_seeds.c tests/support/tee_pki.c tests/support/tee_pki.h \
	tests/support/tee_intel.c tests/support/tee_intel.h tests/support/tee_amd.c tests/support/tee_amd.h
tests_support_tee_seeds_LDADD = libverifier.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)

# A guest's TEE: configfs-tsm in memory and mounted, with evidence of the tests' own vendors.
tee_guest_sources = tests/support/tee_guest.c tests/support/tee_guest.h tests/support/tsm_model.c tests/support/tsm_model.h \
	tests/support/tee_pki.c tests/support/tee_pki.h \
	tests/support/tee_intel.c tests/support/tee_intel.h tests/support/tee_amd.c tests/support/tee_amd.h
if HAVE_FUSE
check_PROGRAMS += tests/support/tsm_fuse
endif
tests_support_tsm_fuse_SOURCES = tests/support/tsm_fuse.c $(tee_guest_sources)
tests_support_tsm_fuse_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
tests_support_tsm_fuse_LDADD = libverifier.la libattest.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS) $(FUSE_LIBS)

# kbs-server that believes these vendors, and nobody else.
check_PROGRAMS += tests/support/kbs_server_of_tests
tests_support_kbs_server_of_tests_SOURCES = tests/support/tee_trust.c tests/support/tee_trust.h tools/kbs_server.c tools/kbs_server_admin.c tools/kbs_server.h
tests_support_kbs_server_of_tests_LDADD = libcli.la libkbs.la libverifier.la libattest.la libhttp_curl.la libcommon.la

# Makes the Nth allocation or network call of a program fail: tests/support/fault.h. A real shared object, to be preloaded.
check_LTLIBRARIES += tests/support/fault.la
tests_support_fault_la_SOURCES = tests/support/fault.c tests/support/fault.h
tests_support_fault_la_CFLAGS = $(AM_CFLAGS) -fno-builtin -fvisibility=default
tests_support_fault_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
check_PROGRAMS += tests/support/p11_faults
tests_support_p11_faults_SOURCES = tests/support/p11_faults.c tests/support/fault.h
tests_support_p11_faults_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tests_support_p11_faults_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tests_support_p11_faults_LDADD = $(CRYPTO_LIBS)

# Makes a program's threads hold OpenSSL's locks for long: tests/e2e/process.sh. To be preloaded, too.
check_LTLIBRARIES += tests/support/slow_locks.la
tests_support_slow_locks_la_SOURCES = tests/support/slow_locks.c
tests_support_slow_locks_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
