#include "attest/verifier_row.h"

#include "common/base64.h"

/* Compares the bytes, so that the digest's length counts too. */
static enum err check_binding(const char *text, const struct attest_digest *expected, struct errmsg *em)
{
	AUTO_BUF
	given = { 0 };
	enum err e = base64_decode(BASE64_STD, bytes_str(text), &given, em);
	if (e != OK)
		return err_wrap(em, e, "report_data");
	if (!bytes_equal(buf_bytes(&given), (struct bytes){ expected->data, expected->len }))
		return err_set(em, ERR_ATTEST, "the report data belong to another request");
	return OK;
}

enum err verifier_sample_check(const struct verifier_policy *policy, const struct verifier_request *request,
			       json_object **claims, struct errmsg *em)
{
	const char *svn = NULL;
	const char *report_data = NULL;
	if (!policy->allow_sample)
		return err_set(em, ERR_ATTEST, "it proves nothing and is not allowed here");
	enum err e = json_get_string(request->evidence, "svn", &svn, em);
	if (e == OK)
		e = json_get_string(request->evidence, "report_data", &report_data, em);
	if (e == OK)
		e = check_binding(report_data, request->report_data, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *said = json_object_new_object();
	if (!said || !json_add_text(said, "svn", svn) || !json_add_text(said, "report_data", report_data))
		return err_nomem(em, "claims");
	*claims = steal(&said);
	return OK;
}
