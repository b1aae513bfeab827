#pragma once
#include "kbs/storage.h"

/* One row of the table: paths that get here are valid. */
struct storage_kind {
	const char *name;
	enum err (*open)(const struct storage_options *options, void **ctx, struct errmsg *em);
	enum err (*read)(void *ctx, const char *path, struct secret **out, struct errmsg *em);
	enum err (*write)(void *ctx, const char *path, struct bytes resource, struct errmsg *em);
	enum err (*remove)(void *ctx, const char *path, struct errmsg *em);
	void (*close)(void *ctx);
};

extern const struct storage_kind storage_file;
