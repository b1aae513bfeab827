#include "image/layer_apply.h"

#include "image/entry_attributes.h"
#include "image/entry_contents.h"
#include "image/id_map.h"
#include "image/layer_merge.h"
#include "image/tree_stack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { CHUNK = 64 << 10 };

struct layer_apply {
	struct tree *tree;
	struct tree links; /* finds what hard links point to, so that the other keeps its place */
	const struct apply_options *options;
	struct path_set own; /* APPLY_OVER: what this layer brought (number 1), with all folders above (0) */
	char **whiteouts; /* APPLY_AHEAD */
	size_t whiteout_count, whiteout_cap;
	bool needs_lower;
	struct folders_due due;
	size_t left_out;
	uint8_t chunk[CHUNK];
};

static enum err own_add(struct layer_apply *a, const char *path, struct errmsg *em)
{
	AUTO_STR
	char *at = strdup(path);
	if (!at)
		return err_nomem(em, "paths");
	while (*at && !path_set_has(&a->own, at)) {
		enum err e = path_set_add(&a->own, at, em);
		if (e != OK)
			return e;
		char *slash = strrchr(at, '/');
		*(slash ? slash : at) = '\0';
	}
	size_t *brought = path_set_number(&a->own, path);
	if (brought)
		*brought = 1;
	return OK;
}

/* The folder in which `path` stands, `at`, stays what it is when something in it changes. */
static enum err folder_keep(struct layer_apply *a, const char *path, struct tree_place at, struct errmsg *em)
{
	size_t len = (size_t)(at.leaf - path);
	AUTO_STR
	char *folder = strndup(path, len > 0 ? len - 1 : 0);
	return folder ? folders_due_keep(&a->due, folder, at.folder, a->options->unprivileged, em)
		      : err_nomem(em, "a path");
}

static enum err lower_needed(struct layer_apply *a, struct errmsg *em)
{
	a->needs_lower = true;
	return err_set(em, ERR_NOT_FOUND, "it depends on the layers below");
}

/* --- whiteouts --------------------------------------------------------------------------------------------------- */

static enum err lower_remove(struct layer_apply *a, int folder, const char *path, struct errmsg *em);

static enum err lower_remove_one(struct layer_apply *a, struct tree_place at, const char *path, struct errmsg *em)
{
	struct stat st;
	bool folder = fstatat(at.folder, at.leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	const size_t *brought = path_set_number(&a->own, path);
	/* A link of a layer below that this layer only went through is not its own. */
	if (!brought || (!folder && *brought == 0)) {
		if (folder)
			folders_due_forget(&a->due, path);
		return tree_remove(at.folder, at.leaf, em);
	}
	if (!folder)
		return OK;
	int inside = openat(at.folder, at.leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inside < 0)
		return err_errno(em, ERR_IO, "%.200s", path);
	return lower_remove(a, inside, path, em);
}

/* All in the folder that this layer has not brought; takes the descriptor. */
static enum err lower_remove(struct layer_apply *a, int folder, const char *path, struct errmsg *em)
{
	DIR *dir = fdopendir(folder);
	enum err e = OK;
	if (!dir) {
		close(folder);
		return err_errno(em, ERR_IO, "%.200s", path);
	}
	for (const struct dirent *entry = readdir(dir); entry && e == OK; entry = readdir(dir)) {
		AUTO_STR
		char *below = NULL;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", entry->d_name) < 0) {
			below = NULL;
			e = err_nomem(em, "a path");
		} else {
			e = lower_remove_one(a, (struct tree_place){ dirfd(dir), entry->d_name }, below, em);
		}
	}
	closedir(dir);
	return e;
}

/* Of the tree, but for what this layer brought. */
static enum err whiteout_remove(struct layer_apply *a, const char *path, struct tree_place at, struct errmsg *em)
{
	size_t folder_len = (size_t)(at.leaf - path);
	AUTO_STR
	char *target = NULL;
	if (strcmp(at.leaf, WHITEOUT_OPAQUE) == 0) {
		target = strndup(path, folder_len ? folder_len - 1 : 0);
		int folder = openat(at.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (target && folder >= 0)
			return lower_remove(a, folder, target, em);
		if (folder >= 0)
			close(folder);
		return err_errno(em, ERR_IO, "%.200s", path);
	}
	if (asprintf(&target, "%.*s%s", (int)folder_len, path, at.leaf + strlen(WHITEOUT_PREFIX)) < 0) {
		target = NULL;
		return err_nomem(em, "a path");
	}
	at.leaf += strlen(WHITEOUT_PREFIX);
	return lower_remove_one(a, at, target, em);
}

/* A folder that is not there below has nothing to hide. */
static enum err whiteout_apply(struct layer_apply *a, const char *path, struct errmsg *em)
{
	struct tree_place at;
	struct errmsg missing = { "" };
	bool mark = false; /* overlayfs's form */
	enum err e = a->tree->stack ? tree_whiteout_needed(a->tree, path, &mark, em) : OK;
	if (e != OK)
		return e;
	e = tree_place(a->tree, path, mark, &at, &missing);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e != OK)
		return err_set(em, e, "%s", missing.text);
	e = folder_keep(a, path, at, em);
	if (e == OK)
		e = whiteout_remove(a, path, at, em);
	if (e == OK && mark)
		e = tree_whiteout_make(a->tree, path, at, em);
	tree_forget(a->tree);
	tree_forget(&a->links);
	return e;
}

