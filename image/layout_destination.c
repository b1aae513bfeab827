#include "image/file_part.h"
#include "image/layout_write.h"
#include "image/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

/* Blobs stay nameless until commit() publishes them all, under the layout's lock, and moves the tag last. So a writer
 * that fails has nothing to take away that another may have come to rely on. */
struct layout_destination {
	struct image_destination base;
	struct layout_name name;
	struct made_folders made;
	int dir;
	pthread_mutex_t lock; /* guards what follows, until commit() */
	struct staged *staged;
	size_t staged_count;
	struct blob_id *found; /* what the layout had already */
	size_t found_count;
};

#define CHUNK_SIZE ((size_t)128 << 10)
#define LOCK_WAIT_MS 60000

static const struct staged *staged_find_locked(const struct layout_destination *d, const char *digest)
{
	for (size_t i = 0; i < d->staged_count; i++)
		if (strcmp(d->staged[i].id.digest, digest) == 0)
			return &d->staged[i];
	return NULL;
}

static bool blob_staged(struct layout_destination *d, const char *digest)
{
	pthread_mutex_lock(&d->lock);
	bool staged = staged_find_locked(d, digest) != NULL;
	pthread_mutex_unlock(&d->lock);
	return staged;
}

static enum err found_keep(struct layout_destination *d, const struct blob_id *id, struct errmsg *em)
{
	pthread_mutex_lock(&d->lock);
	struct blob_id *grown = reallocarray(d->found, d->found_count + 1, sizeof(*grown));
	if (grown) {
		d->found = grown;
		d->found[d->found_count++] = *id;
	}
	pthread_mutex_unlock(&d->lock);
	return grown ? OK : err_nomem(em, "blobs");
}

static enum err destination_has_blob(struct image_destination *base, const struct blob_id *id, bool *has,
				     struct errmsg *em)
{
	struct layout_destination *d = (struct layout_destination *)base;
	*has = blob_staged(d, id->digest);
	if (*has)
		return OK;
	enum err e = layout_blob_good(d->dir, id, has, em);
	if (e != OK)
		return err_wrap(em, e, "oci:%s", d->name.dir);
	return *has ? found_keep(d, id, em) : OK;
}

static enum err blob_fill(struct staged *s, struct stream *from, struct errmsg *em)
{
	AUTO_BUF
	chunk = { 0 };
	enum err e = buf_reserve(&chunk, CHUNK_SIZE, em);
	for (size_t got = 1; e == OK;) {
		e = stream_read(from, (struct stream_window){ chunk.data, CHUNK_SIZE }, &got, em);
		if (e == OK && got == 0)
			return staged_sync(s, em);
		if (e == OK)
			e = staged_write(s, (struct bytes){ chunk.data, got }, em);
		s->id.size += (int64_t)got;
	}
	return e;
}

/* Unless another brought the same. */
static enum err staged_keep(struct layout_destination *d, struct staged *s, struct errmsg *em)
{
	pthread_mutex_lock(&d->lock);
	bool there = staged_find_locked(d, s->id.digest) != NULL;
	struct staged *grown = there ? NULL : reallocarray(d->staged, d->staged_count + 1, sizeof(*grown));
	if (grown) {
		d->staged = grown;
		d->staged[d->staged_count++] = *s;
		*s = (struct staged){ .fd = -1 };
	}
	pthread_mutex_unlock(&d->lock);
	return there || grown ? OK : err_nomem(em, "blobs");
}

static enum err destination_put_blob(struct image_destination *base, struct stream *from, struct blob_id *id,
				     struct errmsg *em)
{
	struct layout_destination *d = (struct layout_destination *)base;
	AUTO(stream) *source = from;
	AUTO_STAGED s = { .fd = -1 };
	struct stream_tally tally = { 0 };
	enum err e = OK;
	if (!id->digest[0])
		e = stream_measure(steal(&source), &tally, &source, em);
	if (e == OK)
		e = staged_open(d->dir, false, &s, em);
	if (e == OK)
		e = blob_fill(&s, source, em);
	if (e != OK)
		return e;
	snprintf(s.id.digest, sizeof(s.id.digest), "%s", id->digest[0] ? id->digest : tally.digest);
	*id = s.id;
	return staged_keep(d, &s, em);
}

static enum err destination_read_back(struct image_destination *base, const struct blob_id *id, struct stream **out,
				      struct errmsg *em)
{
	struct layout_destination *d = (struct layout_destination *)base;
	pthread_mutex_lock(&d->lock);
	const struct staged *s = staged_find_locked(d, id->digest);
	enum err e = s ? file_part_stream(s->fd, (struct file_part){ 0, s->id.size }, out, em)
		       : err_set(em, ERR_INTERNAL, "no blob %s to read back", id->digest);
	pthread_mutex_unlock(&d->lock);
	return e;
}

