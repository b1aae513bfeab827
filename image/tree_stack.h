#pragma once
#include "image/tree.h"

/* Trees that are the uppermost of several layers. Private to tree.c and layer_apply.c's whiteouts. */

/* mkdir with mode 0755; `parent` keeps its times. -1 and errno. */
int tree_folder_add(int parent, const char *leaf);

/* The folder in the uppermost layer, made there, as are those above it, where `make` says so. ERR_NOT_FOUND; ERR_PARSE:
 * something on the way is no folder. */
enum err tree_stack_folder(const struct tree *t, const char *path, bool make, int *out, struct errmsg *em) MUST_USE;
/* Hides all that the layers below have in it. `fd`: a folder of the uppermost one. Nothing in it may hide anything:
 * overlayfs would show that. */
enum err tree_stack_opaque(const struct tree *t, int fd, struct errmsg *em) MUST_USE;
enum err tree_stack_open_file(const struct tree *t, const char *path, int *out, struct errmsg *em) MUST_USE;

/* Whiteouts in overlayfs's form: character devices 0:0, and an attribute of folders. `path` is the archive's,
 * ".wh.NAME" or ".wh..wh..opq" its last component; what is under the name in the uppermost layer is its own and stays.
 * *needed: something is there to be hidden. */
#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
enum err tree_whiteout_needed(const struct tree *t, const char *path, bool *needed, struct errmsg *em) MUST_USE;
/* `at`: where tree_place() says that `path` stands. */
enum err tree_whiteout_make(const struct tree *t, const char *path, struct tree_place at, struct errmsg *em) MUST_USE;
