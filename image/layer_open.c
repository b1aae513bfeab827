#include "image/layer_open.h"

#include "common/stream_ahead.h"
#include "image/gunzip.h"
#include "image/unzstd.h"

/* Takes `from`, and gives it back where there is nothing to unpack. */
static enum err decompressed(const char *media_type, struct stream *from, struct stream **out, struct errmsg *em)
{
	static const struct {
		const char *suffix;
		enum err (*open)(struct stream *from, struct stream **out, struct errmsg *em);
	} kinds[] = { { "+gzip", gunzip_stream },
		      { ".gzip", gunzip_stream },
		      { "+zstd", unzstd_stream },
		      { ".zstd", unzstd_stream } };
	size_t len = strlen(media_type);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t suffix = strlen(kinds[i].suffix);
		if (len > suffix && strcmp(media_type + len - suffix, kinds[i].suffix) == 0)
			return kinds[i].open(from, out, em);
	}
	if (len > 4 && (strcmp(media_type + len - 4, ".tar") == 0)) {
		*out = from;
		return OK;
	}
	stream_free(from);
	return err_set(em, ERR_UNSUPPORTED, "layers of type %.100s cannot be unpacked", media_type);
}

/* The first bytes arrive while the key is waited for. */
static enum err decrypted(const struct layer_source *from, struct stream *blob, struct opened_layer *to,
			  struct stream **out, struct errmsg *em)
{
	enum err e = layer_keys_take(from->keys, from->number, &to->pipe, em);
	if (e != OK) {
		stream_free(blob);
		return e;
	}
	layer_pipe_feed(to->pipe, blob);
	return layer_pipe_stream(to->pipe, out, em);
}

static enum err archive_open(const struct layer_source *from, const char *media_type, struct opened_layer *to,
			     struct errmsg *em)
{
	const struct descriptor *layer = &from->manifest->layers[from->number];
	struct stream *at = NULL;
	enum err e = image_source_blob(from->image, layer, "blob", &at, em);
	if (e == OK)
		e = watched_stream(at, from->watch, from->progress, &at, em);
	if (e == OK)
		e = stream_ahead(at, &at, em);
	if (e == OK && media_type_is_encrypted(layer->media_type)) {
		e = decrypted(from, at, to, &at, em);
		if (e == OK)
			e = stream_ahead(at, &at, em);
	}
	if (e == OK && from->tap)
		e = from->tap(from->tap_user, at, &at, em);
	if (e == OK)
		e = decompressed(media_type, at, &at, em);
	if (e == OK)
		e = stream_ahead(at, &at, em);
	if (e == OK)
		e = stream_verify(at, (struct stream_expect){ from->diff_id, -1, "unpacked layer" }, &at, em);
	if (e == OK)
		e = stream_ahead(at, &to->archive, em);
	return e;
}

enum err layer_open(const struct layer_source *from, struct opened_layer *out, struct errmsg *em)
{
	const char *media_type = from->manifest->layers[from->number].media_type;
	AUTO_STR
	char *plain = media_type_is_encrypted(media_type) ? okw_media_type_plain(media_type)
							  : strdup(media_type_oci_layer(media_type));
	*out = (struct opened_layer){ .archive = NULL };
	if (!plain)
		return err_set(em, ERR_UNSUPPORTED, "layers of type %.100s cannot be unpacked", media_type);
	enum err e = archive_open(from, plain, out, em);
	if (e != OK)
		layer_close(out);
	return e;
}

/* Peers that compress a layer on its way to encryption seal the digest of what they started from. */
enum err layer_check_end(const struct opened_layer *layer, const char *diff_id, struct errmsg *em)
{
	const char *other = layer->pipe ? layer_pipe_other_digest(layer->pipe) : NULL;
	if (!other || strcmp(other, diff_id) == 0)
		return OK;
	return err_set(em, ERR_INTEGRITY,
		       "neither the decrypted layer nor what it unpacks to is the %.100s that was encrypted", other);
}

void layer_close(struct opened_layer *layer)
{
	stream_free(layer->archive);
	layer_pipe_free(layer->pipe);
	*layer = (struct opened_layer){ .archive = NULL };
}
