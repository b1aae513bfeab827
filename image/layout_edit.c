#include "image/layout_edit.h"

#include "image/layout_write.h"
#include "image/lock.h"
#include "image/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define CHAIN_MAX 5 /* indexes inside indexes, and the manifest */
#define LOCK_WAIT_MS 60000

struct layout_edit {
	struct layout_name name;
	int dir;
	/* From what index.json's entry leads to down to the manifest; chosen[i] is the entry of chain[i], an index,
	 * that leads to chain[i + 1]. */
	struct raw_manifest chain[CHAIN_MAX];
	size_t chosen[CHAIN_MAX];
	size_t length;
};

void layout_edit_free(struct layout_edit *edit)
{
	if (!edit)
		return;
	if (edit->dir >= 0)
		close(edit->dir);
	layout_name_clear(&edit->name);
	for (size_t i = 0; i < CHAIN_MAX; i++)
		raw_manifest_clear(&edit->chain[i]);
	free(edit);
}

const struct raw_manifest *layout_edit_manifest(const struct layout_edit *edit)
{
	return &edit->chain[edit->length - 1];
}

static enum err chain_read(struct layout_edit *edit, const struct image_platform *platform, struct errmsg *em)
{
	struct image_platform want = platform_resolve(platform);
	AUTO(index) *top = NULL;
	const struct descriptor *d = NULL;
	enum err e = layout_read_index(edit->dir, &top, em);
	if (e == OK)
		e = layout_find(&edit->name, top, &d, em);
	if (e == OK)
		e = layout_read_manifest(edit->dir, d, &edit->chain[edit->length++], em);
	while (e == OK && media_type_is_index(layout_edit_manifest(edit)->media_type)) {
		AUTO(index) *index = NULL;
		const struct raw_manifest *last = layout_edit_manifest(edit);
		if (edit->length == CHAIN_MAX)
			return err_set(em, ERR_LIMIT, "indexes inside indexes, more than %d deep", CHAIN_MAX - 1);
		e = index_parse(buf_bytes(&last->bytes), last->media_type, &index, em);
		if (e == OK)
			e = index_choose(index, &want, &d, em);
		if (e != OK)
			return e;
		edit->chosen[edit->length - 1] = (size_t)(d - index->manifests);
		e = layout_read_manifest(edit->dir, d, &edit->chain[edit->length++], em);
	}
	return e;
}

enum err layout_edit_open(const char *rest, const struct image_platform *platform, struct layout_edit **out,
			  struct errmsg *em)
{
	AUTO(layout_edit) *edit = calloc(1, sizeof(*edit));
	if (!edit)
		return err_set(em, ERR_NOMEM, "no memory");
	edit->dir = -1;
	enum err e = layout_name_parse(rest, &edit->name, em);
	if (e != OK)
		return e;
	edit->dir = open(edit->name.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (edit->dir < 0)
		return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "oci:%s", edit->name.dir);
	e = layout_check(edit->dir, em);
	if (e == OK)
		e = chain_read(edit, platform, em);
	if (e != OK)
		return err_wrap(em, e, "oci:%s", edit->name.dir);
	*out = steal(&edit);
	return OK;
}

/* chain[at] with another manifest below it. */
static enum err index_remake(const struct layout_edit *edit, size_t at, const struct raw_manifest *below,
			     struct raw_manifest *out, struct errmsg *em)
{
	const struct raw_manifest *old = &edit->chain[at];
	const struct index_swap swap = { edit->chain[at + 1].digest, below };
	AUTO(index) *index = NULL;
	enum err e = index_parse(buf_bytes(&old->bytes), old->media_type, &index, em);
	if (e == OK)
		e = index_swap(index, edit->chosen[at], &swap, em);
	if (e == OK)
		e = index_text(index, &out->bytes, em);
	snprintf(out->media_type, sizeof(out->media_type), "%s", old->media_type);
	return e == OK ? digest_of(buf_bytes(&out->bytes), out->digest, em) : e;
}

static enum err blob_write(const struct layout_edit *edit, const struct raw_manifest *manifest, struct journal *j,
			   struct errmsg *em)
{
	AUTO_STAGED s = { .fd = -1 };
	enum err e = staged_open(edit->dir, false, &s, em);
	if (e == OK)
		e = staged_write(&s, buf_bytes(&manifest->bytes), em);
	if (e == OK)
		e = staged_sync(&s, em);
	if (e != OK)
		return e;
	snprintf(s.id.digest, sizeof(s.id.digest), "%s", manifest->digest);
	s.id.size = (int64_t)manifest->bytes.len;
	return layout_blob_publish(j, &s, em);
}

/* `made`: the new chain, as long as the old one. */
static enum err chain_write(struct layout_edit *edit, const struct raw_manifest *made, struct journal *j,
			    struct errmsg *em)
{
	const struct index_swap swap = { edit->chain[0].digest, &made[0] };
	enum err e = OK;
	for (size_t i = 0; e == OK && i < edit->length; i++)
		e = blob_write(edit, &made[i], j, em);
	/* Before the index names them. */
	if (e == OK)
		e = layout_sync(edit->dir, em);
	return e == OK ? layout_swap_entry(edit->dir, &edit->name, &swap, em) : e;
}

static enum err chain_commit(struct layout_edit *edit, const struct raw_manifest *made, struct errmsg *em)
{
	struct journal j = { .dir = edit->dir };
	enum err e = lock_take(edit->dir, LOCK_ALONE, (struct lock_wait){ deadline_in_ms(LOCK_WAIT_MS), NULL, NULL },
			       "the layout", em);
	if (e != OK)
		return e;
	e = chain_write(edit, made, &j, em);
	if (e != OK)
		journal_undo(&j);
	else if (fsync(edit->dir) != 0)
		e = err_errno(em, ERR_IO, "the image is in place, but perhaps not on the disk");
	journal_clear(&j);
	lock_leave(edit->dir);
	return e;
}

enum err layout_edit_commit(struct layout_edit *edit, const struct raw_manifest *manifest, char *digest_out,
			    struct errmsg *em)
{
	struct raw_manifest made[CHAIN_MAX] = { 0 };
	size_t last = edit->length - 1;
	enum err e = buf_append(&made[last].bytes, buf_bytes(&manifest->bytes), 0, em);
	snprintf(made[last].media_type, sizeof(made[last].media_type), "%s", manifest->media_type);
	snprintf(made[last].digest, sizeof(made[last].digest), "%s", manifest->digest);
	for (size_t i = last; e == OK && i-- > 0;)
		e = index_remake(edit, i, &made[i + 1], &made[i], em);
	if (e == OK)
		e = chain_commit(edit, made, em);
	if (e == OK && digest_out)
		snprintf(digest_out, IMAGE_DIGEST_SIZE, "%s", made[0].digest);
	for (size_t i = 0; i < CHAIN_MAX; i++)
		raw_manifest_clear(&made[i]);
	return e == OK ? OK : err_wrap(em, e, "oci:%s", edit->name.dir);
}
