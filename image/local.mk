# image: OCI images
noinst_LTLIBRARIES += libimage.la
libimage_la_SOURCES = \
	image/image.h \
	image/archive.c image/archive.h image/archive_sources.h image/file_part.c image/file_part.h \
	image/beneath.c image/beneath.h \
	image/bundle.c \
	image/configuration.c image/configuration.h \
	image/copy.c image/copy.h image/copy_layer.c \
	image/descriptor.c image/descriptor.h \
	image/digest.c image/digest.h \
	image/docker_archive.c image/docker_archive_list.c image/docker_archive_list.h \
	image/entry_attributes.c image/entry_attributes.h image/entry_contents.c image/entry_contents.h \
	image/folder_source.c image/folder_source.h image/folders_due.c image/folders_due.h \
	image/gunzip.c image/gunzip.h \
	image/id_map.c image/id_map.h \
	image/image_user.c image/image_user.h \
	image/index.c image/index.h \
	image/inflater.h image/inflater_zlib.c \
	image/inspect.c \
	image/judged.c image/judged.h \
	image/layer_apply.c image/layer_apply.h image/layer_open.c image/layer_open.h \
	image/layer_pipe.c image/layer_pipe.h \
	image/layer_stack.c image/layer_stack.h image/layered.c image/layered.h image/mount.c \
	image/layout.c image/layout.h \
	image/layout_destination.c \
	image/layout_edit.c image/layout_edit.h image/recipients.c \
	image/layout_write.c image/layout_write.h \
	image/manifest.c image/manifest_change.c image/manifest.h \
	image/oci_archive.c \
	image/path_set.c image/path_set.h \
	image/platform.c image/platform.h \
	image/auth_challenge.c image/auth_challenge.h \
	image/auth_file.c image/auth_file.h \
	image/credential_helper.c image/credential_helper.h \
	image/evidence.c image/evidence.h image/judge_identity.c image/judge_sigstore.c image/judge_simple.c \
	image/lock.c image/lock.h image/lookaside.c image/lookaside.h \
	image/policy.h image/policy_file.c image/policy_file.h image/policy_identity.c image/policy_judge.c image/policy_judge.h \
	image/policy_key.c image/policy_parse.c image/policy_requirement.c \
	image/reference.c image/reference.h \
	image/registries_d.c image/registries_d.h \
	image/scope.c image/scope.h \
	image/signature_certificate.c image/signature_certificate.h \
	image/signature_bundle.c image/signature_cosign.c image/signature_cosign.h image/signature_log_proof.c \
	image/signature_referrers.c image/signature_rekor.c image/signature_verify.c image/proto_json.c image/proto_json.h \
	image/signature_payload.c image/signature_payload.h \
	image/signature_simple.c image/signature_simple.h \
	image/registries_conf.c image/registries_conf.h image/registries_short.c \
	image/registry.c image/registry.h \
	image/registry_certs.c image/registry_certs.h \
	image/registry_blob.c image/registry_destination.c image/registry_source.c image/registry_transport.h \
	image/registry_token.c image/registry_token.h \
	image/runtime_config.c image/runtime_config.h \
	image/source.h image/transport.c \
	image/staged.c image/staged.h image/staging.c image/staging.h \
	image/store.c image/store.h image/store_layer.c image/store_manage.c image/store_pull.c \
	image/store_record.c image/store_record.h image/store_signatures.c image/store_signatures.h \
	image/store_source.c image/store_source.h \
	image/tar.c image/tar.h image/tar_header.c image/tar_header.h image/tar_sparse.c image/tar_sparse.h image/tree.c image/tree.h \
	image/tree_stack.c image/tree_stack.h image/tree_whiteout.c \
	image/unpack.c image/unpack.h image/unzstd.c image/unzstd.h image/verify.c \
	image/layer_crew.c image/layer_crew.h image/layer_keys.c image/layer_keys.h image/layer_merge.c image/layer_merge.h image/unpack_layers.c \
	image/watched.c image/watched.h
libimage_la_LIBADD = libdocuments.la libhttp_stream.la libhttp_curl.la libcommon.la $(JSON_LIBS) $(CRYPTO_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) $(ISAL_LIBS)
if HAVE_ISAL
libimage_la_SOURCES += image/inflater_isal.c
endif
