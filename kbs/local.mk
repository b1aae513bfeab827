# kbs: the reference Key Broker Service. The administrator's client gets its transport handed in: no libcurl here.
noinst_LTLIBRARIES += libkbs.la
libkbs_la_SOURCES = \
	kbs/admin_client.c kbs/kbs.h \
	kbs/admin_token.c kbs/admin_token.h \
	kbs/attestation.c kbs/challenge.c kbs/manage.c kbs/resource.c \
	kbs/body.c kbs/body.h \
	kbs/composite.c kbs/composite.h \
	kbs/connections.c kbs/connections.h \
	kbs/exchange.c kbs/exchange.h \
	kbs/header.c kbs/header.h \
	kbs/init.c \
	kbs/key_file.c kbs/key_file.h \
	kbs/listener.c kbs/listener.h \
	kbs/metrics.c kbs/metrics.h \
	kbs/policy.c kbs/policy.h \
	kbs/reply.c kbs/reply.h \
	kbs/result.c kbs/result.h \
	kbs/route.c kbs/route.h \
	kbs/server.c \
	kbs/server_config.c kbs/server_config.h \
	kbs/service.c kbs/service.h \
	kbs/session.c kbs/session.h \
	kbs/storage.c kbs/storage.h kbs/storage_file.c kbs/storage_kind.h \
	kbs/tee_key.c kbs/tee_key.h
libkbs_la_LIBADD = $(MICROHTTPD_LIBS)
