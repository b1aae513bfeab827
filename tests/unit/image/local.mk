# unit tests of image/
check_LTLIBRARIES += libimage_double.la
libimage_double_la_SOURCES = \
	tests/unit/image/layout_fixture.c tests/unit/image/layout_fixture.h \
	tests/unit/image/okw_double.c tests/unit/image/okw_double.h

IMAGE_TESTS = \
	tests/unit/image/name_test \
	tests/unit/image/layout_test
check_PROGRAMS += $(IMAGE_TESTS)
TESTS += $(IMAGE_TESTS)

tests_unit_image_name_test_SOURCES = tests/unit/image/name_test.c
tests_unit_image_name_test_LDADD = libimage.la libimage_double.la $(CMOCKA_LIBS)

tests_unit_image_layout_test_SOURCES = tests/unit/image/layout_test.c
tests_unit_image_layout_test_LDADD = libimage_double.la libimage.la libimage_double.la $(CMOCKA_LIBS)
