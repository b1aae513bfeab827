#include "attest/init_data_delivery.h"

#include "attest/cursor.h"
#include "common/base64.h"

#include <zlib.h>

enum { SECTOR = 512, MAGIC_LEN = 8, HEAD_LEN = 16, GZIP = 15 + 16, PACKED_MAX = 2 * INIT_DATA_MAX };

static const char magic[] = "initdata";

static enum err gzip(struct bytes text, struct buf *out, struct errmsg *em)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text.data, .avail_in = (uInt)text.len };
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_nomem(em, "gzip");
	enum err e = buf_reserve(out, deflateBound(&z, text.len), em);
	if (e == OK) {
		z.next_out = out->data + out->len;
		z.avail_out = (uInt)(out->cap - out->len);
		e = deflate(&z, Z_FINISH) == Z_STREAM_END ? OK : err_set(em, ERR_INTERNAL, "gzip");
	}
	if (e == OK)
		out->len += z.total_out;
	(void)deflateEnd(&z);
	return e;
}

static enum err number_append(struct buf *out, uint64_t value, struct errmsg *em)
{
	uint8_t le[8];
	for (size_t i = 0; i < sizeof le; i++)
		le[i] = (uint8_t)(value >> (8 * i));
	return buf_append(out, BYTES(le), 0, em);
}

static enum err disk_make(struct bytes packed, struct buf *out, struct errmsg *em)
{
	static const uint8_t zeros[SECTOR] = { 0 };
	enum err e = buf_append(out, bytes_str(magic), 0, em);
	if (e == OK)
		e = number_append(out, packed.len, em);
	if (e == OK)
		e = buf_append(out, packed, 0, em);
	size_t over = out->len % SECTOR;
	return e == OK && over ? buf_append(out, (struct bytes){ zeros, SECTOR - over }, 0, em) : e;
}

enum err init_data_pack(struct bytes text, enum init_data_form form, struct buf *out, struct errmsg *em)
{
	AUTO_BUF
	packed = { 0 };
	if (text.len > INIT_DATA_MAX)
		return err_set(em, ERR_LIMIT, "init data of more than %d bytes", INIT_DATA_MAX);
	if (form == INIT_DATA_TEXT)
		return buf_append(out, text, 0, em);
	enum err e = gzip(text, &packed, em);
	if (e != OK || form == INIT_DATA_DISK)
		return e == OK ? disk_make(buf_bytes(&packed), out, em) : e;
	AUTO_STR
	char *encoded = base64_encode(BASE64_STD, buf_bytes(&packed));
	return encoded ? buf_append(out, bytes_str(encoded), 0, em) : err_nomem(em, "base64");
}

/* Grows with what really comes: a few bytes may say that they are gigabytes. */
static enum err inflate_all(z_stream *z, struct buf *out, struct errmsg *em)
{
	int result = Z_OK;
	while (result == Z_OK) {
		enum err e = buf_reserve(out, 64 << 10, em);
		if (e != OK)
			return e;
		z->next_out = out->data + out->len;
		z->avail_out = 64 << 10;
		result = inflate(z, Z_NO_FLUSH);
		out->len += (64 << 10) - z->avail_out;
		if (out->len > INIT_DATA_MAX)
			return err_set(em, ERR_LIMIT, "init data of more than %d bytes", INIT_DATA_MAX);
	}
	if (result == Z_MEM_ERROR)
		return err_nomem(em, "gzip");
	if (result != Z_STREAM_END)
		return err_set(em, result == Z_DATA_ERROR ? ERR_INTEGRITY : ERR_PARSE, "init data: gzip: %s",
			       z->msg ? z->msg : "cut off");
	return z->avail_in == 0 ? OK : err_set(em, ERR_PARSE, "init data: bytes behind the gzip");
}

static enum err gunzip(struct bytes packed, struct buf *out, struct errmsg *em)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)packed.data, .avail_in = (uInt)packed.len };
	if (inflateInit2(&z, GZIP) != Z_OK)
		return err_nomem(em, "gzip");
	enum err e = inflate_all(&z, out, em);
	(void)inflateEnd(&z);
	return e;
}

static enum err disk_read(struct bytes disk, struct buf *out, struct errmsg *em)
{
	if (disk.len < HEAD_LEN)
		return err_set(em, ERR_PARSE, "init data: the disk is cut off");
	uint64_t len = bytes_le(bytes_part(disk, MAGIC_LEN, 8));
	if (len > disk.len - HEAD_LEN)
		return err_set(em, ERR_PARSE, "init data: the disk holds less than it says");
	size_t end = HEAD_LEN + (size_t)len;
	if (!bytes_zero(bytes_part(disk, end, disk.len - end)))
		return err_set(em, ERR_PARSE, "init data: the disk's padding is not zero");
	return gunzip(bytes_part(disk, HEAD_LEN, (size_t)len), out, em);
}

static bool begins(struct bytes text, const char *with)
{
	return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* What an editor leaves behind the one line. */
static struct bytes line_end_cut(struct bytes text)
{
	while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
		text.len--;
	return text;
}

enum err init_data_unpack(struct bytes packed, struct buf *out, struct errmsg *em)
{
	AUTO_BUF
	binary = { 0 };
	buf_clear(out);
	if (packed.len > PACKED_MAX)
		return err_set(em, ERR_LIMIT, "init data: more than %d bytes", PACKED_MAX);
	if (begins(packed, magic))
		return disk_read(packed, out, em);
	if (begins(packed, "\x1f\x8b"))
		return gunzip(packed, out, em);
	if (!begins(packed, "H4sI"))
		return buf_append(out, packed, INIT_DATA_MAX, em);
	enum err e = base64_decode(BASE64_STD, line_end_cut(packed), &binary, em);
	return e == OK ? gunzip(buf_bytes(&binary), out, em) : err_wrap(em, e, "init data");
}
