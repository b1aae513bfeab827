#pragma once
#include "image/path_set.h"
#include "image/tar.h"
#include "image/tree.h"

/* What folders get when all is in them: their mode, which might not let us fill them; the access that they hand on to
 * what is made in them (POSIX ACLs, acl(5), "Object creation and default ACLs"); and their times, which filling them
 * changes. Private to layer_apply.c and layer_merge.c. */

struct folders_due {
	struct folder_due *items;
	size_t count, cap;
	struct path_set paths; /* the number: the item's, from 1 */
};
void folders_due_clear(struct folders_due *d);

/* What an entry says about a folder that was just made, or was there; the last one counts. `fd` is the folder's. */
enum err folders_due_entry(struct folders_due *d, const char *path, int fd, const struct tar_entry *entry,
			   struct errmsg *em) MUST_USE;
/* A folder in which something is to change keeps what it has, unless it is due already; from now on it can be filled.
 * `unprivileged`: its mode may be in the way. */
enum err folders_due_keep(struct folders_due *d, const char *path, int fd, bool unprivileged,
			  struct errmsg *em) MUST_USE;
/* Whether the folder `fd` of that path is one that an entry spoke of. */
bool folders_due_named(const struct folders_due *d, const char *path, int fd);
/* What is due to the folder of that path goes to `fd`, another one, from now on. */
enum err folders_due_move(struct folders_due *d, const char *path, int fd, struct errmsg *em) MUST_USE;
/* Takes all of `from` over. Where both have a path what an entry said counts, else what was there first. */
enum err folders_due_join(struct folders_due *d, struct folders_due *from, struct errmsg *em) MUST_USE;
/* It is removed, with all below it: a folder that gets its name later is another one. */
void folders_due_forget(struct folders_due *d, const char *path);
/* Gives each what is due to it, unless something else has its name by now. */
enum err folders_due_settle(struct folders_due *d, struct tree *tree, struct errmsg *em) MUST_USE;
