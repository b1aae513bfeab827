#pragma once
#include "common/bytes.h"

/* A folder that is filled beside its place and gets its name when it is whole. Nobody else may look into it before:
 * what is in it is not verified yet, may be decrypted, and may be programs that run as root. */
struct staging {
	char *target;
	char *path; /* "TARGET.unpacking-XXXXXX" */
	int folder; /* locked as long as we live, so that whoever comes later can tell what was left behind */
};

/* Removes what dead processes left behind of the same target. ERR_EXISTS: the target is no folder, or holds something.
 */
enum err staging_open(const char *target, struct staging *out, struct errmsg *em) MUST_USE;
/* Gives it, or the folder `inner` in it alone (or NULL), its name, atomically; then nothing is left to do. */
enum err staging_publish(struct staging *s, const char *inner, struct errmsg *em) MUST_USE;
/* Removes it, unless it was published. */
void staging_close(struct staging *s);
#define AUTO_STAGING __attribute__((cleanup(staging_close))) struct staging
