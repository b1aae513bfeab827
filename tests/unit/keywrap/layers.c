#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include "common/file.h"
#include "common/json.h"

#include <stdio.h>

int memory_read(void *user, uint8_t *to, size_t capacity, size_t *length)
{
	struct memory_source *s = user;
	size_t n = s->left.len < capacity ? s->left.len : capacity;
	if (s->step && n > s->step)
		n = s->step;
	if (n == 0 && s->fail_at_end)
		return -1;
	*length = n;
	if (n == 0)
		return 0;
	memcpy(to, s->left.data, n);
	s->left.data += n;
	s->left.len -= n;
	return 0;
}

char *test_data(size_t len)
{
	char *data = malloc(len + 1);
	uint32_t state = 12345;
	assert_non_null(data);
	for (size_t i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		data[i] = (char)(state >> 24);
	}
	return data;
}

struct buf file_read_all(const char *path)
{
	struct buf text = { 0 };
	struct errmsg em = { "" };
	enum err e = file_read(path, (size_t)64 << 20, &text, &em);
	if (e != OK)
		fail_msg("%s", em.text);
	return text;
}

static char *source_path(const char *folder, const char *name)
{
	const char *top = getenv("TOP_SRCDIR");
	char *path = NULL;
	assert_true(asprintf(&path, "%s/%s/%s", top ? top : ".", folder, name) > 0);
	return path;
}

char *golden_path(const char *name)
{
	return source_path("../shared/fixtures/ocicrypt/golden", name);
}

char *vector_path(const char *name)
{
	return source_path("tests/vectors/keywrap", name);
}

struct okw_annotations annotations_from_file(const char *path)
{
	struct okw_annotations a = { 0 };
	struct errmsg em = { "" };
	AUTO_OF(json_object) *root = NULL;
	AUTO_BUF
	text = file_read_all(path);
	if (json_parse(buf_bytes(&text), text.len, JSON_STRICT, &root, &em) != OK)
		fail_msg("%s", em.text);
	a.items = calloc((size_t)json_object_object_length(root), sizeof(*a.items));
	json_object_object_foreach(root, key, value)
	{
		a.items[a.count].key = strdup(key);
		a.items[a.count++].value = strdup(json_object_get_string(value));
	}
	return a;
}

void assert_okw(enum okw_code code, const struct okw_error *error)
{
	if (code != OKW_OK)
		fail_msg("code %d: %s", (int)code, error->text);
}

void assert_error_has(const struct okw_error *error, const char *text)
{
	if (!strstr(error->text, text))
		fail_msg("\"%s\" is not in: %s", text, error->text);
}

static enum okw_code read_all(struct okw_reader *reader, struct buf *out, struct okw_error *error)
{
	for (;;) {
		uint8_t piece[50000];
		size_t n = 0;
		enum okw_code code = okw_reader_read(reader, piece, sizeof(piece), &n, error);
		if (code != OKW_OK || n == 0)
			return code;
		assert_int_equal(buf_append(out, (struct bytes){ piece, n }, 0, NULL), OK);
	}
}

struct buf encrypt_all(struct okw_context *context, struct bytes plain, struct okw_annotations *annotations)
{
	struct okw_error error = { OKW_OK, "" };
	struct memory_source source = { .left = plain };
	struct okw_reader *reader = NULL;
	struct buf out = { 0 };
	assert_okw(okw_encrypt_layer(context, memory_read, &source, &reader, &error), &error);
	assert_okw(read_all(reader, &out, &error), &error);
	assert_okw(okw_reader_annotations(reader, annotations, &error), &error);
	okw_reader_free(reader);
	return out;
}

enum okw_code decrypt_all(struct okw_context *context, const struct okw_annotations *annotations, struct bytes data,
			  struct buf *out, struct okw_error *error)
{
	struct memory_source source = { .left = data };
	struct okw_reader *reader = NULL;
	enum okw_code code = okw_decrypt_layer_unverified(context, annotations, memory_read, &source, &reader, error);
	if (code == OKW_OK)
		code = read_all(reader, out, error);
	okw_reader_free(reader);
	return code;
}

struct okw_context *context_with(const char *encryption_key, const char *decryption_key)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_context *context = NULL;
	assert_okw(okw_context_new(&context, &error), &error);
	if (encryption_key)
		assert_okw(okw_add_encryption_key(context, encryption_key, &error), &error);
	if (decryption_key)
		assert_okw(okw_add_decryption_key(context, decryption_key, &error), &error);
	return context;
}

static void key_refused(enum okw_code (*add)(struct okw_context *context, const char *spec, struct okw_error *error),
			const char *spec, enum okw_code code, const char *text)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_context *context = context_with(NULL, NULL);
	enum okw_code got = add(context, spec, &error);
	if (got != code)
		fail_msg("%s: %d: %s", spec, (int)got, error.text);
	assert_error_has(&error, text);
	okw_context_free(context);
}

void encryption_refused(const char *spec, enum okw_code code, const char *text)
{
	key_refused(okw_add_encryption_key, spec, code, text);
}

void decryption_refused(const char *spec, enum okw_code code, const char *text)
{
	key_refused(okw_add_decryption_key, spec, code, text);
}
