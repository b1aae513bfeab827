#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include "keywrap/key_file.h"
#include "keywrap/ocicrypt_conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* PKCS#11 URIs, key files and ocicrypt.conf, without a token. */

static void tells_uris_from_file_names(void **state)
{
	(void)state;
	static const char *const uris[] = { "pkcs11:", "pkcs11:token=a", "pkcs11:?pin-value=1", "pkcs11:x-own=1;id=%01",
					    "PKCS11:slot-id=4" };
	static const char *const files[] = { "pkcs11:key.yaml", "pkcs11:/tmp/a=b", "pkcs11:./token=a", "key.pem",
					     "pkcs11" };
	for (size_t i = 0; i < ARRAY_LEN(uris); i++)
		assert_true(token_ref_is_uri(uris[i]));
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		assert_false(token_ref_is_uri(files[i]));
}

static void keeps_the_pin_out_of_everything_but_its_secret(void **state)
{
	(void)state;
	AUTO(token_ref) *ref = NULL;
	struct errmsg em = { "" };
	assert_int_equal(
		token_ref_parse("pkcs11:token=my%20token;object=k?pin-value=s%65cret&module-name=m", &ref, &em), OK);
	assert_true(bytes_equal(secret_bytes(ref->pin), bytes_str("secret")));
	assert_null(strstr(ref->label, "cret"));
	assert_null(p11_kit_uri_get_pin_value(ref->uri));
	assert_string_equal(p11_kit_uri_get_module_name(ref->uri), "m");
	assert_string_equal(ref->label, "pkcs11:token=my%20token;object=k");
}

static void parse_key_file(const char *text, enum err wanted, struct token_ref **ref)
{
	struct errmsg em = { "" };
	enum err e = key_file_parse(bytes_str(text), ref, &em);
	if (e != wanted)
		fail_msg("%s: %s: %s", text, err_name(e), em.text);
	assert_null(strstr(em.text, "hidden"));
}

static void reads_key_files_in_the_styles_of_yaml(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"pkcs11:\n  uri: pkcs11:token=t;object=o?pin-value=hidden&module-path=/m.so\n",
		"pkcs11:\n  uri: \"pkcs11:token=t;object=o?pin-value=hidden&module-path=/m.so\"\n",
		"pkcs11:\n  uri: 'pkcs11:token=t;object=o?module-path=/m.so&pin-value=hidden'\n",
		"{pkcs11: {uri: \"pkcs11:token=t;object=o?module-path=/m.so&pin-value=hidden\"}, module: {}, x: [1]}",
		"---\n# pin-value=old\npkcs11:\n  uri: >-\n    pkcs11:id=%01?module-path=/m.so&pin-value=hidden\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(token_ref) *ref = NULL;
		parse_key_file(texts[i], OK, &ref);
		assert_string_equal(p11_kit_uri_get_module_path(ref->uri), "/m.so");
		assert_true(bytes_equal(secret_bytes(ref->pin), bytes_str("hidden")));
	}
	AUTO(token_ref) *ref = NULL;
	parse_key_file("pkcs11: {uri: \"pkcs11:id=%01\"}\nmodule:\n  env:\n    A: b\n    NUMBER: 5\n", OK, &ref);
	assert_int_equal(ref->env_count, 2);
	assert_string_equal(ref->env[1].value, "5");
}

static void refuses_bad_key_files(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err e;
	} bad[] = {
		{ "", ERR_PARSE },
		{ "text", ERR_PARSE },
		{ "- a\n- b\n", ERR_PARSE },
		{ "pkcs11: x\n", ERR_PARSE },
		{ "pkcs11: {}\n", ERR_PARSE },
		{ "pkcs11: {uri: [a]}\n", ERR_PARSE },
		{ "pkcs11: {uri: \"http://x\"}\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01\"\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01\"}\npkcs11: {uri: \"pkcs11:id=%02\"}\n", ERR_PARSE },
		{ "a: &x [1]\npkcs11: {uri: *x}\n", ERR_UNSUPPORTED },
		{ "pkcs11: {uri: \"pkcs11:id=%01\"}\nmodule: {env: [a]}\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01\"}\nmodule: {env: {\"A=B\": c}}\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01\"}\nmodule: {env: {A: [c]}}\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01\"}\n---\nb: c\n", ERR_PARSE },
		{ "pkcs11:\n  uri: pkcs11:id=%01?pin-value=hi,hidden\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01?pin\\x2dvalue=hidden\"}\n", ERR_PARSE },
		{ "pkcs11: {uri: \"pkcs11:id=%01?pin-value=%\"}\n", ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(token_ref) *ref = NULL;
		parse_key_file(bad[i].text, bad[i].e, &ref);
		assert_null(ref);
	}
}

