#include "image/layered.h"

#include "common/json.h"
#include "image/entry_attributes.h"
#include "image/tree_stack.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

void layered_clear(struct layered *l)
{
	for (size_t i = 0; i < l->count && l->trees; i++)
		tree_close(&l->trees[i]);
	free(l->roots);
	free(l->stacks);
	free(l->trees);
	*l = (struct layered){ .count = 0 };
}

/* Who is not root, or root of a user namespace only, has no trusted attributes. */
static bool trusted(int folder)
{
	static const char name[] = "trusted.kbs-image";
	return fsetxattr(folder, name, "", 0, 0) == 0 && fremovexattr(folder, name) == 0;
}

static enum err inner_make(int around, const char *name, int *out, struct errmsg *em)
{
	if (mkdirat(around, name, 0755) != 0)
		return err_errno(em, ERR_IO, "making %s", name);
	*out = openat(around, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out < 0)
		return err_errno(em, ERR_IO, "making %s", name);
	/* What the folder around hands on is not the image's. */
	attributes_drop(*out);
	if (fchmod(*out, 0755) == 0)
		return OK;
	close(*out);
	return err_errno(em, ERR_IO, "making %s", name);
}

static enum err tree_add(struct layered *l, int around, bool unprivileged, struct errmsg *em)
{
	size_t n = l->count;
	char name[24];
	int root = -1;
	snprintf(name, sizeof name, "%zu", n);
	enum err e = inner_make(around, name, &root, em);
	if (e == OK)
		e = tree_open(root, &l->trees[n], em);
	if (e != OK)
		return e;
	l->roots[n] = root;
	l->stacks[n] = (struct layer_stack){ l->roots, n + 1, l->user_xattr, unprivileged };
	l->trees[n].stack = &l->stacks[n];
	l->count++;
	return OK;
}

enum err layered_make(int folder, size_t layers, bool unprivileged, struct layered *out, struct errmsg *em)
{
	int around = -1;
	if (layers == 0 || layers > LAYERED_MAX)
		return err_set(em, ERR_UNSUPPORTED, "an image of %zu layers: overlayfs takes 1 to %d", layers,
			       LAYERED_MAX);
	*out = (struct layered){
		.roots = calloc(layers, sizeof(*out->roots)),
		.stacks = calloc(layers, sizeof(*out->stacks)),
		.trees = calloc(layers, sizeof(*out->trees)),
		.user_xattr = unprivileged || !trusted(folder),
	};
	if (!out->roots || !out->stacks || !out->trees)
		return err_nomem(em, "layers");
	enum err e = inner_make(folder, "layers", &around, em);
	while (e == OK && out->count < layers)
		e = tree_add(out, around, unprivileged, em);
	if (around >= 0)
		close(around);
	return e;
}

/* The root of one tree as another's. */
static enum err root_dress(int root, int as, bool unprivileged, struct errmsg *em)
{
	struct stat st;
	enum err e = attributes_take(root, as, unprivileged, em);
	if (e == OK && (fstat(as, &st) != 0 || fchmod(root, st.st_mode & 07777) != 0 ||
			futimens(root, (struct timespec[]){ st.st_atim, st.st_mtim }) != 0))
		e = err_errno(em, ERR_IO, "the root");
	return e;
}

enum err layered_tree(const struct layered *l, size_t n, struct tree **out, struct errmsg *em)
{
	*out = &l->trees[n];
	return n > 0 ? root_dress(l->roots[n], l->roots[n - 1], l->stacks[n].unprivileged, em) : OK;
}

static enum err description_write(const struct layered *l, int folder, const struct manifest *m,
				  const char *const *diff_ids, struct errmsg *em)
{
	AUTO_OF(json_object) *all = json_object_new_object();
	json_object *list = json_object_new_array();
	bool good = json_add(all, "layers", list) && json_add(all, "userxattr", json_object_new_boolean(l->user_xattr));
	for (size_t i = 0; i < m->layer_count && good; i++) {
		json_object *one = json_object_new_object();
		char name[24];
		snprintf(name, sizeof name, "%zu", i);
		good = json_add(list, NULL, one) && json_add_text(one, "folder", name) &&
		       json_add_text(one, "digest", m->layers[i].digest) && json_add_text(one, "diffID", diff_ids[i]);
	}
	AUTO_STR
	char *text = good ? json_text(all) : NULL;
	return text ? unpack_text_add(folder, LAYERED_FILE, text, em) : err_set(em, ERR_NOMEM, "no memory");
}

enum err layered_finish(const struct layered *l, int folder, const struct manifest *m, const char *const *diff_ids,
			struct errmsg *em)
{
	static const char *const names[] = { "rootfs", "upper", "work" };
	enum err e = description_write(l, folder, m, diff_ids, em);
	for (size_t i = 0; i < ARRAY_LEN(names) && e == OK; i++) {
		AUTO_FD
		int made = -1;
		e = inner_make(folder, names[i], &made, em);
		/* The root of the mount is the uppermost one's. */
		if (e == OK && strcmp(names[i], "upper") == 0)
			e = root_dress(made, l->roots[l->count - 1], l->stacks[0].unprivileged, em);
	}
	return e;
}
