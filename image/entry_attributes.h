#pragma once
#include "image/tar.h"
#include "image/tree.h"

/* Owner, extended attributes, mode and times of an entry, in the order in which none undoes another: chown takes
 * set-user-ID bits and capabilities away. Private to what unpacks. */

/* A folder gets it last of all: what is made in it takes it over. */
#define DEFAULT_ACL "system.posix_acl_default"

/* Of an open file or folder, the latter's DEFAULT_ACL left out. Unprivileged: what the kernel does not allow is counted
 * in *left_out. */
enum err attributes_set(int fd, const struct tar_entry *entry, bool unprivileged, size_t *left_out,
			struct errmsg *em) MUST_USE;
/* Of a link, a device or a FIFO, which is never opened. */
enum err attributes_set_at(struct tree_place at, const struct tar_entry *entry, bool unprivileged, size_t *left_out,
			   struct errmsg *em) MUST_USE;
/* Owner and extended attributes of the folder `from` in place of what `fd` had; mode, times and DEFAULT_ACL come later.
 */
enum err attributes_take(int fd, int from, bool unprivileged, struct errmsg *em) MUST_USE;
/* Takes the extended attributes of a folder away that gets others. */
void attributes_drop(int fd);
