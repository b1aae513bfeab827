#pragma once
#include "common/bytes.h"
#include "common/deadline.h"

/* HTTP client. The interface is a table so that whoever needs it can be given: libcurl at once (commands),
 * libcurl loaded at first use (the module, which must not map it before), or a test's double. */

#define HTTP_ABI 2 /* changes whenever anything here does */

struct crypto_gate;
struct http_options {
	const char *ca_file; /* PEM; NULL = the system's */
	const char *ca_pem; /* PEM text instead of a file; NULL = none */
	bool allow_plain; /* http:// to any host; to loopback it is always allowed */
	int64_t connect_ms; /* 0 = 10,000 */
	size_t max_response; /* bytes; 0 = 8 MiB */
	const struct crypto_gate *gate; /* what keeps forks out; NULL: the transport's own (common/crypto_gate.h) */
};

struct http_header {
	const char *name;
	const char *value;
};

struct http_request {
	const char *method; /* GET, POST, PUT, DELETE */
	const char *url;
	const struct http_header *headers; /* headers may hold credentials: they are never logged */
	size_t header_count;
	struct bytes body;
	struct deadline deadline;
};

struct http_response {
	long status;
	struct buf body;
	struct buf headers; /* "name: value\n" lines, names in lower case */
};
void http_response_clear(struct http_response *r);
#define AUTO_HTTP_RESPONSE __attribute__((cleanup(http_response_clear))) struct http_response
/* malloc'd value of the first such header (name in lower case), NULL if there is none. */
char *http_response_header(const struct http_response *r, const char *name);

struct http; /* one client: keeps its connections alive; one request at a time */

struct http_transport {
	unsigned abi; /* HTTP_ABI */
	enum err (*open)(const struct http_options *options, struct http **out, struct errmsg *em);
	/* Blocks, at most until the deadline. Any status counts as OK here. ERR_NET (worth a retry: also no connection
	 * within connect_ms), ERR_TIMEOUT (the deadline), ERR_TLS, ERR_LIMIT, ERR_PROTO (not HTTP), ERR_CONFIG (CA
	 * certificates), ERR_ARG (URL, or http:// to a host that is not loopback). Follows no redirects; the only
	 * proxy is that of https_proxy, for https:// to other machines. */
	enum err (*request)(struct http *http, const struct http_request *req, struct http_response *resp,
			    struct errmsg *em);
	void (*close)(struct http *http);
	/* In a forked child: closes the inherited sockets without a word to the peer, and forgets the rest, which
	 * is never freed: another thread may have been using it at the fork. */
	void (*abandon)(struct http *http);
};

/* libcurl, linked. (libhttp_curl) */
const struct http_transport *http_curl(void);
/* libcurl through kbs-pkcs11-http.so beside the calling object, dlopened at the first open(); ERR_CONFIG if it
 * is missing or of another ABI. Never unloaded. (libcommon) */
const struct http_transport *http_on_demand(void);
