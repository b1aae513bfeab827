#include "image/evidence.h"

#include "common/base64.h"
#include "common/file.h"

#define KEY_SIZE_MAX ((size_t)1 << 20)

static bool is_resource(const char *where)
{
	return strncmp(where, "kbs:", 4) == 0 || strncmp(where, "kbs+", 4) == 0;
}

static enum err resource_read(const char *uri, const struct image_access *access, struct buf *out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	if (!access->resource)
		return err_set(em, ERR_CONFIG, "%s: there is no Key Broker Service to ask", uri);
	enum err e = access->resource(access->resource_user, uri, &text, em);
	return e == OK ? buf_append(out, secret_bytes(text), KEY_SIZE_MAX, em) : e; /* which names it */
}

enum err policy_text_read(const char *where, const struct image_access *access, struct buf *out, struct errmsg *em)
{
	buf_clear(out);
	return is_resource(where) ? resource_read(where, access, out, em) : file_read(where, KEY_SIZE_MAX, out, em);
}

const char *policy_key_name(const struct policy_keys *keys, size_t i)
{
	return keys->inlined ? keys->inlined : keys->items[i];
}

enum err policy_key_read(const struct policy_keys *keys, size_t i, const struct image_access *access, struct buf *out,
			 struct errmsg *em)
{
	if (keys->inlined)
		return base64_decode(BASE64_STD, bytes_str(keys->items[i]), out, em);
	return policy_text_read(keys->items[i], access, out, em);
}
