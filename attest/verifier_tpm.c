#include "attest/tpm_attest.h"
#include "attest/verifier_row.h"
#include "common/base64.h"

enum { PART_MAX = 4 << 10 };

static enum err pcr_read(json_object *text, struct buf *to, struct errmsg *em)
{
	uint8_t value[TPM_PCR_SIZE];
	const char *hex = json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";
	if (strlen(hex) != 2 * sizeof value || hex_decode(hex, value, sizeof value, em) != OK)
		return err_set(em, ERR_PARSE, "\"pcrs\": not 32 bytes in hexadecimal");
	return buf_append(to, BYTES(value), 0, em);
}

/* {"tpm_quote":{"signature":b64,"message":b64,"pcrs":[hex,...]},"ak_public":"<base64 of the SPKI>"} */
enum err verifier_tpm_unpack(json_object *json, struct evidence *out, struct errmsg *em)
{
	json_object *quote = NULL;
	json_object *pcrs = NULL;
	enum err e = json_get_object(json, "tpm_quote", &quote, em);
	if (e == OK)
		e = evidence_base64(quote, "message", PART_MAX, &out->binary, em);
	if (e == OK)
		e = evidence_base64(quote, "signature", PART_MAX, &out->signature, em);
	if (e == OK)
		e = evidence_base64(json, "ak_public", PART_MAX, &out->key, em);
	if (e == OK)
		e = json_get_array_opt(quote, "pcrs", &pcrs, em);
	if (e != OK)
		return e;
	if (!pcrs || json_object_array_length(pcrs) > TPM_PCR_COUNT)
		return err_set(em, ERR_PARSE, "\"pcrs\": a list of at most %d is wanted", TPM_PCR_COUNT);
	for (size_t i = 0; i < json_object_array_length(pcrs) && e == OK; i++)
		e = pcr_read(json_object_array_get_idx(pcrs, i), &out->pcrs, em);
	return e;
}
