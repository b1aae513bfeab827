#include "config.h"

#include "common/jwe.h"
#include "common/key.h"
#include "tests/support/vector.h"

#include <fcntl.h>

/* What stays in this process's memory once a key has been read, used and freed: none of it. */

enum { NEEDLE = 16, NEEDLES_MAX = 8, PAGE_MAX = 1 << 20 };

/* Kept inverted, so that the search does not find what it searches for. */
struct needle {
	uint8_t inverted[NEEDLE];
};
static struct needle needles[NEEDLES_MAX];
static size_t needle_count;

static void needle_add(const uint8_t *bytes, bool reversed)
{
	assert_true(needle_count < NEEDLES_MAX);
	for (size_t i = 0; i < NEEDLE; i++)
		needles[needle_count].inverted[i] = (uint8_t)~bytes[reversed ? NEEDLE - 1 - i : i];
	needle_count++;
}

static bool is_needle(const uint8_t *at)
{
	for (size_t n = 0; n < needle_count; n++) {
		size_t i = 0;
		while (i < NEEDLE && (at[i] ^ needles[n].inverted[i]) == 0xff)
			i++;
		if (i == NEEDLE)
			return true;
	}
	return false;
}

struct mapping {
	unsigned long begin, end;
	char name[256];
};

static size_t search_mapping(int memory, const struct mapping *m)
{
	static uint8_t page[PAGE_MAX];
	size_t hits = 0;
	for (unsigned long at = m->begin; at < m->end; at += PAGE_MAX - NEEDLE) {
		size_t wanted = m->end - at < PAGE_MAX ? m->end - at : PAGE_MAX;
		ssize_t got = pread(memory, page, wanted, (off_t)at);
		for (ssize_t i = 0; i + NEEDLE <= got; i++)
			if (is_needle(page + i)) {
				print_error("found at %lx in %s\n", at + (unsigned long)i, m->name);
				hits++;
			}
	}
	secret_wipe(page, sizeof page);
	return hits;
}

static size_t search_memory(void)
{
	char line[512];
	size_t hits = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	AUTO_FD
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof line, maps)) {
		struct mapping m = { 0 };
		char rights[8];
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &m.begin, &m.end, rights, m.name) >= 3 &&
		    rights[0] == 'r' && rights[1] == 'w')
			hits += search_mapping(memory, &m);
	}
	fclose(maps);
	return hits;
}

static void path_of(const char *name, char path[4096])
{
	snprintf(path, 4096, "%s/tests/vectors/keys/%s", getenv("TOP_SRCDIR"), name);
}

static struct secret *read_secret(const char *name)
{
	char path[4096];
	struct secret *text = NULL;
	path_of(name, path);
	check_ok(file_read_secret(path, 65536, &text, &em));
	return text;
}

/* The middle of a private number out of plain DER, at a place that OpenSSL keeps together: in both byte orders. */
static void needles_from(const char *der, size_t offset)
{
	AUTO(secret) *text = read_secret(der);
	needle_add(secret_data(text) + offset, false);
	needle_add(secret_data(text) + offset, true);
}

static void use_key(const char *name)
{
	AUTO(secret) *text = read_secret(name);
	AUTO(secret) *passphrase = NULL;
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_STR
	char *jwe = NULL;
	AUTO(secret) *plain = NULL;
	struct jwe_key opener;
	check_ok(secret_copy(bytes_str("secret"), &passphrase, &em));
	check_ok(key_private_parse(secret_bytes(text), passphrase, &key, &em));
	struct jwe_recipient to = { .key = key };
	check_ok(jwe_encrypt(&to, 1, bytes_str("x"), &jwe, &em));
	check_ok(jwe_key_from_pkey(key, &opener, &em));
	check_ok(jwe_decrypt(bytes_str(jwe), 65536, &opener, &plain, &em));
}

static void the_search_finds_what_is_there(void **state)
{
	(void)state;
	needle_count = 0;
	needles_from("rsa.pkcs1.der", 300);
	assert_int_equal(search_memory(), 0);
	AUTO(secret) *text = read_secret("rsa.pkcs1.der");
	uint8_t *copy = malloc(secret_len(text));
	assert_non_null(copy);
	memcpy(copy, secret_data(text), secret_len(text));
	size_t hits = search_memory();
	free(copy);
	assert_true(hits >= 1);
}

static void nothing_of_an_rsa_key_stays(void **state)
{
	(void)state;
	static const char *const files[] = { "rsa.pkcs8.pem",         "rsa.pkcs8.der",
					     "rsa.pkcs1.pem",         "rsa.jwk",
					     "rsa.legacy-aes256.pem", "rsa.pkcs8-pbkdf2.pem",
					     "rsa.pkcs8-scrypt.pem" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		/* Inside d (it begins at about 275), p and dp; the same DER is found by none of its forms afterwards.
		 */
		needle_count = 0;
		needles_from("rsa.pkcs1.der", 400);
		needles_from("rsa.pkcs1.der", 600);
		needles_from("rsa.pkcs1.der", 860);
		needles_from(files[i], 500); /* the text itself */
		use_key(files[i]);
		if (search_memory() != 0)
			fail_msg("%s left something behind", files[i]);
	}
}

static void nothing_of_an_ec_key_stays(void **state)
{
	(void)state;
	static const char *const files[] = { "ec256.pkcs8.pem", "ec256.sec1.der", "ec256.jwk",
					     "ec256.legacy-aes128.pem" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		needle_count = 0;
		needles_from("ec256.sec1.der", 7);
		needles_from("ec256.sec1.der", 23);
		needles_from(files[i], 80);
		use_key(files[i]);
		if (search_memory() != 0)
			fail_msg("%s left something behind", files[i]);
	}
}

int main(void)
{
#ifdef WITH_SANITIZERS
	print_message("skipped: a sanitizer's own memory is too large to search\n");
	return 77;
#endif
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_finds_what_is_there),
		cmocka_unit_test(nothing_of_an_rsa_key_stays),
		cmocka_unit_test(nothing_of_an_ec_key_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
