#pragma once
#include "common/bytes.h"

#include <sys/stat.h>
#include <sys/types.h>

/* Layers in folders of their own, as overlayfs takes them, seen as one tree: Documentation/filesystems/overlayfs.rst,
 * "Upper and Lower", "whiteouts and opaque directories". Only read; nobody else changes them meanwhile. */

struct layer_stack {
	const int *roots; /* the lowest first */
	size_t count;
	bool user_xattr; /* attributes user.overlay.*, for mounts with "userxattr", in place of trusted.overlay.* */
	bool unprivileged; /* all belongs to the caller */
};

struct stack_place {
	char *path; /* without links, "." and ".."; "" is the root */
	size_t layer; /* the uppermost that has it */
	struct stat st;
	size_t *live; /* of a folder: the layers whose contents show in it, the uppermost first */
	size_t live_count;
};
void stack_place_clear(struct stack_place *p);
#define AUTO_STACK_PLACE __attribute__((cleanup(stack_place_clear))) struct stack_place

/* What a process that has the mount for its root would find. `follow`: a link at the end, too. ERR_NOT_FOUND;
 * ERR_PARSE: something on the way is no folder, or links lead on without end. */
enum err stack_find(const struct layer_stack *s, const char *path, bool follow, struct stack_place *out,
		    struct errmsg *em) MUST_USE;
/* Whether the layers below the uppermost show something under this name in a folder that was found. */
bool stack_shows_below(const struct layer_stack *s, const struct stack_place *folder, const char *leaf);

static inline bool stack_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}
const char *stack_opaque_name(const struct layer_stack *s);
