#include "image/layer_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS_MAX = 40, UPWARDS_MAX = 255 }; /* path_resolution(7); the second bounds what a link may make us do */

/* One walk from the root on. */
struct walk {
	const struct layer_stack *stack;
	char path[PATH_MAX]; /* so far, without links */
	size_t len;
	size_t layer;
	struct stat st;
	size_t *live;
	size_t live_count;
};

void stack_place_clear(struct stack_place *p)
{
	free(p->path);
	free(p->live);
	*p = (struct stack_place){ .path = NULL };
}

const char *stack_opaque_name(const struct layer_stack *s)
{
	return s->user_xattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
}

static bool opaque(const struct layer_stack *s, size_t layer, const char *path)
{
	char full[PATH_MAX + 64];
	char value = 0;
	snprintf(full, sizeof full, "/proc/self/fd/%d/%s", s->roots[layer], path);
	return lgetxattr(full, stack_opaque_name(s), &value, 1) == 1 && value == 'y';
}

static enum err walk_begin(struct walk *w, struct errmsg *em)
{
	size_t count = w->stack->count;
	w->len = 0;
	w->path[0] = '\0';
	w->layer = count - 1;
	w->live_count = count;
	if (!w->live)
		w->live = calloc(count, sizeof(*w->live));
	if (!w->live)
		return err_nomem(em, "layers");
	for (size_t i = 0; i < count; i++)
		w->live[i] = count - 1 - i;
	return fstat(w->stack->roots[w->layer], &w->st) == 0 ? OK : err_errno(em, ERR_IO, "a layer");
}

/* One name further: w->st is of what is there. Each layer that the folder shows in is asked, from the uppermost down,
 * until one hides the rest. */
static enum err walk_step(struct walk *w, struct bytes name, struct errmsg *em)
{
	const struct layer_stack *s = w->stack;
	size_t kept = 0;
	if (w->len + name.len + 2 > sizeof w->path)
		return err_set(em, ERR_LIMIT, "a path of more than %d bytes", PATH_MAX);
	if (w->len > 0)
		w->path[w->len++] = '/';
	memcpy(w->path + w->len, name.data, name.len);
	w->len += name.len;
	w->path[w->len] = '\0';
	for (size_t i = 0; i < w->live_count; i++) {
		struct stat st;
		size_t layer = w->live[i];
		/* No link is on the way: each name of it was a folder in this layer. */
		if (fstatat(s->roots[layer], w->path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			if (errno != ENOENT)
				return err_errno(em, ERR_IO, "%.200s", w->path);
			continue;
		}
		if (stack_is_whiteout(&st) || (kept > 0 && !S_ISDIR(st.st_mode)))
			break;
		if (kept == 0) {
			w->st = st;
			w->layer = layer;
		}
		w->live[kept++] = layer;
		if (!S_ISDIR(st.st_mode) || (i + 1 < w->live_count && opaque(s, layer, w->path)))
			break;
	}
	w->live_count = kept;
	return kept > 0 ? OK : err_set(em, ERR_NOT_FOUND, "%.200s is not there", w->path);
}

/* What is to be walked instead: from the root, or from where the link stands, through the link to the rest. */
static enum err link_expand(struct walk *w, const char *rest, char **out, struct errmsg *em)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(w->stack->roots[w->layer], w->path, target, sizeof target - 1);
	if (len < 0)
		return err_errno(em, ERR_IO, "%.200s", w->path);
	target[len] = '\0';
	char *slash = strrchr(w->path, '/');
	*(slash ? slash : w->path) = '\0';
	if (asprintf(out, "%s/%s/%s", target[0] == '/' ? "" : w->path, target, rest) < 0) {
		*out = NULL;
		return err_nomem(em, "a path");
	}
	return OK;
}

static enum err upwards_expand(struct walk *w, const char *rest, char **out, struct errmsg *em)
{
	char *slash = strrchr(w->path, '/');
	*(slash ? slash : w->path) = '\0';
	if (asprintf(out, "%s/%s", w->path, rest) < 0) {
		*out = NULL;
		return err_nomem(em, "a path");
	}
	return OK;
}

/* Walks on until the end, or until *anew says what to walk from the root instead. */
static enum err walk_on(struct walk *w, const char *path, bool follow, char **anew, struct errmsg *em)
{
	enum err e = walk_begin(w, em);
	while (e == OK) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");
		const char *rest = path + len + strspn(path + len, "/");
		if (len == 0)
			return OK;
		if (!S_ISDIR(w->st.st_mode))
			return err_set(em, ERR_PARSE, "%.200s is no folder", w->path);
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return upwards_expand(w, rest, anew, em);
		if (!(len == 1 && path[0] == '.'))
			e = walk_step(w, (struct bytes){ (const uint8_t *)path, len }, em);
		if (e == OK && S_ISLNK(w->st.st_mode) && (*rest || path[len] == '/' || follow))
			return link_expand(w, rest, anew, em);
		path = rest;
	}
	return e;
}

static enum err find(struct walk *w, const char *path, bool follow, struct errmsg *em)
{
	AUTO_STR
	char *at = strdup(path);
	unsigned links = 0;
	unsigned upwards = 0;
	if (!at)
		return err_nomem(em, "a path");
	for (;;) {
		char *anew = NULL;
		enum err e = walk_on(w, at, follow, &anew, em);
		if (e != OK || !anew)
			return e;
		free(at);
		at = anew;
		unsigned *count = S_ISLNK(w->st.st_mode) ? &links : &upwards;
		if (++*count > (count == &links ? LINKS_MAX : UPWARDS_MAX))
			return err_set(em, ERR_PARSE, "%.200s: links without end", path);
	}
}

enum err stack_find(const struct layer_stack *s, const char *path, bool follow, struct stack_place *out,
		    struct errmsg *em)
{
	struct walk *w = calloc(1, sizeof *w);
	*out = (struct stack_place){ .path = NULL };
	if (!w)
		return err_nomem(em, "layers");
	w->stack = s;
	enum err e = find(w, path, follow, em);
	if (e == OK) {
		*out = (struct stack_place){ strdup(w->path), w->layer, w->st, w->live, w->live_count };
		w->live = NULL;
		if (!out->path)
			e = err_nomem(em, "a path");
	}
	if (e != OK)
		stack_place_clear(out);
	free(w->live);
	free(w);
	return e;
}

bool stack_shows_below(const struct layer_stack *s, const struct stack_place *folder, const char *leaf)
{
	char path[PATH_MAX + 256];
	struct stat st;
	snprintf(path, sizeof path, "%s%s%s", folder->path, *folder->path ? "/" : "", leaf);
	for (size_t i = 0; i < folder->live_count; i++)
		if (folder->live[i] != s->count - 1 &&
		    fstatat(s->roots[folder->live[i]], path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return !stack_is_whiteout(&st);
	return false;
}
