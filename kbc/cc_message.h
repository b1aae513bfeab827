#pragma once
#include "attest/attest.h"
#include "common/http.h"
#include "common/secret.h"

struct init_data;

/* The bodies of KBS protocol 0.4.0, written and read. */

/* "Request, Challenge". malloc'd text in *out. */
enum err cc_request_write(const char *tee, char **out, struct errmsg *em) MUST_USE;

struct cc_challenge {
	char nonce[128]; /* base64, as received; 16 to 64 bytes */
	char hash[8]; /* "sha256", "sha384", "sha512" */
};
enum err cc_challenge_read(struct bytes body, struct cc_challenge *out, struct errmsg *em) MUST_USE;

/* "Attestation". malloc'd text in *out. Borrows both objects. */
struct cc_attestation {
	const char *nonce;
	json_object *tee_pubkey;
	json_object *primary_evidence;
	const char *additional_evidence; /* "" without devices */
	const struct init_data *init_data; /* or NULL */
};
enum err cc_attestation_write(const struct cc_attestation *from, char **out, struct errmsg *em) MUST_USE;

/* The answer to it: *token is the JWT as it stands. */
enum err cc_token_read(struct bytes body, struct secret **token, struct errmsg *em) MUST_USE;

/* "Token": what the JWT says of its own time, unverified: it only decides when we renew. 0 where it says nothing. */
struct cc_times {
	int64_t iat;
	int64_t exp;
};
enum err cc_token_times(struct bytes token, struct cc_times *out, struct errmsg *em) MUST_USE;

/* The session's cookie out of the response's headers. *pair: "kbs-session-id=<value>" with its NUL.
 * *seconds is left alone without a Max-Age. ERR_PROTO without such a cookie. */
enum err cc_cookie_read(const struct http_response *resp, struct secret **pair, int64_t *seconds,
			struct errmsg *em) MUST_USE;
