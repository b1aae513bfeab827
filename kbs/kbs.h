#pragma once
#include "common/http.h"
#include "common/key.h"
#include "common/resource_uri.h"

/* The reference Key Broker Service, KBS protocol 0.4.0, on libmicrohttpd. */
struct kbs;

/* DIR/ holds: kbs.json (configuration), admin.key + admin.pub (Ed25519), issuer.key + issuer.pub (ES256, signs
 * attestation results), storage/repository/type/tag, policy.json. Makes what is missing, overwrites nothing. ERR_EXISTS
 * if it was initialised before: kbs.json, which is written last, is there. */
enum err kbs_init(const char *dir, struct errmsg *em) MUST_USE;

/* One answered request, for an access log. Everything but status and times comes from outside. */
struct kbs_access {
	const char *peer; /* numeric address */
	const char *method;
	const char *path;
	unsigned status;
	int64_t took_ms;
};

struct kbs_options {
	const char *dir;
	const char *listen; /* "HOST:PORT", port 0 = any free one; NULL: the configuration's, "127.0.0.1:8080" */
	const char *tls_cert; /* PEM files, both or neither; NULL: the configuration's */
	const char *tls_key;
	bool allow_sample; /* the sample TEE proves nothing: only where the operator names it */
	bool allow_http; /* without TLS on an address that is not loopback */
	void (*on_access)(void *ctx, const struct kbs_access *access); /* from several threads at once; may be NULL */
	void *ctx;
};
/* Serves on threads of its own until kbs_stop(). ERR_CONFIG, ERR_IO (address in use). */
enum err kbs_start(const struct kbs_options *options, struct kbs **out, struct errmsg *em) MUST_USE;
const char *kbs_url(const struct kbs *kbs); /* "http://127.0.0.1:34567": where it listens */
void kbs_stop(struct kbs *kbs); /* waits for requests in flight; NULL is fine */

/* The administrator's side: requests with a freshly signed token ("role": "admin", 60 s). The key is Ed25519, EC or
 * RSA. Each blocks, at most until the deadline. ERR_AUTH, ERR_DENIED, ERR_NOT_FOUND, ERR_LIMIT, ERR_NET, ... */
struct kbs_admin {
	const struct http_transport *transport;
	struct http_options http;
	const char *url; /* of the server, without /kbs/v0 */
	EVP_PKEY *key; /* private */
	struct deadline deadline;
};
/* A private key of a file that group and others cannot read. ERR_CONFIG. */
enum err kbs_admin_key(const char *path, EVP_PKEY **out, struct errmsg *em) MUST_USE;
enum err kbs_admin_set(const struct kbs_admin *admin, const struct resource_uri *uri, const struct secret *resource,
		       struct errmsg *em) MUST_USE;
/* Our own servers only, and only with "admin-read": the answer is sealed (JWE) for a key made for this one request. */
enum err kbs_admin_get(const struct kbs_admin *admin, const struct resource_uri *uri, struct secret **out,
		       struct errmsg *em) MUST_USE;
enum err kbs_admin_delete(const struct kbs_admin *admin, const struct resource_uri *uri, struct errmsg *em) MUST_USE;
enum err kbs_admin_set_policy(const struct kbs_admin *admin, struct bytes policy, struct errmsg *em) MUST_USE;
enum err kbs_admin_get_policy(const struct kbs_admin *admin, struct buf *out, struct errmsg *em) MUST_USE;
