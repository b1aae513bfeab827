# attest: evidence taken (libattester) and verified (libverifier). The guest links the first, a relying party the second.
noinst_LTLIBRARIES += libattest.la libattester.la libverifier.la
libattest_la_SOURCES = attest/attest.c attest/attest.h
libattester_la_SOURCES = attest/attester.c attest/attester.h attest/attester_row.h attest/attester_sample.c
libattester_la_LIBADD = libattest.la
libverifier_la_SOURCES = attest/verifier.c attest/verifier.h attest/verifier_row.h attest/verifier_sample.c
libverifier_la_LIBADD = libattest.la
