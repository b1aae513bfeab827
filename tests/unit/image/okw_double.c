#include "tests/unit/image/okw_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct okw_double okw_double;

struct okw_context {
	int unused;
};

struct okw_reader {
	okw_read_function read;
	void *user;
};

static enum okw_code result(enum okw_code code, struct okw_error *error)
{
	error->code = code;
	snprintf(error->text, sizeof(error->text), "%s", code == OKW_OK ? "" : "the double says no");
	return code;
}

enum okw_code okw_context_new(struct okw_context **out, struct okw_error *error)
{
	*out = calloc(1, sizeof(**out));
	return result(*out ? OKW_OK : OKW_ERR_NOMEM, error);
}

void okw_context_free(struct okw_context *context)
{
	free(context);
}

enum okw_code okw_add_encryption_key(struct okw_context *context, const char *specification, struct okw_error *error)
{
	(void)context;
	(void)specification;
	return result(OKW_OK, error);
}

enum okw_code okw_add_decryption_key(struct okw_context *context, const char *specification, struct okw_error *error)
{
	return okw_add_encryption_key(context, specification, error);
}

void okw_annotations_clear(struct okw_annotations *annotations)
{
	for (size_t i = 0; i < annotations->count; i++) {
		free(annotations->items[i].key);
		free(annotations->items[i].value);
	}
	free(annotations->items);
	*annotations = (struct okw_annotations){ 0 };
}

static struct okw_annotation *keys_find(const struct okw_annotations *annotations)
{
	for (size_t i = 0; i < annotations->count; i++)
		if (strncmp(annotations->items[i].key, "org.opencontainers.image.enc.", 29) == 0)
			return &annotations->items[i];
	return NULL;
}

int okw_layer_is_encrypted(const struct okw_annotations *annotations)
{
	return keys_find(annotations) != NULL;
}

static enum okw_code reader_new(okw_read_function read, void *user, struct okw_reader **out, struct okw_error *error)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return result(OKW_ERR_NOMEM, error);
	(*out)->read = read;
	(*out)->user = user;
	return result(OKW_OK, error);
}

enum okw_code okw_encrypt_layer(struct okw_context *context, okw_read_function read, void *user,
				struct okw_reader **out, struct okw_error *error)
{
	(void)context;
	return reader_new(read, user, out, error);
}

enum okw_code okw_decrypt_layer_unverified(struct okw_context *context, const struct okw_annotations *annotations,
					   okw_read_function read, void *user, struct okw_reader **out,
					   struct okw_error *error)
{
	(void)context;
	if (okw_double.refuse_key != OKW_OK)
		return result(okw_double.refuse_key, error);
	if (!keys_find(annotations))
		return result(OKW_ERR_PARSE, error);
	return reader_new(read, user, out, error);
}

enum okw_code okw_reader_read(struct okw_reader *reader, uint8_t *to, size_t capacity, size_t *length,
			      struct okw_error *error)
{
	if (reader->read(reader->user, to, capacity, length) != 0)
		return result(OKW_ERR_IO, error);
	for (size_t i = 0; i < *length; i++)
		to[i] ^= 0x5a;
	return result(*length == 0 ? okw_double.end : OKW_OK, error);
}

const char *okw_reader_other_digest(const struct okw_reader *reader)
{
	(void)reader;
	return okw_double.other_digest;
}

const char *okw_reader_digest(const struct okw_reader *reader)
{
	(void)reader;
	return NULL;
}

static enum okw_code keys_add(struct okw_annotations *annotations, const char *value, struct okw_error *error)
{
	struct okw_annotation *grown = reallocarray(annotations->items, annotations->count + 1, sizeof(*grown));
	if (!grown)
		return result(OKW_ERR_NOMEM, error);
	annotations->items = grown;
	grown[annotations->count].key = strdup(OKW_DOUBLE_KEYS);
	grown[annotations->count].value = strdup(value);
	annotations->count++;
	return result(OKW_OK, error);
}

enum okw_code okw_reader_annotations(struct okw_reader *reader, struct okw_annotations *annotations,
				     struct okw_error *error)
{
	(void)reader;
	return keys_add(annotations, "a", error);
}

void okw_reader_free(struct okw_reader *reader)
{
	free(reader);
}

enum okw_code okw_add_recipients(struct okw_context *context, struct okw_annotations *annotations,
				 struct okw_error *error)
{
	(void)context;
	struct okw_annotation *keys = keys_find(annotations);
	if (okw_double.refuse_key != OKW_OK || !keys)
		return result(okw_double.refuse_key ? okw_double.refuse_key : OKW_ERR_PARSE, error);
	char *longer = NULL;
	if (asprintf(&longer, "%s,a", keys->value) < 0)
		return result(OKW_ERR_NOMEM, error);
	free(keys->value);
	keys->value = longer;
	return result(OKW_OK, error);
}

char *okw_media_type_encrypted(const char *media_type)
{
	char *made = NULL;
	if (strncmp(media_type, "application/vnd.oci.image.layer.", 32) != 0)
		return NULL;
	return asprintf(&made, "%s+encrypted", media_type) < 0 ? NULL : made;
}

char *okw_media_type_plain(const char *media_type)
{
	const char *suffix = strstr(media_type, "+encrypted");
	return suffix ? strndup(media_type, (size_t)(suffix - media_type)) : NULL;
}
