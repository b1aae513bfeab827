#include "common/der.h"
#include "keywrap/cms.h"

#define DEPTH_MAX 24
#define CONSTRUCTED 0x20

static enum err malformed(struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "CMS: malformed BER");
}

struct ber_header {
	uint8_t tag;
	bool indefinite;
	size_t length;
};

/* X.690 8.1.2, 8.1.3. Tags of one byte; lengths below 4 GiB. */
static bool header_take(struct bytes *rest, struct ber_header *out)
{
	if (rest->len < 2 || (rest->data[0] & 0x1f) == 0x1f)
		return false;
	size_t octets = rest->data[1] & 0x7f;
	*out = (struct ber_header){ .tag = rest->data[0], .length = rest->data[1] };
	size_t header = 2;
	if (rest->data[1] == 0x80) {
		out->indefinite = true;
		out->length = 0;
	} else if (rest->data[1] & 0x80) {
		if (octets > 4 || rest->len - 2 < octets)
			return false;
		out->length = 0;
		for (size_t i = 0; i < octets; i++)
			out->length = out->length << 8 | rest->data[2 + i];
		header += octets;
	}
	rest->data += header;
	rest->len -= header;
	return out->length <= rest->len && !(out->indefinite && !(out->tag & CONSTRUCTED));
}

/* The items of one body, to its end or to the end-of-contents octets. */
struct ber_body {
	struct bytes rest;
	bool indefinite;
	unsigned depth;
};

static enum err body_copy(struct ber_body *body, struct buf *to, struct errmsg *em);

static enum err item_copy(struct ber_body *body, const struct ber_header *header, struct buf *to, struct errmsg *em)
{
	struct bytes contents = { body->rest.data, header->indefinite ? body->rest.len : header->length };
	size_t used = header->length;
	size_t start = to->len;
	enum err e = OK;
	if (header->tag & CONSTRUCTED) {
		struct ber_body inner = { contents, header->indefinite, body->depth + 1 };
		e = body_copy(&inner, to, em);
		used = contents.len - inner.rest.len;
	} else {
		e = buf_append(to, contents, 0, em);
	}
	body->rest.data += used;
	body->rest.len -= used;
	return e == OK ? der_enclose(to, start, header->tag, em) : e;
}

static enum err body_copy(struct ber_body *body, struct buf *to, struct errmsg *em)
{
	if (body->depth > DEPTH_MAX)
		return err_set(em, ERR_LIMIT, "CMS: nested too deeply");
	while (body->rest.len) {
		struct ber_header header = { 0 };
		if (!header_take(&body->rest, &header))
			return malformed(em);
		if (header.tag == 0) {
			/* X.690 8.1.5 */
			return body->indefinite && header.length == 0 ? OK : malformed(em);
		}
		enum err e = item_copy(body, &header, to, em);
		if (e != OK)
			return e;
	}
	return body->indefinite ? malformed(em) : OK;
}

enum err ber_normalize(struct bytes ber, struct buf *der, struct errmsg *em)
{
	struct ber_body whole = { .rest = ber };
	return body_copy(&whole, der, em);
}
