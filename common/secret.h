#pragma once
#include "common/bytes.h"

/* Secrets live in one arena: locked, not dumped, wiped on fork and on free, with guard pages (one of more than 2 KiB
 * ends at its own). Where RLIMIT_MEMLOCK is too small it falls back to unlocked memory and logs one warning; where the
 * kernel cannot keep pages out of core dumps or children there are none at all (ERR_NOMEM).
 * Thread-safe. After fork() the child's secrets read as zeros and may still be freed. */
struct secret;

/* `len` zero bytes. len may be 0. ERR_NOMEM. */
enum err secret_new(size_t len, struct secret **out, struct errmsg *em) MUST_USE;
/* A copy of `from`, which stays the caller's to wipe. */
enum err secret_copy(struct bytes from, struct secret **out, struct errmsg *em) MUST_USE;

uint8_t *secret_data(struct secret *s);
size_t secret_len(const struct secret *s);
struct bytes secret_bytes(const struct secret *s); /* NULL gives {NULL, 0} */
/* Shortens to `len`, wiping what is cut off. Never lengthens. */
void secret_truncate(struct secret *s, size_t len);
void secret_free(struct secret *s); /* wipes; NULL is fine */
AUTO_DEFINE(secret)

/* Wipes memory that is not in the arena (a stack buffer). Never optimised away. */
void secret_wipe(void *memory, size_t len);

/* What the arena could do here, for `kbs-token doctor`. Tries it out if nothing is in use. */
struct secret_arena_state {
	bool locked;
	size_t bytes_in_use;
};
struct secret_arena_state secret_arena_state(void);
