#include "kbs/service.h"

#include "attest/verifier.h"
#include "common/log.h"
#include "kbs/composite.h"
#include "kbs/key_file.h"
#include "kbs/tee_key.h"

#include <openssl/crypto.h>

/* POST attest: evidence for an attestation result. KBS protocol 0.4.0, "Attestation". */

enum { APPRAISAL_FILE_MAX = 4 << 20, INIT_CLAIMS_MAX = 32 << 10 }; /* a result must fit into a header */

/* Borrowed from root. */
struct attestation {
	json_object *root;
	json_object *runtime_data;
	json_object *tee_pubkey;
	json_object *evidence;
	const char *nonce;
	const char *additional;
	struct init_data *init_data; /* owned; or NULL */
};

/* What comes out of it. */
struct verdict {
	int64_t now_s;
	struct grant grant; /* owned */
	char *jwt; /* owned */
};

static enum err runtime_data_read(struct attestation *a, struct errmsg *em)
{
	/* The digest covers these two: a further member would be bound to nothing. */
	static const char *const names[] = { "nonce", "tee-pubkey", NULL };
	enum err e = json_get_object(a->root, "runtime-data", &a->runtime_data, em);
	if (e == OK)
		e = json_only_members(a->runtime_data, names, em);
	if (e == OK)
		e = json_get_string(a->runtime_data, "nonce", &a->nonce, em);
	return e == OK ? json_get_object(a->runtime_data, "tee-pubkey", &a->tee_pubkey, em) : e;
}

static enum err evidence_read(struct attestation *a, struct errmsg *em)
{
	json_object *composite = NULL;
	a->additional = "";
	enum err e = json_get_object(a->root, "tee-evidence", &composite, em);
	if (e == OK)
		e = json_get_object(composite, "primary_evidence", &a->evidence, em);
	if (e == OK)
		e = json_get_string_opt(composite, "additional_evidence", &a->additional, em);
	return e;
}

static enum err attestation_read(struct attestation *a, struct errmsg *em)
{
	if (!json_object_is_type(a->root, json_type_object))
		return err_set(em, ERR_PARSE, "not a JSON object");
	enum err e = composite_init_data(a->root, &a->init_data, em);
	if (e == OK)
		e = runtime_data_read(a, em);
	return e == OK ? evidence_read(a, em) : e;
}

static enum err nonce_check(const struct attestation *a, const struct session_challenge *c, struct errmsg *em)
{
	size_t len = strlen(c->nonce);
	if (strlen(a->nonce) != len || CRYPTO_memcmp(a->nonce, c->nonce, len) != 0)
		return err_set(em, ERR_ATTEST, "the nonce is not that of this session");
	return OK;
}

/* Collateral, reference values and trusted keys, read anew each time: fresh ones count without a restart. */
struct appraisal_files {
	struct buf collateral;
	struct buf reference;
	struct buf tpm_keys;
};

static enum err file_take(const char *path, struct buf *to, struct bytes *view, struct errmsg *em)
{
	if (!path)
		return OK;
	enum err e = trusted_file_read(path, APPRAISAL_FILE_MAX, to, em);
	*view = buf_bytes(to);
	return e == OK && to->len == 0 ? err_set(em, ERR_CONFIG, "%s is empty", path) : e;
}

static enum err evidence_verify(const struct service *s, const struct verifier_request *request,
				struct result_facts *facts, struct errmsg *em)
{
	struct appraisal_files files = { 0 };
	struct verifier_policy policy = { .allow_sample = s->allow_sample, .now = facts->now };
	enum err e = file_take(s->collateral_path, &files.collateral, &policy.collateral, em);
	if (e == OK)
		e = file_take(s->reference_path, &files.reference, &policy.reference, em);
	if (e == OK)
		e = file_take(s->tpm_keys_path, &files.tpm_keys, &policy.tpm_keys, em);
	if (e != OK)
		e = err_wrap(em, ERR_INTERNAL, "what evidence is held against");
	else
		e = verifier_check(&policy, request, &facts->claims, em);
	facts->compared = policy.reference.data != NULL;
	buf_clear(&files.collateral);
	buf_clear(&files.reference);
	buf_clear(&files.tpm_keys);
	return e;
}

/* What devices sign is bound to the nonce and the key; the TEE's report data cover what they said. */
static enum err devices_check(const struct service *s, const struct attestation *a, const struct session_challenge *c,
			      struct result_facts *facts, struct errmsg *em)
{
	struct attest_runtime_data bound = { NULL, a->nonce, a->tee_pubkey };
	struct attest_digest digest;
	struct composite_devices devices = { a->additional, &digest, s->allow_sample };
	enum err e = attest_report_data(c->hash, &bound, &digest, em);
	return e == OK ? composite_devices_verify(&devices, &facts->devices, em) : e;
}

