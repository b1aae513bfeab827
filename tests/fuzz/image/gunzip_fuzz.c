#include "tests/support/fuzz.h"

#include "image/gunzip.h"

#define MOST ((size_t)1 << 20)

/* True: it held, as far as it was read. */
static bool unpack(const struct inflater *by, struct bytes packed, struct buf *out)
{
	struct stream *from = NULL;
	AUTO(stream) *plain = NULL;
	uint8_t chunk[4099];
	if (stream_from_bytes(packed, &from, NULL) != OK || gunzip_stream_by(by, from, &plain, NULL) != OK)
		abort();
	for (size_t got = 1; got > 0 && out->len < MOST;) {
		if (stream_read(plain, (struct stream_window){ chunk, sizeof(chunk) }, &got, NULL) != OK)
			return false;
		if (buf_append(out, (struct bytes){ chunk, got }, 0, NULL) != OK)
			abort();
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF
	one = { 0 };
	bool held = unpack(&inflater_zlib, (struct bytes){ data, len }, &one);
#if HAVE_ISAL
	AUTO_BUF
	other = { 0 };
	bool others = unpack(&inflater_isal, (struct bytes){ data, len }, &other);
	if (held && others && one.len < MOST && !bytes_equal(buf_bytes(&one), buf_bytes(&other)))
		abort();
#endif
	(void)held;
	return 0;
}
