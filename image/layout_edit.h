#pragma once
#include "image/layout.h"

/* An image of a layout whose manifest is changed in place. */
struct layout_edit;

/* "DIR[:TAG]" or "DIR:@N". Indexes are followed to the platform's image. */
enum err layout_edit_open(const char *rest, const struct image_platform *platform, struct layout_edit **out,
			  struct errmsg *em) MUST_USE;
/* The image's manifest as it was. Borrowed. */
const struct raw_manifest *layout_edit_manifest(const struct layout_edit *edit);
/* Writes the new manifest and new indexes above it, and lets the image's name mean them. ERR_BUSY: the name means
 * something else by now, or other writers are at it for a minute. digest_out: of what the name means. */
enum err layout_edit_commit(struct layout_edit *edit, const struct raw_manifest *manifest, char *digest_out,
			    struct errmsg *em) MUST_USE;
void layout_edit_free(struct layout_edit *edit);
AUTO_DEFINE(layout_edit)
