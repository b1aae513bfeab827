# image: OCI images
noinst_LTLIBRARIES += libimage.la
libimage_la_SOURCES = \
	image/image.h \
	image/beneath.c image/beneath.h \
	image/copy.c image/copy.h image/copy_layer.c \
	image/descriptor.c image/descriptor.h \
	image/digest.c image/digest.h \
	image/gunzip.c image/gunzip.h \
	image/index.c image/index.h \
	image/inspect.c \
	image/layer_pipe.c image/layer_pipe.h \
	image/layout.c image/layout.h \
	image/layout_destination.c \
	image/layout_edit.c image/layout_edit.h image/recipients.c \
	image/layout_write.c image/layout_write.h \
	image/manifest.c image/manifest_change.c image/manifest.h \
	image/platform.c image/platform.h \
	image/source.h image/transport.c \
	image/staged.c image/staged.h
libimage_la_LIBADD = libcommon.la $(JSON_LIBS) $(CRYPTO_LIBS) $(ZLIB_LIBS)
