#include "tools/kbs_token.h"

#include "attest/attester.h"
#include "tools/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct finding *report_add(struct report *r, const char *check, enum finding_state state)
{
	/* The last place is written over and over rather than past. */
	struct finding *f = &r->findings[r->count < FINDINGS_MAX ? r->count++ : FINDINGS_MAX - 1];
	*f = (struct finding){ .check = check, .state = state };
	return f;
}

void report_ok(struct report *r, const char *check, const char *fmt, ...)
{
	struct finding *f = report_add(r, check, FINDING_OK);
	va_list args;
	va_start(args, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, args);
	va_end(args);
}

void report_skip(struct report *r, const char *check, const char *fmt, ...)
{
	struct finding *f = report_add(r, check, FINDING_SKIP);
	va_list args;
	va_start(args, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, args);
	va_end(args);
}

void report_fail(struct report *r, struct report_fault fault, const struct errmsg *em)
{
	struct finding *f = report_add(r, fault.check, FINDING_FAIL);
	f->err = fault.err;
	f->advice = fault.advice;
	snprintf(f->detail, sizeof(f->detail), "%s", em->text[0] ? em->text : err_name(fault.err));
}

/* True if there is something that says where a KBS is. */
static bool check_configuration(struct report *r, const struct token_args *args, struct token_kbs_list *list)
{
	AUTO(settings) *s = NULL;
	struct errmsg em = { "" };
	enum err e = token_settings(args, &s, &em);
	if (e == OK)
		e = token_kbs_list(args, s, list, &em);
	if (e != OK) {
		report_fail(r,
			    (struct report_fault){ "configuration", e == ERR_NOT_FOUND ? ERR_CONFIG : e,
						   "see kbs-pkcs11.json(5) for what the file holds" },
			    &em);
		return false;
	}
	for (size_t i = 0; i < list->count; i++)
		report_ok(r, "configuration", "%s: %s at %s%s", s ? s->path : "no file", list->items[i].kind,
			  list->items[i].urls[0], list->items[i].url_count > 1 ? " and others" : "");
	return true;
}

static void check_memory(struct report *r)
{
	struct errmsg em = { "secrets lie in memory that may be swapped out" };
	if (secret_arena_state().locked)
		report_ok(r, "memory", "secrets are locked in memory");
	else
		report_fail(r,
			    (struct report_fault){ "memory", ERR_NOMEM,
						   "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) to 1 MiB or more" },
			    &em);
}

static bool check_attester(struct report *r, const struct kbc_options *o)
{
	const struct attester *attester;
	struct errmsg em = { "" };
	struct attester_machine machine = { o->tee_root, o->tpm };
	enum err e = attester_find(o->attester, &machine, &attester, &em);
	if (e != OK) {
		report_fail(
			r,
			(struct report_fault){ "attester", e,
					       "run this inside a TEE, or name an attester in \"kbs\".\"attester\"" },
			&em);
		return false;
	}
	bool sample = strcmp(attester_tee(attester), "sample") == 0;
	report_ok(r, "attester", "%s%s", attester_tee(attester),
		  sample ? ", which proves nothing: for tests only" : "");
	return true;
}

/* Was this TEE started with the init data of the configuration? */
static bool check_init_data(struct report *r, const struct kbc_options *o)
{
	const struct attester *attester;
	struct attester_machine machine = { o->tee_root, o->tpm };
	const struct attester_choice how = { o->attester, &machine, deadline_in_ms(o->timeout_ms) };
	struct errmsg em = { "" };
	if (!o->init_data)
		return true;
	enum err e = attester_find_with(&how, o->init_data, &attester, &em);
	if (e != OK)
		report_fail(r,
			    (struct report_fault){ "init data", e,
						   "start the guest with the digest of this file: kbs-attest "
						   "init-data digest --tee" },
			    &em);
	else if (strcmp(attester_tee(attester), "sample") == 0)
		report_skip(r, "init data", "the sample TEE carries none");
	else
		report_ok(r, "init data", "the TEE carries their digest");
	return e == OK;
}

static void check_attestation(struct report *r, const struct kbc_options *o)
{
	AUTO(kbc) *kbc = NULL;
	struct errmsg em = { "" };
	int64_t before = monotonic_ms();
	enum err e = kbc_new(o, http_curl(), &kbc, &em);
	if (e == OK)
		e = kbc_attest(kbc, true, deadline_in_ms(o->timeout_ms), &em);
	if (e == OK)
		report_ok(r, "attestation", "the KBS accepts the evidence (%lld ms)",
			  (long long)(monotonic_ms() - before));
	else
		report_fail(r,
			    (struct report_fault){ "attestation", e,
						   e == ERR_ATTEST
							   ? "the verifier's policy and reference values decide: see "
							     "the KBS's log"
							   : "see the KBS's log" },
			    &em);
}

