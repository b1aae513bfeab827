#pragma once
#include "common/secret.h"

/* A key provider: wraps layers' options with keys of a token, in annotation packets of Confidential Containers. The key
 * of "kbs:///repository/type/tag" is the token's object with that label. */

struct provider_server_options {
	const char *token; /* a PKCS#11 URI without an object; NULL: "pkcs11:" */
	const char *module; /* the file of a PKCS#11 module to trust, or NULL */
	const char *name; /* whose parameters count in a request, or NULL: the only ones */
	int packet_version; /* 1 or 2: what is written; both are read */
};

struct provider_server;
enum err provider_server_new(const struct provider_server_options *options, struct provider_server **out,
			     struct errmsg *em) MUST_USE;
void provider_server_free(struct provider_server *server);
AUTO_DEFINE(provider_server)

/* Answers one request of provider_message.h. Thread-safe. May block on the token, which may attest. An unwrapped text
 * that is no layer's options is not given out. */
enum err provider_server_answer(struct provider_server *server, struct bytes request, struct secret **answer,
				struct errmsg *em) MUST_USE;
