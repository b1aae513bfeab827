#pragma once
#include "common/bytes.h"

/* A private home folder of GnuPG, in memory, for keys that are in no key ring. It disappears with whoever made it: a
 * small program waits for the other end of a pipe to close, which the kernel does for a process that was killed, and
 * then stops the agent, overwrites the files and removes the folder. If even that was killed, the next home that is
 * made does it. */
struct pgp_home;

/* ERR_IO: no folder in memory ($XDG_RUNTIME_DIR, /dev/shm); keys are not put on a disk. */
enum err pgp_home_new(struct pgp_home **out, struct errmsg *em) MUST_USE;
/* Waits until it is gone. */
void pgp_home_free(struct pgp_home *home);
AUTO_DEFINE(pgp_home)
const char *pgp_home_path(const struct pgp_home *home);
