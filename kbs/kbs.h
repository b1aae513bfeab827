#pragma once
#include "common/json.h"
#include "common/secret.h"

/* The reference Key Broker Service, KBS protocol 0.4.0, on libmicrohttpd. */
struct kbs;

/* DIR/ holds: kbs.json (configuration), admin.key + admin.pub (Ed25519), issuer.key + issuer.pub (ES256, signs
 * attestation results), storage/repository/type/tag, policy.json. Makes what is missing, overwrites nothing. ERR_EXISTS
 * if it was initialised before. */
enum err kbs_init(const char *dir, struct errmsg *em) MUST_USE;

struct kbs_options {
	const char *dir;
	const char *listen; /* "HOST:PORT", port 0 = any free one; NULL: "127.0.0.1:8080" */
	const char *tls_cert; /* PEM files, both or neither */
	const char *tls_key;
	bool allow_sample;
};
/* Serves on threads of its own until kbs_stop(). */
enum err kbs_start(const struct kbs_options *options, struct kbs **out, struct errmsg *em) MUST_USE;
const char *kbs_url(const struct kbs *kbs); /* "http://127.0.0.1:34567": where it listens */
void kbs_stop(struct kbs *kbs); /* waits for requests in flight; NULL is fine */
