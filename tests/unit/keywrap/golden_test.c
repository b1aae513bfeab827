#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include <stdio.h>
#include <unistd.h>

/* Before anything is allocated: skip() does not come back. */
static void golden_need(void)
{
	char *plain = golden_path("plain.bin");
	bool there = access(plain, R_OK) == 0;
	free(plain);
	if (there)
		return;
	print_message("skipped: the shared fixtures are not here\n");
	skip();
}

/* Layers that the Go library wrote: each opens to plain.bin. */
static void golden_opens(const char *folder, const char *key, const char *passphrase)
{
	golden_need();
	struct okw_error error = { OKW_OK, "" };
	AUTO_BUF
	out = { 0 };
	char name[64];
	AUTO_STR
	char *plain_path = golden_path("plain.bin");
	AUTO_BUF
	plain = file_read_all(plain_path);
	snprintf(name, sizeof(name), "%s/layer.enc", folder);
	AUTO_STR
	char *layer_path = golden_path(name);
	AUTO_BUF
	layer = file_read_all(layer_path);
	snprintf(name, sizeof(name), "%s/annotations.json", folder);
	AUTO_STR
	char *annotations_path = golden_path(name);
	struct okw_annotations annotations = annotations_from_file(annotations_path);
	snprintf(name, sizeof(name), "keys/%s", key);
	AUTO_STR
	char *key_path = golden_path(name);
	AUTO_STR
	char *spec = NULL;
	assert_true(asprintf(&spec, "%s%s", key_path, passphrase) > 0);
	struct okw_context *context = context_with(NULL, spec);
	assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), &error);
	assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&plain)));
	okw_annotations_clear(&annotations);
	okw_context_free(context);
}

static void opens_a_layer_of_ocicrypt_1_0_3_with_rsa(void **state)
{
	(void)state;
	golden_opens("jwe-1.0.3", "rsa.key", "");
}

static void opens_it_with_the_key_as_a_jwk(void **state)
{
	(void)state;
	golden_opens("jwe-1.0.3", "rsa.jwk", "");
}

static void opens_a_layer_of_ocicrypt_1_1_9_with_p384(void **state)
{
	(void)state;
	golden_opens("jweec-1.1.9", "ecP-384.key", "");
}

static void opens_a_layer_of_current_ocicrypt_with_a_sec1_key(void **state)
{
	(void)state;
	golden_opens("jwesec1-head", "ecsec1.der", "");
}

static void opens_a_pkcs7_layer_of_ocicrypt_1_0_3(void **state)
{
	(void)state;
	golden_opens("pkcs7-1.0.3", "rsa.key", "");
}

static void opens_a_pkcs7_layer_of_current_ocicrypt(void **state)
{
	(void)state;
	golden_opens("pkcs7-head", "rsa.key", "");
}

static void opens_a_pgp_layer_of_ocicrypt_1_1_9(void **state)
{
	(void)state;
	golden_need();
	if (access("/dev/shm", W_OK) != 0 || system("command -v gpg >/dev/null") != 0) {
		print_message("skipped: no gpg, or no /dev/shm, here\n");
		skip();
	}
	golden_opens("pgp-1.1.9", "h5.sec", "");
	golden_opens("pgp-1.1.9", "h5.asc", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_a_layer_of_ocicrypt_1_0_3_with_rsa),
		cmocka_unit_test(opens_it_with_the_key_as_a_jwk),
		cmocka_unit_test(opens_a_layer_of_ocicrypt_1_1_9_with_p384),
		cmocka_unit_test(opens_a_layer_of_current_ocicrypt_with_a_sec1_key),
		cmocka_unit_test(opens_a_pkcs7_layer_of_ocicrypt_1_0_3),
		cmocka_unit_test(opens_a_pkcs7_layer_of_current_ocicrypt),
		cmocka_unit_test(opens_a_pgp_layer_of_ocicrypt_1_1_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
