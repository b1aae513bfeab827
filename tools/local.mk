# The commands: each a thin main() over one face. A command adds itself here as
#   bin_PROGRAMS += kbs-x
#   kbs_x_SOURCES = tools/kbs_x.c
#   kbs_x_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
#   kbs_x_LDFLAGS = $(PROGRAM_LINK_FLAGS)
#   kbs_x_LDADD = libcli.la ...
noinst_LTLIBRARIES += libcli.la
libcli_la_SOURCES = tools/cli.c tools/cli.h tools/own_module.c tools/own_module.h

bin_PROGRAMS += kbs-server
kbs_server_SOURCES = tools/kbs_server.c tools/kbs_server_admin.c tools/kbs_server.h
kbs_server_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
kbs_server_LDFLAGS = $(PROGRAM_LINK_FLAGS)
kbs_server_LDADD = libcli.la libkbs.la libverifier.la libattest.la libhttp_curl.la libcommon.la

bin_PROGRAMS += kbs-image
kbs_image_SOURCES = tools/kbs_image.c tools/kbs_image.h \
	tools/kbs_image_keys.c tools/kbs_image_recipients.c tools/kbs_image_store.c tools/kbs_image_unpack.c tools/kbs_image_verify.c \
	tools/kbs_image_init_data.c tools/kbs_image_init_data.h \
	tools/kbs_image_kbs.c tools/kbs_image_kbs.h tools/kbs_token_kbs.c tools/kbs_token.h \
	tools/kbs_image_access.c tools/kbs_image_access.h \
	tools/kbs_image_options.c tools/kbs_image_options.h \
	tools/kbs_image_progress.c tools/kbs_image_progress.h tools/kbs_image_report.c tools/kbs_image_report.h
kbs_image_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
kbs_image_LDFLAGS = $(PROGRAM_LINK_FLAGS)
kbs_image_LDADD = libcli.la libimage.la libkeywrap.la libkbc.la libattester.la libhttp_curl.la libcommon.la

bin_PROGRAMS += kbs-keyprovider
kbs_keyprovider_SOURCES = tools/kbs_keyprovider.c tools/kbs_keyprovider_daemon.c tools/kbs_keyprovider.h \
	tools/activation.c tools/activation.h
kbs_keyprovider_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
kbs_keyprovider_LDFLAGS = $(PROGRAM_LINK_FLAGS)
kbs_keyprovider_LDADD = libcli.la libkeywrap.la libcommon.la $(SSL_LIBS) $(P11KIT_LIBS)

# Installed as `kbs`. It is built here because kbs/ is a folder of the build as well.
bin_PROGRAMS += tools/kbs
tools_kbs_SOURCES = tools/kbs.c
tools_kbs_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
tools_kbs_LDFLAGS = $(PROGRAM_LINK_FLAGS)
tools_kbs_LDADD = libcli.la libcommon.la

bin_PROGRAMS += kbs-token
kbs_token_SOURCES = tools/kbs_token.c tools/kbs_token_consumers.c tools/kbs_token_describe.c tools/kbs_token_doctor.c \
	tools/kbs_token_get.c tools/kbs_token_kbs.c tools/kbs_token_list.c tools/kbs_token_module.c tools/kbs_token_objects.c \
	tools/kbs_token_objects.h tools/kbs_token_pin.c tools/kbs_token_reach.c tools/kbs_token_serve.c tools/kbs_token.h \
	tools/activation.c tools/activation.h
kbs_token_CPPFLAGS = $(AM_CPPFLAGS) -DP11KIT_CONFIGS='"$(p11kit_configs)"' -DEXAMPLESDIR='"$(examplesdir)"' \
	-DP11KIT_MODULE_CONFIGS='"$(P11KIT_MODULE_CONFIGS)"' -DP11KIT_SYSTEM_MODULES='"$(P11KIT_SYSTEM_MODULES)"'
