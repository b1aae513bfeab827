#include "common/http_exchange.h"

#include "common/secret.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define HEADERS_MAX (64 * 1024)

size_t http_exchange_body(char *data, size_t size, size_t count, void *exchange)
{
	struct http_exchange *x = exchange;
	size_t len = size * count;
	x->failed = buf_append(&x->response->body, (struct bytes){ (uint8_t *)data, len }, x->max_body, NULL);
	return x->failed == OK ? len : 0;
}

/* "Name: value\r\n" to "name: value\n". Lines without a name, and folded ones (RFC 9112 5.2), are passed over. */
static enum err header_keep(struct buf *to, char *line, size_t len)
{
	char *colon = memchr(line, ':', len);
	if (!colon || line[0] == ' ' || line[0] == '\t')
		return OK;
	for (char *c = line; c < colon; c++)
		*c = (char)tolower((unsigned char)*c);
	size_t name = (size_t)(colon - line);
	char *value = colon + 1;
	char *end = line + len;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	enum err e = buf_append(to, (struct bytes){ (uint8_t *)line, name }, 0, NULL);
	if (e == OK)
		e = buf_append(to, bytes_str(": "), 0, NULL);
	if (e == OK)
		e = buf_append(to, (struct bytes){ (uint8_t *)value, (size_t)(end - value) }, 0, NULL);
	return e == OK ? buf_append(to, bytes_str("\n"), 0, NULL) : e;
}

size_t http_exchange_header(char *data, size_t size, size_t count, void *exchange)
{
	struct http_exchange *x = exchange;
	size_t len = size * count;
	x->header_bytes += len;
	if (x->header_bytes > HEADERS_MAX) {
		x->failed = ERR_LIMIT;
		return 0;
	}
	/* A status line: what came before belonged to an interim answer. */
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		x->response->headers.len = 0;
	else
		x->failed = header_keep(&x->response->headers, data, len);
	return x->failed == OK ? len : 0;
}

static bool host_is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	char bare[64];
	size_t len = strlen(host);
	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (len < 4 || len >= sizeof bare || host[0] != '[' || host[len - 1] != ']')
		return false;
	memcpy(bare, host + 1, len - 2);
	bare[len - 2] = '\0';
	return inet_pton(AF_INET6, bare, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

struct url_part {
	char *text; /* curl_free */
};

static void url_part_clear(struct url_part *p)
{
	curl_free(p->text);
}
#define AUTO_URL_PART __attribute__((cleanup(url_part_clear))) struct url_part

/* Leaves out->text NULL where the URL has no such part. */
static enum err part_get(CURLU *url, CURLUPart which, struct url_part *out)
{
	unsigned int flags = which == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0;
	CURLUcode code = curl_url_get(url, which, &out->text, flags);
	if (code != CURLUE_OK)
		out->text = NULL;
	return code == CURLUE_OUT_OF_MEMORY ? ERR_NOMEM : OK;
}

static enum err target_read(CURLU *url, struct http_target *out, struct errmsg *em)
{
	AUTO_URL_PART scheme = { NULL }, host = { NULL }, port = { NULL }, path = { NULL };
	AUTO_URL_PART user = { NULL }, password = { NULL }, fragment = { NULL };
	const struct {
		CURLUPart which;
		struct url_part *part;
	} parts[] = { { CURLUPART_SCHEME, &scheme },    { CURLUPART_HOST, &host }, { CURLUPART_PORT, &port },
		      { CURLUPART_PATH, &path },        { CURLUPART_USER, &user }, { CURLUPART_PASSWORD, &password },
		      { CURLUPART_FRAGMENT, &fragment } };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (part_get(url, parts[i].which, parts[i].part) != OK)
			return err_nomem(em, "a URL");
	if (!scheme.text || !host.text || !port.text || !path.text)
		return err_set(em, ERR_ARG, "not a URL of the form https://host[:port]/path");
	out->plain = strcasecmp(scheme.text, "http") == 0;
	if (!out->plain && strcasecmp(scheme.text, "https") != 0)
		return err_set(em, ERR_ARG, "a URL that is neither https:// nor http://");
	if (user.text || password.text || fragment.text)
		return err_set(em, ERR_ARG, "a URL with user, password or fragment");
	out->loopback = host_is_loopback(host.text);
	int n = snprintf(out->origin, sizeof out->origin, "%s://%s:%s", out->plain ? "http" : "https", host.text,
			 port.text);
	if (n < 0 || (size_t)n >= sizeof out->origin || strlen(host.text) >= sizeof out->host)
		return err_set(em, ERR_ARG, "a URL with too long a host");
	snprintf(out->host, sizeof out->host, "%s", host.text);
	snprintf(out->path, sizeof out->path, "%s", path.text);
	return OK;
}

static enum err url_read(CURLU *to, const char *url, struct errmsg *em)
{
	CURLUcode code = curl_url_set(to, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OUT_OF_MEMORY)
		return err_nomem(em, "a URL");
	return code == CURLUE_OK ? OK : err_set(em, ERR_ARG, "not a URL of the form https://host[:port]/path");
}

enum err http_target_parse(const char *url, struct http_target *out, struct errmsg *em)
{
	CURLU *parsed = curl_url();
	if (!parsed)
		return err_nomem(em, "a URL");
	enum err e = OK;
	/* libcurl takes the path's first segment for the host of "https:///path". */
	const char *slashes = strstr(url, "://");
	if (slashes && slashes[3] == '/')
		e = err_set(em, ERR_ARG, "a URL without a host");
	else
		e = url_read(parsed, url, em);
	if (e == OK)
		e = target_read(parsed, out, em);
	curl_url_cleanup(parsed);
	return e;
}

bool http_header_is_clean(const struct http_header *h)
{
	return h->name[0] && !strpbrk(h->name, ": \t\r\n") && h->value[0] && !strpbrk(h->value, "\r\n");
}

static enum err header_add(struct curl_slist **list, const char *line, struct errmsg *em)
{
	struct curl_slist *longer = curl_slist_append(*list, line);
	if (!longer)
		return err_nomem(em, "a request");
	*list = longer;
	return OK;
}

static enum err header_join(struct curl_slist **list, const struct http_header *h, struct errmsg *em)
{
	if (!http_header_is_clean(h))
		return err_set(em, ERR_ARG, "a request header that is empty or has a line end in it");
	size_t cap = strlen(h->name) + strlen(h->value) + 3;
	char *line = malloc(cap);
	if (!line)
		return err_nomem(em, "a request");
	snprintf(line, cap, "%s: %s", h->name, h->value);
	enum err e = header_add(list, line, em);
	secret_wipe(line, cap); /* cookies, results of attestation */
	free(line);
	return e;
}

enum err http_headers_build(const struct http_request *req, struct curl_slist **list, struct errmsg *em)
{
	bool has_type = false;
	/* No waiting for "100 Continue" before a body is sent. */
	enum err e = header_add(list, "Expect:", em);
	for (size_t i = 0; e == OK && i < req->header_count; i++) {
		has_type |= strcasecmp(req->headers[i].name, "content-type") == 0;
		e = header_join(list, &req->headers[i], em);
	}
	/* Else libcurl calls every body a web form. */
	return e == OK && !has_type ? header_add(list, "Content-Type:", em) : e;
}

void http_headers_free(struct curl_slist *list)
{
	for (struct curl_slist *at = list; at; at = at->next)
		secret_wipe(at->data, strlen(at->data));
	curl_slist_free_all(list);
}
