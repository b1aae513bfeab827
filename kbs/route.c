#include "kbs/route.h"

#include "common/log.h"

#define PREFIX "/kbs/v0/"
#define AUTH_MAX ((size_t)64 * 1024)

static const struct route routes[] = {
	{ "POST", PREFIX "auth", false, false, BODY_JSON, handle_auth },
	{ "POST", PREFIX "attest", false, false, BODY_JSON, handle_attest },
	{ "GET", PREFIX "resource/", true, false, BODY_NONE, handle_resource_get },
	{ "POST", PREFIX "resource/", true, true, BODY_RESOURCE, handle_resource_set },
	{ "DELETE", PREFIX "resource/", true, true, BODY_NONE, handle_resource_delete },
	{ "POST", PREFIX "resource-policy", false, true, BODY_JSON, handle_policy_set },
	{ "GET", PREFIX "resource-policy", false, true, BODY_NONE, handle_policy_list },
	{ "GET", PREFIX "resource-policy/", true, true, BODY_NONE, handle_policy_get },
	{ "POST", PREFIX "attestation-policy", false, true, BODY_JSON, handle_not_implemented },
	{ "POST", PREFIX "reference-value", false, true, BODY_JSON, handle_not_implemented },
	{ "GET", PREFIX "reference-value/", true, true, BODY_NONE, handle_not_implemented },
	{ "GET", "/healthz", false, false, BODY_NONE, handle_health },
	{ "GET", "/metrics", false, false, BODY_NONE, handle_metrics },
};

static bool path_fits(const struct route *route, const char *path)
{
	if (route->has_tail)
		return strncmp(path, route->path, strlen(route->path)) == 0;
	return strcmp(path, route->path) == 0;
}

static const struct route *route_find(const struct request *req, bool *path_known)
{
	*path_known = false;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_fits(&routes[i], req->path))
			continue;
		*path_known = true;
		if (strcmp(routes[i].method, req->method) == 0)
			return &routes[i];
	}
	return NULL;
}

static void unknown_reply(const struct request *req, bool path_known, struct reply *reply)
{
	if (path_known)
		reply_fault_status(reply, FAULT_INVALID_PATH, 405, "this path does not take that method");
	else if (strncmp(req->path, PREFIX, strlen(PREFIX)) == 0)
		reply_fault_status(reply, FAULT_PLUGIN_NOT_FOUND, 404, "there is no such plugin here");
	else
		reply_fault_status(reply, FAULT_INVALID_PATH, 404, "there is nothing here");
}

static enum err admin_check(struct service *s, const struct request *req, struct errmsg *em)
{
	struct bytes token = header_bearer(req->authorization);
	if (token.len == 0)
		return err_set(em, ERR_AUTH, "this needs an administrator's token as Bearer");
	enum err e = admin_token_check(&s->admins, token, req->now_s, NULL, em);
	return e == OK || e == ERR_EXPIRED || e == ERR_NOMEM ? e : ERR_AUTH;
}

const struct route *route_admit(struct service *s, struct request *req, struct reply *reply)
{
	bool path_known = false;
	const struct route *route = route_find(req, &path_known);
	if (!route) {
		unknown_reply(req, path_known, reply);
		return NULL;
	}
	req->tail = req->path + strlen(route->path);
	if (!route->admin)
		return route;
	struct errmsg em = { "" };
	enum err e = admin_check(s, req, &em);
	metrics_add(&s->metrics, e == OK ? METRIC_ADMIN_OK : METRIC_ADMIN_REFUSED);
	if (e == OK)
		return route;
	log_warn("kbs", "admin", "result=%s method=%s path=\"%s\" text=\"%s\"", err_name(e), req->method, req->path,
		 em.text);
	reply_fault(reply, FAULT_ADMIN_AUTH, e, &em);
	return NULL;
}

size_t route_body_max(const struct service *s, const struct route *route)
{
	if (route->body == BODY_NONE)
		return 0;
	if (route->body == BODY_RESOURCE)
		return (size_t)s->config.max_resource;
	size_t max = (size_t)s->config.max_request;
	return route->handle == handle_auth && max > AUTH_MAX ? AUTH_MAX : max;
}

void route_too_large(const struct route *route, struct reply *reply)
{
	struct errmsg em = { "the body is larger than this server takes" };
	reply_fault(reply,
		    route->handle == handle_attest || route->handle == handle_auth ? FAULT_ATTESTATION
										   : FAULT_PLUGIN_INTERNAL,
		    ERR_LIMIT, &em);
}
