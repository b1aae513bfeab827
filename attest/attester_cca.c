#include "attest/cca_token.h"
#include "attest/tsm_attester.h"

/* Arm CCA. {"token":[ints]} */

#define PROVIDER "arm_cca_guest"

bool attester_cca_found(const struct attester_machine *machine, struct errmsg *why)
{
	return tsm_found(machine, PROVIDER, why);
}

static enum err token_take(const struct attester_request *r, struct tsm_answer *out, struct cca_realm *realm,
			   struct errmsg *em)
{
	enum err e = tsm_take(r, (struct tsm_wish){ PROVIDER, false }, out, em);
	if (e == ERR_NOT_FOUND)
		return err_wrap(em, ERR_ATTEST, "there is no configfs-tsm");
	if (e == OK)
		e = cca_realm_read(buf_bytes(&out->outblob), realm, em);
	if (e == OK)
		e = tsm_answers(r, realm->challenge, em);
	return e == ERR_PARSE ? ERR_ATTEST : e;
}

enum err attester_cca_evidence(const struct attester_request *r, json_object **out, struct errmsg *em)
{
	AUTO_TSM_ANSWER answer = { .outblob = { 0 } };
	struct cca_realm realm;
	enum err e = token_take(r, &answer, &realm, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *evidence = json_object_new_object();
	if (!json_add(evidence, "token", evidence_octets(buf_bytes(&answer.outblob))))
		return err_nomem(em, "evidence");
	*out = steal(&evidence);
	return OK;
}

/* The Realm Personalization Value. */
enum err attester_cca_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em)
{
	AUTO_TSM_ANSWER answer = { .outblob = { 0 } };
	struct cca_realm realm;
	enum err e = token_take(r, &answer, &realm, em);
	if (e != OK)
		return e;
	memcpy(out->data, realm.personalization.data, realm.personalization.len);
	out->len = realm.personalization.len;
	return OK;
}