static char *conf_folder(void)
{
	char *folder = strdup("/tmp/keywrap-conf-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return folder;
}

static void make_file(const char *folder, const char *name, const char *text)
{
	AUTO_STR
	char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static void remove_folder(const char *folder)
{
	AUTO_STR
	char *command = NULL;
	assert_true(asprintf(&command, "rm -rf %s", folder) > 0);
	assert_int_equal(system(command), 0);
}

static void allows_files_and_folders_and_nothing_else(void **state)
{
	(void)state;
	AUTO_STR
	char *folder = conf_folder();
	AUTO_STR
	char *text = NULL;
	AUTO_STR
	char *path = NULL;
	AUTO_OCICRYPT_CONF conf = { 0 };
	struct errmsg em = { "" };
	AUTO_STR
	char *command = NULL;
	assert_true(asprintf(&command,
			     "cd %s && mkdir in inside out && touch in/libA.so inside/libB.so out/libC.so && "
			     "ln -s ../out/libC.so in/libC.so",
			     folder) > 0);
	assert_int_equal(system(command), 0);
	assert_true(
		asprintf(&text,
			 "pkcs11:\n  module-directories: [%s/out/, %s/in/]\n  allowed-module-paths:\n    - %s/in/\n",
			 folder, folder, folder) > 0);
	assert_int_equal(ocicrypt_conf_parse(bytes_str(text), &conf, &em), OK);
	static const struct {
		const char *path, *name;
		enum err e;
	} wanted[] = {
		{ "in/libA.so", NULL, OK },
		{ "in", "liba", OK },
		{ NULL, "libA", OK },
		{ "in/../in/libA.so", NULL, OK },
		{ "inside/libB.so", NULL, ERR_DENIED },
		{ "in/../out/libC.so", NULL, ERR_DENIED },
		{ "in/libC.so", NULL, ERR_DENIED }, /* a link that leads out */
		{ NULL, "libC", ERR_DENIED },
		{ NULL, "libX", ERR_NOT_FOUND },
		{ "in", NULL, ERR_PARSE },
		{ "in/none.so", NULL, ERR_NOT_FOUND },
		{ "in", "../out/libC", ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		AUTO_STR
		char *full = NULL;
		AUTO_STR
		char *found = NULL;
		assert_true(asprintf(&full, "%s/%s", folder, wanted[i].path ? wanted[i].path : "") > 0);
		struct module_name name = { wanted[i].path ? full : NULL, wanted[i].name };
		enum err e = ocicrypt_conf_module(&conf, name, &found, &em);
		if (e != wanted[i].e)
			fail_msg("%zu: %s: %s", i, err_name(e), em.text);
	}
	assert_int_equal(ocicrypt_conf_module(&conf, (struct module_name){ "libA.so", NULL }, &path, &em), ERR_PARSE);
	remove_folder(folder);
}

static void looks_for_its_configuration_in_order(void **state)
{
	(void)state;
	AUTO_STR
	char *folder = conf_folder();
	AUTO_STR
	char *own = NULL;
	struct errmsg em = { "" };
	make_file(folder, "named.conf", "pkcs11: {allowed-module-paths: [/named]}\n");
	make_file(folder, "ocicrypt.conf", "pkcs11: {allowed-module-paths: [/config-home]}\n");
	assert_true(asprintf(&own, "%s/named.conf", folder) > 0);
	setenv("XDG_CONFIG_HOME", folder, 1);
	setenv("OCICRYPT_CONFIG", own, 1);
	AUTO_OCICRYPT_CONF named = { 0 };
	assert_int_equal(ocicrypt_conf_load(&named, &em), OK);
	assert_string_equal(named.allowed[0], "/named");
	unsetenv("OCICRYPT_CONFIG");
	AUTO_OCICRYPT_CONF home = { 0 };
	assert_int_equal(ocicrypt_conf_load(&home, &em), OK);
	assert_string_equal(home.allowed[0], "/config-home");
	assert_int_equal(home.allowed_count, 1);
	setenv("OCICRYPT_CONFIG", "/nonexistent", 1);
	AUTO_OCICRYPT_CONF none = { 0 };
	assert_int_equal(ocicrypt_conf_load(&none, &em), ERR_CONFIG);
	assert_int_equal(chmod(own, 0646), 0);
	setenv("OCICRYPT_CONFIG", own, 1);
	assert_int_equal(ocicrypt_conf_load(&none, &em), ERR_CONFIG);
	unsetenv("OCICRYPT_CONFIG");
	unsetenv("XDG_CONFIG_HOME");
	remove_folder(folder);
}

static void allows_only_the_own_module_without_a_configuration(void **state)
{
	(void)state;
	if (access("/etc/ocicrypt.conf", F_OK) == 0) {
		print_message("skipped: there is an /etc/ocicrypt.conf\n");
		skip();
	}
	struct errmsg em = { "" };
	AUTO_OCICRYPT_CONF conf = { 0 };
	setenv("HOME", "/nonexistent", 1);
	assert_int_equal(ocicrypt_conf_load(&conf, &em), OK);
	assert_int_equal(conf.allowed_count, 1);
	assert_non_null(strstr(conf.allowed[0], "/kbs-pkcs11.so"));
	assert_false(ocicrypt_conf_allows(&conf, "/usr/lib/softhsm/libsofthsm2.so"));
}

static void refuses_bad_configurations(void **state)
{
	(void)state;
	static const char *const bad[] = { "pkcs11: 5",
					   "pkcs11: {allowed-module-paths: /x}",
					   "pkcs11: {allowed-module-paths: [relative.so]}",
					   "pkcs11: {allowed-module-paths: [\"\"]}",
					   "pkcs11: {allowed-module-paths: [[/x]]}",
					   "[",
					   "a: *b" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_OCICRYPT_CONF conf = { 0 };
		struct errmsg em = { "" };
		assert_int_not_equal(ocicrypt_conf_parse(bytes_str(bad[i]), &conf, &em), OK);
	}
}

/* How often `what` stands on this process's heap and stack. */
static size_t memory_count(struct bytes what)
{
	static char line[512];
	static char maps[1 << 16];
	size_t found = 0;
	size_t len = 0;
	AUTO_FD
	int fd = open("/proc/self/maps", O_RDONLY);
	for (ssize_t n = 1; n > 0 && len < sizeof(maps) - 1; len += (size_t)n)
		n = read(fd, maps + len, sizeof(maps) - 1 - len);
	for (char *at = maps; *at; at += strcspn(at, "\n") + 1) {
		unsigned long begin = 0;
		unsigned long end = 0;
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if ((!strstr(line, "[heap]") && !strstr(line, "[stack]")) || sscanf(line, "%lx-%lx", &begin, &end) != 2)
			continue;
		const uint8_t *from = (const uint8_t *)begin;
		const uint8_t *hit = NULL;
		while (from < (const uint8_t *)end &&
		       (hit = memmem(from, (size_t)((const uint8_t *)end - from), what.data, what.len))) {
			found++;
			from = hit + 1;
		}
	}
	return found;
}

/* libyaml and p11-kit do not wipe what they free: they must not have seen the PIN. */
static void leaves_no_pin_on_the_heap(void **state)
{
	(void)state;
	if (SANITIZED) {
		print_message("skipped: a sanitizer has its own heap\n");
		skip();
	}
	static char text[256] = "pkcs11:\n  uri: \"pkcs11:token=t;object=o?module-path=/m.so&pin-value=";
	static char path[] = "/tmp/keywrap-pin-XXXXXX";
	static uint8_t random[16];
	const size_t before = strlen(text);
	assert_int_equal(getrandom(random, sizeof(random), 0), sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		text[before + i] = (char)('A' + random[i] % 26);
	struct bytes pin = { (const uint8_t *)text + before, sizeof(random) };
	memcpy(text + before + pin.len, "\"\n", 2);
	AUTO_FD
	int fd = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	char *known = malloc(64);
	assert_non_null(known);
	memcpy(known, pin.data, pin.len);
	assert_true(memory_count(pin) >= 1); /* it would be found */
	memset(known, 0, 64);
	__asm__ volatile("" ::"r"(known) : "memory");
	free(known);
	struct okw_context *context = context_with(NULL, path);
	assert_int_equal(memory_count(pin), 0);
	okw_context_free(context);
	assert_int_equal(memory_count(pin), 0);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_uris_from_file_names),
		cmocka_unit_test(keeps_the_pin_out_of_everything_but_its_secret),
		cmocka_unit_test(leaves_no_pin_on_the_heap),
		cmocka_unit_test(reads_key_files_in_the_styles_of_yaml),
		cmocka_unit_test(refuses_bad_key_files),
		cmocka_unit_test(allows_files_and_folders_and_nothing_else),
		cmocka_unit_test(looks_for_its_configuration_in_order),
		cmocka_unit_test(allows_only_the_own_module_without_a_configuration),
		cmocka_unit_test(refuses_bad_configurations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
