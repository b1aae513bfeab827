#include "image/store.h"

#include "common/file.h"
#include "image/layout_write.h"
#include "image/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define MARK "kbs-image-store"
#define LOCK_WAIT_MS 60000

static enum err usual_path(char **out, struct errmsg *em)
{
	const char *data = secure_getenv("XDG_DATA_HOME");
	const char *home = secure_getenv("HOME");
	int n;
	if (geteuid() == 0)
		n = asprintf(out, "/var/lib/kbs-image");
	else if (data && data[0] == '/')
		n = asprintf(out, "%s/kbs-image", data);
	else if (home && home[0] == '/')
		n = asprintf(out, "%s/.local/share/kbs-image", home);
	else
		return err_set(em, ERR_CONFIG, "where is the store? There is no HOME: name one with --store");
	if (n >= 0)
		return OK;
	*out = NULL;
	return err_nomem(em, "a path");
}

static enum err mark_read(const struct store *s, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *root = NULL;
	int64_t version = 0;
	enum err e = store_file_read(s, MARK, &text, em);
	if (e == ERR_NOT_FOUND)
		return err_set(em, e, "no store of images there");
	if (e == OK)
		e = json_parse(buf_bytes(&text), STORE_FILE_MAX, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e == OK)
		e = json_get_int_opt(root, "version", 0, INT32_MAX, &version, em);
	if (e == OK && version != 1)
		e = err_set(em, ERR_UNSUPPORTED, "stores of version %lld", (long long)version);
	return e == OK ? OK : err_wrap(em, e, MARK);
}

static enum err name_found(void *ctx, const char *name, struct errmsg *em)
{
	(void)ctx;
	/* Another may have made a store of it just now: the mark comes first. */
	return strcmp(name, MARK) == 0 ? OK
				       : err_set(em, ERR_EXISTS, "the folder is not empty, and no store of images");
}

/* Of an empty folder. */
static enum err mark_put(const struct store *s, struct errmsg *em)
{
	AUTO_STAGED file = { .fd = -1 };
	enum err e = store_each(s, ".", name_found, NULL, em);
	if (e == OK && fchmod(s->dir, 0700) != 0)
		e = err_errno(em, ERR_IO, "keeping others out");
	if (e == OK)
		e = staged_contents(s->dir, bytes_str("{\"version\":1}\n"), &file, em);
	if (e == OK)
		e = staged_publish(&file, (struct beneath){ s->dir, MARK }, false, em);
	return e;
}

static enum err folders_make(const struct store *s, struct errmsg *em)
{
	static const char *const names[] = { "images", "layers", "layers/sha256", "layers/sha384", "layers/sha512" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (mkdirat(s->dir, names[i], 0700) != 0 && errno != EEXIST)
			return err_errno(em, ERR_IO, "making %s", names[i]);
	/* Onto the disk; the store's own folder follows with the first file. */
	return beneath_sync((struct beneath){ s->dir, "layers" }, em);
}

/* What killed writers left: beside the store's folders, and in them. */
static enum err remains_remove(const struct store *s, struct errmsg *em)
{
	static const char *const names[] = { "images",       "layers/sha256", "layers/sha384", "layers/sha512",
					     "blobs/sha256", "blobs/sha384",  "blobs/sha512" };
	enum err e = staged_sweep(s->dir, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(names); i++) {
		AUTO_FD
		int folder = -1;
		e = beneath_open((struct beneath){ s->dir, names[i] }, O_RDONLY | O_DIRECTORY, 0, &folder, em);
		if (e == OK)
			e = staged_sweep(folder, em);
		else if (e == ERR_NOT_FOUND)
			e = OK;
	}
	return e;
}

static enum err folder_open(struct store *s, enum store_use use, struct errmsg *em)
{
	struct made_folders made = { .path = NULL };
	enum err e = use == STORE_FILL ? made_folders_make(s->path, &made, em) : OK;
	made_folders_clear(&made);
	if (e != OK)
		return e;
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "no store of images there");
	return file_check_trusted(s->dir, "the folder", em);
}

static enum err store_prepare(struct store *s, enum store_use use, struct errmsg *em)
{
	const struct lock_wait wait = { .deadline = deadline_in_ms(LOCK_WAIT_MS) };
	enum err e = folder_open(s, use, em);
	if (e == OK)
		e = lock_take(s->dir, use == STORE_CLEAR ? LOCK_ALONE : LOCK_WITH_OTHERS, wait, "the store", em);
	if (e != OK)
		return e;
	e = mark_read(s, em);
	if (e == ERR_NOT_FOUND && use == STORE_FILL) {
		e = mark_put(s, em);
		/* Another may have made a store of it just now: the mark comes first. */
		if (e == ERR_EXISTS && mark_read(s, NULL) == OK)
			e = OK;
	}
	if (e == OK && use == STORE_FILL)
		e = folders_make(s, em);
	return e == OK ? remains_remove(s, em) : e;
}

