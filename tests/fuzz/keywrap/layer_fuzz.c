#include "tests/support/fuzz.h"

#include "common/file.h"
#include "keywrap/ocikeywrap.h"

#include <stdio.h>

/* The whole way from annotations to a layer, with fixed keys. The input's lines are the annotations jwe, pkcs11 and
 * pubopts, and then the layer. */

static struct okw_context *context;

static void key_add(const char *name)
{
	char path[4096];
	const char *top = getenv("TOP_SRCDIR");
	snprintf(path, sizeof(path), "%s/tests/vectors/keywrap/%s", top ? top : ".", name);
	if (okw_add_decryption_key(context, path, NULL) != OKW_OK)
		abort();
}

struct rest {
	const uint8_t *data;
	size_t len;
};

static int rest_read(void *user, uint8_t *to, size_t capacity, size_t *length)
{
	struct rest *rest = user;
	*length = rest->len < capacity ? rest->len : capacity;
	if (*length)
		memcpy(to, rest->data, *length);
	rest->data += *length;
	rest->len -= *length;
	return 0;
}

/* The first line of `rest`, as a C string; the caller's. */
static char *line_take(struct rest *rest)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : rest->len;
	char *line = calloc(1, len + 1);
	if (!line)
		abort();
	if (len)
		memcpy(line, rest->data, len);
	rest->data += len + (end != NULL);
	rest->len -= len + (end != NULL);
	return line;
}

/* Recipients go one by one, down to the last, which stays. */
static void recipients_remove(const struct okw_annotations *from)
{
	struct okw_annotations copy = { calloc(from->count, sizeof(*copy.items)), 0 };
	struct okw_recipient *list = NULL;
	size_t count = 0;
	if (!copy.items)
		abort();
	for (; copy.count < from->count; copy.count++) {
		copy.items[copy.count].key = strdup(from->items[copy.count].key);
		copy.items[copy.count].value = strdup(from->items[copy.count].value);
	}
	if (okw_list_recipients(&copy, &list, &count, NULL) == OKW_OK && count < 64) {
		free(list);
		list = NULL;
		for (size_t left = count; left > 1; left--) {
			if (okw_remove_recipient(&copy, left / 2, NULL) != OKW_OK ||
			    okw_list_recipients(&copy, &list, &count, NULL) != OKW_OK || count != left - 1)
				abort();
			free(list);
			list = NULL;
		}
		if (count && okw_remove_recipient(&copy, 0, NULL) != OKW_ERR_ARG)
			abort();
	}
	free(list);
	okw_annotations_clear(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char names[3][64] = { "org.opencontainers.image.enc.keys.jwe",
				     "org.opencontainers.image.enc.keys.pkcs11",
				     "org.opencontainers.image.enc.pubopts" };
	struct rest rest = { data, len };
	struct okw_annotation items[3];
	struct okw_annotations annotations = { items, 3 };
	struct okw_reader *reader = NULL;
	struct okw_error error;
	if (!context) {
		if (okw_context_new(&context, NULL) != OKW_OK)
			abort();
		key_add("p256.key");
		key_add("rsa2048.key");
	}
	for (size_t i = 0; i < 3; i++)
		items[i] = (struct okw_annotation){ names[i], line_take(&rest) };
	enum okw_code code = okw_decrypt_layer_unverified(context, &annotations, rest_read, &rest, &reader, &error);
	for (size_t got = 1; code == OKW_OK && got > 0;) {
		uint8_t piece[512];
		code = okw_reader_read(reader, piece, sizeof(piece), &got, &error);
	}
	if (code != OKW_OK && (!error.text[0] || memchr(error.text, '\0', sizeof(error.text)) == NULL))
		abort();
	okw_reader_free(reader);
	recipients_remove(&annotations);
	for (size_t i = 0; i < 3; i++)
		free(items[i].value);
	return 0;
}
