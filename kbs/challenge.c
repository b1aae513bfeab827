#include "kbs/service.h"

#include "attest/attest.h"
#include "common/log.h"

#include <stdio.h>
#include <strings.h>

#define AUTH_MAX (64 * 1024)

/* POST auth: a session and its nonce. KBS protocol 0.4.0, "Request, Challenge". */

/* sha384, as without this negotiation, wherever the peer can do it. */
static enum err hash_choose(json_object *offered, struct session_challenge *c, struct errmsg *em)
{
	static const char *const ours[] = { "sha384", "sha512", "sha256" };
	for (size_t o = 0; o < ARRAY_LEN(ours); o++) {
		for (size_t i = 0; i < json_object_array_length(offered); i++) {
			json_object *name = json_object_array_get_idx(offered, i);
			if (!json_object_is_type(name, json_type_string))
				return err_set(em, ERR_PARSE, "\"supported-hash-algorithms\" must hold strings");
			if (strcasecmp(json_object_get_string(name), ours[o]) == 0) {
				snprintf(c->hash, sizeof(c->hash), "%s", ours[o]);
				return OK;
			}
		}
	}
	return err_set(em, ERR_UNSUPPORTED, "none of the supported-hash-algorithms is known here");
}

/* extra-params must be there, as "" or as an object. */
static enum err extra_params_read(json_object *root, struct session_challenge *c, bool *negotiated, struct errmsg *em)
{
	json_object *extra = NULL;
	json_object *offered = NULL;
	*negotiated = false;
	snprintf(c->hash, sizeof(c->hash), "sha384");
	if (!json_object_object_get_ex(root, "extra-params", &extra))
		return err_set(em, ERR_PARSE, "\"extra-params\" is missing");
	if (!json_object_is_type(extra, json_type_object))
		return OK;
	enum err e = json_get_array_opt(extra, "supported-hash-algorithms", &offered, em);
	if (e != OK || !offered)
		return e;
	*negotiated = true;
	return hash_choose(offered, c, em);
}

static enum err auth_read(struct bytes body, struct session_challenge *c, bool *negotiated, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	const char *version = NULL;
	const char *tee = NULL;
	enum err e = json_parse(body, AUTH_MAX, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		return err_set(em, ERR_PARSE, "not a JSON object");
	if (e == OK)
		e = json_get_string(root, "version", &version, em);
	if (e == OK)
		e = json_get_string(root, "tee", &tee, em);
	if (e != OK)
		return e;
	if (strcmp(version, "0.4.0") != 0)
		return err_set(em, ERR_UNSUPPORTED, "the protocol's version here is 0.4.0");
	if (!attest_tee_known(tee) || strlen(tee) >= sizeof(c->tee))
		return err_set(em, ERR_UNSUPPORTED, "\"tee\" names no TEE that is known here");
	snprintf(c->tee, sizeof(c->tee), "%s", tee);
	return extra_params_read(root, c, negotiated, em);
}

static char *challenge_text(const struct session_challenge *c, bool negotiated)
{
	char *text = NULL;
	/* Base64 and our own words: nothing to escape. */
	int n = negotiated ? asprintf(&text, "{\"nonce\":\"%s\",\"extra-params\":{\"selected-hash-algorithm\":\"%s\"}}",
				      c->nonce, c->hash)
			   : asprintf(&text, "{\"nonce\":\"%s\",\"extra-params\":\"\"}", c->nonce);
	return n < 0 ? NULL : text;
}

void handle_auth(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "" };
	struct session_challenge c = { 0 };
	bool negotiated = false;
	enum err e = auth_read(req->body, &c, &negotiated, &em);
	if (e == OK)
		e = sessions_open(s->sessions, req->now_ms, &c, &em);
	metrics_add(&s->metrics, e == OK ? METRIC_AUTH_OK : METRIC_AUTH_REFUSED);
	if (e != OK) {
		log_info("kbs", "auth", "result=%s text=\"%s\"", err_name(e), em.text);
		reply_fault(reply, FAULT_ATTESTATION, e, &em);
		return;
	}
	log_info("kbs", "auth", "result=ok tee=%s hash=%s", c.tee, c.hash);
	reply_json(reply, challenge_text(&c, negotiated));
	snprintf(reply->session, sizeof(reply->session), "%s", c.id);
}
