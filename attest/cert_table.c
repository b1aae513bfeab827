#include "attest/cert_table.h"

#include "attest/cursor.h"

enum { ENTRIES_MAX = 64 };

/* RFC 4122 byte order: VCEK, VLEK, ASK or ASVK, ARK, CRL. */
static const uint8_t kinds[][16] = {
	{ 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd },
	{ 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 },
	{ 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 },
	{ 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae },
	{ 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea },
};

static bool wanted(struct bytes guid)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (memcmp(guid.data, kinds[i], sizeof kinds[i]) == 0)
			return true;
	return false;
}

enum err cert_table_add(struct cert_set *to, struct bytes table, struct errmsg *em)
{
	struct cursor c = cursor_over(table);
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct bytes guid = cursor_take(&c, 16);
		uint64_t offset = cursor_u32(&c);
		uint64_t len = cursor_u32(&c);
		if (c.bad)
			return err_set(em, ERR_PARSE, "certificate table: ends before its last entry");
		if (bytes_zero(guid))
			return OK;
		if (offset + len > table.len)
			return err_set(em, ERR_PARSE, "certificate table: entry %zu lies outside", i);
		if (!wanted(guid))
			continue;
		enum err e = cert_set_add(to, bytes_part(table, offset, len), em);
		if (e != OK)
			return err_wrap(em, e, "certificate table: entry %zu", i);
	}
	return err_set(em, ERR_LIMIT, "certificate table: more than %d entries", ENTRIES_MAX);
}
