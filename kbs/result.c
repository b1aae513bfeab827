#include "kbs/result.h"

#include "common/jwk.h"
#include "common/jws.h"
#include "config.h"
#include "kbs/tee_key.h"

#include <stdio.h>

#define PROFILE "tag:github.com,2024:confidential-containers/Trustee"
#define EVIDENCE "ear.veraison.annotated-evidence"

/* AR4SI trustworthiness claims, and the status that is their worst tier. */
struct appraisal {
	const char *status;
	int hardware;
	int executables;
};

/* The sample TEE proves nothing, so nothing is asserted: tier "none" (0). Genuine evidence without reference values:
 * hardware is affirmed (2), what runs on it is not recognised (33), which is tier "warning". */
static struct appraisal appraise(const char *tee)
{
	if (strcmp(tee, "sample") == 0)
		return (struct appraisal){ "none", 0, 0 };
	return (struct appraisal){ "warning", 2, 33 };
}

/* Owns `value`, whatever happens. */
static bool put(json_object *obj, const char *name, json_object *value)
{
	if (obj && value && json_object_object_add(obj, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool put_string(json_object *obj, const char *name, const char *text)
{
	return text && put(obj, name, json_object_new_string(text));
}

static json_object *evidence_make(const struct result_facts *facts)
{
	AUTO_OF(json_object) *obj = json_object_new_object();
	AUTO_STR
	char *digest = hex_encode((struct bytes){ facts->report_data.data, facts->report_data.len });
	if (!put_string(obj, "report_data", digest) ||
	    !put(obj, "runtime_data_claims", json_object_get(facts->runtime_data)) ||
	    !put(obj, facts->tee, json_object_get(facts->claims)))
		return NULL;
	return steal(&obj);
}

static json_object *submods_make(const struct result_facts *facts)
{
	struct appraisal a = appraise(facts->tee);
	json_object *vector = json_object_new_object();
	bool ok = put(vector, "hardware", json_object_new_int(a.hardware)) &&
		  put(vector, "executables", json_object_new_int(a.executables));
	AUTO_OF(json_object) *submods = json_object_new_object();
	json_object *cpu = json_object_new_object();
	ok = put_string(cpu, "ear.status", a.status) && ok;
	ok = put(cpu, "ear.trustworthiness-vector", vector) && ok;
	ok = put_string(cpu, "ear.appraisal-policy-id", "default") && ok;
	ok = put(cpu, EVIDENCE, evidence_make(facts)) && ok;
	ok = put(submods, "cpu0", cpu) && ok;
	return ok ? steal(&submods) : NULL;
}

static char *payload_make(const struct result_issuer *issuer, const struct result_facts *facts)
{
	AUTO_OF(json_object) *obj = json_object_new_object();
	json_object *verifier = json_object_new_object();
	bool ok = put_string(verifier, "developer", "kbs-pkcs11") && put_string(verifier, "build", PACKAGE_VERSION);
	ok = put(obj, "ear.verifier-id", verifier) && ok;
	ok = put_string(obj, "eat_profile", PROFILE) && ok;
	ok = put_string(obj, "iss", issuer->name) && ok;
	ok = put(obj, "iat", json_object_new_int64(facts->now)) && ok;
	ok = put(obj, "exp", json_object_new_int64(facts->now + issuer->lifetime_s)) && ok;
	ok = put(obj, "submods", submods_make(facts)) && ok;
	return ok ? json_text(obj) : NULL;
}

enum err result_issue(const struct result_issuer *issuer, const struct result_facts *facts, char **jwt,
		      struct errmsg *em)
{
	json_object *jwk = NULL;
	enum err e = jwk_from_public(issuer->key, "ES256", &jwk, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *header = json_object_new_object();
	bool ok = put(header, "jwk", jwk);
	ok = put_string(header, "typ", "JWT") && ok;
	AUTO_STR
	char *payload = payload_make(issuer, facts);
	if (!ok || !payload)
		return err_set(em, ERR_NOMEM, "no memory for an attestation result");
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
	return e == OK ? tee_key_read(jwk, &out->key, em) : e;
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
