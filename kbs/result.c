#include "kbs/result.h"

#include "attest/verifier.h"
#include "common/jwk.h"
#include "common/jws.h"
#include "kbs/tee_key.h"

#include <stdio.h>

#define EVIDENCE "ear.veraison.annotated-evidence"

/* AR4SI. The sample TEE proves nothing, so nothing is asserted: tier "none" (0). Genuine evidence: hardware is affirmed
 * (2); what runs on it is recognised (3) by reference values, else not (33), which is tier "warning". */
static char *payload_make(const struct result_issuer *issuer, const struct result_facts *facts, struct errmsg *em)
{
	bool sample = strcmp(facts->tee, "sample") == 0;
	AUTO_STR
	char *digest = hex_encode((struct bytes){ facts->report_data.data, facts->report_data.len });
	const struct ear ear = {
		.tee = facts->tee,
		.status = sample            ? "none"
			  : facts->compared ? "affirming"
					    : "warning",
		.vector = { sample ? 0 : 2,
			    sample            ? 0
			    : facts->compared ? 3
					      : 33,
			    0 },
		.issuer = issuer->name,
		.now = facts->now,
		.lifetime_s = issuer->lifetime_s,
		.claims = facts->claims,
		.init_data = facts->init_data,
		.devices = facts->devices,
		.runtime_data = facts->runtime_data,
		.report_data = digest,
	};
	AUTO_OF(json_object) *claims = NULL;
	if (!digest || ear_claims(&ear, &claims, em) != OK)
		return NULL;
	return json_text(claims);
}

enum err result_issue(const struct result_issuer *issuer, const struct result_facts *facts, char **jwt,
		      struct errmsg *em)
{
	json_object *jwk = NULL;
	enum err e = jwk_from_public(issuer->key, "ES256", &jwk, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *header = json_object_new_object();
	bool ok = json_add(header, "jwk", jwk);
	ok = json_add_text(header, "typ", "JWT") && ok;
	AUTO_STR
	char *payload = ok ? payload_make(issuer, facts, em) : NULL;
	if (!payload)
		return err_nomem(em, "an attestation result");
	return jws_sign(issuer->key, header, bytes_str(payload), jwt, em);
}

/* The evidence stands under the name of its TEE. */
static enum err tee_read(json_object *evidence, struct grant *out, struct errmsg *em)
{
	json_object_object_foreach(evidence, name, value)
	{
		if (attest_tee_known(name) && json_object_is_type(value, json_type_object)) {
			snprintf(out->tee, sizeof(out->tee), "%s", name);
			return OK;
		}
	}
	return err_set(em, ERR_PARSE, "the token names no TEE");
}

/* What policy may ask for: everything that was verified, without what only this guest has. */
static enum err claims_keep(json_object *evidence, struct grant *out, struct errmsg *em)
{
	json_object_object_del(evidence, "runtime_data_claims");
	out->claims = json_text(evidence);
	return out->claims ? OK : err_nomem(em, "claims");
}

static enum err grant_read(json_object *claims, struct grant *out, struct errmsg *em)
{
	json_object *submods = NULL;
	json_object *cpu = NULL;
	json_object *evidence = NULL;
	json_object *runtime = NULL;
	json_object *jwk = NULL;
	enum err e = json_get_object(claims, "submods", &submods, em);
	if (e == OK)
		e = json_get_object(submods, "cpu0", &cpu, em);
	if (e == OK)
		e = json_get_object(cpu, EVIDENCE, &evidence, em);
	if (e == OK)
		e = json_get_object(evidence, "runtime_data_claims", &runtime, em);
	if (e == OK)
		e = json_get_object(runtime, "tee-pubkey", &jwk, em);
	if (e == OK)
		e = tee_read(evidence, out, em);
	if (e == OK)
		e = tee_key_read(jwk, &out->key, em);
	return e == OK ? claims_keep(evidence, out, em) : e;
}

enum err result_check(const struct result_issuer *issuer, struct bytes jwt, int64_t now, struct grant *out,
		      struct errmsg *em)
{
	AUTO(jws) *jws = NULL;
	AUTO_OF(json_object) *claims = NULL;
	const char *iss = NULL;
	enum err e = jws_parse(jwt, &jws, em);
	if (e == OK)
		e = jws_verify(jws, issuer->key, em);
	if (e == OK)
		e = json_parse(buf_bytes(&jws->payload), 256 * 1024, JSON_STRICT, &claims, em);
	if (e == OK)
		e = jwt_check_times(claims, now, 0, NULL, em);
	if (e == OK)
		e = json_get_string(claims, "iss", &iss, em);
	if (e == OK && strcmp(iss, issuer->name) != 0)
		e = err_set(em, ERR_AUTH, "the token is of another issuer");
	if (e == OK)
		e = grant_read(claims, out, em);
	if (e != OK)
		grant_clear(out);
	return e;
}
