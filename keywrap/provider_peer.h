#pragma once
#include "keywrap/outbox.h"
#include "keywrap/provider_jobs.h"

/* One connection of a key provider's daemon, as its protocol sees it: bytes in, bytes out, requests to somebody who
 * answers them later. No sockets, nothing waits. */

#define PEER_REQUESTS_MAX 16 /* of one connection, at the same time */
#define PEER_RECEIVE_MS 30000 /* for a whole request to come in, or an answer to go out */
#define PEER_WORK_MS 600000 /* where the caller sets no bound */
#define PEER_NEVER ((struct deadline){ INT64_MAX })

struct provider_peer {
	const struct peer_ops *ops;
	struct outbox *out; /* what is to be sent: the protocol's, read by the connection */
	/* Whoever answers: peer_ops.answer() gets the job again. ERR_BUSY: the job stays the caller's. */
	enum err (*submit)(void *user, struct provider_job *job, struct errmsg *em);
	void *user;
};

struct peer_ops {
	/* Takes what it can use at this time off the front. An error ends the connection. */
	enum err (*input)(struct provider_peer *peer, struct bytes *in, struct errmsg *em);
	/* Fills peer->out. */
	enum err (*output)(struct provider_peer *peer, struct errmsg *em);
	/* Takes a job that was submitted. */
	enum err (*answer)(struct provider_peer *peer, struct provider_job *job, struct errmsg *em);
	/* When due() wants to be called, and that. */
	struct deadline (*until)(const struct provider_peer *peer);
	enum err (*due)(struct provider_peer *peer, struct errmsg *em);
	/* Takes no further requests. */
	enum err (*finish)(struct provider_peer *peer, struct errmsg *em);
	bool (*idle)(const struct provider_peer *peer); /* nothing is worked on or to be sent, but for `out` */
	void (*free)(struct provider_peer *peer);
};

/* NULL without memory. The caller sets submit and user. */
struct provider_peer *provider_peer_ttrpc(void);
struct provider_peer *provider_peer_grpc(void);
