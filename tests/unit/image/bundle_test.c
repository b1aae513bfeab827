/* What a runtime is told to start, from what an image says about itself. */
#include "image/runtime_config.h"

#include "image/image_user.h"
#include "tests/support/check.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct tree tree;

static void put_text(const char *name, const char *contents)
{
	char path[128];
	snprintf(path, sizeof path, "%s/root/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(contents, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/kbs-bundle.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(mkdir(path_of("root"), 0755), 0);
	assert_int_equal(mkdir(path_of("root/etc"), 0755), 0);
	int root = open(path_of("root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(tree_open(root, &tree, &em), OK);
	put_text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
			       "+::::::\n"
			       "# nobody:x:9:9::/:\n"
			       "app:x:1000:1001:An app:/srv:/bin/sh\n"
			       "broken:x:many:1::/:\n"
			       "twin:x:1000:5:late:/:\n"
			       "4711:x:12:13::/:\n"
			       "short:x:1\n");
	put_text("etc/group", "root:x:0:\napp:x:1001:\naudio:x:29:root,app\nvideo:x:44:happy,app,zoe\nvideo2:x:44:app\n"
			      "disk:x:6:apps\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tree_close(&tree);
	assert_int_equal(tree_remove(AT_FDCWD, folder, &em), OK);
	return 0;
}

static void is(const char *text, uid_t uid, gid_t gid, size_t groups)
{
	struct image_user user;
	check_err(OK, image_user_resolve(&tree, text, &user, &em));
	assert_int_equal(user.uid, uid);
	assert_int_equal(user.gid, gid);
	assert_int_equal(user.group_count, groups);
}

static void a_user_is_who_the_images_own_files_say(void **state)
{
	struct image_user user;
	(void)state;
	is("", 0, 0, 1);
	is("app", 1000, 1001, 2);
	is("1000", 1000, 1001, 2); /* the first with that number */
	is("app:disk", 1000, 6, 0);
	is("app:77", 1000, 77, 0);
	is("app:", 1000, 1001, 2);
	is("77", 77, 0, 0);
	is("77:audio", 77, 29, 0);
	is("4711", 12, 13, 0); /* names come before numbers */
	check_err(OK, image_user_resolve(&tree, "app", &user, &em));
	assert_int_equal(user.groups[0], 29);
	assert_int_equal(user.groups[1], 44);
}

static void who_is_nobody_there_is_refused(void **state)
{
	static const char *const nobody[] = {
		"daemon", "broken", "short", "#", "app:sys", "-1", "99999999999", "app:1x"
	};
	struct image_user user;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
		check_err(ERR_PARSE, image_user_resolve(&tree, nobody[i], &user, &em));
}

static void users_are_never_the_hosts(void **state)
{
	struct image_user user;
	(void)state;
	assert_int_equal(unlink(path_of("root/etc/passwd")), 0);
	is("5", 5, 0, 0);
	check_err(ERR_PARSE, image_user_resolve(&tree, "root", &user, &em));
	/* Out of the root a link leads to what has its name inside. */
	FILE *f = fopen(path_of("outside"), "w");
	assert_non_null(f);
	fputs("root:x:7:7::/:\n", f);
	fclose(f);
	assert_int_equal(symlink("../../outside", path_of("root/etc/passwd")), 0);
	check_err(ERR_PARSE, image_user_resolve(&tree, "root", &user, &em));
	put_text("outside", "root:x:8:8::/:\n");
	is("root", 8, 8, 1);
	/* What is no file is not waited for. */
	assert_int_equal(unlink(path_of("root/etc/passwd")), 0);
	assert_int_equal(mkfifo(path_of("root/etc/passwd"), 0600), 0);
	check_err(ERR_PARSE, image_user_resolve(&tree, "root", &user, &em));
}

static void ids_are_those_that_are_lent(void **state)
{
	static const char text[] = "other:1:2\nme:x:5\nme:100000:65536\n1000:7:8";
	struct id_map map = { 0 };
	(void)state;
	id_map_lend(&map, bytes_str(text), "me", 1);
	assert_int_equal(map.first, 100000);
	assert_int_equal(map.count, 65536);
	assert_true(id_map_has(&map, 0) && id_map_has(&map, 65536) && !id_map_has(&map, 65537));
	map = (struct id_map){ 0 };
	id_map_lend(&map, bytes_str(text), NULL, 1000);
	assert_int_equal(map.first, 7);
	map = (struct id_map){ 0 };
	id_map_lend(&map, bytes_str("me:4294967295:2\nme:0:9\nme:1\nm:2:3\n:1:1\n\n"), "me", 1);
	assert_int_equal(map.count, 0);
	assert_true(id_map_has(&map, 0) && !id_map_has(&map, 1));
}

static enum err make(const char *text, const struct runtime_maps *maps, json_object **out)
{
	AUTO_OF(json_object) *image = NULL;
	const struct runtime_how how = { .tree = &tree, .hostname = "host", .rootless = maps };
	assert_int_equal(json_parse(bytes_str(text), 65536, JSON_STRICT, &image, &em), OK);
	return runtime_config_make(image, &how, out, &em);
}

/* That the text is somewhere in what is made. */
static void says(json_object *made, const char *expected)
{
	AUTO_STR
	char *text = json_text(made);
	assert_non_null(text);
	if (!strstr(text, expected))
		fail_msg("%s is not in %s", expected, text);
}

static void the_image_says_what_is_started(void **state)
{
	AUTO_OF(json_object) *made = NULL;
	(void)state;
	check_err(OK,
		  make("{\"os\":\"linux\",\"architecture\":\"amd64\",\"author\":\"me\",\"os.features\":[\"a\",\"b\"],"
		       "\"config\":{\"Entrypoint\":[\"/"
		       "a\",\"b\"],\"Cmd\":[\"c\"],\"Env\":[\"A=b=c\"],\"WorkingDir\":\"/w\","
		       "\"User\":\"app\",\"StopSignal\":\"SIGQUIT\",\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},"
		       "\"Volumes\":{\"/"
		       "data\":{}},\"Labels\":{\"x\":\"y\",\"org.opencontainers.image.author\":\"you\"}}}",
		       NULL, &made));
	says(made, "\"args\":[\"/a\",\"b\",\"c\"]");
	says(made, "\"env\":[\"A=b=c\",\"PATH=/usr/local/sbin:");
	says(made, "\"cwd\":\"/w\"");
	says(made, "\"user\":{\"uid\":1000,\"gid\":1001,\"additionalGids\":[29,44]}");
	says(made, "\"org.opencontainers.image.stopSignal\":\"SIGQUIT\"");
	says(made, "\"org.opencontainers.image.exposedPorts\":\"80/tcp,53/udp\"");
	says(made, "\"org.opencontainers.image.os.features\":\"a,b\"");
	says(made, "\"org.opencontainers.image.author\":\"you\"");
	says(made, "\"destination\":\"/data\",\"type\":\"tmpfs\"");
	says(made, "\"hostname\":\"host\"");
	/* Not root: nothing but what its files may give it. */
	AUTO_STR
	char *text = json_text(made);
	assert_null(strstr(text, "\"effective\""));
	assert_null(strstr(text, "\"inheritable\""));
}

static void without_privileges_only_mapped_users_run(void **state)
{
	AUTO_OF(json_object) *made = NULL;
	const struct runtime_maps alone = { { 500, 0, 0 }, { 600, 0, 0 } };
	const struct runtime_maps lent = { { 500, 100000, 65536 }, { 600, 200000, 30 } };
	(void)state;
	check_err(ERR_UNSUPPORTED, make("{\"config\":{\"Cmd\":[\"a\"],\"User\":\"app\"}}", &alone, &made));
	check_err(ERR_UNSUPPORTED, make("{\"config\":{\"Cmd\":[\"a\"],\"User\":\"app\"}}", &lent, &made));
	check_err(OK, make("{\"config\":{\"Cmd\":[\"a\"],\"User\":\"1000:5\"}}", &lent, &made));
	says(made, "\"uidMappings\":[{\"containerID\":0,\"hostID\":500,\"size\":1},"
		   "{\"containerID\":1,\"hostID\":100000,\"size\":65536}]");
	says(made, "{\"type\":\"user\"}");
	json_object_put(steal(&made));
	/* The first further group of root's can be had, the other not; alone none. */
	check_err(OK, make("{\"config\":{\"Cmd\":[\"a\"]}}", &lent, &made));
	says(made, "\"additionalGids\":[29]");
	json_object_put(steal(&made));
	check_err(OK, make("{\"config\":{\"Cmd\":[\"a\"]}}", &alone, &made));
	says(made, "\"user\":{\"uid\":0,\"gid\":0}");
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"config\":{\"Cmd\":[]}}",
		"{\"config\":{\"Cmd\":\"a\"}}",
		"{\"config\":{\"Cmd\":[1]}}",
		"{\"config\":{\"Cmd\":[\"a\\u0000b\"]}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"Env\":[\"A\"]}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"Env\":[\"=A\"]}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"WorkingDir\":\"w\"}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"User\":\"nobody\"}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"Volumes\":{\"data\":{}}}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"Volumes\":{\"/data/../..\":{}}}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"Labels\":{\"a\":1}}}",
		"{\"config\":{\"Cmd\":[\"a\"],\"Labels\":{\"\":\"a\"}}}",
		"{\"config\":[]}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_OF(json_object) *made = NULL;
		check_err(ERR_PARSE, make(bad[i], NULL, &made));
		assert_null(made);
	}
	json_object *made = NULL;
	check_err(ERR_UNSUPPORTED, make("{\"os\":\"windows\",\"config\":{\"Cmd\":[\"a\"]}}", NULL, &made));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_is_who_the_images_own_files_say),
		TEST(who_is_nobody_there_is_refused),
		TEST(users_are_never_the_hosts),
		TEST(ids_are_those_that_are_lent),
		TEST(the_image_says_what_is_started),
		TEST(without_privileges_only_mapped_users_run),
		TEST(what_makes_no_sense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