/* Between our look at it and the lock somebody may have cleaned up. */
static enum err found_recheck(const struct layout_destination *d, struct errmsg *em)
{
	for (size_t i = 0; i < d->found_count; i++) {
		char path[DIGEST_PATH_SIZE];
		AUTO_FD
		int fd = -1;
		int64_t size = -1;
		enum err e = digest_path(d->found[i].digest, path, em);
		if (e == OK)
			e = beneath_open_file((struct beneath){ d->dir, path }, &fd, &size, em);
		if (e == OK && size != d->found[i].size)
			e = err_set(em, ERR_IO, "%s changed in the meantime", path);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err manifest_stage(struct layout_destination *d, const struct raw_manifest *manifest, struct errmsg *em)
{
	struct blob_id id = { .size = (int64_t)manifest->bytes.len };
	struct stream *from = NULL;
	snprintf(id.digest, sizeof(id.digest), "%s", manifest->digest);
	enum err e = stream_from_bytes(buf_bytes(&manifest->bytes), &from, em);
	return e == OK ? destination_put_blob(&d->base, from, &id, em) : e;
}

static enum err commit_locked(struct layout_destination *d, const struct raw_manifest *manifest, struct journal *j,
			      struct errmsg *em)
{
	struct index_entry entry = {
		.media_type = manifest->media_type,
		.digest = manifest->digest,
		.size = manifest->bytes.len,
		.tag = d->name.tag,
	};
	enum err e = layout_check_writable(d->dir, em);
	if (e == OK)
		e = found_recheck(d, em);
	for (size_t i = 0; e == OK && i < d->staged_count; i++)
		e = layout_blob_publish(j, &d->staged[i], em);
	if (e == OK)
		e = layout_mark(j, em);
	/* Before the index names them. */
	if (e == OK)
		e = layout_sync(d->dir, em);
	return e == OK ? layout_put_entry(d->dir, &entry, em) : e;
}

/* One writer at a time changes what is visible. */
static enum err writer_lock(const struct layout_destination *d, int64_t ms, struct errmsg *em)
{
	const struct image_copy_options *o = ms > 0 ? d->base.options : NULL;
	struct lock_wait wait = { deadline_in_ms(ms), o ? o->interrupted : NULL, o ? o->interrupted_user : NULL };
	return lock_take(d->dir, LOCK_ALONE, wait, "the layout", em);
}

static enum err destination_commit(struct image_destination *base, const struct raw_manifest *manifest,
				   struct errmsg *em)
{
	struct layout_destination *d = (struct layout_destination *)base;
	struct journal j = { .dir = d->dir };
	enum err e = manifest_stage(d, manifest, em);
	if (e == OK)
		e = writer_lock(d, LOCK_WAIT_MS, em);
	if (e != OK)
		return err_wrap(em, e, "oci:%s", d->name.dir);
	e = commit_locked(d, manifest, &j, em);
	if (e != OK) {
		journal_undo(&j);
	} else {
		/* From here on the image is there. */
		made_folders_clear(&d->made);
		if (fsync(d->dir) != 0)
			e = err_errno(em, ERR_IO, "the image is in place, but perhaps not on the disk");
	}
	journal_clear(&j);
	lock_leave(d->dir);
	return e == OK ? OK : err_wrap(em, e, "oci:%s", d->name.dir);
}

static void destination_free(struct image_destination *base)
{
	struct layout_destination *d = (struct layout_destination *)base;
	for (size_t i = 0; i < d->staged_count; i++)
		staged_discard(&d->staged[i]);
	/* Only folders of ours, and empty: another writer may have moved in. */
	if (d->made.path && (d->dir < 0 || writer_lock(d, 0, NULL) == OK))
		made_folders_undo(&d->made);
	made_folders_clear(&d->made);
	if (d->dir >= 0)
		close(d->dir);
	layout_name_clear(&d->name);
	free(d->staged);
	free(d->found);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static const struct image_destination_ops destination_ops = {
	.has_blob = destination_has_blob,
	.put_blob = destination_put_blob,
	.read_back = destination_read_back,
	.commit = destination_commit,
	.free = destination_free,
	.oci_only = true,
};

static enum err destination_open(struct layout_destination *d, struct errmsg *em)
{
	enum err e = made_folders_make(d->name.dir, &d->made, em);
	if (e != OK)
		return e;
	d->dir = open(d->name.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0)
		return err_errno(em, ERR_IO, "oci:%s", d->name.dir);
	e = layout_check_writable(d->dir, em);
	if (e == OK)
		e = staged_sweep(d->dir, em);
	return e == OK ? OK : err_wrap(em, e, "oci:%s", d->name.dir);
}

enum err layout_open_destination(const char *rest, const struct image_access *access, struct image_destination **out,
				 struct errmsg *em)
{
	(void)access; /* folders need none */
	struct layout_destination *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(em, ERR_NOMEM, "no memory");
	d->base.ops = &destination_ops;
	d->dir = -1;
	pthread_mutex_init(&d->lock, NULL);
	AUTO(image_destination) *base = &d->base;
	enum err e = layout_name_parse(rest, &d->name, em);
	if (e != OK)
		return e;
	if (d->name.place >= 0)
		return err_set(em, ERR_ARG, "oci:DIR:@N names a source; a destination is oci:DIR:TAG");
	e = destination_open(d, em);
	if (e != OK)
		return e;
	*out = steal(&base);
	return OK;
}