kbs_token_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
kbs_token_LDFLAGS = $(PROGRAM_LINK_FLAGS)
kbs_token_LDADD = libcli.la libkbc.la libattester.la libhttp_curl.la libcommon.la $(P11KIT_LIBS)

# Stand-alone: libc and libcrypto.
bin_PROGRAMS += kbs-verify
kbs_verify_SOURCES = tools/kbs_verify.c tools/kbs_verify_args.c tools/kbs_verify_eat.c tools/kbs_verify_print.c tools/kbs_verify.h
kbs_verify_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
$(kbs_verify_OBJECTS): CFLAGS += $(SMALL_CFLAGS)
if STATIC_VERIFY
kbs_verify_LDFLAGS = $(AM_LDFLAGS) -Wc,-static-pie
else
kbs_verify_LDFLAGS = $(PROGRAM_LINK_FLAGS)
endif
kbs_verify_LDADD = libcli.la libverifier.la libattest.la libcommon_small.la
# The same, made on demand whatever configure was told: for the test of it.
EXTRA_PROGRAMS += kbs-verify-static
kbs_verify_static_SOURCES = $(kbs_verify_SOURCES)
kbs_verify_static_CFLAGS = $(kbs_verify_CFLAGS)
kbs_verify_static_LDFLAGS = $(AM_LDFLAGS) -Wc,-static-pie
kbs_verify_static_LDADD = $(kbs_verify_LDADD)
CLEANFILES += kbs-verify-static

# What kbs-verify is given: it alone asks a network for it.
bin_PROGRAMS += kbs-collateral
kbs_collateral_SOURCES = tools/kbs_collateral.c
kbs_collateral_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
kbs_collateral_LDFLAGS = $(PROGRAM_LINK_FLAGS)
kbs_collateral_LDADD = libcli.la libverifier.la libattest.la libhttp_curl.la libcommon.la

bin_PROGRAMS += kbs-attest
kbs_attest_SOURCES = tools/kbs_attest.c tools/kbs_attest.h tools/kbs_attest_args.c tools/kbs_attest_args.h \
	tools/kbs_attest_evidence.c tools/kbs_attest_init_data.c tools/kbs_attest_measure.c \
	tools/kbs_attest_publish.c tools/kbs_attest_publish.h tools/kbs_attest_reference.c tools/kbs_attest_tee_info.c
kbs_attest_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
kbs_attest_LDFLAGS = $(PROGRAM_LINK_FLAGS)
kbs_attest_LDADD = libcli.la libreferences.la libmeasure.la libattester.la libinit_delivery.la libverifier.la libattest.la libcommon.la

# So that `kbs` finds the others in a build tree too.
tool_links = tools/kbs-image tools/kbs-keyprovider tools/kbs-server tools/kbs-token tools/kbs-verify tools/kbs-attest
noinst_DATA += $(tool_links)
CLEANFILES += $(tool_links)
$(tool_links): kbs-image$(EXEEXT) kbs-keyprovider$(EXEEXT) kbs-server$(EXEEXT) kbs-token$(EXEEXT) kbs-verify$(EXEEXT) kbs-attest$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) tools && ln -sf ../$(@F) $@

# systemd's units of the key provider.
EXTRA_DIST += tools/systemd/kbs-keyprovider.service.in tools/systemd/kbs-keyprovider.socket \
	tools/systemd/kbs-keyprovider-ttrpc.socket
noinst_DATA += tools/systemd/kbs-keyprovider.service
CLEANFILES += tools/systemd/kbs-keyprovider.service
tools/systemd/kbs-keyprovider.service: tools/systemd/kbs-keyprovider.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's,@bindir[@],$(bindir),' $(srcdir)/$@.in >$@
if INSTALL_UNITS
unitdir = $(systemdsystemunitdir)
dist_unit_DATA = tools/systemd/kbs-keyprovider.socket tools/systemd/kbs-keyprovider-ttrpc.socket
nodist_unit_DATA = tools/systemd/kbs-keyprovider.service
endif
