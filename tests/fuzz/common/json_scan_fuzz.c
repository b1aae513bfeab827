#include "tests/support/fuzz.h"

#include "common/json_scan.h"

/* Whatever is found lies inside the text and is a value by itself. */
static void check_member(struct bytes text, struct json_scan_path where)
{
	struct bytes raw = { 0 };
	if (json_scan_member(text, where, &raw, NULL) != OK)
		return;
	if (raw.data < text.data || raw.len > text.len || raw.data + raw.len > text.data + text.len || raw.len == 0 ||
	    json_scan_valid(raw, NULL) != OK)
		abort();
	AUTO(secret) *plain = NULL;
	AUTO(secret) *decoded = NULL;
	enum err e = json_scan_string(raw, &plain, NULL);
	if (e == OK && secret_len(plain) > raw.len - 2)
		abort();
	if (json_scan_base64(raw, BASE64_STD, &decoded, NULL) == OK && e != OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes text = { data, len };
	static const char *const paths[] = { "a", "symkey", "cipheroptions.nonce", "", "a.b.c" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		check_member(text, (struct json_scan_path){ paths[i], false });
		check_member(text, (struct json_scan_path){ paths[i], true });
	}
	AUTO(secret) *plain = NULL;
	if (json_scan_string(text, &plain, NULL) == OK && json_scan_valid(text, NULL) != OK)
		abort();
	return 0;
}
