#pragma once
#include "common/secret.h"
#include "common/settings.h"

/* What kbs:// URIs stand for: of the policy, of its keys, of credentials. */

/* The configuration of the token; *out stays NULL where there is none. `init_data`: this file instead of the one that
 * it names, from now on; or NULL. Borrowed. */
enum err image_kbs_settings(const char *init_data, json_object **out, struct errmsg *em) MUST_USE;

/* image_access.resource. Asks the KBS that the configuration names; attests once for the whole command. */
enum err image_kbs_get(void *user, const char *uri, struct secret **out, struct errmsg *em) MUST_USE;
void image_kbs_end(void);
