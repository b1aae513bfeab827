#include "attest/firmware.h"

/* OvmfPkg/ResetVector: the table lies before the last 32 bytes and is read backwards; the last entry describes it. */

enum { RESET_VECTOR_LEN = 32, GUID_LEN = 16, ENTRY_LEN = GUID_LEN + 2, ENTRIES_MAX = 64 };

/* 96b582de-1fb2-45f7-baea-a366c55a082d */
static const struct guid footer = { { 0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45, 0xba, 0xea, 0xa3, 0x66, 0xc5,
				      0x5a, 0x08, 0x2d } };

bool firmware_has_table(struct bytes image)
{
	return image.len >= RESET_VECTOR_LEN + ENTRY_LEN &&
	       memcmp(image.data + image.len - RESET_VECTOR_LEN - GUID_LEN, footer.bytes, GUID_LEN) == 0;
}

/* Takes the last entry off `table`. */
static enum err entry_take(struct bytes *table, struct guid *guid, struct bytes *data, struct errmsg *em)
{
	if (table->len < ENTRY_LEN)
		return err_set(em, ERR_PARSE, "the firmware's GUID table does not end with an entry");
	size_t len = bytes_le(bytes_part(*table, table->len - ENTRY_LEN, 2));
	if (len < ENTRY_LEN || len > table->len)
		return err_set(em, ERR_PARSE, "the firmware's GUID table has an entry of %zu bytes", len);
	memcpy(guid->bytes, table->data + table->len - GUID_LEN, GUID_LEN);
	*data = bytes_part(*table, table->len - len, len - ENTRY_LEN);
	table->len -= len;
	return OK;
}

enum err firmware_entry(struct bytes image, const struct guid *guid, struct bytes *data, struct errmsg *em)
{
	if (!firmware_has_table(image))
		return err_set(em, ERR_NOT_FOUND, "the firmware has no GUID table");
	size_t end = image.len - RESET_VECTOR_LEN;
	size_t total = bytes_le(bytes_part(image, end - ENTRY_LEN, 2));
	if (total < ENTRY_LEN || total > end)
		return err_set(em, ERR_PARSE, "the firmware's GUID table has %zu bytes", total);
	struct bytes table = bytes_part(image, end - total, total - ENTRY_LEN);
	for (int i = 0; table.len > 0 && i < ENTRIES_MAX; i++) {
		struct guid found;
		enum err e = entry_take(&table, &found, data, em);
		if (e != OK)
			return e;
		if (memcmp(found.bytes, guid->bytes, GUID_LEN) == 0)
			return OK;
	}
	return err_set(em, ERR_NOT_FOUND, "the firmware's GUID table lacks the entry");
}

enum err firmware_u32(struct bytes image, const struct guid *guid, uint32_t *value, struct errmsg *em)
{
	struct bytes data;
	enum err e = firmware_entry(image, guid, &data, em);
	if (e != OK)
		return e;
	if (data.len < 4)
		return err_set(em, ERR_PARSE, "the firmware's GUID table has a short entry");
	*value = (uint32_t)bytes_le(bytes_part(data, 0, 4));
	return OK;
}

enum err firmware_from_end(struct bytes image, uint32_t offset, struct bytes *out, struct errmsg *em)
{
	if (offset > image.len)
		return err_set(em, ERR_PARSE, "the firmware's metadata lie outside of it");
	*out = bytes_part(image, image.len - offset, offset);
	return OK;
}
