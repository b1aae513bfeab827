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

static bool put(json_object *to, const char *name, json_object *value)
{
	if (value && json_object_object_add(to, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool put_text(json_object *to, const char *name, const char *text)
{
	return put(to, name, json_object_new_string(text));
}

static json_object *checks_json(const struct appraisal *a)
{
	AUTO_OF(json_object) *list = json_object_new_array();
	for (size_t i = 0; list && i < a->count; i++) {
		const struct appraisal_check *c = &a->checks[i];
		AUTO_OF(json_object) *one = json_object_new_object();
		if (!one || !put_text(one, "name", c->name) || !put_text(one, "outcome", outcomes[c->outcome]) ||
		    (c->outcome == APPRAISAL_FAILED && !put_text(one, "status", appraisal_status_name(c->otherwise))) ||
		    !put_text(one, "expected", c->expected) || !put_text(one, "actual", c->actual) ||
		    json_object_array_add(list, one) != 0)
			return NULL;
		one = NULL;
	}
	return steal(&list);
}

/* draft-ietf-rats-ear: affirming, warning, contraindicated. */
static const char *ear_status(enum appraisal_status status)
{
	if (status == APPRAISAL_AFFIRMING)
		return "affirming";
	return status == APPRAISAL_TCB ? "warning" : "contraindicated";
}

static json_object *evidence_json(const char *tee, const struct appraisal *a)
{
	AUTO_OF(json_object) *said = json_object_new_object();
	json_object *value = NULL;
	static const char *const lifted[] = { "report_data", "init_data" };
	for (size_t i = 0; i < ARRAY_LEN(lifted); i++)
		if (json_object_object_get_ex(a->claims, lifted[i], &value) &&
		    !put(said, lifted[i], json_object_get(value)))
			return NULL;
	if (!said || !put(said, tee, json_object_get(a->claims)))
		return NULL;
	return steal(&said);
}

enum err verify_print_json(const char *tee, const struct appraisal *a, struct errmsg *em)
{
	AUTO_OF(json_object) *all = json_object_new_object();
	if (!all || !put_text(all, "tee", tee) || !put_text(all, "status", appraisal_status_name(a->status)) ||
	    !put_text(all, "ear.status", ear_status(a->status)) || !put_text(all, "tcb_status", a->tcb_status) ||
	    !put_text(all, "advisory_ids", a->advisories) || !put(all, "checks", checks_json(a)) ||
	    (a->claims && !put(all, "ear.veraison.annotated-evidence", evidence_json(tee, a))))
		return err_set(em, ERR_NOMEM, "no memory for the result");
	AUTO_STR
	char *text = json_text(all);
	if (!text)
		return err_set(em, ERR_NOMEM, "no memory for the result");
	printf("%s\n", text);
	return flushed(em);
}
