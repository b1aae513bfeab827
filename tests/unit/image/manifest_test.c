#include "tests/unit/image/layout_fixture.h"

#include "image/index.h"
#include "image/layout_edit.h"
#include "image/platform.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:" HEX "\",\"size\":2}"
#define LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:" HEX "\",\"size\":9}"
#define ENTRY "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:" HEX "\",\"size\":3}"

static enum err manifest_of(const char *json)
{
	AUTO(manifest) *m = NULL;
	return manifest_parse(bytes_str(json), MEDIA_OCI_MANIFEST, &m, NULL);
}

static enum err index_of(const char *json)
{
	AUTO(index) *index = NULL;
	return index_parse(bytes_str(json), MEDIA_OCI_INDEX, &index, NULL);
}

static void reads_a_manifest(void **state)
{
	(void)state;
	AUTO(manifest) *m = NULL;
	const char *json = "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER "," LAYER "]}";
	assert_int_equal(manifest_parse(bytes_str(json), MEDIA_OCI_MANIFEST, &m, NULL), OK);
	assert_int_equal(m->layer_count, 2);
	assert_int_equal(m->layers[1].size, 9);
	assert_string_equal(m->config.digest, "sha256:" HEX);
}

static void refuses_manifests_that_are_something_else_too(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"fsLayers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"history\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"Layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"MANIFESTS\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"mediaType\":\"" MEDIA_OCI_INDEX "\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(manifest_of(bad[i]), ERR_PARSE);
	assert_int_equal(index_of("{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}"), ERR_PARSE);
	assert_int_equal(index_of("{\"schemaVersion\":2,\"manifests\":[],\"config\":null}"), ERR_PARSE);
	assert_int_equal(index_of("{\"schemaVersion\":2,\"manifests\":[],\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"}"),
			 ERR_PARSE);
}

static void refuses_manifests_that_are_malformed(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"[]",
		"{}x",
		"{\"schemaVersion\":2}",
		"{\"schemaVersion\":\"2\",\"config\":" CONFIG ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG "}",
		"{\"schemaVersion\":2,\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":[],\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[7]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[{}]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[null]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		enum err e = manifest_of(bad[i]);
		assert_true(e == ERR_PARSE || e == ERR_UNSUPPORTED);
	}
	assert_int_equal(manifest_of("{\"schemaVersion\":1,\"config\":" CONFIG ",\"layers\":[]}"), ERR_UNSUPPORTED);
}

static void refuses_descriptors_that_are_malformed(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\"}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":-1}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":1.5}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":99999999999999999999}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\\u0000x\",\"size\":1}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":1,\"Digest\":\"x\"}",
		"{\"mediaType\":\"a/b\",\"size\":1}",
		"{\"mediaType\":\"ab\",\"digest\":\"sha256:" HEX "\",\"size\":1}",
		"{\"mediaType\":\"a/\\u001b[2J\",\"digest\":\"sha256:" HEX "\",\"size\":1}",
		"{\"digest\":\"sha256:" HEX "\",\"size\":1}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":1,\"annotations\":[]}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":1,\"annotations\":{\"a\":7}}",
		"{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":1,\"annotations\":{\"a\":\"b\\u0000\"}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_OF(json_object) *json = NULL;
		struct descriptor d;
		assert_int_equal(json_parse(bytes_str(bad[i]), 4096, JSON_STRICT, &json, NULL), OK);
		enum err e = descriptor_read(json, &d, NULL);
		if (e != ERR_PARSE)
			print_error("%s gave %s\n", bad[i], err_name(e));
		assert_int_equal(e, ERR_PARSE);
	}
}

/* The new index's text, after `entry` came to this one. */
static const char *put_into(const char *entries, const char *digest_end, const char *tag)
{
	AUTO(index) *index = NULL;
	AUTO_BUF
	out = { 0 };
	const char *json = text("{\"schemaVersion\":2,\"x\":1,\"manifests\":[%s]}", entries);
	const char *digest = text("sha256:%.62s%s", HEX, digest_end);
	const struct index_entry entry = { MEDIA_OCI_MANIFEST, digest, 3, tag };
	assert_int_equal(index_parse(bytes_str(json), MEDIA_OCI_INDEX, &index, NULL), OK);
	assert_int_equal(index_put(index, &entry, &out, NULL), OK);
	return text("%s", buf_cstr(&out));
}

