#include "kbs/exchange.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

/* What is read and dropped of a refused request, so that its sender reads the answer instead of a reset. */
#define DRAIN_MAX ((uint64_t)8 << 20)

struct exchange {
	struct service *service;
	struct MHD_Connection *connection;
	struct request request;
	const struct route *route;
	struct reply reply; /* status 0: not decided */
	struct body body;
	uint64_t announced; /* Content-Length, 0 = none */
	uint64_t came;
	struct deadline deadline;
	int64_t start_ms;
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* libmicrohttpd has checked it; a length that it could not read is no length here either. */
static uint64_t announced_length(struct MHD_Connection *connection)
{
	const char *text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return text ? strtoull(text, NULL, 10) : 0;
}

static void body_prepare(struct exchange *x)
{
	struct errmsg em = { "" };
	x->body.max = route_body_max(x->service, x->route);
	x->body.is_secret = x->route->body == BODY_RESOURCE;
	if (x->announced > x->body.max) {
		route_too_large(x->route, &x->reply);
		return;
	}
	enum err e = body_begin(&x->body, (size_t)x->announced, &em);
	if (e != OK)
		reply_fault(&x->reply, FAULT_PLUGIN_INTERNAL, e, &em);
}

struct exchange *exchange_begin(const struct exchange_start *start)
{
	struct exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->service = start->service;
	x->connection = start->connection;
	x->start_ms = monotonic_ms();
	x->deadline = deadline_in_ms(start->max_ms);
	x->announced = announced_length(start->connection);
	x->request.method = start->method;
	x->request.path = start->path;
	x->request.cookie = header(start->connection, MHD_HTTP_HEADER_COOKIE);
	x->request.authorization = header(start->connection, MHD_HTTP_HEADER_AUTHORIZATION);
	x->request.now_s = (int64_t)time(NULL);
	x->request.now_ms = x->start_ms;
	x->route = route_admit(x->service, &x->request, &x->reply);
	if (x->route)
		body_prepare(x);
	return x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	body_clear(&x->body);
	reply_clear(&x->reply);
	free(x);
}

bool exchange_answers_early(const struct exchange *x)
{
	const char *expect = header(x->connection, MHD_HTTP_HEADER_EXPECT);
	return x->reply.status != 0 &&
	       ((expect && strcasecmp(expect, "100-continue") == 0) || x->announced > DRAIN_MAX);
}

bool exchange_take(struct exchange *x, struct bytes part)
{
	struct errmsg em = { "" };
	x->came += part.len;
	if (x->came > DRAIN_MAX && x->reply.status != 0)
		return false;
	if (deadline_passed(x->deadline))
		return false;
	if (x->reply.status != 0)
		return true;
	enum err e = body_add(&x->body, part, &em);
	if (e == ERR_LIMIT)
		route_too_large(x->route, &x->reply);
	else if (e != OK)
		reply_fault(&x->reply, FAULT_PLUGIN_INTERNAL, e, &em);
	return true;
}

static bool headers_add(const struct reply *reply, struct MHD_Response *response)
{
	char text[80];
	bool ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES;
	if (ok && reply->content_type && reply->body)
		ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) == MHD_YES;
	if (ok && reply->status == 401) /* RFC 9110 15.5.2 */
		ok = MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer") == MHD_YES;
	if (ok && reply->session[0]) {
		/* Without Path: it then goes for /kbs/v0, where it came from. */
		snprintf(text, sizeof(text), "kbs-session-id=%s", reply->session);
		ok = MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, text) == MHD_YES;
	}
	if (ok && reply->retry_after) {
		snprintf(text, sizeof(text), "%u", reply->retry_after);
		ok = MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text) == MHD_YES;
	}
	return ok;
}

static void handle(struct exchange *x)
{
	body_end(&x->body);
	x->request.body = buf_bytes(&x->body.plain);
	x->request.resource = x->body.secret;
	x->route->handle(x->service, &x->request, &x->reply);
	body_clear(&x->body);
}

enum MHD_Result exchange_answer(struct exchange *x)
{
	if (x->reply.status == 0)
		handle(x);
	char *body = x->reply.body;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body ? strlen(body) : 0, body, body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	enum MHD_Result queued = MHD_NO;
	if (headers_add(&x->reply, response))
		queued = MHD_queue_response(x->connection, x->reply.status, response);
	x->reply.body = NULL; /* the response's since it was made */
	MHD_destroy_response(response);
	return queued;
}

void exchange_describe(const struct exchange *x, char *peer, size_t cap, struct kbs_access *out)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	socklen_t len =
		address && address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	if (!address || getnameinfo(address, len, peer, (socklen_t)cap, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(peer, cap, "?");
	*out = (struct kbs_access){ .peer = peer,
				    .method = x->request.method,
				    .path = x->request.path,
				    .status = x->reply.status,
				    .took_ms = monotonic_ms() - x->start_ms };
}
