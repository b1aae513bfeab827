# kbc: Key Broker Clients. The transport is handed in, so nothing here links libcurl.
noinst_LTLIBRARIES += libkbc.la
libkbc_la_SOURCES = kbc/kbc.c kbc/kbc.h kbc/kbc_kind.h kbc/kbc_stage.c kbc/kbc_stage.h kbc/kbc_options.c kbc/kbc_options.h kbc/kbc_options_tee.c \
	kbc/kbc_url.c kbc/kbc_url.h \
	kbc/cc_guest.c kbc/cc_guest.h kbc/cc_kbc.c kbc/cc_kbc.h kbc/cc_message.c kbc/cc_message.h kbc/cc_refusal.c kbc/cc_refusal.h \
	kbc/cc_session.c kbc/cc_exchange.c kbc/cc_exchange.h \
	kbc/client_pool.c kbc/client_pool.h kbc/flight.c kbc/flight.h \
	kbc/attestation_result.c kbc/attestation_result.h kbc/tee_key.c kbc/tee_key.h kbc/retry.c kbc/retry.h

# It waits for networks and firmware: small is worth more than fast.
$(libkbc_la_OBJECTS): CFLAGS += $(COLD_CFLAGS)
