# fuzz targets of image/
IMAGE_FUZZ = \
	tests/fuzz/image/archive_fuzz \
	tests/fuzz/image/config_fuzz \
	tests/fuzz/image/gunzip_fuzz \
	tests/fuzz/image/index_fuzz \
	tests/fuzz/image/manifest_fuzz \
	tests/fuzz/image/name_fuzz \
	tests/fuzz/image/policy_fuzz \
	tests/fuzz/image/registry_fuzz \
	tests/fuzz/image/store_fuzz \
	tests/fuzz/image/tar_fuzz
check_PROGRAMS += $(IMAGE_FUZZ)
FUZZ_TESTS += $(IMAGE_FUZZ)
EXTRA_DIST += tests/fuzz/image/archive.seeds tests/fuzz/image/store.seeds tests/fuzz/image/gunzip.seeds tests/fuzz/image/index.seeds tests/fuzz/image/manifest.seeds \
	tests/fuzz/image/name.seeds tests/fuzz/image/policy.seeds tests/fuzz/image/registry.seeds tests/fuzz/image/tar.seeds

tests_fuzz_image_archive_fuzz_SOURCES = tests/fuzz/image/archive_fuzz.c
tests_fuzz_image_archive_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_archive_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_store_fuzz_SOURCES = tests/fuzz/image/store_fuzz.c
tests_fuzz_image_store_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_store_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
EXTRA_DIST += tests/fuzz/image/config.seeds
tests_fuzz_image_config_fuzz_SOURCES = tests/fuzz/image/config_fuzz.c
tests_fuzz_image_config_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_config_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_gunzip_fuzz_SOURCES = tests/fuzz/image/gunzip_fuzz.c
tests_fuzz_image_gunzip_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_gunzip_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_index_fuzz_SOURCES = tests/fuzz/image/index_fuzz.c
tests_fuzz_image_index_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_index_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_manifest_fuzz_SOURCES = tests/fuzz/image/manifest_fuzz.c
tests_fuzz_image_manifest_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_manifest_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_name_fuzz_SOURCES = tests/fuzz/image/name_fuzz.c
tests_fuzz_image_name_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_name_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_tar_fuzz_SOURCES = tests/fuzz/image/tar_fuzz.c
tests_fuzz_image_tar_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_tar_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_registry_fuzz_SOURCES = tests/fuzz/image/registry_fuzz.c
tests_fuzz_image_registry_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_registry_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
tests_fuzz_image_policy_fuzz_SOURCES = tests/fuzz/image/policy_fuzz.c
tests_fuzz_image_policy_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_image_policy_fuzz_LDADD = $(FUZZ_DRIVER) libimage.la libkeywrap.la
