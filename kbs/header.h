#pragma once
#include "common/bytes.h"

/* What the server reads in request headers. Both take NULL for "no such header". */

#define SESSION_ID_LEN 32

/* The value of the kbs-session-id cookie (RFC 6265 section 4.2), if it has the form of an id of ours: 32 lower-case hex
 * digits. */
bool header_session_id(const char *cookie, char id[SESSION_ID_LEN + 1]);

/* The token of "Authorization: Bearer <token>" (RFC 6750 section 2.1); {NULL, 0} where there is none. Borrowed. */
struct bytes header_bearer(const char *authorization);
