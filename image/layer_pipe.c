#include "image/layer_pipe.h"

#include "image/descriptor.h"

struct layer_pipe {
	struct stream *from;
	struct okw_reader *reader;
	enum err from_failed; /* the library passes on only that its reader failed */
	struct errmsg from_em;
	const char *other_digest; /* the reader's */
};

enum err image_err_from_okw(enum okw_code code, const struct okw_error *error, struct errmsg *em)
{
	static const enum err codes[] = {
		[OKW_OK] = OK,
		[OKW_ERR_ARG] = ERR_ARG,
		[OKW_ERR_NOMEM] = ERR_NOMEM,
		[OKW_ERR_IO] = ERR_IO,
		[OKW_ERR_NOT_FOUND] = ERR_NOT_FOUND,
		[OKW_ERR_CONFIG] = ERR_CONFIG,
		[OKW_ERR_PARSE] = ERR_PARSE,
		[OKW_ERR_UNSUPPORTED] = ERR_UNSUPPORTED,
		[OKW_ERR_KEY] = ERR_KEY,
		[OKW_ERR_DENIED] = ERR_DENIED,
		[OKW_ERR_INTEGRITY] = ERR_INTEGRITY,
		[OKW_ERR_UNREACHABLE] = ERR_NET,
		[OKW_ERR_TOKEN] = ERR_PROTO,
		[OKW_ERR_INTERNAL] = ERR_INTERNAL,
	};
	enum err e = (size_t)code < ARRAY_LEN(codes) ? codes[code] : ERR_INTERNAL;
	return e == OK ? OK : err_set(em, e, "%s", error->text);
}

static int pipe_pull(void *user, uint8_t *to, size_t capacity, size_t *length)
{
	struct layer_pipe *pipe = user;
	*length = 0;
	pipe->from_failed = stream_read(pipe->from, (struct stream_window){ to, capacity }, length, &pipe->from_em);
	return pipe->from_failed == OK ? 0 : 1;
}

static enum err pipe_result(const struct layer_pipe *pipe, enum okw_code code, const struct okw_error *error,
			    struct errmsg *em)
{
	if (code == OKW_OK)
		return OK;
	if (pipe->from_failed != OK)
		return err_set(em, pipe->from_failed, "%s", pipe->from_em.text);
	return image_err_from_okw(code, error, em);
}

static enum err pipe_new(struct stream *from, struct layer_pipe **out, struct errmsg *em)
{
	struct layer_pipe *pipe = calloc(1, sizeof(*pipe));
	if (!pipe) {
		stream_free(from);
		return err_set(em, ERR_NOMEM, "no memory");
	}
	pipe->from = from;
	*out = pipe;
	return OK;
}

void layer_pipe_free(struct layer_pipe *pipe)
{
	if (!pipe)
		return;
	okw_reader_free(pipe->reader);
	stream_free(pipe->from);
	free(pipe);
}

enum err layer_pipe_encrypt(struct okw_context *keys, struct stream *from, struct layer_pipe **out, struct errmsg *em)
{
	AUTO(layer_pipe) *pipe = NULL;
	enum err e = pipe_new(from, &pipe, em);
	if (e != OK)
		return e;
	struct okw_error error = { 0 };
	enum okw_code code = okw_encrypt_layer(keys, pipe_pull, pipe, &pipe->reader, &error);
	e = pipe_result(pipe, code, &error, em);
	if (e == OK)
		*out = steal(&pipe);
	return e;
}

enum err layer_pipe_decrypt(struct okw_context *keys, const struct descriptor *layer, struct layer_pipe **out,
			    struct errmsg *em)
{
	AUTO(layer_pipe) *pipe = NULL;
	struct okw_annotations annotations = { 0 };
	struct okw_error error = { 0 };
	enum err e = pipe_new(NULL, &pipe, em);
	if (e == OK)
		e = layer_annotations(layer, &annotations, em);
	if (e == OK)
		e = image_err_from_okw(
			okw_decrypt_layer_unverified(keys, &annotations, pipe_pull, pipe, &pipe->reader, &error),
			&error, em);
	okw_annotations_clear(&annotations);
	if (e == OK)
		*out = steal(&pipe);
	return e;
}

void layer_pipe_feed(struct layer_pipe *pipe, struct stream *from)
{
	pipe->from = from;
}

static enum err pipe_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct layer_pipe *pipe = ctx;
	struct okw_error error = { 0 };
	enum okw_code code = okw_reader_read(pipe->reader, to.data, to.len, got, &error);
	if (code == OKW_ERR_INTEGRITY)
		pipe->other_digest = okw_reader_other_digest(pipe->reader);
	if (code == OKW_ERR_INTEGRITY && pipe->other_digest) {
		*got = 0;
		return OK;
	}
	return pipe_result(pipe, code, &error, em);
}

const char *layer_pipe_other_digest(const struct layer_pipe *pipe)
{
	return pipe->other_digest;
}

static const char *pipe_digest(void *ctx)
{
	const struct layer_pipe *pipe = ctx;
	return okw_reader_digest(pipe->reader);
}

static void pipe_unused(void *ctx)
{
	(void)ctx;
}

enum err layer_pipe_stream(struct layer_pipe *pipe, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { pipe_read, pipe_unused };
	enum err e = stream_new(&ops, pipe, out, em);
	/* The cipher takes the digest of the plain bytes anyway. */
	if (e == OK && okw_reader_digest(pipe->reader))
		stream_tells_digest(*out, pipe_digest);
	return e;
}

enum err layer_pipe_annotations(struct layer_pipe *pipe, struct okw_annotations *to, struct errmsg *em)
{
	struct okw_error error = { 0 };
	return pipe_result(pipe, okw_reader_annotations(pipe->reader, to, &error), &error, em);
}

enum err layer_annotations(const struct descriptor *d, struct okw_annotations *out, struct errmsg *em)
{
	json_object *annotations = NULL;
	if (!json_object_object_get_ex(d->json, "annotations", &annotations) || !annotations)
		return OK;
	out->items = calloc((size_t)json_object_object_length(annotations) + 1, sizeof(*out->items));
	if (!out->items)
		return err_set(em, ERR_NOMEM, "no memory");
	json_object_object_foreach(annotations, key, value)
	{
		struct okw_annotation *item = &out->items[out->count++];
		item->key = strdup(key);
		item->value = strdup(json_object_get_string(value));
		if (!item->key || !item->value)
			return err_set(em, ERR_NOMEM, "no memory");
	}
	return OK;
}
