# unit tests of image/, with a double of the key-wrapping library that fails at will
IMAGE_TESTS = \
	tests/unit/image/store_test \
	tests/unit/image/archive_test \
	tests/unit/image/bundle_test \
	tests/unit/image/unpack_test \
	tests/unit/image/gunzip_test \
	tests/unit/image/policy_test \
	tests/unit/image/signature_test \
	tests/unit/image/sigstore_bundle_test \
	tests/unit/image/sigstore_test \
	tests/unit/image/layer_apply_test \
	tests/unit/image/layer_stack_test \
	tests/unit/image/tar_test \
	tests/unit/image/name_test \
	tests/unit/image/manifest_test \
	tests/unit/image/layout_test \
	tests/unit/image/registry_test \
	tests/unit/image/crypt_test
check_PROGRAMS += $(IMAGE_TESTS)
TESTS += $(IMAGE_TESTS)

IMAGE_TEST_SUPPORT = \
	tests/unit/image/layout_fixture.c tests/unit/image/layout_fixture.h \
	tests/unit/image/okw_double.c tests/unit/image/okw_double.h

tests_unit_image_archive_test_SOURCES = tests/unit/image/archive_test.c $(IMAGE_TEST_SUPPORT)
tests_unit_image_archive_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_store_test_SOURCES = tests/unit/image/store_test.c $(IMAGE_POLICY_SUPPORT)
tests_unit_image_store_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_bundle_test_SOURCES = tests/unit/image/bundle_test.c
tests_unit_image_bundle_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_gunzip_test_SOURCES = tests/unit/image/gunzip_test.c
tests_unit_image_gunzip_test_LDADD = libimage.la $(CMOCKA_LIBS) $(ZLIB_LIBS)

IMAGE_TAR_SUPPORT = tests/unit/image/tar_fixture.c tests/unit/image/tar_fixture.h
tests_unit_image_layer_stack_test_SOURCES = tests/unit/image/layer_stack_test.c $(IMAGE_TAR_SUPPORT)
tests_unit_image_layer_stack_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_tar_test_SOURCES = tests/unit/image/tar_test.c $(IMAGE_TAR_SUPPORT)
tests_unit_image_tar_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_layer_apply_test_SOURCES = tests/unit/image/layer_apply_test.c $(IMAGE_TAR_SUPPORT) $(IMAGE_TEST_SUPPORT)
tests_unit_image_layer_apply_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_name_test_SOURCES = tests/unit/image/name_test.c $(IMAGE_TEST_SUPPORT)
tests_unit_image_name_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_manifest_test_SOURCES = tests/unit/image/manifest_test.c $(IMAGE_TEST_SUPPORT)
tests_unit_image_manifest_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_layout_test_SOURCES = tests/unit/image/layout_test.c $(IMAGE_TEST_SUPPORT)
tests_unit_image_layout_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_crypt_test_SOURCES = tests/unit/image/crypt_test.c $(IMAGE_TEST_SUPPORT)
tests_unit_image_crypt_test_LDADD = libimage.la $(CMOCKA_LIBS) $(ZLIB_LIBS)

tests_unit_image_registry_test_SOURCES = tests/unit/image/registry_test.c
tests_unit_image_registry_test_LDADD = libimage.la libkeywrap.la $(CMOCKA_LIBS)

IMAGE_POLICY_SUPPORT = $(IMAGE_TEST_SUPPORT) tests/unit/image/policy_fixture.c tests/unit/image/policy_fixture.h
tests_unit_image_policy_test_SOURCES = tests/unit/image/policy_test.c $(IMAGE_POLICY_SUPPORT)
tests_unit_image_policy_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_signature_test_SOURCES = tests/unit/image/signature_test.c $(IMAGE_POLICY_SUPPORT)
tests_unit_image_signature_test_LDADD = libimage.la $(CMOCKA_LIBS)

IMAGE_SIGSTORE_SUPPORT = $(IMAGE_POLICY_SUPPORT) tests/unit/image/sigstore_fixture.c tests/unit/image/sigstore_fixture.h
tests_unit_image_sigstore_test_SOURCES = tests/unit/image/sigstore_test.c $(IMAGE_SIGSTORE_SUPPORT)
tests_unit_image_sigstore_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_sigstore_bundle_test_SOURCES = tests/unit/image/sigstore_bundle_test.c tests/unit/image/log_tree.c \
	tests/unit/image/log_tree.h $(IMAGE_SIGSTORE_SUPPORT)
tests_unit_image_sigstore_bundle_test_LDADD = libimage.la $(CMOCKA_LIBS)

tests_unit_image_unpack_test_SOURCES = tests/unit/image/unpack_test.c $(IMAGE_TAR_SUPPORT) $(IMAGE_TEST_SUPPORT)
tests_unit_image_unpack_test_LDADD = libimage.la $(CMOCKA_LIBS)
