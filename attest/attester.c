#include "attest/attester.h"

#include "attest/attester_row.h"
#include "common/base64.h"

#include <stdio.h>

/* In the order in which "auto" looks: the innermost first. Who runs in an enclave inside of a TD is the enclave; a TPM
 * is in many machines that are no TEE, so it comes last. */
static const struct attester attesters[] = {
	{ "sgx", attester_sgx_found, attester_sgx_evidence, attester_sgx_carried, false },
	{ "tdx", attester_tdx_found, attester_tdx_evidence, attester_tdx_carried, false },
	{ "snp", attester_snp_found, attester_snp_evidence, attester_snp_carried, false },
	{ "cca", attester_cca_found, attester_cca_evidence, attester_cca_carried, false },
	{ "tpm", attester_tpm_found, attester_tpm_evidence, attester_tpm_carried, true },
	{ "sample", NULL, attester_sample_evidence, NULL, false },
};

/* Devices: only where they are named. */
static const struct attester devices[] = {
	{ "sampledevice", NULL, attester_sample_evidence, NULL, false },
};

static enum err find_here(const struct attester_machine *machine, const struct attester **out, struct errmsg *em)
{
	char looked[700] = "";
	size_t used = 0;
	for (size_t i = 0; i < ARRAY_LEN(attesters); i++) {
		struct errmsg why = { "" };
		if (!attesters[i].found)
			continue;
		if (attesters[i].found(machine, &why)) {
			*out = &attesters[i];
			return OK;
		}
		int n = snprintf(looked + used, sizeof looked - used, "%s%s: %.120s", used ? "; " : "",
				 attesters[i].tee, why.text);
		if (n > 0 && (size_t)n < sizeof looked - used)
			used += (size_t)n;
	}
	return err_set(
		em, ERR_ATTEST,
		"no TEE found here (%s); where there is none, \"attester\": \"sample\" works with a KBS that allows it",
		looked);
}

enum err attester_find(const char *name, const struct attester_machine *machine, const struct attester **out,
		       struct errmsg *em)
{
	if (strcmp(name, "auto") == 0)
		return find_here(machine, out, em);
	for (size_t i = 0; i < ARRAY_LEN(attesters); i++) {
		if (strcmp(attesters[i].tee, name) != 0)
			continue;
		*out = &attesters[i];
		return OK;
	}
	if (attest_tee_known(name))
		return err_set(em, ERR_CONFIG, "attester \"%s\" is not in this version", name);
	return err_set(em, ERR_CONFIG, "unknown attester \"%.64s\": auto, sgx, tdx, snp, cca, tpm or sample is wanted",
		       name);
}

const char *attester_tee(const struct attester *a)
{
	return a->tee;
}

enum err attester_evidence(const struct attester *a, const struct attester_request *request, json_object **out,
			   struct errmsg *em)
{
	*out = NULL;
	if (request->report_data->len > REPORT_DATA_LEN)
		return err_set(em, ERR_ARG, "report data of %zu bytes", request->report_data->len);
	enum err e = a->evidence(request, out, em);
	return e == OK ? OK : err_wrap(em, e, "attester \"%s\"", a->tee);
}

static const struct attester *device_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		if (strcmp(devices[i].tee, name) == 0)
			return &devices[i];
	return NULL;
}

enum err attester_device_check(const char *name, struct errmsg *em)
{
	return device_find(name) ? OK : err_set(em, ERR_CONFIG, "no attester for a device \"%.64s\"", name);
}

enum err attester_additional(const struct attester_devices *of, const struct attester_request *request, char **out,
			     struct errmsg *em)
{
	AUTO_OF(json_object) *all = json_object_new_object();
	enum err e = all ? OK : ERR_NOMEM;
	for (size_t i = 0; of && i < of->count && e == OK; i++) {
		json_object *one = NULL;
		e = attester_device_check(of->names[i], em);
		if (e == OK)
			e = attester_evidence(device_find(of->names[i]), request, &one, em);
		if (e == OK && !json_add(all, of->names[i], one))
			e = ERR_NOMEM;
	}
	if (e == OK)
		*out = of && of->count ? json_text(all) : strdup("");
	return e == ERR_NOMEM || (e == OK && !*out) ? err_nomem(em, "evidence of devices") : e;
}

char *machine_path(const struct attester_machine *machine, const char *path)
{
	char *whole = NULL;
	return asprintf(&whole, "%s%s", machine && machine->root ? machine->root : "", path) < 0 ? NULL : whole;
}

void report_data_pad(const struct attest_digest *digest, uint8_t out[REPORT_DATA_LEN])
{
	memset(out, 0, REPORT_DATA_LEN);
	memcpy(out, digest->data, digest->len);
}

bool evidence_put_base64(json_object *to, const char *name, struct bytes value)
{
	AUTO_STR
	char *text = base64_encode(BASE64_STD, value);
	return text && json_add(to, name, json_object_new_string(text));
}

json_object *evidence_octets(struct bytes from)
{
	AUTO_OF(json_object) *list = json_object_new_array_ext((int)from.len);
	for (size_t i = 0; list && i < from.len; i++) {
		json_object *octet = json_object_new_int(from.data[i]);
		if (!octet || json_object_array_add(list, octet) != 0) {
			json_object_put(octet);
			return NULL;
		}
	}
	return steal(&list);
}
