#include "common/settings.h"

#include "common/file.h"
#include "tests/support/check.h"

#include <sys/stat.h>

static char folder[64];
static char path[128];

static int begin(void **state)
{
	(void)state;
	check_folder_make(folder);
	snprintf(path, sizeof(path), "%s/kbs-pkcs11.json", folder);
	unsetenv("KBS_PKCS11_CONF");
	return 0;
}

static int end(void **state)
{
	(void)state;
	check_folder_remove(folder);
	unsetenv("KBS_PKCS11_CONF");
	return 0;
}

static void put(const char *text, mode_t mode)
{
	check_ok(file_write_atomic(path, bytes_str(text), (struct file_write){ .mode = mode }, &em));
}

static const char good[] = "// ours\n{ \"kbs\": { \"url\": \"https://kbs.example\" }, /* more */\n"
			   "\"token\": {}, \"objects\": [], \"harden\": true }\n";

static void loads_the_file_that_is_named(void **state)
{
	(void)state;
	put(good, 0644);
	AUTO(settings) *s = NULL;
	check_ok(settings_load(path, &s, &em));
	assert_string_equal(path, s->path);
	json_object *kbs = NULL;
	const char *url = NULL;
	check_ok(json_get_object(s->root, "kbs", &kbs, &em));
	check_ok(json_get_string(kbs, "url", &url, &em));
	assert_string_equal("https://kbs.example", url);
}

static void loads_the_file_that_the_environment_names(void **state)
{
	(void)state;
	put(good, 0600);
	setenv("KBS_PKCS11_CONF", path, 1);
	AUTO(settings) *s = NULL;
	check_ok(settings_load(NULL, &s, &em));
	assert_string_equal(path, s->path);
}

static void check_refused(const char *text, const char *why)
{
	put(text, 0600);
	struct settings *s = NULL;
	check_err(ERR_CONFIG, settings_load(path, &s, &em));
	assert_null(s);
	if (!strstr(em.text, path) || !strstr(em.text, why))
		fail_msg("%s: %s", text, em.text);
}

static void names_path_and_member_of_what_is_wrong(void **state)
{
	(void)state;
	check_refused("", "line 1");
	check_refused("{", "line 1");
	check_refused("[]", "not an object");
	check_refused("null", "not an object");
	check_refused("{\"kbs\":{},\n\"kbs\":{}}", "line 2");
	check_refused("{\"kbs\":{}} x", "follows");
	check_refused("{\"kbsx\":{}}", "kbsx");
	check_refused("{\"kbs\":\"https://kbs\"}", "\"kbs\"");
	check_refused("{\"token\":[]}", "\"token\"");
	check_refused("{\"objects\":{}}", "\"objects\"");
	check_refused("{\"harden\":1}", "\"harden\"");
	check_refused("{\"tokens\":{}}", "\"tokens\"");
	check_refused("{\"tokens\":[{}],\"token\":{}}", "\"tokens\"");
	check_refused("{\"tokens\":[{}],\"objects\":[]}", "\"tokens\"");
	check_refused("{\"kbs\":{/*}}", "comment");
}

static void refuses_a_file_that_others_may_write(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0620, 0602, 0666 };
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		put(good, modes[i]);
		struct settings *s = NULL;
		check_err(ERR_CONFIG, settings_load(path, &s, &em));
		assert_non_null(strstr(em.text, path));
		assert_null(s);
	}
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	struct settings *s = NULL;
	check_err(ERR_CONFIG, settings_load(folder, &s, &em));
	assert_int_equal(0, mkfifo(path, 0600));
	check_err(ERR_CONFIG, settings_load(path, &s, &em));
	assert_null(s);
}

static void misses_a_file_that_was_named(void **state)
{
	(void)state;
	struct settings *s = NULL;
	check_err(ERR_CONFIG, settings_load(path, &s, &em));
	assert_non_null(strstr(em.text, path));
	setenv("KBS_PKCS11_CONF", path, 1);
	check_err(ERR_CONFIG, settings_load(NULL, &s, &em));
	assert_null(s);
}

