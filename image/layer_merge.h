#pragma once
#include "image/folders_due.h"

/* Moves a layer that was unpacked by itself over the layers below it, name by name: whole folders where there was
 * nothing, else what is in them. image-spec, "Applying Changesets"; whiteouts are applied before. Private to
 * layer_apply.c. */

struct merge {
	int from; /* the layer's folder, on the file system of the tree */
	struct tree *onto;
	struct folders_due
		*own; /* what is due to the layer's folders: those that both have are moved to the one below */
	struct folders_due *below; /* gets what others are to keep */
	bool unprivileged;
};

/* A folder that both have keeps its contents; what the archive says of it counts. On an error part of it was moved.
 * ERR_PARSE: on the way to a file is one below; ERR_LIMIT. */
enum err layer_merge(const struct merge *m, struct errmsg *em) MUST_USE;
