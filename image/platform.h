#pragma once
#include "image/image.h"

/* Platforms in Go's words; image-spec "Image Index", member "platform". */

#define PLATFORM_TEXT_SIZE 128

/* Fills what is NULL in `asked` with this machine's. The result's strings are static or asked's. A variant is taken
 * from the machine only where the architecture is too. */
struct image_platform platform_resolve(const struct image_platform *asked);

/* "linux/arm64/v8", printable. */
void platform_text(const struct image_platform *p, char text[PLATFORM_TEXT_SIZE]);

/* *score: 0 where an index's entry does not fit; the better it fits, the larger. ERR_PARSE. */
enum err platform_match(json_object *descriptor, const struct image_platform *want, int *score,
			struct errmsg *em) MUST_USE;
