#pragma once
#include "image/auth_file.h"

/* Docker's credential helpers: `docker-credential-NAME get`, the host on its standard input. Blocks for half a minute
 * at most. *found: it has some. ERR_CONFIG: NAME is not one, or the helper failed. */
enum err credential_helper_get(const char *name, const char *host, struct credentials *out, bool *found,
			       struct errmsg *em) MUST_USE;

/* What one printed; for tests of it. */
enum err credential_helper_parse(struct bytes output, struct credentials *out, struct errmsg *em) MUST_USE;