/* Not an error for everyone: a registered module in a program that wants nothing of it. */
static void tells_apart_that_nobody_configured_anything(void **state)
{
	(void)state;
	static const char standard[] = "/etc/kbs-pkcs11/kbs-pkcs11.json";
	if (access(standard, F_OK) == 0) {
		print_message("skipped: this machine has a %s\n", standard);
		skip();
	}
	struct settings *s = NULL;
	check_err(ERR_NOT_FOUND, settings_load(NULL, &s, &em));
	assert_non_null(strstr(em.text, standard));
	setenv("KBS_PKCS11_CONF", "", 1);
	check_err(ERR_NOT_FOUND, settings_load(NULL, &s, &em));
	assert_null(s);
}

static void bounds_the_size(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	check_ok(buf_append(&text, bytes_str("{}"), 0, &em));
	check_ok(buf_reserve(&text, 1 << 20, &em));
	memset(text.data + 2, ' ', 1 << 20);
	text.data[(1 << 20) - 1] = '\0';
	put((char *)text.data, 0600);
	AUTO(settings) *s = NULL;
	check_ok(settings_load(path, &s, &em));
	text.data[(1 << 20) - 1] = ' ';
	text.len = (1 << 20) + 1;
	assert_non_null(buf_cstr(&text));
	check_refused((char *)text.data, "more than");
}

/* Lists of objects may be long, and are for others to read. */
static void leaves_lists_of_objects_alone(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	check_ok(buf_append(&text, bytes_str("{\"objects\" : [ 1, \"]\", /* ] */ {\"a\":[\"\\\"]\"]},\n"), 0, &em));
	for (int i = 0; i < 200000; i++)
		check_ok(buf_append(&text, bytes_str("{}, 7,\n"), 0, &em));
	check_ok(buf_append(&text, bytes_str("0], \"harden\":true}"), 0, &em));
	assert_non_null(buf_cstr(&text));
	put((char *)text.data, 0600);
	AUTO(settings) *s = NULL;
	check_ok(settings_load(path, &s, &em));
	struct bytes list = settings_objects(s, -1);
	assert_int_equal(list.len, text.len - strlen("{\"objects\" : ") - strlen(", \"harden\":true}"));
	assert_int_equal(list.data[0], '[');
	assert_null(memmem(list.data, list.len, "/*", 2));
	json_object *array = NULL;
	check_ok(json_get_array_opt(s->root, "objects", &array, &em));
	assert_int_equal(json_object_array_length(array), 0);
	check_ok(settings_check(s, &em));
	/* Lines keep their numbers behind a list. */
	check_refused("{\"objects\":[\n\n],\n\"x\":}", "line 4");
}

static void finds_the_list_of_each_token(void **state)
{
	(void)state;
	put("{\"tokens\":[{\"objects\":[1]},{\"x\":{\"objects\":[2]}},3,{\"y\":0,\"objects\":[4]}]}", 0600);
	AUTO(settings) *s = NULL;
	check_ok(settings_load(path, &s, &em));
	assert_int_equal(settings_objects(s, -1).len, 0);
	assert_true(bytes_equal(settings_objects(s, 0), bytes_str("[1]")));
	assert_int_equal(settings_objects(s, 1).len, 0);
	assert_int_equal(settings_objects(s, 2).len, 0);
	assert_true(bytes_equal(settings_objects(s, 3), bytes_str("[4]")));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads_the_file_that_is_named, begin, end),
		cmocka_unit_test_setup_teardown(loads_the_file_that_the_environment_names, begin, end),
		cmocka_unit_test_setup_teardown(names_path_and_member_of_what_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(refuses_a_file_that_others_may_write, begin, end),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_file, begin, end),
		cmocka_unit_test_setup_teardown(misses_a_file_that_was_named, begin, end),
		cmocka_unit_test_setup_teardown(tells_apart_that_nobody_configured_anything, begin, end),
		cmocka_unit_test_setup_teardown(bounds_the_size, begin, end),
		cmocka_unit_test_setup_teardown(leaves_lists_of_objects_alone, begin, end),
		cmocka_unit_test_setup_teardown(finds_the_list_of_each_token, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
