#pragma once
#include "kbc/kbc.h"

/* One kind of Key Broker Client: a row of the table in kbc.c. `ctx` is the kind's own. */
struct kbc_kind {
	const char *name;
	enum err (*open)(const struct kbc_options *options, const struct http_transport *transport, void **ctx,
			 struct errmsg *em);
	enum err (*get)(void *ctx, const struct resource_uri *uri, struct deadline deadline, struct secret **out,
			struct errmsg *em);
	enum err (*attest)(void *ctx, bool fresh, struct deadline deadline, struct errmsg *em);
	struct kbc_counts (*counts)(void *ctx);
	void (*free)(void *ctx);
	/* In a forked child: takes no lock that another thread may have held, says nothing to a peer. */
	void (*abandon)(void *ctx);
};

/* KBS protocol 0.4.0 with an attestation of our own. */
extern const struct kbc_kind kbc_kind_cc;