static unsigned count_of(const char *in, const char *what)
{
	unsigned n = 0;
	for (const char *at = strstr(in, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

static void a_new_entry_takes_only_its_own_name_away(void **state)
{
	(void)state;
	const char *app = tagged(ENTRY, "app"), *other = tagged(ENTRY, "other");
	const char *out = put_into(text("%s,%s,%s", app, other, ENTRY), "00", "app");
	assert_int_equal(count_of(out, "\"digest\""), 4 - 1);
	assert_int_equal(count_of(out, "\"app\""), 1);
	assert_int_equal(count_of(out, "\"other\""), 1);
	assert_int_equal(count_of(out, "\"x\":1"), 1);
	/* an entry for the same manifest without a name gets it */
	out = put_into(text("%s,%s", other, ENTRY), "ef", "app");
	assert_int_equal(count_of(out, "\"digest\""), 2);
	/* and nothing is listed without a name that has one */
	assert_int_equal(count_of(put_into(other, "ef", NULL), "\"digest\""), 1);
	assert_int_equal(count_of(put_into(other, "00", NULL), "\"digest\""), 2);
}

static void platform_of_this_machine_is_the_default(void **state)
{
	(void)state;
	char shown[PLATFORM_TEXT_SIZE];
	const struct image_platform none = { 0 };
	struct image_platform here = platform_resolve(&none);
	assert_string_equal(here.os, "linux");
	assert_string_not_equal(here.architecture, "");
	const struct image_platform odd = { .os = "a\033b", .architecture = "c", .variant = "d" };
	platform_text(&odd, shown);
	assert_string_equal(shown, "a?b/c/d");
	/* this machine's variant says nothing about another architecture */
	const struct image_platform other = { .architecture = "s390x" };
	assert_null(platform_resolve(&other).variant);
}

/* Another manifest for the image: as good as any, and another digest. */
static void commit_is(struct layout_edit *edit, enum err want)
{
	struct errmsg em = { "" };
	char digest[IMAGE_DIGEST_SIZE] = "";
	AUTO_RAW_MANIFEST made = { 0 };
	const struct raw_manifest *old = layout_edit_manifest(edit);
	assert_int_equal(buf_append(&made.bytes, buf_bytes(&old->bytes), 0, &em), OK);
	assert_int_equal(buf_append(&made.bytes, bytes_str("\n"), 0, &em), OK);
	memcpy(made.media_type, old->media_type, sizeof(made.media_type));
	assert_int_equal(digest_of(buf_bytes(&made.bytes), made.digest, &em), OK);
	enum err e = layout_edit_commit(edit, &made, digest, &em);
	if (e != want)
		fail_msg("%s: %s", err_name(e), em.text);
	if (e == OK)
		assert_string_equal(digest, made.digest);
}

static void an_edit_gives_way_to_somebody_elses(void **state)
{
	const struct fixture *f = *state;
	const struct image_platform here = { 0 };
	struct errmsg em = { "" };
	AUTO(layout_edit) *first = NULL;
	AUTO(layout_edit) *second = NULL;
	put_usual(f);
	const char *index = text("%s/index.json", f->dir);
	assert_int_equal(layout_edit_open(text("%s:app", f->dir), &here, &first, &em), OK);
	assert_int_equal(layout_edit_open(text("%s:app", f->dir), &here, &second, &em), OK);
	commit_is(second, OK);
	AUTO_BUF
	before = get_file(index);
	size_t names = count_names(f->dir);
	commit_is(first, ERR_BUSY);
	AUTO_BUF
	after = get_file(index);
	assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
	assert_int_equal(count_names(f->dir), names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_manifest),
		cmocka_unit_test(refuses_manifests_that_are_something_else_too),
		cmocka_unit_test(refuses_manifests_that_are_malformed),
		cmocka_unit_test(refuses_descriptors_that_are_malformed),
		cmocka_unit_test(a_new_entry_takes_only_its_own_name_away),
		cmocka_unit_test(platform_of_this_machine_is_the_default),
		cmocka_unit_test_setup_teardown(an_edit_gives_way_to_somebody_elses, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
