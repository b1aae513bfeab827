#include "tests/unit/image/tar_fixture.h"

uint8_t tar_block[TAR_BLOCK];
struct buf tar_made;

void tar_add(const void *data, size_t len)
{
	static const uint8_t zeros[TAR_BLOCK];
	assert_int_equal(buf_append(&tar_made, (struct bytes){ data, len }, 0, &em), OK);
	assert_int_equal(buf_append(&tar_made, (struct bytes){ zeros, -len % TAR_BLOCK }, 0, &em), OK);
}

void tar_header(char flag, const char *path, size_t size)
{
	memset(tar_block, 0, sizeof tar_block);
	snprintf((char *)tar_block, 100, "%s", path);
	snprintf((char *)tar_block + 100, 8, "%07o", flag == '5' ? 0755 : 0644);
	snprintf((char *)tar_block + 108, 8, "%07o", 0);
	snprintf((char *)tar_block + 116, 8, "%07o", 0);
	snprintf((char *)tar_block + 124, 12, "%011zo", size);
	snprintf((char *)tar_block + 136, 12, "%011o", 1700000000);
	tar_block[156] = (uint8_t)flag;
	memcpy(tar_block + 257,
	       "ustar\0"
	       "00",
	       8);
}

void tar_seal(void)
{
	unsigned sum = 0;
	memset(tar_block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof tar_block; i++)
		sum += tar_block[i];
	snprintf((char *)tar_block + 148, 8, "%06o", sum);
	tar_add(tar_block, sizeof tar_block);
}

void tar_file(const char *path, const char *contents)
{
	tar_header('0', path, strlen(contents));
	tar_seal();
	tar_add(contents, strlen(contents));
}

void tar_folder(const char *path)
{
	tar_header('5', path, 0);
	tar_seal();
}

void tar_linked(char flag, const char *path, const char *target)
{
	tar_header(flag, path, 0);
	snprintf((char *)tar_block + 157, 100, "%s", target);
	tar_seal();
}

void tar_pax(const char *records, size_t len)
{
	tar_header('x', "pax", len);
	tar_seal();
	tar_add(records, len);
}

void tar_records(char flag, const char *const *texts)
{
	AUTO_BUF
	all = { 0 };
	for (; *texts; texts++) {
		AUTO_STR
		char *line = NULL;
		int len = (int)strlen(*texts) + 2;
		int digits = snprintf(NULL, 0, "%d", len);
		/* The length is part of it. */
		digits = snprintf(NULL, 0, "%d", len + digits);
		assert_true(asprintf(&line, "%d %s\n", len + digits, *texts) == len + digits);
		assert_int_equal(buf_append(&all, bytes_str(line), 0, &em), OK);
	}
	tar_header(flag, "pax", all.len);
	tar_seal();
	tar_add(all.data, all.len);
}

void tar_pax_record(const char *text)
{
	tar_records('x', (const char *const[]){ text, NULL });
}

void tar_pax_path(const char *path)
{
	AUTO_STR
	char *text = NULL;
	assert_true(asprintf(&text, "path=%s", path) > 0);
	tar_pax_record(text);
}
