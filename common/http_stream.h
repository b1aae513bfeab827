#pragma once
#include "common/http.h"
#include "common/secret.h"
#include "common/stream.h"

/* HTTP whose answers are streams: for what is too large to be held. Where the server offers HTTP/2, one connection for
 * all answers that are being read, kept for the servers that were asked last; else one for each of them, kept for the
 * next: the caller bounds how many. (libhttp_stream) */

struct http_pool_options {
	struct bytes ca_pem; /* trusted besides the system's; may be empty */
	struct bytes client_certificate; /* PEM, with its chain; or empty */
	const char *client_host; /* shown to this host alone, whatever its port; NULL: to whoever asks */
	const struct secret *client_key; /* its key, PEM; or NULL */
	bool insecure; /* certificates are not verified, and http:// is allowed */
	int64_t connect_ms; /* 0 = 10,000 */
	int64_t stall_ms; /* 0 = 30,000: fewer bytes than a KiB a second for as long as that end an exchange */
	/* Asked while waiting, ten times a second; true ends the wait with ERR_IO. NULL: never. */
	bool (*interrupted)(void *user);
	void *interrupted_user;
};

/* Connections, and how they are made. Any number of threads may call at once. */
struct http_pool;

/* Copies the options. ERR_NOMEM. */
enum err http_pool_open(const struct http_pool_options *options, struct http_pool **out, struct errmsg *em) MUST_USE;
void http_pool_free(struct http_pool *pool); /* streams that are still read live on */
AUTO_DEFINE(http_pool)

struct http_call {
	const char *method; /* GET, HEAD, POST, PUT, PATCH, DELETE */
	const char *url;
	const struct http_header *headers; /* go along with redirects: no credentials */
	size_t header_count;
	/* The value of the Authorization header; NULL: none. Never leaves the origin of `url`: a redirect to another
	 * one goes without it. */
	const struct secret *authorization;
	struct stream *body; /* borrowed; NULL: none */
	int64_t body_size;
	int64_t answer_ms; /* how long an upload's answer may take; 0 = 300,000 */
	int64_t total_ms; /* each hop with its whole body; 0: as long as bytes come */
};

struct http_reply {
	long status;
	struct http_response head; /* its headers; its body is not used */
	char *url; /* what answered, after redirects */
	struct stream *body; /* empty for HEAD. Fails with ERR_NET where it is cut short */
};
void http_reply_clear(struct http_reply *r);
#define AUTO_HTTP_REPLY __attribute__((cleanup(http_reply_clear))) struct http_reply

/* Waits `ms`. ERR_IO: interrupted. */
enum err http_pool_pause(const struct http_pool *pool, int64_t ms, struct errmsg *em) MUST_USE;

/* Blocks until the header is there. Any status counts as OK. GET and HEAD follow up to ten redirects, from https:// to
 * https:// only; other methods none.
 * ERR_NET, ERR_TIMEOUT (both worth a retry), ERR_TLS, ERR_PROTO, ERR_LIMIT (the header), ERR_ARG (URL, or http:// where
 * it is not allowed), or what reading the body said. */
enum err http_pool_call(struct http_pool *pool, const struct http_call *call, struct http_reply *out,
			struct errmsg *em) MUST_USE;

/* `location` as it stands in an answer from `base`: absolute. malloc'd. ERR_PROTO. */
enum err http_url_resolve(const char *base, const char *location, char **out, struct errmsg *em) MUST_USE;
/* *same: scheme, host and port are alike. ERR_ARG. */
enum err http_url_same_origin(const char *a, const char *b, bool *same, struct errmsg *em) MUST_USE;