/* Whatever is wrong with evidence, it attests nothing. */
static enum err refused(enum err e)
{
	return e == ERR_PARSE || e == ERR_UNSUPPORTED || e == ERR_LIMIT || e == ERR_EXPIRED ? ERR_ATTEST : e;
}

static enum err evidence_check(const struct service *s, const struct attestation *a, const struct session_challenge *c,
			       struct result_facts *facts, struct errmsg *em)
{
	struct attest_runtime_data bound = { a->additional, a->nonce, a->tee_pubkey };
	struct attest_digest init_digest;
	enum err e = attest_report_data(c->hash, &bound, &facts->report_data, em);
	if (e == OK && a->init_data)
		e = init_data_digest(a->init_data, &init_digest, em);
	if (e != OK)
		return e;
	struct verifier_request request = { c->tee, a->evidence, &facts->report_data,
					    a->init_data ? &init_digest : NULL };
	e = evidence_verify(s, &request, facts, em);
	if (e == OK)
		e = devices_check(s, a, c, facts, em);
	/* The sample TEE carries no init data, so nothing vouches for those that came. */
	if (e == OK && a->init_data && strcmp(c->tee, "sample") != 0 &&
	    init_data_text(a->init_data).len <= INIT_CLAIMS_MAX)
		facts->init_data = init_data_files(a->init_data);
	return refused(e);
}

static enum err attestation_judge(struct service *s, const struct attestation *a, const struct session_challenge *c,
				  struct verdict *verdict, struct errmsg *em)
{
	EVP_PKEY *key = NULL;
	enum err e = nonce_check(a, c, em);
	if (e == OK)
		e = tee_key_read(a->tee_pubkey, &key, em);
	EVP_PKEY_free(key);
	if (e != OK)
		return e;
	struct result_facts facts = { .tee = c->tee, .runtime_data = a->runtime_data, .now = verdict->now_s };
	e = evidence_check(s, a, c, &facts, em);
	if (e == OK)
		e = result_issue(&s->issuer, &facts, &verdict->jwt, em);
	json_object_put(facts.claims);
	json_object_put(facts.devices);
	/* The session is worth what the result says, no more and no less. */
	return e == OK ? result_check(&s->issuer, bytes_str(verdict->jwt), verdict->now_s, &verdict->grant, em) : e;
}

/* The nonce is spent already. */
static enum err attest_taken(struct service *s, const struct request *req, const struct session_challenge *c,
			     struct verdict *verdict, struct errmsg *em)
{
	struct attestation a = { 0 };
	enum err e = json_parse(req->body, (size_t)s->config.max_request, JSON_STRICT, &a.root, em);
	if (e == OK)
		e = attestation_read(&a, em);
	if (e == OK)
		e = attestation_judge(s, &a, c, verdict, em);
	if (e == OK)
		e = sessions_attest(s->sessions, c->id, req->now_ms, &verdict->grant, em);
	init_data_free(a.init_data);
	json_object_put(a.root);
	return e;
}

static enum err attest(struct service *s, const struct request *req, struct session_challenge *c,
		       struct verdict *verdict, struct errmsg *em)
{
	char id[SESSION_ID_LEN + 1];
	if (!header_session_id(req->cookie, id))
		return err_set(em, ERR_AUTH, "no kbs-session-id: POST auth comes first");
	enum err e = sessions_take(s->sessions, id, req->now_ms, c, em);
	if (e != OK)
		return e;
	e = attest_taken(s, req, c, verdict, em);
	if (e != OK)
		sessions_drop(s->sessions, c->id);
	return e;
}

static char *token_text(const char *jwt)
{
	char *text = NULL;
	return asprintf(&text, "{\"token\":\"%s\"}", jwt) < 0 ? NULL : text;
}

void handle_attest(struct service *s, const struct request *req, struct reply *reply)
{
	struct errmsg em = { "" };
	struct session_challenge c = { 0 };
	struct verdict verdict = { .now_s = req->now_s };
	enum err e = attest(s, req, &c, &verdict, &em);
	metrics_add(&s->metrics, e == OK ? METRIC_ATTEST_OK : METRIC_ATTEST_REFUSED);
	if (e == OK) {
		log_info("kbs", "attest", "result=ok tee=%s", c.tee);
		reply_json(reply, token_text(verdict.jwt));
	} else {
		log_warn("kbs", "attest", "result=%s tee=%s text=\"%s\"", err_name(e), c.tee[0] ? c.tee : "?", em.text);
		reply_fault(reply, FAULT_ATTESTATION, e, &em);
	}
	grant_clear(&verdict.grant);
	free(verdict.jwt);
}
