# keywrap: ocicrypt. libkeywrap.la for this project's own programs, libocikeywrap for others'.
KEYWRAP_SOURCES = \
	keywrap/annotations.c keywrap/annotations.h \
	keywrap/cms_ber.c keywrap/cms_content.c keywrap/cms.h keywrap/cms_read.c keywrap/cms_write.c \
	keywrap/coco_packet.c keywrap/coco_packet.h \
	keywrap/context.c keywrap/context.h \
	keywrap/cryptoki_error.c keywrap/cryptoki_error.h \
	keywrap/grpc.c keywrap/grpc.h \
	keywrap/element.h keywrap/element_json.c keywrap/element_pgp.c keywrap/element_pkcs7.c \
	keywrap/hash_ring.c keywrap/hash_ring.h \
	keywrap/http2.c keywrap/http2.h \
	keywrap/key_file.c keywrap/key_file.h \
	keywrap/key_spec.c \
	keywrap/layer_cipher.c keywrap/layer_cipher.h \
	keywrap/layer_hash.c keywrap/layer_hash.h \
	keywrap/layer_key.c \
	keywrap/layer_options.c keywrap/layer_options.h \
	keywrap/layer_reasons.c keywrap/layer_reasons.h \
	keywrap/media_type.c \
	keywrap/ocicrypt_conf.c keywrap/ocicrypt_conf.h \
	keywrap/outbox.c keywrap/outbox.h \
	keywrap/pgp_key.c keywrap/pgp_key.h \
	keywrap/pgp_message.c keywrap/pgp_message.h \
	keywrap/pin_mask.c keywrap/pin_mask.h \
	keywrap/provider.c keywrap/provider.h \
	keywrap/provider_cmd.c keywrap/provider_cmd.h \
	keywrap/provider_config.c keywrap/provider_config.h \
	keywrap/provider_connection.c keywrap/provider_connection.h \
	keywrap/provider_daemon.c keywrap/provider_daemon.h \
	keywrap/provider_grpc.c keywrap/provider_grpc.h \
	keywrap/provider_jobs.c keywrap/provider_jobs.h \
	keywrap/provider_message.c keywrap/provider_message.h \
	keywrap/provider_peer.h keywrap/provider_peer_grpc.c keywrap/provider_peer_ttrpc.c \
	keywrap/provider_server.c keywrap/provider_server.h \
	keywrap/provider_ttrpc.c keywrap/provider_ttrpc.h \
	keywrap/protobuf.c keywrap/protobuf.h \
	keywrap/reader.c \
	keywrap/rpc_code.c keywrap/rpc_code.h \
	keywrap/recipients.c \
	keywrap/scheme.c keywrap/scheme.h keywrap/scheme_jwe.c keywrap/scheme_pkcs7.c \
	keywrap/scheme_pkcs11.c keywrap/scheme_pgp.c keywrap/scheme_kek.c \
	keywrap/secret_join.c keywrap/secret_join.h \
	keywrap/token_data.c keywrap/token_data.h \
	keywrap/token_kek.c keywrap/token_kek.h keywrap/token_kek_local.c \
	keywrap/token_key.c keywrap/token_key.h \
	keywrap/token_module.c keywrap/token_module.h \
	keywrap/token_object.c keywrap/token_object.h \
	keywrap/token_pool.c keywrap/token_pool.h \
	keywrap/token_ref.c keywrap/token_ref.h \
	keywrap/token_why.c keywrap/token_why.h \
	keywrap/ttrpc.c keywrap/ttrpc.h \
	keywrap/wire.c keywrap/wire.h keywrap/wire_address.c keywrap/wire_address.h \
	keywrap/wire_lookup.c keywrap/wire_lookup.h keywrap/wire_peer.c keywrap/wire_peer.h keywrap/wire_tls.c keywrap/wire_tls.h

noinst_LTLIBRARIES += libkeywrap.la
libkeywrap_la_SOURCES = $(KEYWRAP_SOURCES) keywrap/ocikeywrap.h
libkeywrap_la_LIBADD = libdocuments.la libcommon.la $(CRYPTO_LIBS) $(SSL_LIBS) $(NGHTTP2_LIBS) $(P11KIT_LIBS) $(YAML_LIBS)

lib_LTLIBRARIES += libocikeywrap.la
libocikeywrap_la_SOURCES =
libocikeywrap_la_LIBADD = libkeywrap.la
libocikeywrap_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script,$(srcdir)/keywrap/ocikeywrap.map
EXTRA_libocikeywrap_la_DEPENDENCIES = keywrap/ocikeywrap.map
EXTRA_DIST += keywrap/ocikeywrap.map
include_HEADERS += keywrap/ocikeywrap.h
pkgconfig_DATA += keywrap/ocikeywrap.pc
