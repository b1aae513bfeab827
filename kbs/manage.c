#include "kbs/service.h"

#include "common/base64.h"
#include "common/file.h"
#include "common/log.h"

/* The administrator's other routes, and the two for machines that watch. */

#define POLICY_NAME "resource-policy"

/* {"policy":"<base64url, no padding>"} */
static enum err policy_body_read(struct bytes body, struct buf *text, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	const char *encoded = NULL;
	enum err e = json_parse(body, POLICY_MAX_BYTES * 2, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		return err_set(em, ERR_PARSE, "not a JSON object");
	if (e == OK)
		e = json_get_string(root, "policy", &encoded, em);
	return e == OK ? base64_decode(BASE64_URL, bytes_str(encoded), text, em) : e;
}

/* Takes over both where it succeeds: on disk first, then in force. */
static enum err policy_replace(struct service *s, struct policy **policy, struct buf *text, struct errmsg *em)
{
	pthread_mutex_lock(&s->policy_set_lock);
	enum err e = file_write_atomic(s->policy_path, buf_bytes(text), (struct file_write){ 0600, false }, em);
	if (e == OK) {
		pthread_rwlock_wrlock(&s->policy_lock);
		struct policy *old = s->policy;
		struct buf old_text = s->policy_text;
		s->policy = *policy;
		s->policy_text = *text;
		pthread_rwlock_unlock(&s->policy_lock);
		*policy = old; /* the caller frees them */
		*text = old_text;
	}
	pthread_mutex_unlock(&s->policy_set_lock);
	return e;
}

void handle_policy_set(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "" };
	AUTO_BUF
	text = { 0 };
	AUTO(policy) *policy = NULL;
	enum err e = policy_body_read(req->body, &text, &em);
	if (e == OK)
		e = policy_parse(buf_bytes(&text), &policy, &em);
	if (e == OK)
		e = policy_replace(s, &policy, &text, &em);
	log_warn("kbs", "policy", "result=%s text=\"%s\"", e == OK ? "ok" : err_name(e), em.text);
	if (e == OK)
		reply_empty(reply);
	else
		reply_fault(reply, FAULT_PLUGIN_INTERNAL, e, &em);
}

void handle_policy_list(struct service *s, const struct request *req, struct reply *reply)
{
	(void)s;
	(void)req;
	reply_json(reply, strdup("[\"" POLICY_NAME "\"]"));
}

void handle_policy_get(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "there is only " POLICY_NAME };
	if (strcmp(req->tail, POLICY_NAME) != 0) {
		reply_fault(reply, FAULT_INVALID_PATH, ERR_NOT_FOUND, &em);
		return;
	}
	pthread_rwlock_rdlock(&s->policy_lock);
	AUTO_STR
	char *encoded = base64_encode(BASE64_URL, buf_bytes(&s->policy_text));
	pthread_rwlock_unlock(&s->policy_lock);
	char *body = NULL;
	if (encoded && asprintf(&body, "{\"policy\":\"%s\"}", encoded) < 0)
		body = NULL;
	reply_json(reply, body);
}

void handle_not_implemented(struct service *s, const struct request *req, struct reply *reply)
{
	(void)s;
	(void)req;
	reply_fault_status(reply, FAULT_PLUGIN_NOT_FOUND, 501,
			   "this server has no reference values and no attestation policies yet");
}

void handle_health(struct service *s, const struct request *req, struct reply *reply)
{
	(void)s;
	(void)req;
	reply_text(reply, strdup("ok\n"));
}

void handle_metrics(struct service *s, const struct request *req, struct reply *reply)
{
	reply_text(reply, metrics_text(&s->metrics, sessions_count(s->sessions, req->now_ms)));
}
