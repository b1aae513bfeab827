#pragma once
#include "attest/attest.h"
#include "common/http.h"
#include "common/resource_uri.h"
#include "kbc/cc_refusal.h"
#include "kbc/tee_key.h"

/* KBS protocol 0.4.0, the client's side, as two state machines: a handshake (auth, evidence, attest) and a resource
 * request. Pure: what comes in are answers and evidence, what goes out are requests to send. No I/O, no clock. */

#define CC_HEADERS_MAX 4
#define CC_SESSION_SECONDS 300 /* where the cookie does not say otherwise */
#define CC_BEARER_SMALL 8192 /* shown beside the cookie as well */
#define CC_BEARER_MOST 122880 /* a larger header is refused by deployed servers (128 KiB in all) */

struct cc_request {
	const char *stage; /* "auth", "attest", "resource": for errors */
	const char *method;
	char target[1400]; /* "/kbs/v0/auth": follows the base URL */
	struct http_header headers[CC_HEADERS_MAX]; /* borrowed from the machine and the credentials */
	size_t header_count;
	struct bytes body; /* borrowed from the machine */
};

/* Header values with their NUL ("kbs-session-id=...", "Bearer ..."); either may be NULL. Borrowed. */
struct cc_credentials {
	const struct secret *cookie;
	const struct secret *bearer;
};

/* What a finished handshake is worth. */
struct cc_grant {
	struct secret *cookie;
	struct secret *bearer; /* NULL: too large for a header */
	int64_t session_s; /* from the first request on */
	int64_t valid_s; /* from the last answer on */
};
void cc_grant_clear(struct cc_grant *grant);

enum cc_want {
	CC_WANT_SEND, /* send the request, hand in the answer */
	CC_WANT_EVIDENCE, /* take evidence over the report data, hand it in */
	CC_WANT_CREDENTIALS, /* get an attestation result (other than the one that was refused), hand it in */
	CC_WANT_NOTHING, /* done */
};

/* Failure of any step ends the machine: only free it then. ERR_BUSY and ERR_NET are worth a new one. */
struct cc_handshake;
struct init_data;
struct cc_handshake_setup {
	const char *tee;
	json_object *tee_pubkey; /* borrowed while the machine lives */
	int64_t now; /* seconds of the epoch: for results that say when they end but not when they began */
	const struct init_data *init_data; /* or NULL; borrowed */
};
enum err cc_handshake_new(struct cc_handshake_setup setup, struct cc_handshake **out, struct errmsg *em) MUST_USE;
void cc_handshake_free(struct cc_handshake *h);
AUTO_DEFINE(cc_handshake)
enum cc_want cc_handshake_want(const struct cc_handshake *h);
const struct cc_request *cc_handshake_request(const struct cc_handshake *h);
const struct attest_digest *cc_handshake_report_data(const struct cc_handshake *h);
enum err cc_handshake_answer(struct cc_handshake *h, const struct http_response *resp, struct errmsg *em) MUST_USE;
/* Before the evidence, where devices give some: what theirs is bound to, and then the text of it all, which is taken
 * over. The report data change with it. */
enum err cc_handshake_device_data(const struct cc_handshake *h, struct attest_digest *out, struct errmsg *em) MUST_USE;
enum err cc_handshake_additional(struct cc_handshake *h, char *text, struct errmsg *em) MUST_USE;
enum err cc_handshake_evidence(struct cc_handshake *h, json_object *primary, struct errmsg *em) MUST_USE;
/* When it wants nothing more: moves the grant out. */
void cc_handshake_take(struct cc_handshake *h, struct cc_grant *grant);

struct cc_get;
enum err cc_get_new(const struct resource_uri *uri, struct cc_get **out, struct errmsg *em) MUST_USE;
void cc_get_free(struct cc_get *g);
AUTO_DEFINE(cc_get)
enum cc_want cc_get_want(const struct cc_get *g);
/* The credentials must outlive the request that they go into. */
void cc_get_credentials(struct cc_get *g, struct cc_credentials credentials);
const struct cc_request *cc_get_request(const struct cc_get *g);
/* OK: the answer is sealed and complete (CC_WANT_NOTHING), or the result is not accepted and one renewal is still
 * due (CC_WANT_CREDENTIALS). ERR_AUTH: not accepted a second time. */
enum err cc_get_answer(struct cc_get *g, const struct http_response *resp, struct errmsg *em) MUST_USE;
