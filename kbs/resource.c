#include "kbs/service.h"

#include "common/log.h"
#include "common/resource_uri.h"
#include "kbs/tee_key.h"

/* Resources: sealed for whom they are released to, and stored and deleted by the administrator.
 * KBS protocol 0.4.0, "Resource". */

enum { CLAIMS_MAX = 512 << 10 };

static bool path_refuse(const struct request *req, struct reply *reply)
{
	struct errmsg em = { "a resource path is repository/type/tag" };
	if (resource_path_valid(req->tail))
		return false;
	reply_fault(reply, FAULT_INVALID_PATH, ERR_PARSE, &em);
	return true;
}

/* Who asks. */
struct caller {
	struct grant grant;
	bool admin; /* policy is about TEEs */
};

/* The administrator's own read: only where the configuration allows it, and sealed for the key in the token, so that
 * the resource is in the clear on no wire and in no proxy. */
static enum err caller_admin(struct service *s, json_object *claims, struct caller *out, struct errmsg *em)
{
	json_object *jwk = NULL;
	if (!s->config.admin_read)
		return err_set(em, ERR_DENIED,
			       "reading resources as administrator is off (\"admin-read\" in kbs.json)");
	enum err e = json_get_object(claims, "tee-pubkey", &jwk, em);
	if (e == OK)
		e = tee_key_read(jwk, &out->grant.key, em);
	out->admin = true;
	return e;
}

static enum err caller_bearer(struct service *s, const struct request *req, struct bytes token, struct caller *out,
			      struct errmsg *em)
{
	struct errmsg why_not = { "" };
	AUTO_OF(json_object) *claims = NULL;
	enum err e = result_check(&s->issuer, token, req->now_s, &out->grant, em);
	if (e == OK || e == ERR_EXPIRED || e == ERR_NOMEM)
		return e;
	if (admin_token_check(&s->admins, token, req->now_s, &claims, &why_not) != OK)
		return err_set(em, ERR_AUTH,
			       "no attestation result of this server, nor an administrator's token: %.200s",
			       why_not.text);
	return caller_admin(s, claims, out, em);
}

/* The cookie where its session is attested, else the token. */
static enum err caller_find(struct service *s, const struct request *req, struct caller *out, enum fault *fault,
			    struct errmsg *em)
{
	char id[SESSION_ID_LEN + 1];
	*fault = FAULT_TOKEN_NOT_FOUND;
	if (header_session_id(req->cookie, id) && sessions_grant(s->sessions, id, req->now_ms, &out->grant, em) == OK)
		return OK;
	struct bytes token = header_bearer(req->authorization);
	if (token.len == 0)
		return err_set(em, ERR_AUTH, "no attested session and no attestation result: attest first");
	*fault = FAULT_TOKEN_VERIFIER;
	enum err e = caller_bearer(s, req, token, out, em);
	if (out->admin)
		*fault = FAULT_ADMIN_AUTH;
	return e;
}

/* Policy sees what was verified. The reason goes to the guest as well: what it would have to be is not in it. */
static enum err policy_ask(struct service *s, const char *path, const struct grant *grant, struct errmsg *em)
{
	AUTO_OF(json_object) *claims = NULL;
	struct errmsg why = { "" };
	enum err e = OK;
	pthread_rwlock_rdlock(&s->policy_lock);
	bool wanted = policy_wants_claims(s->policy);
	pthread_rwlock_unlock(&s->policy_lock);
	if (wanted && grant->claims)
		e = json_parse(bytes_str(grant->claims), CLAIMS_MAX, JSON_STRICT, &claims, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_INTERNAL, "claims");
	struct policy_question question = { path, grant->tee, claims };
	pthread_rwlock_rdlock(&s->policy_lock);
	bool allowed = policy_allows(s->policy, &question, &why);
	pthread_rwlock_unlock(&s->policy_lock);
	if (allowed)
		return OK;
	log_warn("kbs", "policy", "path=%s tee=%s reason=\"%s\"", path, grant->tee, why.text);
	return err_set(em, ERR_DENIED, "the policy does not release %s to a TEE of kind %s: %s", path, grant->tee,
		       why.text);
}

struct release {
	enum fault fault; /* the variant where it fails */
	char *jwe;
};

/* Policy comes before the storage is looked at: who may not have a resource does not learn whether it is there. */
static enum err resource_release(struct service *s, const struct request *req, const struct caller *caller,
				 struct release *out, struct errmsg *em)
{
	out->fault = FAULT_POLICY_DENY;
	enum err e = caller->admin ? OK : policy_ask(s, req->tail, &caller->grant, em);
	if (e != OK)
		return e;
	out->fault = FAULT_PLUGIN_INTERNAL;
	AUTO(secret) *resource = NULL;
	e = storage_read(s->storage, req->tail, &resource, em);
	if (e != OK)
		return e;
	out->fault = FAULT_JWE;
	e = tee_key_seal(caller->grant.key, resource, &out->jwe, em);
	return e == OK || e == ERR_NOMEM ? e : ERR_CRYPTO;
}

static enum metric get_metric(enum err e)
{
	switch (e) {
	case OK:
		return METRIC_GET_OK;
	case ERR_DENIED:
		return METRIC_GET_DENIED;
	case ERR_NOT_FOUND:
		return METRIC_GET_NOT_FOUND;
	case ERR_AUTH:
	case ERR_EXPIRED:
		return METRIC_GET_UNAUTHENTICATED;
	default:
		return METRIC_GET_ERROR;
	}
}

void handle_resource_get(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "" };
	struct caller caller = { .admin = false };
	struct release release = { FAULT_TOKEN_NOT_FOUND, NULL };
	if (path_refuse(req, reply))
		return;
	enum err e = caller_find(s, req, &caller, &release.fault, &em);
	if (e == OK)
		e = resource_release(s, req, &caller, &release, &em);
	metrics_add(&s->metrics, get_metric(e));
	const char *who = caller.admin ? "admin" : caller.grant.tee[0] ? caller.grant.tee : "nobody";
	if (e == OK) {
		log_info("kbs", "get", "result=ok for=%s path=%s", who, req->tail);
		reply_json(reply, release.jwe);
	} else {
		log_info("kbs", "get", "result=%s for=%s path=%s text=\"%s\"", err_name(e), who, req->tail, em.text);
		reply_fault(reply, release.fault, e, &em);
	}
	grant_clear(&caller.grant);
}

static void change_reply(const char *event, const struct request *req, enum err e, struct reply *reply,
			 const struct errmsg *em)
{
	log_info("kbs", event, "result=%s path=%s", e == OK ? "ok" : err_name(e), req->tail);
	if (e == OK)
		reply_empty(reply);
	else
		reply_fault(reply, FAULT_PLUGIN_INTERNAL, e, em);
}

void handle_resource_set(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "" };
	if (!path_refuse(req, reply))
		change_reply("set", req, storage_write(s->storage, req->tail, req->resource, &em), reply, &em);
}

void handle_resource_delete(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "" };
	if (!path_refuse(req, reply))
		change_reply("delete", req, storage_delete(s->storage, req->tail, &em), reply, &em);
}
