#include "keywrap/token_why.h"

#include "common/token_reason.h"

#include <dlfcn.h>
#include <p11-kit/p11-kit.h>
#include <stdlib.h>
#include <string.h>

/* PKCS #11 3.0, 3.5; p11-kit's header has 2.40 only. */
struct interface {
	CK_CHAR *name;
	void *functions;
	CK_FLAGS flags;
};
typedef CK_RV (*get_interface_function)(CK_UTF8CHAR *name, CK_VERSION *version, struct interface **out, CK_FLAGS flags);

/* An answer that is not sealed for us is the service's fault: ERR_INTEGRITY would say that the layer is broken. */
static const struct {
	const char *word;
	enum err e;
} kinds[] = {
	{ "configuration", ERR_CONFIG },
	{ "not-found", ERR_NOT_FOUND },
	{ "network", ERR_NET },
	{ "timeout", ERR_NET },
	{ "busy", ERR_NET },
	{ "tls", ERR_NET },
	{ "attestation", ERR_DENIED },
	{ "not-authenticated", ERR_DENIED },
	{ "denied", ERR_DENIED },
	{ "expired", ERR_DENIED },
	{ "malformed", ERR_PROTO },
	{ "too-large", ERR_PROTO },
	{ "protocol", ERR_PROTO },
	{ "unsupported", ERR_PROTO },
	{ "integrity", ERR_PROTO },
	{ "crypto", ERR_PROTO },
	{ "key", ERR_KEY },
};

static void reason_ask(void *module, struct token_reason *reason)
{
	CK_UTF8CHAR name[] = TOKEN_REASON_NAME;
	struct interface *interface = NULL;
	get_interface_function get = (get_interface_function)dlsym(module, "C_GetInterface");
	if (!get || get(name, NULL, &interface, 0) != CKR_OK || !interface || !interface->functions)
		return;
	const struct token_reason_interface *ours = interface->functions;
	if (ours->major == 1)
		ours->take(reason);
	reason->word[sizeof(reason->word) - 1] = reason->text[sizeof(reason->text) - 1] = '\0';
}

enum err token_why_module(const char *path, CK_RV rv, enum err e, struct errmsg *em)
{
	struct token_reason reason = { .rv = CKR_OK };
	/* It is loaded: this only finds it again. */
	void *module = path ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
	if (!module)
		return e;
	reason_ask(module, &reason);
	dlclose(module);
	if (reason.rv != rv || !reason.text[0])
		return e;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].word, reason.word) == 0)
			e = kinds[i].e;
	struct errmsg call = em ? *em : (struct errmsg){ "" };
	return err_set(em, e, "%.64s: %.900s", call.text, reason.text);
}

enum err token_why(CK_FUNCTION_LIST *functions, CK_RV rv, enum err e, struct errmsg *em)
{
	char *path = p11_kit_module_get_filename(functions);
	e = token_why_module(path, rv, e, em);
	free(path);
	return e;
}
