#include "tests/unit/image/layout_fixture.h"

#include "image/manifest.h"
#include "image/source.h"
#include "tests/unit/image/okw_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

#include <cmocka.h>

static struct okw_context *keys;

static int setup(void **state)
{
	struct okw_error error;
	okw_double = (struct okw_double){ 0 };
	return okw_context_new(&keys, &error) == OKW_OK ? fixture_setup(state) : -1;
}

static int teardown(void **state)
{
	okw_context_free(keys);
	return fixture_teardown(state);
}

static struct manifest *manifest_of(const char *name)
{
	AUTO_BUF
	raw = { 0 };
	struct manifest *m = NULL;
	const struct image_reading here = { .access = NULL };
	assert_int_equal(image_manifest(name, &here, &raw, NULL), OK);
	enum err e = manifest_parse(buf_bytes(&raw), MEDIA_OCI_MANIFEST, &m, NULL);
	assert_int_equal(e, OK);
	return m;
}

static struct image_copy_options encrypting(void)
{
	return (struct image_copy_options){ .keys = keys, .encrypt = true };
}

static struct image_copy_options decrypting(void)
{
	return (struct image_copy_options){ .keys = keys, .decrypt = true };
}

static void assert_same_manifest(const char *one, const char *two)
{
	AUTO_BUF
	a = { 0 };
	AUTO_BUF
	b = { 0 };
	const struct image_reading here = { .access = NULL };
	assert_int_equal(image_manifest(one, &here, &a, NULL), OK);
	assert_int_equal(image_manifest(two, &here, &b, NULL), OK);
	assert_true(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
}

static void encrypts_every_layer_and_nothing_else(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const struct image_copy_options options = encrypting();
	copy_expect(f->src, f->dst, &options, OK);
	AUTO(manifest) *before = manifest_of(f->src);
	AUTO(manifest) *after = manifest_of(f->dst);
	assert_string_equal(before->config.digest, after->config.digest);
	assert_int_equal(after->layer_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(after->layers[i].media_type, text("%s+encrypted", before->layers[i].media_type));
		assert_int_equal(after->layers[i].size, before->layers[i].size);
		assert_string_equal(descriptor_annotation(&after->layers[i], OKW_DOUBLE_KEYS), "a");
	}
	assert_string_not_equal(before->layers[0].digest, after->layers[0].digest);
	copy_expect(f->dst, text("oci:%s/again:app", f->root), NULL, OK); /* digests and sizes are right */
}

static void decrypts_to_the_very_same_image(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const struct image_copy_options there = encrypting(), back = decrypting();
	const char *plain = text("oci:%s/plain:app", f->root);
	copy_expect(f->src, f->dst, &there, OK);
	copy_expect(f->dst, plain, &back, OK);
	assert_same_manifest(f->src, plain);
}

static void keeps_other_annotations_and_members(void **state)
{
	const struct fixture *f = *state;
	const char *layer = put_layer(f->dir, LAYER_TAR, 100, 1);
	layer = text("%.*s,\"annotations\":{\"a\":\"b\"},\"x-member\":7,\"data\":\"c2VjcmV0\"}", (int)strlen(layer) - 1,
		     layer);
	put_index(f->dir, tagged(put_image(f->dir, layer), "app"));
	const struct image_copy_options there = encrypting(), back = decrypting();
	const char *plain = text("oci:%s/plain:app", f->root);
	copy_expect(f->src, f->dst, &there, OK);
	copy_expect(f->dst, plain, &back, OK);
	AUTO(manifest) *middle = manifest_of(f->dst);
	AUTO(manifest) *m = manifest_of(plain);
	assert_string_equal(descriptor_annotation(&m->layers[0], "a"), "b");
	assert_null(descriptor_annotation(&m->layers[0], OKW_DOUBLE_KEYS));
	assert_true(json_object_object_get_ex(m->layers[0].json, "x-member", NULL));
	/* the layer once more, not encrypted */
	assert_false(json_object_object_get_ex(middle->layers[0].json, "data", NULL));
}

static void encrypts_the_layers_that_are_named(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	static const int last_and_first[] = { -1, 0 };
	struct image_copy_options options = encrypting();
	options.encrypt_layers = last_and_first;
	options.encrypt_layer_count = 2;
	copy_expect(f->src, f->dst, &options, OK);
	AUTO(manifest) *m = manifest_of(f->dst);
	assert_true(media_type_is_encrypted(m->layers[0].media_type));
	assert_false(media_type_is_encrypted(m->layers[1].media_type));
	assert_true(media_type_is_encrypted(m->layers[2].media_type));
}

static void refuses_layers_that_are_not_there(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	static const int bad[] = { 3, -4, 1000, INT32_MIN };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct image_copy_options options = encrypting();
		options.encrypt_layers = &bad[i];
		options.encrypt_layer_count = 1;
		const char *message = copy_expect(f->src, f->dst, &options, ERR_ARG);
		assert_non_null(strstr(message, text("%d", bad[i])));
		assert_false(exists(f->out));
	}
	struct image_copy_options options = { .encrypt_layers = bad, .encrypt_layer_count = 1 };
	copy_expect(f->src, f->dst, &options, ERR_ARG);
}

