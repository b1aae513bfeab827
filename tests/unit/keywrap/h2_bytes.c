#include "tests/unit/keywrap/h2_bytes.h"

#include "tests/support/check.h"

#include <nghttp2/nghttp2.h>

#define HEADER 9

static void put(struct buf *out, struct bytes what)
{
	assert_int_equal(buf_append(out, what, 0, NULL), OK);
}

static uint32_t be(const uint8_t *from, size_t len)
{
	uint32_t value = 0;
	for (size_t i = 0; i < len; i++)
		value = value << 8 | from[i];
	return value;
}

void h2_put(struct buf *out, struct h2_frame f, struct bytes payload)
{
	const uint8_t header[HEADER] = {
		(uint8_t)(payload.len >> 16),
		(uint8_t)(payload.len >> 8),
		(uint8_t)payload.len,
		(uint8_t)f.type,
		f.flags,
		(uint8_t)(f.stream >> 24),
		(uint8_t)(f.stream >> 16),
		(uint8_t)(f.stream >> 8),
		(uint8_t)f.stream,
	};
	put(out, BYTES(header));
	put(out, payload);
}

/* RFC 7541 6.2.2: a literal without indexing, with a new name. Below 127 bytes each. */
static void field_put(struct buf *out, const char *name, const char *value)
{
	const uint8_t literal = 0, name_len = (uint8_t)strlen(name), value_len = (uint8_t)strlen(value);
	assert_true(strlen(name) < 127 && strlen(value) < 127);
	put(out, (struct bytes){ &literal, 1 });
	put(out, (struct bytes){ &name_len, 1 });
	put(out, bytes_str(name));
	put(out, (struct bytes){ &value_len, 1 });
	put(out, bytes_str(value));
}

void h2_put_headers(struct buf *out, struct h2_frame frame, const char *const *fields)
{
	AUTO_BUF
	block = { 0 };
	for (; fields && fields[0]; fields += 2)
		field_put(&block, fields[0], fields[1]);
	frame.type = H2_HEADERS;
	h2_put(out, frame, buf_bytes(&block));
}

void h2_put_message(struct buf *out, uint32_t stream, uint8_t flags, struct bytes message)
{
	AUTO_BUF
	framed = { 0 };
	const uint8_t prefix[] = { 0, 0, (uint8_t)(message.len >> 16), (uint8_t)(message.len >> 8),
				   (uint8_t)message.len };
	put(&framed, BYTES(prefix));
	put(&framed, message);
	h2_put(out, (struct h2_frame){ H2_DATA, flags, stream }, buf_bytes(&framed));
}

void h2_put_request(struct buf *out, uint32_t stream, const char *path, const char *const *more)
{
	const char *fields[32] = { ":method", "POST",       ":scheme",   "http",         ":path",
				   path,      ":authority", "localhost", "content-type", "application/grpc",
				   "te",      "trailers" };
	size_t n = 12;
	for (; more && *more; more++)
		fields[n++] = *more;
	h2_put_headers(out, (struct h2_frame){ .flags = H2_END_HEADERS, .stream = stream }, fields);
}

static void block_read(nghttp2_hd_inflater *inflater, struct bytes block, const char *name, char **out)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.data, block.len, 1);
		assert_true(n >= 0);
		block.data += n;
		block.len -= (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT && out && !*out && nv.namelen == strlen(name) &&
		    memcmp(nv.name, name, nv.namelen) == 0)
			*out = strndup((const char *)nv.value, nv.valuelen);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(inflater);
}

char *h2_value(struct bytes sent, uint32_t stream, const char *name)
{
	nghttp2_hd_inflater *inflater = NULL;
	char *value = NULL;
	assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
	while (sent.len >= HEADER && be(sent.data, 3) <= sent.len - HEADER) {
		size_t len = be(sent.data, 3);
		if (sent.data[3] == H2_HEADERS)
			block_read(inflater, (struct bytes){ sent.data + HEADER, len }, name,
				   be(sent.data + 5, 4) == stream ? &value : NULL);
		sent.data += HEADER + len;
		sent.len -= HEADER + len;
	}
	nghttp2_hd_inflate_del(inflater);
	return value;
}

unsigned h2_count(struct bytes sent, enum h2_type type, uint32_t stream)
{
	unsigned count = 0;
	while (sent.len >= HEADER && be(sent.data, 3) <= sent.len - HEADER) {
		size_t len = be(sent.data, 3);
		count += sent.data[3] == type && (stream == 0 || be(sent.data + 5, 4) == stream);
		sent.data += HEADER + len;
		sent.len -= HEADER + len;
	}
	return count;
}
