#include "attest/attester_row.h"
#include "attest/tpm_guest.h"

#include <stdio.h>

/* A TPM 2.0. {"tpm_quote":{"signature":b64,"message":b64,"pcrs":[hex,...]},"ak_public":"<b64 SPKI>"} */

#define DEVICE "/dev/tpmrm0"

enum { INIT_DATA_PCR = 8 };

/* malloc'd; NULL without memory. */
static char *tcti_name(const struct attester_machine *machine)
{
	char *name = NULL;
	if (machine && machine->tpm)
		return strdup(machine->tpm);
	AUTO_STR
	char *path = machine_path(machine, DEVICE);
	return path && asprintf(&name, "device:%s", path) >= 0 ? name : NULL;
}

bool attester_tpm_found(const struct attester_machine *machine, struct errmsg *why)
{
	AUTO_STR
	char *path = machine_path(machine, DEVICE);
	if ((machine && machine->tpm) || (path && access(path, F_OK) == 0))
		return true;
	(void)err_set(why, ERR_NOT_FOUND, "no " DEVICE);
	return false;
}

static enum err tpm_open(const struct attester_machine *machine, struct tpm_guest *out, struct errmsg *em)
{
	struct errmsg why = { "" };
	/* tpm2-tss tells the host's standard error what it does not find. */
	if (!attester_tpm_found(machine, &why))
		return err_set(em, ERR_ATTEST, "%s", why.text);
	AUTO_STR
	char *tcti = tcti_name(machine);
	return tcti ? tpm_guest_open(tcti, out, em) : err_nomem(em, "a name");
}

static json_object *pcrs_make(const struct tpm_pcrs *pcrs)
{
	AUTO_OF(json_object) *list = json_object_new_array();
	for (size_t i = 0; list && i < TPM_PCRS; i++) {
		AUTO_STR
		char *hex = hex_encode(BYTES(pcrs->value[i]));
		json_object *text = hex ? json_object_new_string(hex) : NULL;
		if (!text || json_object_array_add(list, text) != 0) {
			json_object_put(text);
			return NULL;
		}
	}
	return steal(&list);
}

static json_object *evidence_make(const struct tpm_quote *quote, struct bytes spki)
{
	AUTO_OF(json_object) *evidence = json_object_new_object();
	json_object *inner = json_object_new_object();
	bool good = evidence_put_base64(inner, "signature", buf_bytes(&quote->signature)) &&
		    evidence_put_base64(inner, "message", buf_bytes(&quote->message)) &&
		    json_add(inner, "pcrs", pcrs_make(&quote->pcrs));
	good = json_add(evidence, "tpm_quote", inner) && good;
	good = good && evidence_put_base64(evidence, "ak_public", spki);
	return good ? steal(&evidence) : NULL;
}

enum err attester_tpm_evidence(const struct attester_request *r, json_object **out, struct errmsg *em)
{
	AUTO_TPM tpm = { .key = ESYS_TR_NONE };
	AUTO_BUF
	spki = { 0 };
	struct tpm_quote quote = { .message = { 0 } };
	enum err e = tpm_open(r->machine, &tpm, em);
	if (e == OK)
		e = tpm_guest_key(&tpm, &spki, em);
	if (e == OK)
		e = tpm_guest_quote(&tpm, (struct bytes){ r->report_data->data, r->report_data->len }, &quote, em);
	if (e == OK) {
		*out = evidence_make(&quote, buf_bytes(&spki));
		e = *out ? OK : err_nomem(em, "evidence");
	}
	buf_clear(&quote.message);
	buf_clear(&quote.signature);
	return e;
}

/* PCR 8, which whoever started the guest has extended once. */
enum err attester_tpm_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em)
{
	AUTO_TPM tpm = { .key = ESYS_TR_NONE };
	struct tpm_pcrs pcrs;
	enum err e = tpm_open(r->machine, &tpm, em);
	if (e == OK)
		e = tpm_guest_pcrs(&tpm, &pcrs, em);
	if (e != OK)
		return e;
	memcpy(out->data, pcrs.value[INIT_DATA_PCR], TPM_PCR_LEN);
	out->len = TPM_PCR_LEN;
	return OK;
}
