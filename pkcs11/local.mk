# pkcs11: the Cryptoki module. libpkcs11.la holds all of it, for the tests; the module is that and nothing more.
noinst_LTLIBRARIES += libpkcs11.la
libpkcs11_la_SOURCES = \
	pkcs11/attribute_list.c pkcs11/attribute_list.h \
	pkcs11/broker.c pkcs11/broker.h \
	pkcs11/call.c pkcs11/call.h \
	pkcs11/catalog.c pkcs11/catalog.h pkcs11/catalog_index.c pkcs11/catalog_remote.c pkcs11/catalog_row.h \
	pkcs11/check_value.c pkcs11/check_value.h pkcs11/ckr.c pkcs11/ckr.h pkcs11/cryptoki.h \
	pkcs11/entry.c pkcs11/entry.h pkcs11/entry_more.c pkcs11/entry_more.h pkcs11/entry_read.h pkcs11/entry_scan.c \
	pkcs11/entry_crypto.c pkcs11/entry_derive.c pkcs11/entry_digest.c pkcs11/entry_general.c pkcs11/entry_generate.c \
	pkcs11/entry_message.c pkcs11/entry_object.c pkcs11/entry_session.c \
	pkcs11/entry_sign.c pkcs11/entry_wrap.c \
	pkcs11/function_list.c pkcs11/function_list.h \
	pkcs11/handle_list.c pkcs11/handle_list.h \
	pkcs11/login.c pkcs11/login.h \
	pkcs11/key_export.c pkcs11/key_export.h pkcs11/key_params.c pkcs11/key_params.h \
	pkcs11/material.c pkcs11/material.h pkcs11/material_chain.c \
	pkcs11/message.c pkcs11/message.h pkcs11/message_iv.c pkcs11/message_iv.h \
	pkcs11/message_sign.c pkcs11/message_sign.h \
	pkcs11/mech_aes.c pkcs11/mech_aes.h \
	pkcs11/mech_cipher.c \
	pkcs11/mech_ec.c pkcs11/mech_ec.h pkcs11/mech_kdf.c pkcs11/mech_kdf.h pkcs11/mech_key_wrap.c pkcs11/mech_key_wrap.h pkcs11/mech_mac.c pkcs11/mech_rsa.c pkcs11/mech_rsa_aes.c \
	pkcs11/mech_eddsa.c pkcs11/mech_pqc.c pkcs11/mech_whole.c pkcs11/mech_whole.h pkcs11/mech_generate.c pkcs11/mech_generate.h \
	pkcs11/mechanism.c pkcs11/mechanism.h pkcs11/mechanism_names.c pkcs11/mechanism_names.h \
	pkcs11/new_object.c pkcs11/new_object.h \
	pkcs11/pool.c pkcs11/pool.h \
	pkcs11/object.c pkcs11/object.h \
	pkcs11/object_attributes.c pkcs11/object_attributes.h pkcs11/object_rows.c pkcs11/object_rows.h \
	pkcs11/operation.c pkcs11/operation.h \
	pkcs11/process.c pkcs11/process.h \
	pkcs11/reason.c pkcs11/reason.h \
	pkcs11/rsa_unpad.c pkcs11/rsa_unpad.h \
	pkcs11/session.c pkcs11/session.h \
	pkcs11/session_content.c pkcs11/session_object.c pkcs11/session_object.h \
	pkcs11/shelf.c pkcs11/shelf.h \
	pkcs11/lease.c pkcs11/lease.h pkcs11/spki_pin.c pkcs11/spki_pin.h \
	pkcs11/pin_count.c pkcs11/pin_count.h pkcs11/pin_policy.c pkcs11/pin_policy.h \
	pkcs11/renewal.c pkcs11/renewal.h \
	pkcs11/source.c pkcs11/source.h pkcs11/source_get.c pkcs11/source_state.h \
	pkcs11/template.c pkcs11/template.h \
	pkcs11/token.c pkcs11/token.h \
	pkcs11/token_config.c pkcs11/token_config.h