static void check_kbs(struct report *r, const struct token_args *args)
{
	static struct token_kbs_list list;
	if (!check_configuration(r, args, &list)) {
		token_kbs_list_clear(&list);
		report_skip(r, "attestation", "there is no configuration");
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		bool reached = doctor_reach(r, &list.items[i]);
		bool attester = check_attester(r, &list.items[i]);
		bool started = attester && check_init_data(r, &list.items[i]);
		if (reached && started)
			check_attestation(r, &list.items[i]);
		else
			report_skip(r, "attestation",
				    !reached    ? "no KBS is reached"
				    : !attester ? "there is no attester"
						: "the init data are not the TEE's");
	}
	token_kbs_list_clear(&list);
}

/* Each slot, a token or what is wrong with it; with the label that was asked for if one was. */
static enum err check_slots(struct report *r, const struct token_args *args, const struct token_module *m,
			    const char *path, struct errmsg *em)
{
	struct token_slots slots;
	size_t tokens = 0;
	enum err e = token_module_slots(m, &slots, em);
	for (CK_ULONG i = 0; e == OK && i < slots.count; i++) {
		CK_TOKEN_INFO info;
		enum err there = token_module_info(m, slots.ids[i], &info, em);
		if (there != OK) {
			err_wrap(em, there, "slot %lu", slots.ids[i]);
			report_fail(r,
				    (struct report_fault){ "module", ERR_CONFIG,
							   "correct that token; the others are there" },
				    em);
		} else if (token_wanted(args, &info)) {
			tokens++;
			report_ok(r, "module", "%s offers the token \"%s\"", path,
				  token_field(info.label, sizeof(info.label)).text);
		}
	}
	if (e == OK && !tokens)
		e = err_set(em, ERR_NOT_FOUND, "the module has no slot with %s",
			    args->token ? "that token" : "a token");
	return e;
}

static void check_module(struct report *r, const struct token_args *args)
{
	AUTO_MODULE m = { .handle = NULL };
	struct errmsg em = { "" };
	char path[4096] = "";
	enum err e = token_module_path(args, path, &em);
	if (e == OK)
		e = token_module_open(args, &m, &em);
	if (e == OK)
		e = check_slots(r, args, &m, path, &em);
	if (e != OK)
		report_fail(r,
			    (struct report_fault){
				    "module", e,
				    "install the module, or name it with --module; KBS_PKCS11_LOG=debug:stderr "
				    "says more" },
			    &em);
}

static const char *const states[] = { "ok", "FAIL", "skip" };

static void print_text(const struct report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct finding *f = &r->findings[i];
		printf("%-4s  %-16s  %s%s%s\n", states[f->state], f->check, f->detail, f->advice ? "; do: " : "",
		       f->advice ? f->advice : "");
	}
}

static bool put(json_object *to, const char *name, const char *value)
{
	return json_object_object_add(to, name, json_object_new_string(value)) == 0;
}

static bool finding_json(const struct finding *f, json_object *to)
{
	json_object *o = json_object_new_object();
	if (!o || json_object_array_add(to, o) != 0) {
		json_object_put(o);
		return false;
	}
	return put(o, "check", f->check) && put(o, "state", states[f->state]) && put(o, "detail", f->detail) &&
	       (f->state != FINDING_FAIL || put(o, "error", err_name(f->err))) &&
	       (!f->advice || put(o, "advice", f->advice));
}

static enum err print_json(const struct report *r, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_array();
	bool good = root != NULL;
	for (size_t i = 0; good && i < r->count; i++)
		good = finding_json(&r->findings[i], root);
	AUTO_STR
	char *text = good ? json_text(root) : NULL;
	if (!text)
		return err_nomem(em, "the report");
	puts(text);
	return OK;
}

int token_doctor(const struct token_args *args)
{
	static struct report r;
	struct errmsg em = { "" };
	enum err e = OK;
	check_kbs(&r, args);
	check_module(&r, args);
	check_memory(&r);
	doctor_consumers(&r, args);
	if (args->json)
		e = print_json(&r, &em);
	else
		print_text(&r);
	if (e == OK && fflush(stdout) != 0)
		e = err_errno(&em, ERR_IO, "standard output");
	if (e != OK)
		return cli_fail(e, &em);
	for (size_t i = 0; i < r.count; i++)
		if (r.findings[i].state == FINDING_FAIL)
			return err_exit_code(r.findings[i].err);
	return 0;
}
