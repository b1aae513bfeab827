#include "tests/support/check.h"

#include "common/file.h"
#include "common/libctx.h"
#include "kbs/kbs.h"
#include "kbs/key_file.h"
#include "kbs/service.h"
#include "tests/unit/kbs/memory_kbs.h"

#include <sys/stat.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	check_folder_make(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_delete(dir);
	return 0;
}

static const char *at(const char *name)
{
	static char path[200];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static enum err opens(void)
{
	AUTO(service) *service = NULL;
	return service_open(dir, false, &service, &em);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	check_ok(file_write_atomic(at(name), bytes_str(text), (struct file_write){ mode, false }, &em));
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	assert_int_equal(stat(at(name), &st), 0);
	return st.st_mode & 0777;
}

static void makes_a_folder_that_can_be_served(void **state)
{
	(void)state;
	check_ok(kbs_init(dir, &em));
	check_ok(opens());
	assert_int_equal(mode_of("admin.key"), 0600);
	assert_int_equal(mode_of("issuer.key"), 0600);
	assert_int_equal(mode_of("storage"), 0700);
	assert_int_equal(mode_of("kbs.json") & 022, 0);
}

static void makes_the_folder_itself(void **state)
{
	(void)state;
	char inner[100];
	snprintf(inner, sizeof(inner), "%s/inner", dir);
	check_ok(kbs_init(inner, &em));
	assert_int_equal(mode_of("inner"), 0700);
	check_err(ERR_IO, kbs_init("/nonexistent/a/b", &em));
}

static void overwrites_nothing(void **state)
{
	(void)state;
	AUTO_BUF
	before = { 0 };
	AUTO_BUF
	after = { 0 };
	check_ok(kbs_init(dir, &em));
	check_ok(file_read(at("admin.key"), 10000, &before, &em));
	check_err(ERR_EXISTS, kbs_init(dir, &em));
	/* As after a crash before the last file. */
	assert_int_equal(unlink(at("kbs.json")), 0);
	assert_int_equal(unlink(at("admin.pub")), 0);
	check_ok(kbs_init(dir, &em));
	check_ok(file_read(at("admin.key"), 10000, &after, &em));
	assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
	check_ok(opens());
}

static void takes_an_administrator_whose_key_is_elsewhere(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-384");
	check_ok(key_file_write_public(at("admin.pub"), key, &em));
	check_ok(kbs_init(dir, &em));
	assert_int_not_equal(access(at("admin.key"), F_OK), 0);
	check_ok(opens());
}

static void refuses_private_keys_that_others_can_read(void **state)
{
	(void)state;
	static const char *const names[] = { "issuer.key", "admin.key" };
	check_ok(kbs_init(dir, &em));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(chmod(at(names[i]), 0640), 0);
		check_err(ERR_CONFIG, opens());
		assert_non_null(strstr(em.text, names[i]));
		assert_int_equal(chmod(at(names[i]), 0600), 0);
	}
	assert_int_equal(chmod(at("storage"), 0755), 0);
	check_err(ERR_CONFIG, opens());
}

static void refuses_what_others_may_write(void **state)
{
	(void)state;
	static const char *const names[] = { "kbs.json", "policy.json", "admin.pub", "." };
	check_ok(kbs_init(dir, &em));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		mode_t before = mode_of(names[i]);
		assert_int_equal(chmod(at(names[i]), before | 020), 0);
		check_err(ERR_CONFIG, opens());
		assert_int_equal(chmod(at(names[i]), before), 0);
	}
	check_ok(opens());
}

static void says_which_file_is_wrong(void **state)
{
	(void)state;
	static const char *const names[] = { "issuer.key", "admin.pub", "policy.json", "kbs.json" };
	check_err(ERR_CONFIG, opens());
	check_ok(kbs_init(dir, &em));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_BUF
		before = { 0 };
		check_ok(file_read(at(names[i]), 10000, &before, &em));
		write_file(names[i], "nonsense", 0600);
		check_err(ERR_CONFIG, opens());
		assert_non_null(strstr(em.text, names[i]));
		assert_int_equal(unlink(at(names[i])), 0);
		check_err(ERR_CONFIG, opens());
		assert_non_null(strstr(em.text, names[i]));
		write_file(names[i], buf_cstr(&before), 0600);
	}
	check_ok(opens());
}

static void refuses_an_issuer_key_of_another_kind(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	check_ok(key_file_write_private(at("issuer.key"), key, &em));
	check_ok(kbs_init(dir, &em));
	check_err(ERR_CONFIG, opens());
}

static void reads_its_configuration_strictly(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"[]",
		"{\"unknown\":1}",
		"{\"listen\":1}",
		"{\"threads\":0}",
		"{\"threads\":\"4\"}",
		"{\"max-resource\":-1}",
		"{\"timeout\":99999}",
		"{\"tls-cert\":\"x\"}",
		"{\"admin-keys\":\"admin.pub\"}",
		"{\"admin-keys\":[1]}",
		"{\"admin-keys\":[\"missing.pub\"]}",
		"{\"admin-read\":\"yes\"}",
		"{\"storage\":{\"kind\":\"vault\"}}",
		"{\"storage\":{\"path\":\"missing\"}}",
		"{\"storage\":{\"what\":1}}",
	};
	check_ok(kbs_init(dir, &em));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		write_file("kbs.json", bad[i], 0600);
		check_result(ERR_CONFIG, opens(), bad[i], __FILE__, __LINE__);
	}
	write_file("kbs.json", "{\"threads\":2,\"max-sessions\":10,\"admin-keys\":[]} // no administrator", 0600);
	check_ok(opens());
	assert_int_equal(chmod(at("kbs.json"), 0666), 0);
	check_err(ERR_CONFIG, opens());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_a_folder_that_can_be_served),
		TEST(makes_the_folder_itself),
		TEST(overwrites_nothing),
		TEST(takes_an_administrator_whose_key_is_elsewhere),
		TEST(refuses_private_keys_that_others_can_read),
		TEST(refuses_what_others_may_write),
		TEST(says_which_file_is_wrong),
		TEST(refuses_an_issuer_key_of_another_kind),
		TEST(reads_its_configuration_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
