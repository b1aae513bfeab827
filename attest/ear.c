#include "attest/appraise.h"
#include "config.h"

#define PROFILE "tag:github.com,2024:confidential-containers/Trustee"

void ear_appraised(const struct appraisal *a, bool compared, struct ear *to)
{
	static const struct {
		const char *status;
		struct ear_vector vector;
	} rows[APPRAISAL_STATUS_COUNT_] = {
		[APPRAISAL_AFFIRMING] = { "affirming", { 2, 3, 0 } },
		[APPRAISAL_REFUSED] = { "contraindicated", { 2, 0, 96 } },
		[APPRAISAL_TCB] = { "warning", { 32, 0, 0 } },
		[APPRAISAL_MISMATCH] = { "contraindicated", { 2, 96, 0 } },
		[APPRAISAL_EXPIRED] = { "contraindicated", { 96, 0, 0 } },
		[APPRAISAL_SIGNATURE] = { "contraindicated", { 99, 0, 0 } },
		[APPRAISAL_MALFORMED] = { "contraindicated", { 97, 0, 0 } },
	};
	to->status = rows[a->status].status;
	to->vector = rows[a->status].vector;
	/* Nothing was compared, so nothing is said of it. */
	if (a->status == APPRAISAL_AFFIRMING && !compared)
		to->vector.executables = 0;
	to->claims = a->claims;
}

static bool vector_put(json_object *to, const struct ear_vector *v)
{
	json_object *vector = json_object_new_object();
	bool good = vector != NULL;
	good = good && json_add(vector, "hardware", json_object_new_int(v->hardware));
	good = good && json_add(vector, "executables", json_object_new_int(v->executables));
	if (v->configuration)
		good = good && json_add(vector, "configuration", json_object_new_int(v->configuration));
	return json_add(to, "ear.trustworthiness-vector", vector) && good;
}

/* report_data and init_data stand beside the TEE's own claims. */
static bool lifted_put(json_object *to, const struct ear *ear)
{
	json_object *value = NULL;
	if (ear->report_data ? !json_add_text(to, "report_data", ear->report_data)
			     : json_object_object_get_ex(ear->claims, "report_data", &value) &&
				       !json_add(to, "report_data", json_object_get(value)))
		return false;
	return !json_object_object_get_ex(ear->claims, "init_data", &value) ||
	       json_add(to, "init_data", json_object_get(value));
}

json_object *ear_evidence(const struct ear *ear)
{
	AUTO_OF(json_object) *said = json_object_new_object();
	bool good = said && lifted_put(said, ear);
	if (ear->runtime_data)
		good = good && json_add(said, "runtime_data_claims", json_object_get(ear->runtime_data));
	if (ear->init_data)
		good = good && json_add(said, "init_data_claims", json_object_get(ear->init_data));
	if (ear->claims)
		good = good && json_add(said, ear->tee, json_object_get(ear->claims));
	return good ? steal(&said) : NULL;
}

/* One appraisal for all devices: none of them is affirmed by anything here. */
static bool devices_put(json_object *to, const struct ear *ear)
{
	static const struct ear_vector nothing = { 0, 0, 0 };
	if (!ear->devices)
		return true;
	json_object *device = json_object_new_object();
	bool good = device && json_add_text(device, "ear.status", "none") && vector_put(device, &nothing) &&
		    json_add_text(device, "ear.appraisal-policy-id", "default") &&
		    json_add(device, "ear.veraison.annotated-evidence", json_object_get(ear->devices));
	return json_add(to, "devices", device) && good;
}

static bool submods_put(json_object *to, const struct ear *ear)
{
	json_object *submods = json_object_new_object();
	json_object *cpu = json_object_new_object();
	bool good = cpu && json_add_text(cpu, "ear.status", ear->status) && vector_put(cpu, &ear->vector) &&
		    json_add_text(cpu, "ear.appraisal-policy-id", "default") &&
		    json_add(cpu, "ear.veraison.annotated-evidence", ear_evidence(ear));
	good = json_add(submods, "cpu0", cpu) && good;
	good = good && devices_put(submods, ear);
	return json_add(to, "submods", submods) && good;
}

static bool verifier_put(json_object *to)
{
	json_object *verifier = json_object_new_object();
	bool good = verifier && json_add_text(verifier, "developer", PACKAGE_NAME) &&
		    json_add_text(verifier, "build", PACKAGE_VERSION);
	return json_add(to, "ear.verifier-id", verifier) && good;
}

enum err ear_claims(const struct ear *ear, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_object) *all = json_object_new_object();
	if (!all || !verifier_put(all) || !json_add_text(all, "eat_profile", PROFILE) ||
	    !json_add_text(all, "iss", ear->issuer) || !json_add(all, "iat", json_object_new_int64(ear->now)) ||
	    !json_add(all, "exp", json_object_new_int64(ear->now + ear->lifetime_s)) || !submods_put(all, ear))
		return err_nomem(em, "an attestation result");
	*out = steal(&all);
	return OK;
}
