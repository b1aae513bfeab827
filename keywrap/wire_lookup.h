#pragma once
#include "common/deadline.h"
#include "common/err.h"

#include <netdb.h>

/* Names of hosts. freeaddrinfo() frees a list. */

/* Without a name server: a number, or localhost, which is 127.0.0.1 and ::1 whatever a name server says (the first
 * alone is enough to listen at). An error of getaddrinfo(3). */
int wire_lookup_here(const char *host, const char *port, struct addrinfo **out);

/* getaddrinfo(3) keeps no deadline: it runs in a thread that nobody waits for any longer then.
 * ERR_NET, ERR_TIMEOUT, ERR_NOMEM. */
enum err wire_lookup(const char *host, const char *port, struct deadline until, struct addrinfo **out,
		     struct errmsg *em) MUST_USE;