if HAVE_PQC
libpkcs11_la_SOURCES += pkcs11/entry_encapsulate.c
endif
EXTRA_DIST += pkcs11/entry_encapsulate.c
# What no signature passes through.
pkcs11/attribute_list.lo pkcs11/broker.lo pkcs11/catalog.lo pkcs11/catalog_index.lo pkcs11/catalog_remote.lo \
pkcs11/check_value.lo pkcs11/entry_object.lo pkcs11/object.lo pkcs11/object_attributes.lo pkcs11/shelf.lo pkcs11/source.lo pkcs11/ckr.lo pkcs11/entry.lo pkcs11/entry_more.lo pkcs11/function_list.lo \
pkcs11/mech_eddsa.lo pkcs11/mech_key_wrap.lo pkcs11/mech_pqc.lo pkcs11/mechanism_names.lo pkcs11/message_iv.lo pkcs11/object_rows.lo \
pkcs11/reason.lo pkcs11/source_get.lo pkcs11/entry_derive.lo pkcs11/entry_general.lo pkcs11/entry_generate.lo \
pkcs11/entry_message.lo pkcs11/message.lo pkcs11/entry_session.lo pkcs11/entry_wrap.lo pkcs11/key_export.lo pkcs11/key_params.lo \
pkcs11/lease.lo pkcs11/login.lo pkcs11/material.lo pkcs11/material_chain.lo pkcs11/mech_generate.lo pkcs11/mech_kdf.lo \
pkcs11/mech_rsa_aes.lo pkcs11/message_sign.lo pkcs11/new_object.lo pkcs11/pin_count.lo pkcs11/pin_policy.lo \
pkcs11/renewal.lo pkcs11/session_content.lo pkcs11/session_object.lo pkcs11/spki_pin.lo pkcs11/template.lo \
pkcs11/token.lo pkcs11/token_config.lo: CFLAGS += $(COLD_CFLAGS)
# And what takes no time beside one.
pkcs11/operation.lo pkcs11/process.lo pkcs11/session.lo: CFLAGS += $(COLD_CFLAGS)
libpkcs11_la_LIBADD = libkbc.la libattester.la libcommon.la $(CRYPTO_LIBS) $(JSON_LIBS)

# Exports C_* alone; calls within go to ourselves whatever the host has loaded; stays mapped after dlclose, since the
# attestation and the process's state live on.
pkcs11_LTLIBRARIES += kbs-pkcs11.la
kbs_pkcs11_la_SOURCES =
kbs_pkcs11_la_LIBADD = libpkcs11.la
kbs_pkcs11_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -Wl,-Bsymbolic -Wl,-z,nodelete \
	-Wl,--version-script=$(srcdir)/pkcs11/kbs-pkcs11.map
EXTRA_kbs_pkcs11_la_DEPENDENCIES = $(srcdir)/pkcs11/kbs-pkcs11.map
EXTRA_DIST += pkcs11/kbs-pkcs11.map

# The module in the build folder, usable without installing.
noinst_DATA += kbs-pkcs11.so
kbs-pkcs11.so: kbs-pkcs11.la
	$(AM_V_GEN)ln -sf .libs/kbs-pkcs11.so $@
CLEANFILES += kbs-pkcs11.so

# Its registration with p11-kit.
p11kitconfigsdir = $(p11kit_configs)
nodist_p11kitconfigs_DATA = pkcs11/kbs-pkcs11.module
pkcs11/kbs-pkcs11.module: pkcs11/kbs-pkcs11.module.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's,@pkcs11dir[@],$(pkcs11dir),' $(srcdir)/$@.in >$@
EXTRA_DIST += pkcs11/kbs-pkcs11.module.in
CLEANFILES += pkcs11/kbs-pkcs11.module
