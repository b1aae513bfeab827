#pragma once
#include "image/source.h"

/* "store:NAME", an image that was pulled; a row of the table of transports. Policies see the name that it was pulled
 * by. */
enum err store_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			   struct errmsg *em) MUST_USE;
