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

struct token_modules {
	struct token_module *loaded;
	char *trusted; /* the file that the caller vouches for, free of symbolic links, or NULL */
};
void token_modules_clear(struct token_modules *modules);

/* The module that `ref` names: one that is loaded, or loaded now. Which modules may be loaded: ocicrypt_conf.h.
 * The registered ones were chosen by the administrator and always may, and the trusted one by the caller. The
 * environment of a key file is set around loading and C_Initialize only; setenv() is not thread-safe: no other thread
 * of the process may use the environment meanwhile. */
enum err token_module_get(struct token_modules *modules, const struct token_ref *ref, struct token_module **out,
			  struct errmsg *em) MUST_USE;
/* The trusted one, for a `ref` that names none; *out = NULL where there is none, or `ref` names one. */
enum err token_module_trusted(struct token_modules *modules, const struct token_ref *ref, struct token_module **out,
			      struct errmsg *em) MUST_USE;
/* Finalises what we initialised, and unloads. */
void token_module_free(struct token_module *module);
AUTO_DEFINE(token_module)
