# fuzz targets of pkcs11/: what a KBS serves
check_PROGRAMS += tests/fuzz/pkcs11/material_fuzz
FUZZ_TESTS += tests/fuzz/pkcs11/material_fuzz
tests_fuzz_pkcs11_material_fuzz_SOURCES = tests/fuzz/pkcs11/material_fuzz.c
tests_fuzz_pkcs11_material_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_pkcs11_material_fuzz_LDADD = $(FUZZ_DRIVER) libpkcs11.la
EXTRA_DIST += tests/fuzz/pkcs11/material.seeds
check_PROGRAMS += tests/fuzz/pkcs11/entry_fuzz
FUZZ_TESTS += tests/fuzz/pkcs11/entry_fuzz
tests_fuzz_pkcs11_entry_fuzz_SOURCES = tests/fuzz/pkcs11/entry_fuzz.c
tests_fuzz_pkcs11_entry_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_pkcs11_entry_fuzz_LDADD = $(FUZZ_DRIVER) libpkcs11.la
EXTRA_DIST += tests/fuzz/pkcs11/entry.seeds
