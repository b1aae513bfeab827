#include "image/archive.h"

#include "image/tar.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Longer names are none that anybody looks for; together they bound what an archive makes us remember. */
enum { NAME_LEN_MAX = 255, MEMBERS_MAX = 1 << 16 };

struct member {
	char *name; /* tree_path() */
	char *link; /* of links, as it stands there; else NULL */
	enum tar_type type;
	bool sparse;
	struct file_part file;
};

struct archive {
	int fd;
	struct member *members;
	size_t count, cap;
};

/* The archive from its beginning, for the reader of headers. */
struct walk {
	int fd;
	int64_t at, end;
	int64_t unread; /* what comes before this place are contents, that nobody looks at now: they are not read */
};

static enum err walk_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct walk *w = ctx;
	enum err e = OK;
	*got = 0;
	if (w->at >= w->end)
		return OK;
	if (w->at < w->unread) {
		int64_t left = (w->unread < w->end ? w->unread : w->end) - w->at;
		*got = (int64_t)to.len < left ? to.len : (size_t)left;
		memset(to.data, 0, *got);
	} else {
		e = file_part_read(w->fd, w->at, to, got, em);
	}
	w->at += (int64_t)*got;
	return e;
}

static void walk_free(void *ctx)
{
	(void)ctx; /* whoever walks has it */
}

