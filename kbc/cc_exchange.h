#pragma once
#include "kbc/cc_kbc.h"
#include "kbc/kbc.h"

/* Sends the machines' requests to one of the configured KBSs. */
struct cc_exchange;

/* Copies what it needs of the options. Opens nothing. */
enum err cc_exchange_new(const struct kbc_options *options, const struct http_transport *transport,
			 struct cc_exchange **out, struct errmsg *em) MUST_USE;
void cc_exchange_free(struct cc_exchange *x);
void cc_exchange_abandon(struct cc_exchange *x); /* in a forked child */

size_t cc_exchange_url_count(const struct cc_exchange *x);
const char *cc_exchange_url(const struct cc_exchange *x, size_t url);

/* One request, one answer of any status. Where there are several KBSs none may take the whole time.
 * ERR_NET, ERR_TIMEOUT, ERR_TLS, ERR_LIMIT, naming the stage. */
struct cc_call {
	size_t url;
	const struct cc_request *request;
	struct deadline deadline;
};
enum err cc_exchange_send(struct cc_exchange *x, const struct cc_call *call, struct http_response *resp,
			  struct errmsg *em) MUST_USE;

/* Wipes and clears an answer: it may hold a session cookie or an attestation result. */
void cc_answer_clear(struct http_response *resp);
#define AUTO_ANSWER __attribute__((cleanup(cc_answer_clear))) struct http_response
