#pragma once
#include "image/image.h"
#include "image/reference.h"
#include "image/source.h"

/* "docker://": rows of the table of transports. */
enum err registry_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			      struct errmsg *em) MUST_USE;
enum err registry_open_destination(const char *rest, const struct image_access *access, struct image_destination **out,
				   struct errmsg *em) MUST_USE;

/* The "//HOST/NAME:TAG" after "docker:". */
enum err registry_name_parse(const char *rest, struct reference *out, struct errmsg *em) MUST_USE;
