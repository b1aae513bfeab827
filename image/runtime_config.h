#pragma once
#include "common/json.h"
#include "image/id_map.h"
#include "image/tree.h"

/* What a runtime starts: image-spec, "Conversion to OCI Runtime Configuration"; runtime-spec 1.0, "Configuration". */

struct runtime_maps {
	struct id_map users, groups;
};

struct runtime_how {
	const struct tree *tree; /* the image's, for its users and groups */
	const char *hostname;
	const struct runtime_maps *rootless; /* for a user namespace with these; NULL: for root */
};

/* out: the caller's. ERR_PARSE: the image's configuration makes no sense; ERR_UNSUPPORTED. */
enum err runtime_config_make(json_object *image, const struct runtime_how *how, json_object **out,
			     struct errmsg *em) MUST_USE;