static void leaves_nothing_when_the_end_does_not_verify(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const struct image_copy_options there = encrypting(), back = decrypting();
	const char *plain = text("oci:%s/plain:app", f->root);
	copy_expect(f->src, f->dst, &there, OK);
	okw_double.end = OKW_ERR_INTEGRITY;
	const char *message = copy_expect(f->dst, plain, &back, ERR_INTEGRITY);
	/* Any of them may be the first. */
	assert_int_equal(strncmp(message, "layer ", 6), 0);
	assert_non_null(strstr(message, " (sha256:"));
	assert_false(exists(text("%s/plain", f->root)));
}

static void says_which_layer_no_key_opens(void **state)
{
	const struct fixture *f = *state;
	static const struct {
		enum okw_code code;
		enum err want;
	} cases[] = { { OKW_ERR_KEY, ERR_KEY },
		      { OKW_ERR_DENIED, ERR_DENIED },
		      { OKW_ERR_TOKEN, ERR_PROTO },
		      { OKW_ERR_UNREACHABLE, ERR_NET },
		      { OKW_ERR_CONFIG, ERR_CONFIG } };
	put_usual(f);
	const struct image_copy_options there = encrypting(), back = decrypting();
	copy_expect(f->src, f->dst, &there, OK);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		okw_double.refuse_key = cases[i].code;
		const char *message = copy_expect(f->dst, text("oci:%s/plain:app", f->root), &back, cases[i].want);
		assert_non_null(strstr(message, "layer 0 (sha256:"));
		assert_non_null(strstr(message, "the double says no"));
	}
	assert_false(exists(text("%s/plain", f->root)));
}

static void a_spoilt_source_is_called_that_and_not_a_bad_cipher(void **state)
{
	const struct fixture *f = *state;
	const char *layer = put_layer(f->dir, LAYER_TAR, 1000, 1);
	put_index(f->dir, tagged(put_image(f->dir, layer), "app"));
	const char *blob = text("%s/blobs/sha256/%.64s", f->dir, strstr(layer, "sha256:") + 7);
	AUTO_BUF
	contents = get_file(blob);
	contents.data[5] ^= 1;
	put_file(blob, buf_bytes(&contents));
	const struct image_copy_options options = encrypting();
	const char *message = copy_expect(f->src, f->dst, &options, ERR_INTEGRITY);
	assert_null(strstr(message, "double"));
	assert_false(exists(f->out));
}

static void copies_encrypted_layers_as_they_are_without_keys(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const struct image_copy_options there = encrypting();
	copy_expect(f->src, f->dst, &there, OK);
	const char *again = text("oci:%s/again:app", f->root);
	copy_expect(f->dst, again, NULL, OK);
	assert_same_manifest(f->dst, again);
	/* nor are they encrypted twice */
	copy_expect(f->dst, again, &there, OK);
	assert_same_manifest(f->dst, again);
}

