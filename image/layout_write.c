#include "image/layout_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum err made_folders_make(const char *path, struct made_folders *out, struct errmsg *em)
{
	size_t len = strlen(path);
	char *copy = strdup(path);
	if (!copy)
		return err_set(em, ERR_NOMEM, "no memory");
	*out = (struct made_folders){ .path = copy, .kept = len };
	for (size_t i = 1; i <= len; i++) {
		if (copy[i] != '/' && copy[i] != 0)
			continue;
		char here = copy[i];
		copy[i] = 0;
		int made = mkdir(copy, 0755);
		int error = errno;
		copy[i] = here;
		if (made == 0 && out->kept == len)
			out->kept = i - 1;
		/* A folder above may not be ours to write and be there all the same. */
		if (made != 0 && error != EEXIST && (here == 0 || (error != EROFS && error != EACCES))) {
			errno = error;
			return err_errno(em, ERR_IO, "making the folder %s", path);
		}
	}
	return OK;
}

void made_folders_undo(struct made_folders *made)
{
	size_t len = made->path ? strlen(made->path) : 0;
	for (size_t i = len; i > made->kept; i--) {
		if (i < len && made->path[i] != '/')
			continue;
		made->path[i] = 0;
		if (rmdir(made->path) != 0 && errno != EINVAL)
			return;
	}
}

void made_folders_clear(struct made_folders *made)
{
	free(made->path);
	made->path = NULL;
}

static void dir_close(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

enum err layout_check_writable(int dir, struct errmsg *em)
{
	enum err e = layout_check(dir, em);
	if (e != ERR_NOT_FOUND)
		return e;
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(dir_close))) DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
	if (!list) {
		if (copy >= 0)
			close(copy);
		return err_errno(em, ERR_IO, "listing the folder");
	}
	for (struct dirent *entry; (entry = readdir(list));) {
		const char *name = entry->d_name;
		/* What another writer's first steps leave for a moment. */
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "blobs") == 0 ||
		    strncmp(name, ".kbs-image-", 11) == 0)
			continue;
		/* Another writer may have made a layout of it since the first look: oci-layout comes before the rest.
		 */
		e = layout_check(dir, em);
		return e == ERR_NOT_FOUND ? err_set(em, ERR_EXISTS, "the folder is not empty, and no OCI layout") : e;
	}
	return OK;
}

static enum err journal_add(struct journal *j, const char *path, bool folder, struct errmsg *em)
{
	struct journal_entry *grown = reallocarray(j->entries, j->count + 1, sizeof(*grown));
	if (!grown)
		return err_set(em, ERR_NOMEM, "no memory");
	j->entries = grown;
	snprintf(grown[j->count].path, sizeof(grown->path), "%s", path);
	grown[j->count].folder = folder;
	j->count++;
	return OK;
}

enum err journal_mkdir(struct journal *j, const char *path, struct errmsg *em)
{
	AUTO_FD
	int parent = -1;
	AUTO_FD
	int check = -1;
	const char *leaf = NULL;
	enum err e = beneath_parent((struct beneath){ j->dir, path }, &parent, &leaf, em);
	if (e != OK)
		return e;
	/* Noted first: a failure to note it would leave it behind. */
	e = journal_add(j, path, true, em);
	if (e != OK)
		return e;
	if (mkdirat(parent, leaf, 0755) == 0)
		return OK;
	j->count--;
	if (errno != EEXIST)
		return err_errno(em, ERR_IO, "making the folder %s", path);
	return beneath_open((struct beneath){ j->dir, path }, O_RDONLY | O_DIRECTORY, 0, &check, em);
}

enum err journal_publish(struct journal *j, struct staged *s, const char *path, struct errmsg *em)
{
	enum err e = journal_add(j, path, false, em);
	if (e != OK)
		return e;
	e = staged_publish(s, (struct beneath){ j->dir, path }, false, em);
	/* Somebody else's: not to be taken away. */
	if (e == ERR_EXISTS)
		j->count--;
	return e;
}

void journal_undo(struct journal *j)
{
	for (; j->count > 0; j->count--) {
		const struct journal_entry *entry = &j->entries[j->count - 1];
		AUTO_FD
		int parent = -1;
		const char *leaf = NULL;
		if (beneath_parent((struct beneath){ j->dir, entry->path }, &parent, &leaf, NULL) == OK)
			unlinkat(parent, leaf, entry->folder ? AT_REMOVEDIR : 0);
	}
}

void journal_clear(struct journal *j)
{
	free(j->entries);
	j->entries = NULL;
	j->count = 0;
}

