#pragma once
#include "common/bytes.h"

/* What a registry wants of who asks: the WWW-Authenticate header, RFC 9110 11.6.1, RFC 6750 3. */

struct auth_challenge {
	bool basic; /* a Basic challenge was among them */
	bool bearer;
	/* Of the first Bearer challenge; NULL where they are not there. Not checked beyond "printable". */
	char *realm;
	char *service;
	char *scope;
	char *error; /* "insufficient_scope" */
};

/* One or more challenges in one header value. Schemes that are not known are passed over. ERR_PARSE: malformed, or a
 * parameter that stands twice. ERR_LIMIT. */
enum err auth_challenge_parse(const char *header, struct auth_challenge *out, struct errmsg *em) MUST_USE;
void auth_challenge_clear(struct auth_challenge *c);
#define AUTO_AUTH_CHALLENGE __attribute__((cleanup(auth_challenge_clear))) struct auth_challenge
