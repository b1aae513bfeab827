#pragma once
#include "common/http.h"

/* A recorded exchange as text: answers separated by lines "----", each "STATUS\nheader: value\n...\n\nbody". */

/* Takes the next answer off `rest`; false when there is none. The answer is the caller's to clear. */
bool message_next(struct bytes *rest, struct http_response *resp);
