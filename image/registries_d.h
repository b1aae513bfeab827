#pragma once
#include "common/bytes.h"

/* containers-registries.d(5): where signatures of images of registries lie. */

struct registries_d_entry {
	char *scope; /* "" for default-docker */
	char *lookaside; /* "lookaside", else "sigstore"; or NULL */
	int attachments; /* use-sigstore-attachments: 0, 1; -1: not said */
};

struct registries_d {
	struct registries_d_entry *entries;
	size_t count;
};
void registries_d_clear(struct registries_d *d);
#define AUTO_REGISTRIES_D __attribute__((cleanup(registries_d_clear))) struct registries_d

/* Adds one file. The same scope in two files, or twice in one, is refused. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED. */
enum err registries_d_add(struct registries_d *d, struct bytes text, struct errmsg *em) MUST_USE;
/* All *.yaml of a folder, sorted. A folder that is not there is empty. ERR_CONFIG. */
enum err registries_d_read(const char *folder, struct registries_d *out, struct errmsg *em) MUST_USE;

/* For an image by its name, "host/path:tag": the most special scope that says something. *lookaside: borrowed, or NULL;
 * each of the two falls through by itself. */
void registries_d_find(const struct registries_d *d, const char *name, const char **lookaside, int *attachments);
