#include "kbc/cc_exchange.h"

#include "common/log.h"
#include "kbc/client_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_LONGEST_MS 10000

struct cc_exchange {
	struct client_pool *clients;
	char *urls[KBC_URLS_MAX];
	size_t url_count;
	int64_t share_ms; /* of the time, for one request */
};

static enum err copy_urls(struct cc_exchange *x, const struct kbc_options *options, struct errmsg *em)
{
	for (size_t i = 0; i < options->url_count; i++) {
		x->urls[i] = strdup(options->urls[i]);
		if (!x->urls[i])
			return err_nomem(em, "a URL");
		x->url_count++;
	}
	return OK;
}

enum err cc_exchange_new(const struct kbc_options *options, const struct http_transport *transport,
			 struct cc_exchange **out, struct errmsg *em)
{
	struct cc_exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return err_nomem(em, "a connection");
	x->share_ms = options->timeout_ms / (int64_t)options->url_count;
	struct http_options http = {
		.ca_file = options->ca_file,
		.ca_pem = options->ca_pem,
		.allow_plain = options->allow_plain,
		.connect_ms = x->share_ms < CONNECT_LONGEST_MS ? x->share_ms : CONNECT_LONGEST_MS,
		.max_response = options->max_resource / 3 * 4 + 4 + TEE_SEALED_OVERHEAD,
	};
	enum err e = copy_urls(x, options, em);
	if (e == OK)
		e = client_pool_new(transport, &http, &x->clients, em);
	if (e != OK) {
		cc_exchange_free(x);
		return e;
	}
	*out = x;
	return OK;
}

static void shell_free(struct cc_exchange *x)
{
	for (size_t i = 0; i < x->url_count; i++)
		free(x->urls[i]);
	free(x);
}

void cc_exchange_free(struct cc_exchange *x)
{
	if (!x)
		return;
	client_pool_free(x->clients);
	shell_free(x);
}

void cc_exchange_abandon(struct cc_exchange *x)
{
	client_pool_abandon(x->clients);
	shell_free(x);
}

size_t cc_exchange_url_count(const struct cc_exchange *x)
{
	return x->url_count;
}

const char *cc_exchange_url(const struct cc_exchange *x, size_t url)
{
	return x->urls[url];
}

void cc_answer_clear(struct http_response *resp)
{
	if (resp->body.data)
		secret_wipe(resp->body.data, resp->body.cap);
	if (resp->headers.data)
		secret_wipe(resp->headers.data, resp->headers.cap);
	http_response_clear(resp);
}

enum err cc_exchange_send(struct cc_exchange *x, const struct cc_call *call, struct http_response *resp,
			  struct errmsg *em)
{
	AUTO_STR
	char *url = NULL;
	const struct cc_request *request = call->request;
	if (asprintf(&url, "%s%s", x->urls[call->url], request->target) < 0) {
		url = NULL;
		return err_nomem(em, "a URL");
	}
	struct http_request req = {
		.method = request->method,
		.url = url,
		.headers = request->headers,
		.header_count = request->header_count,
		.body = request->body,
		.deadline = deadline_earlier(call->deadline, deadline_in_ms(x->share_ms)),
	};
	enum err e = client_pool_request(x->clients, &req, resp, em);
	if (e != OK)
		return err_wrap(em, e, "%s", request->stage); /* the transport names the URL */
	log_debug("kbc", "answer", "method=%s url=\"%s\" status=%ld", request->method, url, resp->status);
	return OK;
}