/* What it hides is looked for when the layer is merged. Nothing of its own stands in the way meanwhile, or it is done
 * anew. */
static enum err whiteout_note(struct layer_apply *a, const char *path, struct errmsg *em)
{
	struct tree_place at;
	struct errmsg why = { "" };
	enum err e = tree_place(a->tree, path, false, &at, &why);
	if (e != OK && e != ERR_NOT_FOUND)
		return lower_needed(a, em);
	if (a->whiteout_count == a->whiteout_cap) {
		size_t cap = a->whiteout_cap ? a->whiteout_cap * 2 : 64;
		char **whiteouts = reallocarray(a->whiteouts, cap, sizeof *whiteouts);
		if (!whiteouts)
			return err_nomem(em, "whiteouts");
		a->whiteouts = whiteouts;
		a->whiteout_cap = cap;
	}
	a->whiteouts[a->whiteout_count] = strdup(path);
	if (!a->whiteouts[a->whiteout_count])
		return err_nomem(em, "whiteouts");
	a->whiteout_count++;
	return OK;
}

/* *done: it was one of theirs. */
static enum err whiteout_take(struct layer_apply *a, const char *path, bool *done, struct errmsg *em)
{
	const char *slash = strrchr(path, '/');
	const char *leaf = slash ? slash + 1 : path;
	*done = strncmp(leaf, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
	if (!*done)
		return OK;
	if (strcmp(leaf, WHITEOUT_PREFIX) == 0 || strcmp(leaf, ".wh..") == 0 || strcmp(leaf, ".wh...") == 0)
		return err_set(em, ERR_PARSE, "a whiteout of nothing");
	/* What AUFS kept for itself. */
	if (strncmp(leaf, ".wh..wh.", 8) == 0 && strcmp(leaf, WHITEOUT_OPAQUE) != 0)
		return OK;
	switch (a->options->place) {
	case APPLY_LOWEST:
		return OK;
	case APPLY_AHEAD:
		return whiteout_note(a, path, em);
	default:
		return whiteout_apply(a, path, em);
	}
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

static enum err file_make(struct layer_apply *a, const struct tar_entry *entry, struct tar *archive,
			  struct tree_place at, struct errmsg *em)
{
	int fd = openat(at.folder, at.leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(em, ERR_IO, "making it");
	enum err e = entry_contents_write(entry, archive, (struct stream_window){ a->chunk, sizeof a->chunk }, fd, em);
	if (e == OK)
		e = attributes_set(fd, entry, a->options->unprivileged, &a->left_out, em);
	if (close(fd) != 0 && e == OK)
		e = err_errno(em, ERR_IO, "writing");
	return e;
}

/* What the other name may be of, in whichever layer. */
static enum err stacked_link_make(struct layer_apply *a, const char *target, struct tree_place at, struct errmsg *em)
{
	AUTO_STACK_PLACE from = { .path = NULL };
	const struct layer_stack *stack = a->tree->stack;
	enum err e = stack_find(stack, target, false, &from, em);
	if (e != OK)
		return e == ERR_NOT_FOUND ? err_set(em, ERR_PARSE, "a hard link to what is not there") : e;
	if (linkat(stack->roots[from.layer], from.path, at.folder, at.leaf, 0) != 0)
		return err_errno(em, errno == EPERM ? ERR_PARSE : ERR_IO, "a hard link to %.200s", target);
	return OK;
}

static enum err hard_link_make(struct layer_apply *a, const struct tar_entry *entry, struct tree_place at,
			       struct errmsg *em)
{
	AUTO_STR
	char *target = NULL;
	struct tree_place from;
	enum err e = tree_path(entry->link, &target, em);
	if (e == OK && !*target)
		e = err_set(em, ERR_PARSE, "a hard link to the root");
	if (e != OK)
		return e;
	if (a->tree->stack)
		return stacked_link_make(a, target, at, em);
	e = tree_place(&a->links, target, false, &from, em);
	if (e != OK && a->options->place == APPLY_AHEAD)
		return lower_needed(a, em);
	if (e != OK)
		return e == ERR_NOT_FOUND ? err_set(em, ERR_PARSE, "a hard link to what is not there") : e;
	if (linkat(from.folder, from.leaf, at.folder, at.leaf, 0) == 0)
		return OK;
	if (errno == ENOENT && a->options->place == APPLY_AHEAD)
		return lower_needed(a, em);
	return err_errno(em, errno == ENOENT || errno == EPERM ? ERR_PARSE : ERR_IO, "a hard link to %.200s", target);
}

static enum err device_make(struct layer_apply *a, const struct tar_entry *entry, struct tree_place at,
			    struct errmsg *em)
{
	mode_t kind = entry->type == TAR_FIFO ? S_IFIFO : entry->type == TAR_CHAR ? S_IFCHR : S_IFBLK;
	/* That is overlayfs's whiteout: it would hide what lies below. */
	if (entry->type == TAR_CHAR && entry->major == 0 && entry->minor == 0)
		return err_set(em, ERR_PARSE, "a character device 0:0, which only overlay file systems may make");
	if (entry->type != TAR_FIFO && a->options->unprivileged) {
		a->left_out++;
		return OK;
	}
	if (mknodat(at.folder, at.leaf, kind | 0600, makedev(entry->major, entry->minor)) != 0) {
		if (errno != EPERM || id_map_is_whole())
			return err_errno(em, ERR_IO, "making a device%s",
					 errno == EPERM ? " (--unprivileged leaves them out)" : "");
		a->left_out++;
		return OK;
	}
	return attributes_set_at(at, entry, a->options->unprivileged, &a->left_out, em);
}

static enum err folder_make(struct layer_apply *a, const char *path, const struct tar_entry *entry,
			    struct tree_place at, struct errmsg *em)
{
	if (mkdirat(at.folder, at.leaf, 0700) != 0 && errno != EEXIST)
		return err_errno(em, ERR_IO, "making a folder");
	int fd = openat(at.folder, at.leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(em, ERR_IO, "opening a folder");
	attributes_drop(fd);
	enum err e = attributes_set(fd, entry, a->options->unprivileged, &a->left_out, em);
	/* Whoever unpacks must be able to fill it. */
	if (e == OK && fchmod(fd, (entry->mode & 0777) | 0700) != 0)
		e = err_errno(em, ERR_IO, "changing its mode");
	if (e == OK)
		e = folders_due_entry(&a->due, path, fd, entry, em);
	close(fd);
	return e;
}

/* A folder stays what it is where a folder comes upon it; all else makes room. */
static enum err room_make(struct layer_apply *a, const char *path, const struct tar_entry *entry, struct tree_place at,
			  struct errmsg *em)
{
	struct stat st;
	if (fstatat(at.folder, at.leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? OK : err_errno(em, ERR_IO, "looking at it");
	if (entry->type == TAR_DIRECTORY && S_ISDIR(st.st_mode))
		return OK;
	/* What hid a folder below hides it still, and the new folder must not show that it was there. */
	if (entry->type == TAR_DIRECTORY && a->options->place == APPLY_AHEAD)
		return lower_needed(a, em);
	if (S_ISDIR(st.st_mode))
		folders_due_forget(&a->due, path);
	enum err e = tree_remove(at.folder, at.leaf, em);
	if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
		tree_forget(&a->links);
	return e;
}

/* What is no folder hides what lies below in overlayfs's form; a folder in its place must not show it. */
static bool hides(const struct layer_apply *a, const struct tar_entry *entry, struct tree_place at)
{
	struct stat st;
	return a->tree->stack && entry->type == TAR_DIRECTORY &&
	       fstatat(at.folder, at.leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
}

static enum err folder_hide(struct layer_apply *a, struct tree_place at, struct errmsg *em)
{
	int fd = openat(at.folder, at.leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(em, ERR_IO, "opening a folder");
	enum err e = tree_stack_opaque(a->tree, fd, em);
	close(fd);
	return e;
}

static enum err entry_make(struct layer_apply *a, const char *path, const struct tar_entry *entry, struct tar *archive,
			   struct errmsg *em)
{
	struct tree_place at;
	bool hid = false;
	enum err e = tree_place(a->tree, path, true, &at, em);
	if (e == ERR_PARSE && a->options->place == APPLY_AHEAD)
		return lower_needed(a, em);
	if (e == OK)
		e = folder_keep(a, path, at, em);
	if (e == OK) {
		hid = hides(a, entry, at);
		e = room_make(a, path, entry, at, em);
	}
	if (e != OK)
		return e;
	switch (entry->type) {
	case TAR_FILE:
		return file_make(a, entry, archive, at, em);
	case TAR_HARD_LINK:
		return hard_link_make(a, entry, at, em);
	case TAR_SYMLINK:
		if (symlinkat(entry->link, at.folder, at.leaf) != 0)
			return err_errno(em, ERR_IO, "making a link");
		return attributes_set_at(at, entry, a->options->unprivileged, &a->left_out, em);
	case TAR_DIRECTORY:
		e = folder_make(a, path, entry, at, em);
		return e == OK && hid ? folder_hide(a, at, em) : e;
	default:
		return device_make(a, entry, at, em);
	}
}

/* The root itself. */
static enum err root_take(struct layer_apply *a, const struct tar_entry *entry, struct errmsg *em)
{
	if (entry->type != TAR_DIRECTORY)
		return err_set(em, ERR_PARSE, "the root is no folder");
	enum err e = attributes_set(a->tree->root, entry, a->options->unprivileged, &a->left_out, em);
	if (e == OK && fchmod(a->tree->root, 0700) != 0)
		e = err_errno(em, ERR_IO, "the root");
	return e == OK ? folders_due_entry(&a->due, "", a->tree->root, entry, em) : e;
}

enum err layer_apply_entry(struct layer_apply *a, const struct tar_entry *entry, struct tar *archive, struct errmsg *em)
{
	AUTO_STR
	char *path = NULL;
	bool done = false;
	enum err e = tree_path(entry->path, &path, em);
	if (e == OK && !*path) {
		e = root_take(a, entry, em);
		done = true;
	}
	if (e == OK && !done)
		e = whiteout_take(a, path, &done, em);
	if (e == OK && !done)
		e = entry_make(a, path, entry, archive, em);
	if (e == OK && !done && a->options->place == APPLY_OVER)
		e = own_add(a, path, em);
	return e == OK ? OK : err_wrap(em, e, "%.200s", entry->path);
}

enum err layer_apply_finish(struct layer_apply *a, struct errmsg *em)
{
	return folders_due_settle(&a->due, a->tree, em);
}

/* None of what they hide is looked for through links: a folder that this layer puts in a link's place would have to be
 * there already. */
static enum err whiteouts_check(struct layer_apply *a, struct tree *onto, struct errmsg *em)
{
	struct tree_place at;
	enum err e = OK;
	onto->no_links = true;
	for (size_t i = 0; i < a->whiteout_count && (e == OK || e == ERR_NOT_FOUND); i++)
		e = tree_place(onto, a->whiteouts[i], false, &at, em);
	onto->no_links = false;
	tree_forget(onto);
	if (e == ERR_PARSE)
		return lower_needed(a, em);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* Before anything of the layer's own is there. */
static enum err whiteouts_apply(struct layer_apply *a, struct tree *onto, struct errmsg *em)
{
	struct tree *own = a->tree;
	enum err e = OK;
	a->tree = onto;
	for (size_t i = 0; i < a->whiteout_count && e == OK; i++)
		e = whiteout_apply(a, a->whiteouts[i], em);
	a->tree = own;
	return e;
}

enum err layer_apply_merge(struct layer_apply *a, struct tree *onto, struct errmsg *em)
{
	struct folders_due own = a->due;
	struct merge m = { a->tree->root, onto, &own, &a->due, a->options->unprivileged };
	enum err e = whiteouts_check(a, onto, em);
	if (e != OK)
		return e;
	a->due = (struct folders_due){ .count = 0 }; /* of the folders below, from now on */
	e = whiteouts_apply(a, onto, em);
	if (e == OK)
		e = layer_merge(&m, em);
	if (e == OK)
		e = folders_due_join(&a->due, &own, em);
	folders_due_clear(&own);
	return e == OK ? folders_due_settle(&a->due, onto, em) : e;
}

bool layer_apply_needs_lower(const struct layer_apply *a)
{
	return a->needs_lower;
}

size_t layer_apply_left_out(const struct layer_apply *a)
{
	return a->left_out;
}

void layer_apply_free(struct layer_apply *a)
{
	if (!a)
		return;
	tree_close(&a->links);
	path_set_clear(&a->own);
	for (size_t i = 0; i < a->whiteout_count; i++)
		free(a->whiteouts[i]);
	free(a->whiteouts);
	folders_due_clear(&a->due);
	free(a);
}

enum err layer_apply_new(struct tree *tree, const struct apply_options *options, struct layer_apply **out,
			 struct errmsg *em)
{
	AUTO(layer_apply) *a = calloc(1, sizeof *a);
	if (!a)
		return err_set(em, ERR_NOMEM, "no memory to unpack");
	a->links.root = -1;
	a->links.parent = -1;
	a->tree = tree;
	a->options = options;
	int root = fcntl(tree->root, F_DUPFD_CLOEXEC, 3);
	if (root < 0)
		return err_errno(em, ERR_IO, "a root");
	enum err e = tree_open(root, &a->links, em);
	if (e != OK)
		return e;
	tree->no_links = a->links.no_links = options->place == APPLY_AHEAD;
	*out = steal(&a);
	return OK;
}