static void adds_recipients_and_keeps_the_bytes(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const struct image_copy_options there = encrypting();
	struct image_copy_options both = encrypting();
	both.decrypt = true;
	copy_expect(f->src, f->dst, &there, OK);
	const char *shared = text("oci:%s/shared:app", f->root);
	copy_expect(f->dst, shared, &both, OK);
	AUTO(manifest) *before = manifest_of(f->dst);
	AUTO(manifest) *after = manifest_of(shared);
	assert_string_equal(before->layers[0].digest, after->layers[0].digest);
	assert_string_equal(descriptor_annotation(&after->layers[0], OKW_DOUBLE_KEYS), "a,a");
}

static void a_docker_image_becomes_an_oci_image(void **state)
{
	const struct fixture *f = *state;
	const char *config = put_blob(f->dir, MEDIA_DOCKER_CONFIG, bytes_str("{\"os\":\"linux\"}"));
	const char *one = put_layer(f->dir, "application/vnd.docker.image.rootfs.diff.tar.gzip", 1000, 1);
	const char *two = put_layer(f->dir, "application/vnd.docker.image.rootfs.diff.tar", 1000, 2);
	const char *manifest = text("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s,%s]}",
				    MEDIA_DOCKER_MANIFEST, config, one, two);
	put_index(f->dir, tagged(put_blob(f->dir, MEDIA_DOCKER_MANIFEST, bytes_str(manifest)), "app"));
	static const int first = 0;
	struct image_copy_options options = encrypting();
	options.encrypt_layers = &first;
	options.encrypt_layer_count = 1;
	copy_expect(f->src, f->dst, &options, OK);
	AUTO(manifest) *m = manifest_of(f->dst);
	assert_string_equal(m->config.media_type, MEDIA_OCI_CONFIG);
	assert_string_equal(m->layers[0].media_type, LAYER_GZIP "+encrypted");
	assert_string_equal(m->layers[1].media_type, LAYER_TAR);
	/* and in a layout in any case, where peers read no others */
	const char *plain = text("oci:%s/plain:app", f->root);
	copy_expect(f->src, plain, NULL, OK);
	AUTO(manifest) *same = manifest_of(plain);
	assert_string_equal(same->media_type, MEDIA_OCI_MANIFEST);
	assert_string_equal(same->config.media_type, MEDIA_OCI_CONFIG);
	assert_string_equal(same->layers[0].media_type, LAYER_GZIP);
	assert_string_equal(same->layers[1].media_type, LAYER_TAR);
}

static void refuses_what_it_cannot_encrypt(void **state)
{
	const struct fixture *f = *state;
	const struct image_copy_options options = encrypting();
	put_index(f->dir, tagged(put_image(f->dir, put_layer(f->dir, "application/x-chart", 10, 1)), "app"));
	copy_expect(f->src, f->dst, &options, ERR_UNSUPPORTED);
	const char *layer = put_layer(f->dir, LAYER_TAR, 10, 1);
	layer = text("%.*s,\"annotations\":{\"" OKW_DOUBLE_KEYS "\":\"a\"}}", (int)strlen(layer) - 1, layer);
	put_index(f->dir, tagged(put_image(f->dir, layer), "app"));
	copy_expect(f->src, f->dst, &options, ERR_PARSE);
	const struct image_copy_options keyless = { .encrypt = true };
	copy_expect(f->src, f->dst, &keyless, ERR_ARG);
	assert_false(exists(f->out));
}

static void layers_that_are_elsewhere_stay_there(void **state)
{
	const struct fixture *f = *state;
	const char *layer = text("{\"mediaType\":\"application/"
				 "vnd.oci.image.layer.nondistributable.v1.tar\",\"digest\":\"sha256:%064d\","
				 "\"size\":5,\"urls\":[\"https://example.org/layer\"]}",
				 7);
	put_index(f->dir, tagged(put_image(f->dir, layer), "app"));
	copy_expect(f->src, f->dst, NULL, OK);
	assert_same_manifest(f->src, f->dst);
	const struct image_copy_options options = encrypting();
	copy_expect(f->src, text("oci:%s/enc:app", f->root), &options, ERR_NOT_FOUND);
}

