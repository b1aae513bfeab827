#pragma once
#include "common/secret.h"
#include "image/image.h"

/* Credentials for registries: containers-auth.json(5), Docker's config.json, credential helpers. */

struct credentials {
	struct secret *user_password; /* "USER:PASSWORD" */
	struct secret *identity_token; /* instead: an OAuth2 refresh token */
};
void credentials_clear(struct credentials *c);
#define AUTO_CREDENTIALS __attribute__((cleanup(credentials_clear))) struct credentials

struct auth_scope {
	const char *host; /* as in the image's name, "docker.io" */
	const char *path; /* the repository */
	json_object
		*helpers; /* who is asked, in this order: "containers-auth.json" is the files. NULL: the files alone */
};

/* Those that `access` names for the scope, else those of helpers, else those of the files that containers' tools look
 * into; the most special entry of a file counts. Nothing anywhere is OK, with both NULL. May run a credential helper.
 * ERR_CONFIG: a file that is named and not there, or malformed; what the helper said. */
enum err auth_find(const struct image_access *access, const struct auth_scope *scope, struct credentials *out,
		   struct errmsg *em) MUST_USE;

/* In the text of one file. *found: an entry, or a helper, is in charge of the scope. legacy: ~/.dockercfg's form,
 * without "auths". */
struct auth_text {
	struct bytes text;
	bool legacy;
};
enum err auth_find_in(const struct auth_text *file, const struct auth_scope *scope, struct credentials *out,
		      bool *found, struct errmsg *em) MUST_USE;
