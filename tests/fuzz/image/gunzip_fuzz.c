#include "tests/support/fuzz.h"

#include "image/gunzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stream *from = NULL;
	AUTO(stream) *out = NULL;
	uint8_t chunk[4099];
	size_t total = 0;
	if (stream_from_bytes((struct bytes){ data, len }, &from, NULL) != OK || gunzip_stream(from, &out, NULL) != OK)
		abort();
	for (size_t got = 1; got > 0 && total < ((size_t)1 << 20); total += got)
		if (stream_read(out, (struct stream_window){ chunk, sizeof(chunk) }, &got, NULL) != OK)
			break;
	return 0;
}
