#include "attest/attester.h"

#include "attest/attester_row.h"

#include <stdio.h>

/* In the order in which "auto" looks. */
static const struct attester attesters[] = {
	{ "tdx", "/dev/tdx_guest", NULL },
	{ "snp", "/dev/sev-guest", NULL },
	{ "sample", NULL, attester_sample_evidence },
};

static enum err find_here(const struct attester **out, struct errmsg *em)
{
	char looked[256] = "";
	size_t used = 0;
	for (size_t i = 0; i < ARRAY_LEN(attesters); i++) {
		const struct attester *a = &attesters[i];
		if (!a->device)
			continue;
		bool present = access(a->device, F_OK) == 0;
		if (present && a->evidence) {
			*out = a;
			return OK;
		}
		int n = snprintf(looked + used, sizeof looked - used, "%s%s for %s: %s", used ? ", " : "", a->device,
				 a->tee, present ? "there, but this version cannot use it" : "not there");
		if (n > 0 && (size_t)n < sizeof looked - used)
			used += (size_t)n;
	}
	return err_set(
		em, ERR_ATTEST,
		"no TEE found here (%s); where there is none, \"attester\": \"sample\" works with a KBS that allows it",
		looked);
}

enum err attester_find(const char *name, const struct attester **out, struct errmsg *em)
{
	if (strcmp(name, "auto") == 0)
		return find_here(out, em);
	for (size_t i = 0; i < ARRAY_LEN(attesters); i++) {
		if (strcmp(attesters[i].tee, name) != 0)
			continue;
		if (!attesters[i].evidence)
			return err_set(em, ERR_CONFIG, "attester \"%s\" is not in this version", name);
		*out = &attesters[i];
		return OK;
	}
	if (attest_tee_known(name))
		return err_set(em, ERR_CONFIG, "attester \"%s\" is not in this version", name);
	return err_set(em, ERR_CONFIG, "unknown attester \"%.64s\": \"auto\" or \"sample\" is wanted", name);
}

const char *attester_tee(const struct attester *a)
{
	return a->tee;
}

enum err attester_evidence(const struct attester *a, const struct attest_digest *report_data, json_object **out,
			   struct errmsg *em)
{
	*out = NULL;
	enum err e = a->evidence(report_data, out, em);
	return e == OK ? OK : err_wrap(em, e, "attester \"%s\"", a->tee);
}
