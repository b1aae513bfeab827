#include "tests/support/fuzz.h"

#include "image/tar_sparse.h"

/* A map rises, stays within its file, and is of what is stored. */
static bool map_holds(const struct tar_entry *entry)
{
	int64_t end = 0;
	int64_t sum = 0;
	for (size_t i = 0; i < entry->map.count; i++) {
		const struct tar_segment *s = &entry->map.segments[i];
		if (s->at < end || s->len < 0 || s->len > entry->size - s->at)
			return false;
		end = s->at + s->len;
		sum += s->len;
	}
	return entry->map.count <= TAR_SEGMENTS_MAX && (!entry->sparse || sum == entry->stored);
}

/* An archive is read to its end, or refused; what is given of each entry can be used. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stream *stream = NULL;
	AUTO(tar) *tar = NULL;
	const struct tar_entry *entry = NULL;
	uint8_t chunk[512];
	if (stream_from_bytes((struct bytes){ data, len }, &stream, NULL) != OK || tar_open(stream, &tar, NULL) != OK)
		return 0;
	while (tar_next(tar, &entry, NULL) == OK && entry) {
		size_t got = 1;
		if (!map_holds(entry))
			abort();
		if (!entry->path || entry->size < 0 || entry->xattr_count > TAR_XATTRS_MAX ||
		    ((entry->type == TAR_HARD_LINK || entry->type == TAR_SYMLINK) != (entry->link != NULL)))
			abort();
		while (got > 0 && tar_read(tar, (struct stream_window){ chunk, sizeof chunk }, &got, NULL) == OK)
			;
	}
	return 0;
}
