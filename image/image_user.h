#pragma once
#include "image/tree.h"

/* Who an image's "User" is: image-spec, "Image Configuration", config.User. */

enum { IMAGE_GROUPS_MAX = 64 };

struct image_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[IMAGE_GROUPS_MAX]; /* further ones: of a user without a ":group" behind it */
	size_t group_count;
};

/* `text`: "user", "uid", "user:group", ... or "", which is root. Names are looked up in the tree's own /etc/passwd and
 * /etc/group, and come before numbers, as Docker has it. ERR_PARSE: no such name, or no number either. */
enum err image_user_resolve(const struct tree *tree, const char *text, struct image_user *out,
			    struct errmsg *em) MUST_USE;
