#include "tools/kbs_token.h"

#include "common/cleanup.h"
#include "common/token_reason.h"
#include "tools/own_module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* CK_INTERFACE of PKCS #11 3.0, which p11-kit's header may not have. */
struct vendor_interface {
	unsigned char *name;
	const void *functions;
	CK_FLAGS flags;
};

enum err token_module_path(const struct token_args *args, char path[4096], struct errmsg *em)
{
	if (!args->module)
		return own_module_path(path, em);
	/* realpath: a name without a slash would be searched for by dlopen(). */
	AUTO_STR
	char *whole = realpath(args->module, NULL);
	if (!whole)
		return err_errno(em, ERR_ARG, "the module %s", args->module);
	int len = snprintf(path, 4096, "%s", whole);
	return len < 4096 ? OK : err_set(em, ERR_ARG, "the module's path is too long");
}

static const struct {
	CK_RV rv;
	const char *name;
	enum err err;
} results[] = {
	{ CKR_HOST_MEMORY, "CKR_HOST_MEMORY", ERR_NOMEM },
	{ CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", ERR_CONFIG },
	{ CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", ERR_INTERNAL },
	{ CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", ERR_INTERNAL },
	{ CKR_CANT_LOCK, "CKR_CANT_LOCK", ERR_INTERNAL },
	{ CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", ERR_NET },
	{ CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", ERR_NOMEM },
	{ CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", ERR_NOT_FOUND },
};

enum err token_rv(const char *function, CK_RV rv, struct errmsg *em)
{
	if (rv == CKR_OK)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		if (results[i].rv == rv)
			return err_set(em, results[i].err, "%s: %s", function, results[i].name);
	return err_set(em, ERR_INTERNAL, "%s: 0x%lx", function, rv);
}

/* The module reads its own configuration: it is told where that lies as any application would tell it. */
static enum err hand_over_config(const struct token_args *args, struct errmsg *em)
{
	if (!args->config)
		return OK;
	char *whole = realpath(args->config, NULL);
	int failed = whole ? setenv("KBS_PKCS11_CONF", whole, 1) : -1;
	free(whole);
	return failed ? err_errno(em, ERR_CONFIG, "%s", args->config) : OK;
}

static enum err load(const char *path, struct token_module *m, struct errmsg *em)
{
	CK_C_GetFunctionList get = NULL;
	m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!m->handle) {
		const char *reason = dlerror();
		return err_set(em, ERR_CONFIG, "%s", reason ? reason : path);
	}
	*(void **)&get = dlsym(m->handle, "C_GetFunctionList");
	if (!get)
		return err_set(em, ERR_CONFIG, "%s is not a PKCS#11 module", path);
	enum err e = token_rv("C_GetFunctionList", get(&m->p11), em);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

/* Why this thread's last call failed, if the module is ours: else false. */
static bool take_reason(const struct token_module *m, struct errmsg *em)
{
	CK_RV (*get)(unsigned char *, void *, struct vendor_interface **, CK_FLAGS) = NULL;
	struct vendor_interface *interface = NULL;
	struct token_reason reason = { .rv = CKR_OK };
	*(void **)&get = dlsym(m->handle, "C_GetInterface");
	if (!get || get((unsigned char[]){ TOKEN_REASON_NAME }, NULL, &interface, 0) != CKR_OK || !interface)
		return false;
	const struct token_reason_interface *ours = interface->functions;
	if (ours->major != 1)
		return false;
	ours->take(&reason);
	if (reason.rv == CKR_OK || !reason.text[0])
		return false;
	err_set(em, ERR_CONFIG, "%s", reason.text);
	return true;
}

enum err token_module_open(const struct token_args *args, struct token_module *m, struct errmsg *em)
{
	char path[4096];
	CK_C_INITIALIZE_ARGS how = { .flags = CKF_OS_LOCKING_OK };
	enum err e = token_module_path(args, path, em);
	if (e == OK)
		e = hand_over_config(args, em);
	if (e == OK)
		e = load(path, m, em);
	if (e != OK)
		return e;
	CK_RV rv = m->p11->C_Initialize(&how);
	m->initialized = rv == CKR_OK;
	if (rv == CKR_OK)
		return OK;
	/* The configuration is why, most of the time. */
	if (rv == CKR_GENERAL_ERROR && take_reason(m, em))
		return ERR_CONFIG;
	return err_wrap(em, token_rv("C_Initialize (KBS_PKCS11_LOG=warn:stderr says why)", rv, em), "%s", path);
}

void token_module_close(struct token_module *m)
{
	if (m->initialized)
		(void)m->p11->C_Finalize(NULL);
	if (m->handle)
		dlclose(m->handle);
	*m = (struct token_module){ .handle = NULL };
}

enum err token_module_slots(const struct token_module *m, struct token_slots *slots, struct errmsg *em)
{
	slots->count = TOKEN_SLOTS_MAX;
	enum err e = token_rv("C_GetSlotList", m->p11->C_GetSlotList(CK_FALSE, slots->ids, &slots->count), em);
	if (e == OK && !slots->count)
		e = err_set(em, ERR_NOT_FOUND, "the module has no slot");
	return e;
}

enum err token_module_info(const struct token_module *m, CK_SLOT_ID slot, CK_TOKEN_INFO *info, struct errmsg *em)
{
	CK_RV rv = m->p11->C_GetTokenInfo(slot, info);
	enum err e = token_rv("C_GetTokenInfo", rv, em);
	if (rv == CKR_TOKEN_NOT_PRESENT)
		(void)take_reason(m, em);
	return e;
}

bool token_wanted(const struct token_args *args, const CK_TOKEN_INFO *info)
{
	return !args->token || strcmp(args->token, token_field(info->label, sizeof(info->label)).text) == 0;
}

struct token_field token_field(const unsigned char *field, size_t len)
{
	struct token_field f = { "" };
	while (len && (field[len - 1] == ' ' || !field[len - 1]))
		len--;
	for (size_t i = 0; i < len && i < sizeof(f.text) - 1; i++)
		f.text[i] = field[i] >= ' ' && field[i] <= '~' ? (char)field[i] : '?';
	return f;
}
