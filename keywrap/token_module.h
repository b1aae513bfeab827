#pragma once
#include "keywrap/token_ref.h"

#include <p11-kit/p11-kit.h>

/* A loaded and initialised PKCS#11 module, or all that are registered with p11-kit where the URI names none. */
struct token_module {
	struct token_module *next;
	char *path; /* NULL: the registered ones */
	char *env; /* "NAME=value\n..." that it was loaded with */
	CK_FUNCTION_LIST **functions; /* ends with NULL */
	bool registered;
};

/* The module that `ref` names: one of `list`, or loaded and put there. Which modules may be loaded: ocicrypt_conf.h.
 * The registered ones were chosen by the administrator and always may. The environment of a key file is set around
 * loading and C_Initialize only; setenv() is not thread-safe: no other thread of the process may use the environment
 * meanwhile. */
enum err token_module_get(struct token_module **list, const struct token_ref *ref, struct token_module **out,
			  struct errmsg *em) MUST_USE;
/* Finalises what we initialised, and unloads. */
void token_module_free(struct token_module *module);
AUTO_DEFINE(token_module)