/* Two members, as pigz and others write. */
static struct buf gzip_twice(struct bytes contents)
{
	struct buf out = { 0 };
	for (int half = 0; half < 2; half++) {
		z_stream z = { 0 };
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
		assert_int_equal(buf_reserve(&out, contents.len + 1000, NULL), OK);
		z.next_in = (uint8_t *)contents.data + (half ? contents.len / 2 : 0);
		z.avail_in = (unsigned)(half ? contents.len - contents.len / 2 : contents.len / 2);
		z.next_out = out.data + out.len;
		z.avail_out = (unsigned)(out.cap - out.len);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		out.len += z.total_out;
		deflateEnd(&z);
	}
	return out;
}

/* The usual way with skopeo: the layer was packed on its way to encryption, and the digest in the keys is that of
 * what it was packed from. */
static void takes_a_layer_whose_unpacked_bytes_have_the_digest_that_was_sealed(void **state)
{
	const struct fixture *f = *state;
	uint8_t data[100000];
	char digest[IMAGE_DIGEST_SIZE];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * i >> 7);
	assert_int_equal(digest_of(BYTES(data), digest, NULL), OK);
	AUTO_BUF
	packed = gzip_twice(BYTES(data));
	put_index(f->dir, tagged(put_image(f->dir, put_blob(f->dir, LAYER_GZIP, buf_bytes(&packed))), "app"));
	const struct image_copy_options there = encrypting(), back = decrypting();
	copy_expect(f->src, f->dst, &there, OK);

	const char *plain = text("oci:%s/plain:app", f->root);
	okw_double.end = OKW_ERR_INTEGRITY;
	okw_double.other_digest = text("sha256:%064d", 7);
	assert_non_null(strstr(copy_expect(f->dst, plain, &back, ERR_INTEGRITY), "neither"));
	assert_false(exists(text("%s/plain", f->root)));
	okw_double.other_digest = digest;
	copy_expect(f->dst, plain, &back, OK);
	assert_same_manifest(f->src, plain);
}

static void refuses_a_layer_that_does_not_even_unpack(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const struct image_copy_options there = encrypting(), back = decrypting();
	copy_expect(f->src, f->dst, &there, OK);
	okw_double.end = OKW_ERR_INTEGRITY;
	okw_double.other_digest = text("sha256:%064d", 7);
	copy_expect(f->dst, text("oci:%s/plain:app", f->root), &back, ERR_INTEGRITY);
	assert_false(exists(text("%s/plain", f->root)));
}

static void shows_what_is_in_an_image(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	static const int first = 0;
	struct image_copy_options options = encrypting();
	options.encrypt_layers = &first;
	options.encrypt_layer_count = 1;
	copy_expect(f->src, f->dst, &options, OK);
	AUTO_OF(json_object) *summary = NULL;
	const struct image_reading here = { .access = NULL };
	assert_int_equal(image_inspect(f->dst, &here, &summary, NULL), OK);
	AUTO_STR
	char *shown = json_text(summary);
	assert_non_null(strstr(shown, "\"os\":\"linux\""));
	assert_non_null(strstr(shown, "\"encrypted\":true,\"recipients\":[{\"scheme\":\"double\",\"count\":1}]"));
	assert_non_null(strstr(shown, "\"mediaType\":\"" LAYER_TAR "\",\"encrypted\":false}"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(encrypts_every_layer_and_nothing_else),
		TEST(decrypts_to_the_very_same_image),
		TEST(keeps_other_annotations_and_members),
		TEST(encrypts_the_layers_that_are_named),
		TEST(refuses_layers_that_are_not_there),
		TEST(leaves_nothing_when_the_end_does_not_verify),
		TEST(says_which_layer_no_key_opens),
		TEST(a_spoilt_source_is_called_that_and_not_a_bad_cipher),
		TEST(copies_encrypted_layers_as_they_are_without_keys),
		TEST(adds_recipients_and_keeps_the_bytes),
		TEST(a_docker_image_becomes_an_oci_image),
		TEST(refuses_what_it_cannot_encrypt),
		TEST(layers_that_are_elsewhere_stay_there),
		TEST(takes_a_layer_whose_unpacked_bytes_have_the_digest_that_was_sealed),
		TEST(refuses_a_layer_that_does_not_even_unpack),
		TEST(shows_what_is_in_an_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