static enum err member_keep(struct archive *a, const struct tar_entry *entry, int64_t at, struct errmsg *em)
{
	AUTO_STR
	char *name = NULL;
	enum err e = tree_path(entry->path, &name, em);
	if (e != OK || strlen(name) > NAME_LEN_MAX)
		return e;
	if (a->count == MEMBERS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d files in it", MEMBERS_MAX);
	if (a->count == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 64;
		struct member *grown = reallocarray(a->members, cap, sizeof(*grown));
		if (!grown)
			return err_set(em, ERR_NOMEM, "no memory for an archive's names");
		a->members = grown;
		a->cap = cap;
	}
	struct member *m = &a->members[a->count];
	*m = (struct member){ .type = entry->type, .sparse = entry->sparse, .file = { at, entry->size } };
	if (entry->link && strlen(entry->link) <= NAME_LEN_MAX) {
		m->link = strdup(entry->link);
		if (!m->link)
			return err_set(em, ERR_NOMEM, "no memory for an archive's names");
	}
	m->name = steal(&name);
	a->count++;
	return OK;
}

static enum err members_read(struct archive *a, struct walk *w, struct errmsg *em)
{
	static const struct stream_ops ops = { walk_read, walk_free };
	AUTO(tar) *tar = NULL;
	struct stream *from = NULL;
	const struct tar_entry *entry = NULL;
	enum err e = stream_new(&ops, w, &from, em);
	if (e == OK)
		e = tar_open(from, &tar, em);
	while (e == OK && (e = tar_next(tar, &entry, em)) == OK && entry) {
		int64_t size = entry->type == TAR_FILE ? entry->stored : 0;
		if (size > w->end - w->at)
			return err_set(em, ERR_PARSE, "%.200s: the archive is cut short", entry->path);
		w->unread = w->at + size;
		e = member_keep(a, entry, w->at, em);
		if (e != OK)
			return err_wrap(em, e, "%.200s", entry->path);
	}
	return e;
}

/* What gzip, bzip2, xz and zstd begin with. */
static bool compressed(struct bytes begin)
{
	static const struct {
		uint8_t bytes[6];
		size_t len;
	} magic[] = { { { 0x1f, 0x8b }, 2 },
		      { { 'B', 'Z', 'h' }, 3 },
		      { { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6 },
		      { { 0x28, 0xb5, 0x2f, 0xfd }, 4 } };
	for (size_t i = 0; i < ARRAY_LEN(magic); i++)
		if (begin.len >= magic[i].len && memcmp(begin.data, magic[i].bytes, magic[i].len) == 0)
			return true;
	return false;
}

static enum err file_open(struct archive *a, const char *path, struct walk *w, struct errmsg *em)
{
	struct stat st;
	uint8_t begin[6] = { 0 };
	size_t got = 0;
	a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (a->fd < 0)
		return err_errno(em, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s", path);
	if (fstat(a->fd, &st) != 0)
		return err_errno(em, ERR_IO, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(em, ERR_IO, "%s: not a regular file", path);
	enum err e = file_part_read(a->fd, 0, (struct stream_window){ begin, sizeof(begin) }, &got, em);
	if (e == OK && got == 0)
		e = err_set(em, ERR_PARSE, "the file is empty");
	if (e == OK && compressed((struct bytes){ begin, got }))
		e = err_set(em, ERR_UNSUPPORTED,
			    "the archive is compressed as a whole, and is read where it lies: decompress it first");
	*w = (struct walk){ .fd = a->fd, .end = st.st_size };
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

enum err archive_open(const char *path, struct archive **out, struct errmsg *em)
{
	struct walk w;
	AUTO(archive) *a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(em, ERR_NOMEM, "no memory for an archive");
	enum err e = file_open(a, path, &w, em);
	if (e != OK)
		return e;
	e = members_read(a, &w, em);
	if (e != OK)
		return err_wrap(em, e, "%s", path);
	*out = steal(&a);
	return OK;
}

void archive_free(struct archive *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++) {
		free(a->members[i].name);
		free(a->members[i].link);
	}
	free(a->members);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

static enum err member_find(const struct archive *a, const char *name, const struct member **out, struct errmsg *em)
{
	*out = NULL;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->members[i].name, name) != 0)
			continue;
		if (*out)
			return err_set(em, ERR_PARSE, "%s is in the archive more than once", name);
		*out = &a->members[i];
	}
	return *out ? OK : err_set(em, ERR_NOT_FOUND, "no %s in the archive", name);
}

/* The name that a symbolic link means: its text, taken from its own folder. malloc'd. */
static enum err link_target(const struct member *m, char **out, struct errmsg *em)
{
	AUTO_STR
	char *joined = NULL;
	const char *text = m->link;
	size_t folder = 0;
	if (!text || text[0] == '/')
		return err_set(em, ERR_PARSE, "%s: a link that leads out of the archive", m->name);
	if (m->type == TAR_HARD_LINK)
		return tree_path(text, out, em);
	const char *slash = strrchr(m->name, '/');
	folder = slash ? (size_t)(slash - m->name) : 0;
	while (strncmp(text, "../", 3) == 0) {
		if (folder == 0)
			return err_set(em, ERR_PARSE, "%s: a link that leads out of the archive", m->name);
		do
			folder--;
		while (folder > 0 && m->name[folder] != '/');
		text += 3;
	}
	if (asprintf(&joined, "%.*s/%s", (int)folder, m->name, text) < 0) {
		joined = NULL;
		return err_set(em, ERR_NOMEM, "no memory for a path");
	}
	return tree_path(joined, out, em);
}

enum err archive_find(const struct archive *a, const char *name, enum archive_links links, struct file_part *out,
		      struct errmsg *em)
{
	AUTO_STR
	char *path = NULL;
	AUTO_STR
	char *target = NULL;
	const struct member *m = NULL;
	enum err e = tree_path(name, &path, em);
	if (e == OK)
		e = member_find(a, path, &m, em);
	if (e == OK && links == ARCHIVE_ONE_LINK && (m->type == TAR_SYMLINK || m->type == TAR_HARD_LINK)) {
		e = link_target(m, &target, em);
		if (e == OK)
			e = member_find(a, target, &m, em);
	}
	if (e != OK)
		return e;
	if (m->type != TAR_FILE || m->sparse)
		return err_set(em, ERR_PARSE, "%s is no plain file in the archive", m->name);
	*out = m->file;
	return OK;
}

enum err archive_read(const struct archive *a, const struct file_part *file, size_t max, struct buf *out,
		      struct errmsg *em)
{
	if ((uint64_t)file->size > max)
		return err_set(em, ERR_LIMIT, "more than %zu bytes", max);
	enum err e = buf_reserve(out, (size_t)file->size + 1, em);
	for (int64_t done = 0; e == OK && done < file->size;) {
		size_t got = 0;
		const struct stream_window rest = { out->data + out->len, (size_t)(file->size - done) };
		e = file_part_read(a->fd, file->at + done, rest, &got, em);
		if (e == OK && got == 0)
			e = err_set(em, ERR_IO, "the archive has become shorter");
		out->len += got;
		done += (int64_t)got;
	}
	return e;
}

enum err archive_stream(const struct archive *a, const struct file_part *file, struct stream **out, struct errmsg *em)
{
	return file_part_stream(a->fd, *file, out, em);
}
