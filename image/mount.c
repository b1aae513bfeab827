#include "common/json.h"
#include "image/beneath.h"
#include "image/layered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

enum { DESCRIPTION_MAX = 1 << 20 };

/* "N:...:1:0": the uppermost first. Names are numbers, so that as many as overlayfs takes are not half a page. */
static enum err lower_list(json_object *layers, struct buf *to, struct errmsg *em)
{
	long last = -1;
	char name[24];
	for (size_t i = json_object_array_length(layers); i-- > 0;) {
		const char *folder = NULL;
		json_object *one = json_object_array_get_idx(layers, i);
		enum err e = json_object_is_type(one, json_type_object) ? json_get_string(one, "folder", &folder, em)
									: err_set(em, ERR_PARSE, "layer %zu", i);
		if (e != OK)
			return e;
		char *end = NULL;
		long n = strtol(folder, &end, 10);
		snprintf(name, sizeof name, "%ld", n);
		if (n < 0 || n >= LAYERED_MAX || strcmp(name, folder) != 0 || (last >= 0 && n != last - 1))
			return err_set(em, ERR_PARSE, "folder \"%.40s\" is not the next", folder);
		if (e == OK)
			e = buf_append(to, bytes_str(last < 0 ? "lowerdir=" : ":"), 0, em);
		if (e == OK)
			e = buf_append(to, bytes_str(name), 0, em);
		if (e != OK)
			return e;
		last = n;
	}
	return last == 0 ? OK : err_set(em, ERR_PARSE, "no layers");
}

static enum err options_make(int folder, struct buf *to, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *all = NULL;
	json_object *layers = NULL;
	bool user_xattr = false;
	enum err e = beneath_read((struct beneath){ folder, LAYERED_FILE }, DESCRIPTION_MAX, &text, em);
	if (e == OK)
		e = json_parse(buf_bytes(&text), DESCRIPTION_MAX, JSON_STRICT, &all, em);
	if (e == OK)
		e = json_get_array_opt(all, "layers", &layers, em);
	if (e == OK)
		e = json_get_bool_opt(all, "userxattr", &user_xattr, em);
	if (e == OK && !layers)
		e = err_set(em, ERR_PARSE, "no layers");
	if (e == OK)
		e = lower_list(layers, to, em);
	if (e != OK)
		return err_wrap(em, e, LAYERED_FILE);
	static const char more[] = ",upperdir=../upper,workdir=../work";
	e = buf_append(to, bytes_str(more), 0, em);
	if (e == OK && user_xattr)
		e = buf_append(to, bytes_str(",userxattr"), 0, em);
	return e;
}

enum err image_mount(const char *path, struct errmsg *em)
{
	AUTO_BUF
	options = { 0 };
	AUTO_FD
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD
	int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD
	int layers = -1;
	if (folder < 0)
		return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", path);
	enum err e = options_make(folder, &options, em);
	if (e == OK)
		e = beneath_open((struct beneath){ folder, "layers" }, O_RDONLY | O_DIRECTORY, 0, &layers, em);
	const char *text = e == OK ? buf_cstr(&options) : NULL;
	if (e != OK)
		return err_wrap(em, e, "%s", path);
	if (!text)
		return err_set(em, ERR_NOMEM, "no memory");
	/* The kernel finds what has no slash before it from here. */
	if (before < 0 || fchdir(layers) != 0 || mount("overlay", "../rootfs", "overlay", 0, text) != 0)
		e = err_errno(em, errno == EPERM ? ERR_DENIED : ERR_IO, "mounting %s/rootfs", path);
	if (before >= 0 && fchdir(before) != 0 && e == OK)
		e = err_errno(em, ERR_IO, "the working folder");
	return e;
}
