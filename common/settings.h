#pragma once
#include "common/json.h"

/* The one configuration file (JSON, comments allowed): KBS_PKCS11_CONF, else /etc/kbs-pkcs11/kbs-pkcs11.json.
 * Members: "kbs" (read by kbc), "token" and "objects", or "tokens" (pkcs11), "harden". Unknown ones are errors, and so
 * are those of another type; a file that group or others may write is refused, and one of more than 1 MiB. A setuid
 * process ignores the variable; an empty one is none. */
struct settings {
	char *path;
	json_object *root;
};
/* path NULL = as above. ERR_NOT_FOUND if the default file is not there (not an error for everyone),
 * ERR_CONFIG otherwise, with path and member. out: the caller's. */
enum err settings_load(const char *path, struct settings **out, struct errmsg *em) MUST_USE;
void settings_free(struct settings *s);
AUTO_DEFINE(settings)
