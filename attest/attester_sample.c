#include "attest/attester_row.h"

#include "common/base64.h"

/* Evidence that proves nothing, for machines without a TEE. {"svn":"1","report_data":"<base64, unpadded digest>"} */
enum err attester_sample_evidence(const struct attest_digest *report_data, json_object **out, struct errmsg *em)
{
	AUTO_STR
	char *text = base64_encode(BASE64_STD, (struct bytes){ report_data->data, report_data->len });
	AUTO_OF(json_object) *evidence = json_object_new_object();
	json_object *svn = json_object_new_string("1");
	json_object *digest = text ? json_object_new_string(text) : NULL;
	if (!evidence || !svn || json_object_object_add(evidence, "svn", svn) != 0) {
		json_object_put(svn);
		json_object_put(digest);
		return err_set(em, ERR_NOMEM, "no memory for evidence");
	}
	if (!digest || json_object_object_add(evidence, "report_data", digest) != 0) {
		json_object_put(digest);
		return err_set(em, ERR_NOMEM, "no memory for evidence");
	}
	*out = steal(&evidence);
	return OK;
}
