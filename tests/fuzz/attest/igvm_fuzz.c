#include "tests/support/fuzz.h"

#include "attest/measure.h"

#include <zlib.h>

static uint32_t le32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void le32_put(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Its own length and checksum are made to hold, or no input would get past them. */
static void mend(uint8_t *file, size_t len)
{
	size_t fixed = len >= 32 && le32(file + 4) == 2 ? 32 : 24;
	size_t at = le32(file + 8);
	size_t headers = le32(file + 12);
	memcpy(file, "IGVM", 4);
	le32_put(file + 16, (uint32_t)len);
	if (at > len || headers > len - at)
		return;
	le32_put(file + 20, 0);
	le32_put(file + 20, (uint32_t)crc32_z(crc32_z(crc32_z(0, NULL, 0), file, fixed), file + at, headers));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF
	file = { 0 };
	uint8_t value[MEASURE_LEN];
	if (buf_append(&file, (struct bytes){ data, len }, 0, NULL) != OK)
		return 0;
	if (len >= 24)
		mend(file.data, len);
	struct measure_snp in = { .firmware = buf_bytes(&file), .vmm = MEASURE_IGVM };
	(void)!measure_snp(&in, value, NULL);
	in.vmm = MEASURE_QEMU;
	(void)!measure_snp(&in, value, NULL);
	(void)!measure_tdx(in.firmware, MEASURE_INTERLEAVED, value, NULL);
	return 0;
}
