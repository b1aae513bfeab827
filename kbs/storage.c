#include "kbs/storage.h"

#include "common/resource_uri.h"
#include "kbs/storage_kind.h"

static const struct storage_kind *const kinds[] = { &storage_file };

struct storage {
	const struct storage_kind *kind;
	void *ctx;
	size_t max;
};

enum err storage_open(const struct storage_options *options, struct storage **out, struct errmsg *em)
{
	const struct storage_kind *kind = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i]->name, options->kind) == 0)
			kind = kinds[i];
	if (!kind)
		return err_set(em, ERR_CONFIG, "storage of kind \"%s\": there is only \"file\"", options->kind);
	AUTO(storage) *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(em, "a storage");
	s->max = options->max;
	enum err e = kind->open(options, &s->ctx, em);
	if (e != OK)
		return e;
	s->kind = kind;
	*out = steal(&s);
	return OK;
}

void storage_free(struct storage *s)
{
	if (s && s->kind)
		s->kind->close(s->ctx);
	free(s);
}

static enum err path_check(const char *path, struct errmsg *em)
{
	return resource_path_valid(path) ? OK : err_set(em, ERR_PARSE, "a resource path is repository/type/tag");
}

enum err storage_read(struct storage *s, const char *path, struct secret **out, struct errmsg *em)
{
	enum err e = path_check(path, em);
	return e == OK ? s->kind->read(s->ctx, path, out, em) : e;
}

enum err storage_write(struct storage *s, const char *path, const struct secret *resource, struct errmsg *em)
{
	enum err e = path_check(path, em);
	if (e == OK && secret_len(resource) > s->max)
		e = err_set(em, ERR_LIMIT, "a resource holds at most %zu bytes", s->max);
	return e == OK ? s->kind->write(s->ctx, path, secret_bytes(resource), em) : e;
}

enum err storage_delete(struct storage *s, const char *path, struct errmsg *em)
{
	enum err e = path_check(path, em);
	return e == OK ? s->kind->remove(s->ctx, path, em) : e;
}
