#include "image/registry.h"

#include "common/log.h"
#include "image/digest.h"

#include <stdio.h>

#define TRIES_MAX 5
#define FORGIVEN_BYTES ((uint64_t)1 << 20) /* after as many the peer may break the connection anew */

struct blob {
	struct registry *registry;
	char digest[IMAGE_DIGEST_SIZE];
	int64_t size;
	struct http_reply reply;
	uint64_t delivered;
	uint64_t to_skip; /* of an answer that began anew */
	uint64_t broke_at;
	int tries;
};

/* RFC 9110 14.4: "bytes FIRST-LAST/WHOLE". */
static bool range_fits(const struct blob *b, const char *range)
{
	unsigned long long first = 0, last = 0, whole = 0;
	int end = 0;
	if (!range || strspn(range, "bytes 0123456789-/*") != strlen(range))
		return false;
	if (sscanf(range, "bytes %llu-%llu/%n", &first, &last, &end) != 2 || end == 0 || first != b->delivered)
		return false;
	if (strcmp(range + end, "*") == 0)
		return last >= first;
	return sscanf(range + end, "%llu", &whole) == 1 && last + 1 == whole && (int64_t)whole == b->size;
}

static enum err blob_begin(struct blob *b, struct errmsg *em)
{
	char what[IMAGE_DIGEST_SIZE + sizeof("blobs/")];
	snprintf(what, sizeof(what), "blobs/%s", b->digest);
	const struct registry_request q = { .method = "GET", .what = what, .from = b->delivered, .large = true };
	enum err e = registry_ask(b->registry, &q, &b->reply, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *range = http_response_header(&b->reply.head, "content-range");
	b->to_skip = 0;
	if (b->reply.status == 200) {
		b->to_skip = b->delivered; /* it knows no ranges */
		return OK;
	}
	if (b->reply.status == 206 && b->delivered > 0 && range_fits(b, range))
		return OK;
	return err_set(em, ERR_PROTO, "%s: blob %s: not the part that was asked for (HTTP %ld)", b->registry->host,
		       b->digest, b->reply.status);
}

static enum err skip_some(struct blob *b, struct stream_window room, struct errmsg *em)
{
	while (b->to_skip > 0) {
		size_t got = 0;
		struct stream_window w = { room.data, room.len < b->to_skip ? room.len : (size_t)b->to_skip };
		enum err e = stream_read(b->reply.body, w, &got, em);
		if (e != OK)
			return e;
		if (got == 0)
			return err_set(em, ERR_INTEGRITY, "blob %s: it became shorter", b->digest);
		b->to_skip -= got;
	}
	return OK;
}

static bool goes_on(struct blob *b, enum err e)
{
	if (e != ERR_NET && e != ERR_TIMEOUT)
		return false;
	if (b->delivered - b->broke_at >= FORGIVEN_BYTES)
		b->tries = 0;
	b->broke_at = b->delivered;
	return ++b->tries < TRIES_MAX;
}

static enum err blob_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct blob *b = ctx;
	for (;;) {
		/* registry_ask() has tried often enough by itself. */
		enum err e = b->reply.body ? OK : blob_begin(b, em);
		if (e != OK)
			return e;
		e = skip_some(b, to, em);
		if (e == OK)
			e = stream_read(b->reply.body, to, got, em);
		if (e == OK) {
			b->delivered += *got;
			return OK;
		}
		/* All of it is there, and only its end was not said: the digest tells. */
		if ((e == ERR_NET || e == ERR_TIMEOUT) && b->size > 0 && b->delivered == (uint64_t)b->size) {
			*got = 0;
			return OK;
		}
		if (!goes_on(b, e))
			return err_wrap(em, e, "blob %s", b->digest);
		log_info("registry", "resume", "host=\"%s\" digest=%s at=%llu", b->registry->host, b->digest,
			 (unsigned long long)b->delivered);
		http_reply_clear(&b->reply);
		int64_t pause = (int64_t)100 << b->tries;
		e = http_pool_pause(b->registry->pool, pause, em);
		if (e != OK)
			return e;
	}
}

static void blob_free(void *ctx)
{
	struct blob *b = ctx;
	http_reply_clear(&b->reply);
	registry_free(b->registry);
	free(b);
}

enum err registry_blob(struct registry *r, const char *digest, int64_t size, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { blob_read, blob_free };
	enum err e = digest_check(digest, em);
	if (e != OK)
		return e;
	struct blob *b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(em, ERR_NOMEM, "no memory");
	b->registry = registry_share(r);
	b->size = size;
	snprintf(b->digest, sizeof(b->digest), "%s", digest);
	/* At once, so that what is not there shows before anything is begun. */
	e = blob_begin(b, em);
	if (e != OK) {
		blob_free(b);
		return e;
	}
	return stream_new(&ops, b, out, em);
}
