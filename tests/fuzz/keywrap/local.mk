# fuzz targets of keywrap/
check_PROGRAMS += tests/fuzz/keywrap/layer_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/layer_fuzz
tests_fuzz_keywrap_layer_fuzz_SOURCES = tests/fuzz/keywrap/layer_fuzz.c
tests_fuzz_keywrap_layer_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_layer_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/layer.seeds

check_PROGRAMS += tests/fuzz/keywrap/layer_options_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/layer_options_fuzz
tests_fuzz_keywrap_layer_options_fuzz_SOURCES = tests/fuzz/keywrap/layer_options_fuzz.c
tests_fuzz_keywrap_layer_options_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_layer_options_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/layer_options.seeds

check_PROGRAMS += tests/fuzz/keywrap/element_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/element_fuzz
tests_fuzz_keywrap_element_fuzz_SOURCES = tests/fuzz/keywrap/element_fuzz.c
tests_fuzz_keywrap_element_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_element_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/element.seeds

check_PROGRAMS += tests/fuzz/keywrap/key_file_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/key_file_fuzz
tests_fuzz_keywrap_key_file_fuzz_SOURCES = tests/fuzz/keywrap/key_file_fuzz.c
tests_fuzz_keywrap_key_file_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_key_file_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/key_file.seeds

check_PROGRAMS += tests/fuzz/keywrap/ocicrypt_conf_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/ocicrypt_conf_fuzz
tests_fuzz_keywrap_ocicrypt_conf_fuzz_SOURCES = tests/fuzz/keywrap/ocicrypt_conf_fuzz.c
tests_fuzz_keywrap_ocicrypt_conf_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_ocicrypt_conf_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/ocicrypt_conf.seeds

check_PROGRAMS += tests/fuzz/keywrap/token_ref_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/token_ref_fuzz
tests_fuzz_keywrap_token_ref_fuzz_SOURCES = tests/fuzz/keywrap/token_ref_fuzz.c
tests_fuzz_keywrap_token_ref_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_token_ref_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/token_ref.seeds

check_PROGRAMS += tests/fuzz/keywrap/provider_message_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/provider_message_fuzz
tests_fuzz_keywrap_provider_message_fuzz_SOURCES = tests/fuzz/keywrap/provider_message_fuzz.c
tests_fuzz_keywrap_provider_message_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_provider_message_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/provider_message.seeds

check_PROGRAMS += tests/fuzz/keywrap/provider_config_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/provider_config_fuzz
tests_fuzz_keywrap_provider_config_fuzz_SOURCES = tests/fuzz/keywrap/provider_config_fuzz.c
tests_fuzz_keywrap_provider_config_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_provider_config_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/provider_config.seeds

check_PROGRAMS += tests/fuzz/keywrap/ber_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/ber_fuzz
tests_fuzz_keywrap_ber_fuzz_SOURCES = tests/fuzz/keywrap/ber_fuzz.c
tests_fuzz_keywrap_ber_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_ber_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/ber.seeds

check_PROGRAMS += tests/fuzz/keywrap/coco_packet_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/coco_packet_fuzz
tests_fuzz_keywrap_coco_packet_fuzz_SOURCES = tests/fuzz/keywrap/coco_packet_fuzz.c
tests_fuzz_keywrap_coco_packet_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_coco_packet_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/coco_packet.seeds

check_PROGRAMS += tests/fuzz/keywrap/ttrpc_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/ttrpc_fuzz
tests_fuzz_keywrap_ttrpc_fuzz_SOURCES = tests/fuzz/keywrap/ttrpc_fuzz.c
tests_fuzz_keywrap_ttrpc_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_ttrpc_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/ttrpc.seeds

check_PROGRAMS += tests/fuzz/keywrap/pgp_message_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/pgp_message_fuzz
tests_fuzz_keywrap_pgp_message_fuzz_SOURCES = tests/fuzz/keywrap/pgp_message_fuzz.c
tests_fuzz_keywrap_pgp_message_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_pgp_message_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/pgp_message.seeds

check_PROGRAMS += tests/fuzz/keywrap/provider_peer_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/provider_peer_fuzz
tests_fuzz_keywrap_provider_peer_fuzz_SOURCES = tests/fuzz/keywrap/provider_peer_fuzz.c
tests_fuzz_keywrap_provider_peer_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_provider_peer_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/provider_peer.seeds

check_PROGRAMS += tests/fuzz/keywrap/grpc_fuzz
FUZZ_TESTS += tests/fuzz/keywrap/grpc_fuzz
tests_fuzz_keywrap_grpc_fuzz_SOURCES = tests/fuzz/keywrap/grpc_fuzz.c
tests_fuzz_keywrap_grpc_fuzz_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_keywrap_grpc_fuzz_LDADD = $(FUZZ_DRIVER) libkeywrap.la libcommon.la $(P11KIT_LIBS)
EXTRA_DIST += tests/fuzz/keywrap/grpc.seeds
