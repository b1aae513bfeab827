#pragma once
#include "common/secret.h"

/* What kbs:// URIs stand for: of the policy, of its keys, of credentials. */

/* image_access.resource. Asks the KBS that the configuration names; attests once for the whole command. */
enum err image_kbs_get(void *user, const char *uri, struct secret **out, struct errmsg *em) MUST_USE;
void image_kbs_end(void);
