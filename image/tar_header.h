#pragma once
#include "image/tar.h"
#include "image/tar_sparse.h"

/* The blocks between an archive's contents. Private to tar.c, tar_sparse.c and their tests. */

enum { TAR_BLOCK = 512, TAR_PAX_MAX = 1 << 20 };

/* Where a field of a block stands. */
struct tar_field {
	size_t at, len;
};
/* Octal digits, blanks before, a blank or NUL behind, nothing at all being 0; or GNU's base 256. */
bool tar_number(const uint8_t *block, struct tar_field f, int64_t *out);
/* Digits only, at least one. */
bool tar_decimal(struct bytes text, uint64_t max, uint64_t *out);
bool tar_key_is(struct bytes key, const char *name);

/* POSIX.1-2001 "ustar Interchange Format", and GNU's. */
struct tar_header {
	char flag;
	char path[257];
	char link[101];
	uint64_t mode, uid, gid;
	int64_t size;
	int64_t mtime;
	uint64_t major, minor;
};

bool tar_header_is_zero(const uint8_t block[TAR_BLOCK]);
/* ERR_PARSE (checksum, numbers). */
enum err tar_header_read(const uint8_t block[TAR_BLOCK], struct tar_header *out, struct errmsg *em) MUST_USE;

/* What headers of headers say about the next entry (x, L, K) or about all that follow (g). Zero-initialised = nothing.
 */
enum tar_key { TAR_PATH, TAR_LINK };
struct tar_extended {
	char *text[2]; /* by tar_key; NULL: not said */
	bool has_size, has_uid, has_gid, has_mtime;
	int64_t size;
	uint64_t uid, gid;
	struct timespec mtime;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	size_t xattr_count;
	struct tar_sparse sparse;
};
/* POSIX.1-2001 "pax Extended Header": "LENGTH KEY=VALUE\n", repeated. Keys that are not known are passed over.
 * ERR_UNSUPPORTED: a global one that names what belongs to one entry: readers differ in what they make of that. */
enum err tar_global_read(struct tar_extended *to, struct bytes text, struct errmsg *em) MUST_USE;
enum err tar_extended_read(struct tar_extended *to, struct bytes text, struct errmsg *em) MUST_USE;
/* GNU's long names: up to the NUL. */
enum err tar_extended_set(struct tar_extended *to, enum tar_key key, struct bytes text, struct errmsg *em) MUST_USE;
void tar_extended_clear(struct tar_extended *x);

/* What the three say together; the nearest counts. Moves the extended header's xattrs and map. */
enum err tar_entry_make(const struct tar_header *h, const struct tar_extended *global, struct tar_extended *x,
			struct tar_entry *out, struct errmsg *em) MUST_USE;
void tar_entry_clear(struct tar_entry *e);
