#pragma once
#include "image/beneath.h"
#include "image/index.h"
#include "image/source.h"

/* OCI image layouts: image-spec "Image Layout". */

/* The "DIR[:TAG]" or "DIR:@N" after "oci:". */
struct layout_name {
	char *dir;
	char *tag; /* NULL: none */
	long place; /* N, or -1 */
};
enum err layout_name_parse(const char *rest, struct layout_name *out, struct errmsg *em) MUST_USE;
void layout_name_clear(struct layout_name *name);

/* The N of "@N". */
enum err layout_place_parse(const char *digits, long *out, struct errmsg *em) MUST_USE;

/* What stands in "oci-layout". ERR_UNSUPPORTED, ERR_PARSE: not version 1.0.0. */
#define LAYOUT_MARK_MAX 4096
enum err layout_check_mark(struct bytes text, struct errmsg *em) MUST_USE;
/* ERR_UNSUPPORTED, ERR_PARSE, ERR_NOT_FOUND: `dir` is no layout of version 1.0.0. */
enum err layout_check(int dir, struct errmsg *em) MUST_USE;
enum err layout_read_index(int dir, struct index **out, struct errmsg *em) MUST_USE;

/* The entry of index.json that is meant. Borrowed. */
enum err layout_find(const struct layout_name *name, const struct index *index, const struct descriptor **out,
		     struct errmsg *em) MUST_USE;
/* A manifest or index, its digest and size checked. */
enum err layout_read_manifest(int dir, const struct descriptor *d, struct raw_manifest *out,
			      struct errmsg *em) MUST_USE;

/* A blob's bytes, not verified. ERR_NOT_FOUND. */
enum err layout_open_blob(int dir, const struct descriptor *d, struct stream **out, struct errmsg *em) MUST_USE;

/* Rows of the table of transports. */
enum err layout_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			    struct errmsg *em) MUST_USE;
enum err layout_open_destination(const char *rest, const struct image_access *access, struct image_destination **out,
				 struct errmsg *em) MUST_USE;
