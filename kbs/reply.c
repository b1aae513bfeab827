#include "kbs/reply.h"

#include "common/log.h"

#define ERROR_TYPE "https://github.com/confidential-containers/kbs/errors/"

static const char *const fault_names[] = {
	[FAULT_ATTESTATION] = ERROR_TYPE "AttestationError",
	[FAULT_TOKEN_NOT_FOUND] = ERROR_TYPE "TokenNotFound",
	[FAULT_TOKEN_VERIFIER] = ERROR_TYPE "TokenVerifierError",
	[FAULT_POLICY_DENY] = ERROR_TYPE "PolicyDeny",
	[FAULT_PLUGIN_INTERNAL] = ERROR_TYPE "PluginInternalError",
	[FAULT_ADMIN_AUTH] = ERROR_TYPE "AdminAuthAccess",
	[FAULT_JWE] = ERROR_TYPE "JweError",
	[FAULT_INVALID_PATH] = ERROR_TYPE "InvalidRequestPath",
	[FAULT_PLUGIN_NOT_FOUND] = ERROR_TYPE "PluginNotFound",
};

/* Anything else is a fault on our side: 500. */
static const unsigned statuses[ERR_COUNT_] = {
	[ERR_ARG] = 400,       [ERR_PARSE] = 400,   [ERR_UNSUPPORTED] = 400, [ERR_PROTO] = 400, [ERR_ATTEST] = 401,
	[ERR_AUTH] = 401,      [ERR_EXPIRED] = 401, [ERR_INTEGRITY] = 401,   [ERR_KEY] = 401,   [ERR_DENIED] = 403,
	[ERR_NOT_FOUND] = 404, [ERR_LIMIT] = 413,   [ERR_BUSY] = 429,        [ERR_NOMEM] = 503,
};

void reply_clear(struct reply *r)
{
	free(r->body);
	*r = (struct reply){ 0 };
}

static void reply_body(struct reply *r, unsigned status, const char *type, char *body)
{
	reply_clear(r);
	r->status = body ? status : 503;
	r->content_type = type;
	r->body = body;
}

void reply_json(struct reply *r, char *body)
{
	reply_body(r, 200, "application/json", body);
}

void reply_text(struct reply *r, char *body)
{
	reply_body(r, 200, "text/plain; version=0.0.4; charset=utf-8", body);
}

void reply_empty(struct reply *r)
{
	reply_clear(r);
	r->status = 200;
}

static char *fault_text(enum fault fault, const char *detail)
{
	AUTO_OF(json_object) *obj = json_object_new_object();
	if (!obj || json_object_object_add(obj, "type", json_object_new_string(fault_names[fault])) != 0 ||
	    json_object_object_add(obj, "detail", json_object_new_string(detail)) != 0)
		return NULL;
	return json_text(obj);
}

void reply_fault_status(struct reply *r, enum fault fault, unsigned status, const char *detail)
{
	reply_body(r, status, "application/json", fault_text(fault, detail));
	if (r->status == 429 || r->status == 503)
		r->retry_after = 1;
}

void reply_fault(struct reply *r, enum fault fault, enum err e, const struct errmsg *em)
{
	unsigned status = e > OK && e < ERR_COUNT_ && statuses[e] ? statuses[e] : 500;
	if (status < 500) {
		reply_fault_status(r, fault, status, em->text);
		return;
	}
	log_error("kbs", "fault", "code=%s text=\"%s\"", err_name(e), em->text);
	reply_fault_status(r, fault, status, "the server cannot do that now; its log says why");
}
