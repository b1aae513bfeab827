#include "attest/cbor_codec.h"

#include <cbor.h>

enum { HEAD_MAX = 9 };

struct cbor_codec cbor_codec_writer(struct buf *out, struct errmsg *em)
{
	return (struct cbor_codec){ .writing = true, .out = out, .em = em };
}

struct cbor_codec cbor_codec_reader(struct bytes in, struct errmsg *em)
{
	return (struct cbor_codec){ .in = in, .em = em };
}

void cbor_codec_refuse(struct cbor_codec *c, enum err e, const char *why)
{
	if (c->e == OK)
		c->e = err_set(c->em, e, "%s", why);
}

enum err cbor_codec_end(struct cbor_codec *c)
{
	if (!c->writing && c->in.len)
		cbor_codec_refuse(c, ERR_PARSE, "CBOR: something follows");
	return c->e;
}

static size_t head_encode(enum cbor_kind kind, uint64_t n, uint8_t head[HEAD_MAX])
{
	switch (kind) {
	case CBOR_KIND_UINT:
		return cbor_encode_uint(n, head, HEAD_MAX);
	case CBOR_KIND_NEGATIVE:
		return cbor_encode_negint(n, head, HEAD_MAX);
	case CBOR_KIND_BYTES:
		return cbor_encode_bytestring_start(n, head, HEAD_MAX);
	case CBOR_KIND_TEXT:
		return cbor_encode_string_start(n, head, HEAD_MAX);
	case CBOR_KIND_ARRAY:
		return cbor_encode_array_start(n, head, HEAD_MAX);
	case CBOR_KIND_MAP:
		return cbor_encode_map_start(n, head, HEAD_MAX);
	case CBOR_KIND_TAG:
		return cbor_encode_tag(n, head, HEAD_MAX);
	case CBOR_KIND_OTHER:
		break;
	}
	return 0;
}

static void take(void *to, enum cbor_kind kind, uint64_t n)
{
	*(struct cbor_item *)to = (struct cbor_item){ .kind = kind, .n = n };
}

static void on_uint8(void *to, uint8_t n)
{
	take(to, CBOR_KIND_UINT, n);
}

static void on_uint16(void *to, uint16_t n)
{
	take(to, CBOR_KIND_UINT, n);
}

static void on_uint32(void *to, uint32_t n)
{
	take(to, CBOR_KIND_UINT, n);
}

static void on_uint64(void *to, uint64_t n)
{
	take(to, CBOR_KIND_UINT, n);
}

static void on_negative8(void *to, uint8_t n)
{
	take(to, CBOR_KIND_NEGATIVE, n);
}

static void on_negative16(void *to, uint16_t n)
{
	take(to, CBOR_KIND_NEGATIVE, n);
}

static void on_bytes(void *to, cbor_data data, size_t len)
{
	*(struct cbor_item *)to = (struct cbor_item){ CBOR_KIND_BYTES, len, { data, len } };
}

static void on_text(void *to, cbor_data data, size_t len)
{
	*(struct cbor_item *)to = (struct cbor_item){ CBOR_KIND_TEXT, len, { data, len } };
}

static void on_array(void *to, size_t n)
{
	take(to, CBOR_KIND_ARRAY, n);
}

static void on_map(void *to, size_t n)
{
	take(to, CBOR_KIND_MAP, n);
}

static void on_tag(void *to, uint64_t n)
{
	take(to, CBOR_KIND_TAG, n);
}

/* libcbor 0.8 refuses tags 6 to 20, COSE's among them, which are a single byte like all below 24. */
static bool small_tag_next(struct cbor_codec *c, struct cbor_item *item)
{
	if (c->in.data[0] < 0xc0 || c->in.data[0] >= 0xc0 + 24)
		return false;
	*item = (struct cbor_item){ .kind = CBOR_KIND_TAG, .n = c->in.data[0] - 0xc0U };
	return true;
}