enum err layout_blob_good(int dir, const struct blob_id *id, bool *good, struct errmsg *em)
{
	char path[DIGEST_PATH_SIZE];
	int fd = -1;
	int64_t size = 0;
	*good = false;
	enum err e = digest_path(id->digest, path, em);
	if (e == OK)
		e = beneath_open_file((struct beneath){ dir, path }, &fd, &size, em);
	if (e != OK)
		return e == ERR_NOT_FOUND ? OK : e;
	if (size != id->size) {
		close(fd);
		return OK;
	}
	struct stream *raw = NULL;
	AUTO(stream) *verified = NULL;
	struct stream_expect expect = { .digest = id->digest, .size = id->size, .what = path };
	e = stream_from_fd(fd, &raw, em);
	if (e == OK)
		e = stream_verify(raw, expect, &verified, em);
	uint8_t chunk[16384] = { 0 };
	for (size_t got = 1; e == OK && got > 0;)
		e = stream_read(verified, (struct stream_window){ chunk, sizeof(chunk) }, &got, em);
	*good = e == OK;
	return e == ERR_INTEGRITY ? OK : e;
}

enum err layout_blob_publish(struct journal *j, struct staged *s, struct errmsg *em)
{
	char path[DIGEST_PATH_SIZE];
	char folder[sizeof("blobs/sha256")];
	enum err e = digest_path(s->id.digest, path, em);
	if (e != OK)
		return e;
	snprintf(folder, sizeof(folder), "%.12s", path); /* "blobs/sha256": all algorithms have six letters */
	e = journal_mkdir(j, "blobs", em);
	if (e == OK)
		e = journal_mkdir(j, folder, em);
	if (e == OK)
		e = journal_publish(j, s, path, em);
	if (e != ERR_EXISTS)
		return e;
	bool good = false;
	e = layout_blob_good(j->dir, &s->id, &good, em);
	if (e != OK || good)
		return e;
	return staged_publish(s, (struct beneath){ j->dir, path }, true, em);
}

enum err layout_sync(int dir, struct errmsg *em)
{
	static const char *const folders[] = { "blobs/sha256", "blobs/sha384", "blobs/sha512", "blobs" };
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		enum err e = beneath_sync((struct beneath){ dir, folders[i] }, em);
		if (e != OK && e != ERR_NOT_FOUND)
			return e;
	}
	return fsync(dir) == 0 ? OK : err_errno(em, ERR_IO, "the layout's folder: writing to the disk");
}

enum err layout_mark(struct journal *j, struct errmsg *em)
{
	AUTO_STAGED file = { .fd = -1 };
	enum err e = layout_check(j->dir, em);
	if (e != ERR_NOT_FOUND)
		return e;
	e = staged_contents(j->dir, bytes_str("{\"imageLayoutVersion\":\"1.0.0\"}"), &file, em);
	return e == OK ? journal_publish(j, &file, "oci-layout", em) : e;
}

static enum err index_publish(int dir, struct bytes text, struct errmsg *em)
{
	AUTO_STAGED file = { .fd = -1 };
	enum err e = staged_contents(dir, text, &file, em);
	return e == OK ? staged_publish(&file, (struct beneath){ dir, "index.json" }, true, em) : e;
}

enum err layout_swap_entry(int dir, const struct layout_name *name, const struct index_swap *swap, struct errmsg *em)
{
	AUTO(index) *index = NULL;
	const struct descriptor *entry = NULL;
	AUTO_BUF
	text = { 0 };
	enum err e = layout_read_index(dir, &index, em);
	if (e == OK)
		e = layout_find(name, index, &entry, em);
	if (e == OK && strcmp(entry->digest, swap->from) != 0)
		e = err_set(em, ERR_BUSY, "somebody else has changed the image in the meantime: nothing was done");
	/* A name may stand there twice for the same image. */
	for (size_t i = 0; e == OK && i < index->count; i++) {
		const char *tag = descriptor_annotation(&index->manifests[i], ANNOTATION_REF_NAME);
		if (&index->manifests[i] == entry || (name->tag && tag && strcmp(name->tag, tag) == 0))
			e = index_swap(index, i, swap, em);
	}
	if (e == OK)
		e = index_text(index, &text, em);
	return e == OK ? index_publish(dir, buf_bytes(&text), em) : e;
}

enum err layout_put_entry(int dir, const struct index_entry *entry, struct errmsg *em)
{
	static const char empty[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	AUTO(index) *index = NULL;
	AUTO_BUF
	text = { 0 };
	enum err e = layout_read_index(dir, &index, em);
	if (e == ERR_NOT_FOUND)
		e = index_parse(bytes_str(empty), MEDIA_OCI_INDEX, &index, em);
	if (e == OK)
		e = index_put(index, entry, &text, em);
	return e == OK ? index_publish(dir, buf_bytes(&text), em) : e;
}
