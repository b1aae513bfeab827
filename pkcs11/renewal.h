#pragma once
#include "pkcs11/source_state.h"

/* How sources are read: alone, or as a generation. A generation is what belongs to one key pair: the key, its
 * certificate, the public key. Where one of them has turned into another key's, the others are read with it, and they
 * are taken over only once they all agree; until then, and at most until the lease ends, the old ones serve on. */

/* Reads one as the thread that does it (nobody else is); the lock is given up meanwhile. What comes of it is in the
 * lease; the error is that of the read. */
enum err renewal_read_locked(struct source *s, struct deadline deadline, struct errmsg *em) MUST_USE;
/* Has it read by a thread of the set's own, which is made for that and ends when nothing is due. Where none may be
 * made, reads it here and now, in a short time. */
void renewal_start_locked(struct source *s);
