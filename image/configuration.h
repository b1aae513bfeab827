#pragma once
#include "image/source.h"

#define CONFIG_SIZE_MAX MANIFEST_SIZE_MAX

/* An image's configuration: image-spec, "Image Configuration". Its digest and size are checked. out: the caller's. */
enum err image_config_read(struct image_source *source, const struct descriptor *d, json_object **out,
			   struct errmsg *em) MUST_USE;

/* "rootfs.diff_ids", each a digest that was checked; borrowed from `config`. ERR_PARSE: not `count` of them. */
enum err image_diff_ids(json_object *config, size_t count, const char **out, struct errmsg *em) MUST_USE;