enum err store_open(const char *path, enum store_use use, struct store *out, struct errmsg *em)
{
	*out = (struct store){ .dir = -1 };
	enum err e = OK;
	if (!path)
		e = usual_path(&out->path, em);
	else if (!(out->path = strdup(path)))
		e = err_nomem(em, "a path");
	if (e != OK)
		return e;
	e = store_prepare(out, use, em);
	if (e == OK)
		return OK;
	err_wrap(em, e, "store %s", out->path);
	store_close(out);
	return e;
}

void store_close(struct store *s)
{
	if (s->dir >= 0)
		close(s->dir);
	free(s->path);
	*s = (struct store){ .dir = -1 };
}

enum err store_share(const struct store *s, struct store *out, struct errmsg *em)
{
	*out = (struct store){ fcntl(s->dir, F_DUPFD_CLOEXEC, 3), strdup(s->path) };
	return out->dir >= 0 && out->path ? OK : err_nomem(em, "a store");
}

enum err store_blob_put(const struct store *s, struct staged *blob, struct errmsg *em)
{
	struct journal j = { .dir = s->dir };
	enum err e = layout_blob_publish(&j, blob, em);
	/* What is good stays, whatever becomes of the rest. */
	journal_clear(&j);
	return e;
}

json_object *store_descriptor(const char *media_type, const struct blob_id *id)
{
	AUTO_OF(json_object) *made = json_object_new_object();
	return json_add_text(made, "mediaType", media_type) && json_add_text(made, "digest", id->digest) &&
			       json_add(made, "size", json_object_new_int64(id->size))
		       ? steal(&made)
		       : NULL;
}

enum err store_text_put(const struct store *s, const struct store_text *what, json_object **out, struct errmsg *em)
{
	AUTO_STAGED blob = { .fd = -1 };
	enum err e = staged_contents(s->dir, what->text, &blob, em);
	blob.id.size = (int64_t)what->text.len;
	if (e == OK && what->digest)
		snprintf(blob.id.digest, sizeof blob.id.digest, "%s", what->digest);
	else if (e == OK)
		e = digest_of(what->text, blob.id.digest, em);
	if (e == OK)
		e = store_blob_put(s, &blob, em);
	if (e != OK || !out)
		return e;
	*out = store_descriptor(what->media_type, &blob.id);
	return *out ? OK : err_nomem(em, "a descriptor");
}

enum err store_file_put(const struct store *s, const char *path, json_object *contents, struct errmsg *em)
{
	AUTO_STAGED file = { .fd = -1 };
	AUTO_STR
	char *text = json_text(contents);
	AUTO_STR
	char *folder = strdup(path);
	if (!text || !folder)
		return err_nomem(em, "a file of the store");
	*strrchr(folder, '/') = '\0';
	enum err e = layout_sync(s->dir, em);
	if (e == OK)
		e = staged_contents(s->dir, bytes_str(text), &file, em);
	if (e == OK)
		e = staged_publish(&file, (struct beneath){ s->dir, path }, true, em);
	return e == OK ? beneath_sync((struct beneath){ s->dir, folder }, em) : e;
}

enum err store_file_read(const struct store *s, const char *path, struct buf *out, struct errmsg *em)
{
	return beneath_read((struct beneath){ s->dir, path }, STORE_FILE_MAX, out, em);
}

/* The folder itself and what is staged; in the store's own folders also what file systems hide there. */
static bool passed_over(const char *name, bool own)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || staged_name(name) || (own && name[0] == '.');
}

enum err store_each(const struct store *s, const char *folder,
		    enum err (*take)(void *ctx, const char *name, struct errmsg *em), void *ctx, struct errmsg *em)
{
	int fd = -1;
	enum err e = OK;
	bool own = strcmp(folder, ".") != 0;
	if (!own)
		fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		e = beneath_open((struct beneath){ s->dir, folder }, O_RDONLY | O_DIRECTORY, 0, &fd, em);
	if (e != OK)
		return e == ERR_NOT_FOUND ? OK : e;
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	if (!list) {
		if (fd >= 0)
			close(fd);
		return err_errno(em, ERR_IO, "listing %s", folder);
	}
	for (const struct dirent *entry = readdir(list); entry && e == OK; entry = readdir(list))
		if (!passed_over(entry->d_name, own))
			e = take(ctx, entry->d_name, em);
	closedir(list);
	return e;
}
