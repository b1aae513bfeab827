#include "attest/tcb.h"

static const char *const names[TCB_STATUS_COUNT_] = {
	[TCB_UP_TO_DATE] = "UpToDate",
	[TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
	[TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
	[TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
	[TCB_OUT_OF_DATE] = "OutOfDate",
	[TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
	[TCB_REVOKED] = "Revoked",
	[TCB_NOT_SUPPORTED] = "NotSupported",
};

enum { COMPONENTS = 16, LEVELS_MAX = 512 };

const char *tcb_status_name(enum tcb_status status)
{
	return names[status];
}

enum tcb_status tcb_converge(enum tcb_status platform, enum tcb_status part)
{
	if (part == TCB_NOT_SUPPORTED || platform == TCB_NOT_SUPPORTED)
		return TCB_NOT_SUPPORTED;
	if (part == TCB_REVOKED || platform == TCB_REVOKED)
		return TCB_REVOKED;
	if (part == TCB_UP_TO_DATE)
		return platform;
	if (part != TCB_OUT_OF_DATE)
		return part > platform ? part : platform;
	if (platform == TCB_CONFIGURATION_NEEDED || platform == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)
		return TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
	return platform < TCB_OUT_OF_DATE ? TCB_OUT_OF_DATE : platform;
}

/* Only what the vendor writes: "NotSupported" is ours. */
static enum err status_read(json_object *level, enum tcb_status *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(level, "tcbStatus", &text, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < TCB_NOT_SUPPORTED; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = (enum tcb_status)i;
			return OK;
		}
	}
	return err_set(em, ERR_PARSE, "unknown tcbStatus \"%.64s\"", text);
}

static enum err number(json_object *object, const char *name, int64_t max, int64_t *out, struct errmsg *em)
{
	*out = -1;
	enum err e = json_get_int_opt(object, name, 0, max, out, em);
	if (e == OK && *out < 0)
		e = err_set(em, ERR_PARSE, "\"%s\" is missing", name);
	return e;
}

/* Sixteen {"svn":n}: reached where each `have` is at least n, from index `first` on. */
static enum err components_reached(json_object *list, struct bytes have, size_t first, bool *reached, struct errmsg *em)
{
	if (!list || json_object_array_length(list) != COMPONENTS)
		return err_set(em, ERR_PARSE, "not %d TCB components", COMPONENTS);
	*reached = true;
	for (size_t i = 0; i < COMPONENTS; i++) {
		json_object *component = json_object_array_get_idx(list, i);
		int64_t svn = 0;
		if (!json_object_is_type(component, json_type_object))
			return err_set(em, ERR_PARSE, "a TCB component is no object");
		enum err e = number(component, "svn", 255, &svn, em);
		if (e != OK)
			return e;
		if (i >= first && have.data[i] < svn)
			*reached = false;
	}
	return OK;
}

static enum err platform_reached(json_object *tcb, const struct tcb_platform *p, bool *reached, struct errmsg *em)
{
	json_object *sgx = NULL;
	json_object *tdx = NULL;
	int64_t pcesvn = 0;
	bool by_tdx = true;
	enum err e = json_get_array_opt(tcb, "sgxtcbcomponents", &sgx, em);
	if (e == OK)
		e = json_get_array_opt(tcb, "tdxtcbcomponents", &tdx, em);
	if (e == OK)
		e = number(tcb, "pcesvn", 65535, &pcesvn, em);
	if (e == OK)
		e = components_reached(sgx, BYTES(p->pck->components), 0, reached, em);
	if (e != OK)
		return e;
	/* Indices 0 and 1 are the module's SVN and version: where it has a version its own identity judges them. */
	if (p->tee_tcb_svn.len)
		e = components_reached(tdx, p->tee_tcb_svn, p->tee_tcb_svn.data[1] > 0 ? 2 : 0, &by_tdx, em);
	*reached = *reached && by_tdx && p->pck->pcesvn >= pcesvn;
	return e;
}

/* What makes one level fit. */
struct want {
	const struct tcb_platform *platform; /* or NULL: by isvsvn */
	unsigned isvsvn;
};

static enum err level_reached(json_object *level, const struct want *want, bool *reached, struct errmsg *em)
{
	json_object *tcb = NULL;
	int64_t isvsvn = 0;
	if (!json_object_is_type(level, json_type_object))
		return err_set(em, ERR_PARSE, "a TCB level is no object");
	enum err e = json_get_object(level, "tcb", &tcb, em);
	if (e != OK)
		return e;
	if (want->platform)
		return platform_reached(tcb, want->platform, reached, em);
	e = number(tcb, "isvsvn", 65535, &isvsvn, em);
	*reached = want->isvsvn >= isvsvn;
	return e;
}

static enum err find_level(json_object *of, const struct want *want, struct tcb_level *out, struct errmsg *em)
{
	json_object *levels = NULL;
	*out = (struct tcb_level){ TCB_NOT_SUPPORTED, NULL };
	enum err e = json_get_array_opt(of, "tcbLevels", &levels, em);
	if (e != OK)
		return e;
	size_t count = levels ? json_object_array_length(levels) : 0;
	if (count == 0 || count > LEVELS_MAX)
		return err_set(em, ERR_PARSE, "\"tcbLevels\": %zu of them", count);
	for (size_t i = 0; i < count; i++) {
		json_object *level = json_object_array_get_idx(levels, i);
		bool reached = false;
		e = level_reached(level, want, &reached, em);
		if (e != OK)
			return err_wrap(em, e, "TCB level %zu", i);
		if (reached) {
			out->entry = level;
			return status_read(level, &out->status, em);
		}
	}
	return OK;
}

enum err tcb_platform_level(json_object *tcb_info, const struct tcb_platform *platform, struct tcb_level *out,
			    struct errmsg *em)
{
	return find_level(tcb_info, &(struct want){ platform, 0 }, out, em);
}

enum err tcb_isvsvn_level(json_object *identity, unsigned isvsvn, struct tcb_level *out, struct errmsg *em)
{
	return find_level(identity, &(struct want){ NULL, isvsvn }, out, em);
}
