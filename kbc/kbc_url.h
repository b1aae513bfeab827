#pragma once
#include "common/err.h"

#include <stdbool.h>

/* The URL of a KBS: http[s]://host[:port][/prefix], no user, query or fragment. */

/* ERR_CONFIG says what is wrong with it. http:// to a host that is not loopback needs `allow_plain`. */
enum err kbc_url_check(const char *url, bool allow_plain, struct errmsg *em) MUST_USE;

/* "host:port", lower case, the scheme's port where the URL names none. malloc'd. */
enum err kbc_url_authority(const char *url, char **out, struct errmsg *em) MUST_USE;

/* True if `host` ("host" or "host:port", as in kbs://host/...) is that of `authority`; a host without a port
 * stands for any port of it. */
bool kbc_url_names_host(const char *authority, const char *host);
