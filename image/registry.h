#pragma once
#include "common/http_stream.h"
#include "image/auth_challenge.h"
#include "image/auth_file.h"
#include "image/image.h"

#include <pthread.h>
#include <stdatomic.h>

/* One repository of one registry, with what asking it takes. distribution-spec 1.1. Any number of threads may ask at
 * once. */

struct registry_address {
	const char *name; /* the registry as images are named: what credentials are looked for */
	const char *host; /* where it is, "host[:port]" */
	const char *path; /* the repository there */
	bool insecure;
	bool push; /* for writing, too */
	bool mirror; /* what was given for the registry that it mirrors is not for it */
	json_object *helpers; /* auth_scope.helpers */
};

struct registry {
	atomic_uint users;
	char *name;
	char *host;
	char *path;
	char *base; /* "https://host" */
	bool insecure;
	bool push;
	bool supports_signatures; /* X-Registry-Supports-Signatures */
	struct http_pool *pool;
	struct credentials credentials;
	pthread_mutex_t authorizing; /* held by whoever gets a new authorization: the others wait for that one */
	pthread_mutex_t lock; /* guards what follows */
	unsigned generation; /* of the authorization: how many there were */
	struct secret *authorization; /* the header's value; NULL: none */
	struct deadline authorized_until;
};

/* Asks the registry what it wants of us. *out: the caller's. ERR_NET, ERR_TLS, ERR_AUTH, ERR_CONFIG, ... */
enum err registry_open(const struct registry_address *where, const struct image_access *access, struct registry **out,
		       struct errmsg *em) MUST_USE;
/* One more user. */
struct registry *registry_share(struct registry *r);
void registry_free(struct registry *r); /* by each user */
AUTO_DEFINE(registry)

struct registry_request {
	const char *method;
	const char *what; /* below /v2/PATH/, "manifests/latest"; or, from '/' on, below the registry; or a whole URL */
	const char *accept; /* or NULL */
	uint64_t from; /* a Range: the first byte wanted */
	bool large; /* the answer may take as long as bytes come */
	struct bytes content; /* sent as it is, again where it must be */
	const char *content_type;
	const char *content_range; /* or NULL */
	struct stream *upload; /* instead: can be sent once only, so nothing is tried again after it began */
	int64_t upload_size;
};

/* With credentials, new ones where the old are no longer taken, and again after a while where the registry is busy or
 * the connection breaks. OK: an answer of 2xx. Else by status: ERR_AUTH (401), ERR_DENIED
 * (403), ERR_NOT_FOUND, ERR_BUSY (429, 503), ERR_PROTO, with what the registry says. */
enum err registry_ask(struct registry *r, const struct registry_request *q, struct http_reply *out,
		      struct errmsg *em) MUST_USE;

/* A blob's bytes, not verified; goes on where a connection broke. */
enum err registry_blob(struct registry *r, const char *digest, int64_t size, struct stream **out,
		       struct errmsg *em) MUST_USE;

/* An answer's body of at most `max` bytes. */
enum err registry_read(struct http_reply *reply, size_t max, struct buf *out, struct errmsg *em) MUST_USE;
