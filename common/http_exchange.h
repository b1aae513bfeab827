#pragma once
#include "common/http.h"

#include <curl/curl.h>

/* One answer while it comes in: bounded before it is kept. */
struct http_exchange {
	struct http_response *response;
	size_t max_body;
	size_t header_bytes; /* of all header lines, interim answers included */
	enum err failed; /* why a callback stopped the transfer; OK: it did not */
};
/* CURLOPT_WRITEFUNCTION, CURLOPT_HEADERFUNCTION, with the struct as their data. */
size_t http_exchange_body(char *data, size_t size, size_t count, void *exchange);
size_t http_exchange_header(char *data, size_t size, size_t count, void *exchange);

/* The URL of a request, taken apart by libcurl itself, so that both read it alike. */
struct http_target {
	char origin[320]; /* "https://host:port": what errors and logs name */
	char host[256];
	char path[512]; /* without the query, which may hold more than logs should */
	bool plain;
	bool loopback;
};
/* ERR_ARG. */
enum err http_target_parse(const char *url, struct http_target *out, struct errmsg *em) MUST_USE;

/* ERR_ARG: a character that would end a header line. *list: to be freed with http_headers_free(), which wipes. */
enum err http_headers_build(const struct http_request *req, struct curl_slist **list, struct errmsg *em) MUST_USE;
/* A name that is one, and a value without an end of line. */
bool http_header_is_clean(const struct http_header *h);
void http_headers_free(struct curl_slist *list);
