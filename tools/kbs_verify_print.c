#include "tools/kbs_verify.h"

#include <stdio.h>

static const char *const outcomes[] = {
	[APPRAISAL_PASSED] = "ok",
	[APPRAISAL_FAILED] = "FAIL",
	[APPRAISAL_NOT_MADE] = "skip",
};

int verify_exit_code(enum appraisal_status status)
{
	static const int codes[APPRAISAL_STATUS_COUNT_] = {
		[APPRAISAL_AFFIRMING] = 0, [APPRAISAL_EXPIRED] = 3,  [APPRAISAL_TCB] = 4,
		[APPRAISAL_REFUSED] = 5,   [APPRAISAL_MISMATCH] = 6, [APPRAISAL_SIGNATURE] = 7,
		[APPRAISAL_MALFORMED] = 8,
	};
	return codes[status];
}

int verify_error_code(enum err e)
{
	switch (e) {
	case OK:
		return 0;
	case ERR_ARG:
		return 2;
	case ERR_NOT_FOUND:
	case ERR_IO:
		return 10;
	case ERR_ATTEST:
		return 6;
	case ERR_PARSE:
	case ERR_LIMIT:
	case ERR_UNSUPPORTED:
		return 8;
	default:
		return 1;
	}
}

static enum err flushed(struct errmsg *em)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_errno(em, ERR_IO, "standard output");
	return OK;
}

static void print_check(const struct appraisal_check *c)
{
	const char *outcome = outcomes[c->outcome];
	if (c->outcome != APPRAISAL_FAILED) {
		printf("%-5s %-30s %s\n", outcome, c->name, c->actual);
		return;
	}
	printf("%-5s %-30s %s\n", outcome, c->name, appraisal_status_name(c->otherwise));
	if (c->expected[0])
		printf("      expected  %s\n", c->expected);
	printf("      is        %s\n", c->actual);
}

enum err verify_print_table(const struct appraisal *a, struct errmsg *em)
{
	for (size_t i = 0; i < a->count; i++)
		print_check(&a->checks[i]);
	const struct appraisal_check *worst = appraisal_worst(a);
	printf("\n%s", appraisal_status_name(a->status));
	if (worst)
		printf(": %s", worst->name);
	if (a->tcb_status[0])
		printf("; TCB: %s", a->tcb_status);
	printf("%s%s\n", a->advisories[0] ? "; " : "", a->advisories);
	return flushed(em);
}

static json_object *checks_json(const struct appraisal *a)
{
	AUTO_OF(json_object) *list = json_object_new_array();
	for (size_t i = 0; list && i < a->count; i++) {
		const struct appraisal_check *c = &a->checks[i];
		AUTO_OF(json_object) *one = json_object_new_object();
		if (!one || !json_add_text(one, "name", c->name) ||
		    !json_add_text(one, "outcome", outcomes[c->outcome]) ||
		    (c->outcome == APPRAISAL_FAILED &&
		     !json_add_text(one, "status", appraisal_status_name(c->otherwise))) ||
		    !json_add_text(one, "expected", c->expected) || !json_add_text(one, "actual", c->actual) ||
		    json_object_array_add(list, one) != 0)
			return NULL;
		one = NULL;
	}
	return steal(&list);
}

enum err verify_print_json(const char *tee, const struct appraisal *a, struct errmsg *em)
{
	AUTO_OF(json_object) *all = json_object_new_object();
	struct ear ear = { .tee = tee };
	ear_appraised(a, true, &ear);
	if (!all || !json_add_text(all, "tee", tee) ||
	    !json_add_text(all, "status", appraisal_status_name(a->status)) ||
	    !json_add_text(all, "ear.status", ear.status) || !json_add_text(all, "tcb_status", a->tcb_status) ||
	    !json_add_text(all, "advisory_ids", a->advisories) || !json_add(all, "checks", checks_json(a)) ||
	    (a->claims && !json_add(all, "ear.veraison.annotated-evidence", ear_evidence(&ear))))
		return err_nomem(em, "the result");
	AUTO_STR
	char *text = json_text(all);
	if (!text)
		return err_nomem(em, "the result");
	printf("%s\n", text);
	return flushed(em);
}
