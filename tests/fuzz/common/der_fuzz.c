#include "tests/support/fuzz.h"

#include "common/der.h"

/* What the reader takes, the writer gives back to the byte, at every depth. */

#define CONSTRUCTED 0x20
#define DEPTH_MAX 32

static void rewrite(struct bytes body, unsigned depth)
{
	AUTO_BUF
	written = { 0 };
	struct bytes rest = body;
	struct bytes number;
	struct der_item item;
	for (struct bytes before = rest; der_read(&rest, &item); before = rest) {
		if (der_unsigned(&before, &number) && number.len == 0)
			abort();
		if (item.tag & CONSTRUCTED && depth < DEPTH_MAX)
			rewrite(item.body, depth + 1);
		size_t start = written.len;
		/* Both ways to write. */
		if (depth % 2 && der_put(&written, item, NULL) != OK)
			abort();
		if (depth % 2 == 0 && (buf_append(&written, item.body, 0, NULL) != OK ||
				       der_enclose(&written, start, item.tag, NULL) != OK))
			abort();
	}
	if (!bytes_equal(buf_bytes(&written), (struct bytes){ body.data, body.len - rest.len }))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	rewrite((struct bytes){ data, len }, 0);
	return 0;
}
