#pragma once
#include "attest/cursor.h"

/* The table of GUIDs at the end of an OVMF image. Everything is borrowed from it. */

/* As firmware stores a GUID: the first three groups little-endian. */
struct guid {
	uint8_t bytes[16];
};

/* True if the image ends with a table. */
bool firmware_has_table(struct bytes image);

/* The data of an entry. ERR_NOT_FOUND: no table, or no such entry; ERR_PARSE: the table is malformed. */
enum err firmware_entry(struct bytes image, const struct guid *guid, struct bytes *data, struct errmsg *em) MUST_USE;

/* An entry that is one u32. */
enum err firmware_u32(struct bytes image, const struct guid *guid, uint32_t *value, struct errmsg *em) MUST_USE;

/* What lies `offset` bytes before the end, up to the end. ERR_PARSE: outside. */
enum err firmware_from_end(struct bytes image, uint32_t offset, struct bytes *out, struct errmsg *em) MUST_USE;
