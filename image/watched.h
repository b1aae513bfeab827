#pragma once
#include "common/stream.h"
#include "image/image.h"

/* Who watches what is read of an image: as in image_copy_options. */
struct watch {
	void (*progress)(void *user, const struct image_progress *p);
	void *progress_user;
	bool (*interrupted)(void *user);
	void *interrupted_user;
};

bool watch_interrupted(const struct watch *w);
void watch_tell(const struct watch *w, const struct image_progress *p);

/* Counts what is read of `inner`, tells of it, and asks before each read whether to go on: ERR_IO where not. Owns
 * inner, also on failure; borrows the watch. progress: where to count from; NULL: not told of. */
enum err watched_stream(struct stream *inner, const struct watch *watch, const struct image_progress *progress,
			struct stream **out, struct errmsg *em) MUST_USE;
