#pragma once
#include "common/bytes.h"
#include "image/layer_stack.h"

#include <sys/types.h>

/* A root file system that is being filled from hostile archives: no path of theirs leaves it. Folders on the way are
 * found by openat2() with RESOLVE_IN_ROOT, as the guest itself would find them; the last component is only ever handled
 * by its folder's descriptor and never followed. */

struct tree {
	int root;
	int parent; /* the folder that was used last, or -1 */
	char *parent_path;
	bool no_links; /* a link on the way is ERR_PARSE, and not followed */
	/* The tree is the uppermost of these layers, in overlayfs's form: paths lead where the mount would lead them,
	 * and folders on the way that are only lower are made here as they are there. NULL: it is all there is.
	 * Borrowed. */
	const struct layer_stack *stack;
};

enum err tree_open(int root, struct tree *out, struct errmsg *em) MUST_USE; /* takes the descriptor */
void tree_close(struct tree *t);
#define AUTO_TREE __attribute__((cleanup(tree_close))) struct tree

/* A path of an archive as components with single slashes between, without "." and without one before or behind; "" is
 * the root itself. malloc'd. ERR_PARSE: it holds "..". */
enum err tree_path(const char *path, char **out, struct errmsg *em) MUST_USE;

/* Where a normalised path, not "", stands: the descriptor of its folder, borrowed until the next call, and its last
 * component, within `path`. Folders that are missing are made where `make` says so (mode 0755, as tar does).
 * ERR_NOT_FOUND; ERR_PARSE: something on the way is no folder. */
struct tree_place {
	int folder;
	const char *leaf;
};
enum err tree_place(struct tree *t, const char *path, bool make, struct tree_place *out, struct errmsg *em) MUST_USE;
/* To be called when a folder or a link was removed or put in place: what was found before may be elsewhere now. */
void tree_forget(struct tree *t);

/* Opens a regular file of the tree for reading, links on the way and at its end followed as the image's own system
 * would; never blocks. *out: the caller's to close. ERR_NOT_FOUND; ERR_PARSE: it is no file, or its links go nowhere.
 */
enum err tree_open_file(const struct tree *t, const char *path, int *out, struct errmsg *em) MUST_USE;

/* Removes whatever is there under the name, with all below; nothing there is fine. Never leaves the folder's file
 * system by a link. */
enum err tree_remove(int folder, const char *name, struct errmsg *em) MUST_USE;
