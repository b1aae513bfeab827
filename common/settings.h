#pragma once
#include "common/json.h"
#include "common/json_cut.h"

/* The one configuration file (JSON, comments allowed): KBS_PKCS11_CONF, else /etc/kbs-pkcs11/kbs-pkcs11.json.
 * Members: "kbs" (read by kbc), "token" and "objects", or "tokens" (pkcs11), "harden". Unknown ones are errors, and so
 * are those of another type; a file that group or others may write is refused, and one of more than 16 MiB, or of 1 MiB
 * besides its lists of objects. A setuid process ignores the variable; an empty one is none. */
struct settings {
	char *path;
	json_object *root; /* lists called "objects" are empty in there */
	struct buf text; /* the file */
	struct json_cuts lists; /* those lists, borrowed from the text, unread: see settings_objects() */
};
/* The text of the array "objects": of the file (token < 0), or of a member of "tokens". Empty where there is none. Its
 * grammar has not been looked at. */
struct bytes settings_objects(const struct settings *s, long token);
/* Whether the whole file is JSON: who found something wrong in a list gets a better text from here. ERR_PARSE. */
enum err settings_check(const struct settings *s, struct errmsg *em) MUST_USE;

/* path NULL = as above. ERR_NOT_FOUND if the default file is not there (not an error for everyone),
 * ERR_CONFIG otherwise, with path and member. out: the caller's. */
enum err settings_load(const char *path, struct settings **out, struct errmsg *em) MUST_USE;
/* The same for one who reads the lists of objects at once. What he was given counts only if this says OK. */
enum err settings_load_with(const char *path, const struct json_cut_reader *reader, struct settings **out,
			    struct errmsg *em) MUST_USE;
void settings_free(struct settings *s);
AUTO_DEFINE(settings)
