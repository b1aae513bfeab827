#pragma once
#include "common/secret.h"

/* Where resources are kept. Kinds are rows of a const table. Paths are "repository/type/tag" and are checked here,
 * whatever the caller did. Thread-safe. */
struct storage;

struct storage_options {
	const char *kind; /* "file" */
	const char *path; /* file: the folder */
	size_t max; /* bytes of one resource */
	bool by_segments; /* file: as on a kernel without openat2 */
};
/* ERR_CONFIG: unknown kind, or a folder that others may look into. */
enum err storage_open(const struct storage_options *options, struct storage **out, struct errmsg *em) MUST_USE;
void storage_free(struct storage *s);
AUTO_DEFINE(storage)

/* ERR_NOT_FOUND, ERR_PARSE (path), ERR_LIMIT, ERR_IO. */
enum err storage_read(struct storage *s, const char *path, struct secret **out, struct errmsg *em) MUST_USE;
/* When it returns OK the resource is on disk; a reader sees the old one or the new one, whole. */
enum err storage_write(struct storage *s, const char *path, const struct secret *resource, struct errmsg *em) MUST_USE;
enum err storage_delete(struct storage *s, const char *path, struct errmsg *em) MUST_USE;
