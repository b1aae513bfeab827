#include "tests/unit/kbs/memory_kbs.h"

#include "kbs/body.h"
#include "kbs/kbs.h"

#include <ftw.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

struct memory_kbs memory_kbs;
char memory_kbs_dir[64];

static enum err memory_open(const struct http_options *options, struct http **out, struct errmsg *em)
{
	(void)options;
	(void)em;
	*out = (struct http *)&memory_kbs;
	return OK;
}

static void memory_close(struct http *http)
{
	(void)http;
}

static const char *header_of(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++)
		if (strcasecmp(req->headers[i].name, name) == 0)
			return req->headers[i].value;
	return NULL;
}

static void body_handle(const struct route *route, struct request *req, struct bytes from, struct reply *reply)
{
	struct body body = { .is_secret = route->body == BODY_RESOURCE };
	body.max = route_body_max(memory_kbs.service, route);
	if (body_begin(&body, 0, NULL) != OK)
		abort();
	/* In two parts, as a network would. */
	struct bytes rest = { from.data + from.len / 2, from.len - from.len / 2 };
	if (body_add(&body, (struct bytes){ from.data, from.len / 2 }, NULL) != OK ||
	    body_add(&body, rest, NULL) != OK) {
		route_too_large(route, reply);
	} else {
		body_end(&body);
		req->body = buf_bytes(&body.plain);
		req->resource = body.secret;
		route->handle(memory_kbs.service, req, reply);
	}
	body_clear(&body);
}

static enum err memory_request(struct http *http, const struct http_request *from, struct http_response *resp,
			       struct errmsg *em)
{
	(void)http;
	struct reply reply = { 0 };
	struct request req = { .method = from->method, .path = from->url + strlen(MEMORY_URL) };
	req.cookie = header_of(from, "Cookie");
	req.authorization = header_of(from, "Authorization");
	req.now_s = memory_kbs.now_s;
	req.now_ms = memory_kbs.now_ms;
	const struct route *route = route_admit(memory_kbs.service, &req, &reply);
	if (route)
		body_handle(route, &req, from->body, &reply);
	char line[100];
	snprintf(line, sizeof(line), "set-cookie: kbs-session-id=%s\n", reply.session);
	enum err e = buf_append(&resp->body, bytes_str(reply.body), 0, em);
	if (e == OK && reply.session[0])
		e = buf_append(&resp->headers, bytes_str(line), 0, em);
	resp->status = reply.status;
	reply_clear(&reply);
	return e;
}

const struct http_transport *memory_kbs_transport(void)
{
	static const struct http_transport transport = { HTTP_ABI, memory_open, memory_request, memory_close,
							 memory_close };
	return &transport;
}

void memory_kbs_start(bool allow_sample)
{
	struct errmsg em = { "" };
	snprintf(memory_kbs_dir, sizeof(memory_kbs_dir), "/tmp/kbs-test-XXXXXX");
	if (!mkdtemp(memory_kbs_dir) || kbs_init(memory_kbs_dir, &em) != OK ||
	    service_open(memory_kbs_dir, allow_sample, &memory_kbs.service, &em) != OK) {
		fprintf(stderr, "memory_kbs: %s\n", em.text);
		abort();
	}
	memory_kbs.now_s = (int64_t)time(NULL);
	memory_kbs.now_ms = 1000000;
}

void memory_kbs_stop(void)
{
	service_free(memory_kbs.service);
	memory_kbs.service = NULL;
	folder_delete(memory_kbs_dir);
}

static int delete_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

void folder_delete(const char *path)
{
	(void)nftw(path, delete_one, 16, FTW_DEPTH | FTW_PHYS);
}

EVP_PKEY *memory_kbs_admin_key(void)
{
	char path[100];
	EVP_PKEY *key = NULL;
	snprintf(path, sizeof(path), "%s/admin.key", memory_kbs_dir);
	if (kbs_admin_key(path, &key, NULL) != OK)
		abort();
	return key;
}