static void item_decode(struct cbor_codec *c, struct cbor_item *item)
{
	/* What has no callback here is CBOR_KIND_OTHER. */
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	callbacks.uint8 = on_uint8;
	callbacks.uint16 = on_uint16;
	callbacks.uint32 = on_uint32;
	callbacks.uint64 = on_uint64;
	callbacks.negint8 = on_negative8;
	callbacks.negint16 = on_negative16;
	callbacks.byte_string = on_bytes;
	callbacks.string = on_text;
	callbacks.array_start = on_array;
	callbacks.map_start = on_map;
	callbacks.tag = on_tag;
	uint8_t head[HEAD_MAX];
	*item = (struct cbor_item){ .kind = CBOR_KIND_OTHER };
	struct cbor_decoder_result got = { .read = 1, .status = CBOR_DECODER_FINISHED };
	if (c->in.len && !small_tag_next(c, item))
		got = cbor_stream_decode(c->in.data, c->in.len, &callbacks, item);
	if (!c->in.len || got.status != CBOR_DECODER_FINISHED || got.read > c->in.len)
		return cbor_codec_refuse(c, ERR_PARSE, "CBOR: malformed, or cut off");
	size_t head_len = head_encode(item->kind, item->n, head);
	bool indefinite = (c->in.data[0] & 0x1f) == 0x1f;
	if (indefinite ||
	    (head_len && (head_len + item->string.len != got.read || memcmp(head, c->in.data, head_len) != 0)))
		return cbor_codec_refuse(c, ERR_PARSE, "CBOR: not in its shortest form");
	c->in.data += got.read;
	c->in.len -= got.read;
}

static void item_next(struct cbor_codec *c, enum cbor_kind kind, struct cbor_item *item)
{
	item_decode(c, item);
	if (item->kind != kind)
		cbor_codec_refuse(c, ERR_PARSE, "CBOR: another kind of item than expected");
}

struct cbor_item cbor_codec_item(struct cbor_codec *c)
{
	struct cbor_item item = { .kind = CBOR_KIND_OTHER };
	if (c->e == OK)
		item_decode(c, &item);
	return c->e == OK ? item : (struct cbor_item){ .kind = CBOR_KIND_OTHER };
}

void cbor_codec_skip(struct cbor_codec *c)
{
	for (uint64_t pending = 1; pending > 0 && c->e == OK; pending--) {
		struct cbor_item item = cbor_codec_item(c);
		uint64_t inside = item.kind == CBOR_KIND_ARRAY || item.kind == CBOR_KIND_MAP ? item.n : 0;
		/* Each takes a byte at least. */
		if (inside > c->in.len)
			cbor_codec_refuse(c, ERR_PARSE, "CBOR: malformed, or cut off");
		else
			pending += item.kind == CBOR_KIND_MAP ? 2 * inside : inside + (item.kind == CBOR_KIND_TAG);
	}
}

static void append(struct cbor_codec *c, struct bytes more)
{
	if (c->e == OK && more.len)
		c->e = buf_append(c->out, more, 0, c->em);
}

void cbor_codec_number(struct cbor_codec *c, enum cbor_kind kind, uint64_t *n)
{
	struct cbor_item item = { .n = 0 };
	uint8_t head[HEAD_MAX];
	if (c->writing) {
		append(c, (struct bytes){ head, head_encode(kind, *n, head) });
		return;
	}
	if (c->e == OK)
		item_next(c, kind, &item);
	*n = c->e == OK ? item.n : 0;
}

void cbor_codec_fixed(struct cbor_codec *c, enum cbor_kind kind, uint64_t n)
{
	uint64_t is = n;
	cbor_codec_number(c, kind, &is);
	if (is != n)
		cbor_codec_refuse(c, ERR_UNSUPPORTED, "CBOR: not of the shape that is read here");
}

void cbor_codec_string(struct cbor_codec *c, enum cbor_kind kind, struct bytes *string)
{
	struct cbor_item item = { .n = string->len };
	if (c->writing) {
		cbor_codec_number(c, kind, &item.n);
		append(c, *string);
		return;
	}
	if (c->e == OK)
		item_next(c, kind, &item);
	*string = c->e == OK ? item.string : (struct bytes){ NULL, 0 };
}

void cbor_codec_word(struct cbor_codec *c, const char *word)
{
	struct bytes is = bytes_str(word);
	cbor_codec_string(c, CBOR_KIND_TEXT, &is);
	if (!bytes_equal(is, bytes_str(word)))
		cbor_codec_refuse(c, ERR_UNSUPPORTED, "CBOR: not the words that are read here");
}

void cbor_codec_digest(struct cbor_codec *c, struct cbor_digest digest)
{
	struct bytes is = { digest.data, digest.len };
	cbor_codec_string(c, CBOR_KIND_BYTES, &is);
	if (!c->writing && is.len != digest.len)
		cbor_codec_refuse(c, ERR_PARSE, "CBOR: a digest of another length");
	if (!c->writing && c->e == OK)
		memcpy(digest.data, is.data, digest.len);
}
