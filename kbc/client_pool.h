#pragma once
#include "common/http.h"

/* HTTP clients that keep their connections alive. One request at a time each, so there are several where there is
 * concurrency, and exactly one where there is none. */
struct client_pool;

#define CLIENT_POOL_MAX 8

/* Copies `ca_file` and `ca_pem`. Opens nothing. */
enum err client_pool_new(const struct http_transport *transport, const struct http_options *options,
			 struct client_pool **out, struct errmsg *em) MUST_USE;
void client_pool_free(struct client_pool *pool);
AUTO_DEFINE(client_pool)
/* In a forked child: takes no lock, tells no peer. */
void client_pool_abandon(struct client_pool *pool);

/* Sends one request with an idle client; waits for one, until the request's deadline, while all are in use. */
enum err client_pool_request(struct client_pool *pool, const struct http_request *req, struct http_response *resp,
			     struct errmsg *em) MUST_USE;
