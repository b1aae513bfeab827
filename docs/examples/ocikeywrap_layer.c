/* Encrypts or decrypts one layer with libocikeywrap.
 *
 *   ocikeywrap_layer encrypt ANNOTATIONS KEY... <plain >encrypted
 *   ocikeywrap_layer decrypt ANNOTATIONS OUTPUT KEY... <encrypted
 *
 * KEY as for skopeo: "jwe:pub.pem", "pkcs11:key.yaml" / "key.pem", "key.yaml", or a PKCS#11 URI. ANNOTATIONS is a file
 * of lines "key=value": in an image they stand on the layer's descriptor.
 *
 * Build: cc ocikeywrap_layer.c $(pkg-config --cflags --libs ocikeywrap) */
#define _GNU_SOURCE 1
#include <ocikeywrap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library pulls its input from here. */
static int from_stdin(void *user, uint8_t *to, size_t capacity, size_t *length)
{
	(void)user;
	*length = fread(to, 1, capacity, stdin);
	return ferror(stdin) ? -1 : 0;
}

static int complain(const char *what, const struct okw_error *error)
{
	fprintf(stderr, "ocikeywrap_layer: %s: %s\n", what, error->text);
	return 1;
}

/* Everything that the reader gives, into `to`. 0 only if the end was reached: then the layer is whole. */
static int drain(struct okw_reader *reader, FILE *to)
{
	static uint8_t piece[128 * 1024];
	struct okw_error error;
	size_t length = 0;
	do {
		if (okw_reader_read(reader, piece, sizeof(piece), &length, &error) != OKW_OK)
			return complain("the layer", &error);
		if (fwrite(piece, 1, length, to) != length)
			return perror("ocikeywrap_layer"), 1;
	} while (length > 0);
	return 0;
}

static int annotations_save(const struct okw_annotations *annotations, const char *path)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return perror(path), 1;
	for (size_t i = 0; i < annotations->count; i++)
		fprintf(f, "%s=%s\n", annotations->items[i].key, annotations->items[i].value);
	return fclose(f) == 0 ? 0 : 1;
}

static int annotations_load(struct okw_annotations *annotations, const char *path)
{
	char *line = NULL;
	size_t capacity = 0;
	FILE *f = fopen(path, "r");
	if (!f)
		return perror(path), 1;
	annotations->items = calloc(16, sizeof(*annotations->items));
	while (annotations->items && annotations->count < 16 && getline(&line, &capacity, f) > 0) {
		char *equals = strchr(line, '=');
		line[strcspn(line, "\n")] = '\0';
		if (!equals)
			continue;
		*equals = '\0';
		annotations->items[annotations->count].key = strdup(line);
		annotations->items[annotations->count++].value = strdup(equals + 1);
	}
	free(line);
	fclose(f);
	return 0;
}

static int encrypt(struct okw_context *context, const char *path)
{
	struct okw_error error;
	struct okw_reader *reader = NULL;
	struct okw_annotations annotations = { 0 };
	if (okw_encrypt_layer(context, from_stdin, NULL, &reader, &error) != OKW_OK)
		return complain("encrypting", &error);
	int failed = drain(reader, stdout);
	/* The keys were wrapped at the end. */
	if (!failed && okw_reader_annotations(reader, &annotations, &error) != OKW_OK)
		failed = complain("annotations", &error);
	failed = failed || annotations_save(&annotations, path);
	okw_annotations_clear(&annotations);
	okw_reader_free(reader);
	return failed;
}

static int decrypt(struct okw_context *context, const char *path, const char *output)
{
	struct okw_error error;
	struct okw_reader *reader = NULL;
	struct okw_annotations annotations = { 0 };
	int failed = annotations_load(&annotations, path);
	if (!failed && okw_decrypt_layer_unverified(context, &annotations, from_stdin, NULL, &reader, &error) != OKW_OK)
		failed = complain("decrypting", &error);
	okw_annotations_clear(&annotations);
	if (failed)
		return failed;
	/* Nothing counts before the end: so it goes to a place that can be thrown away. */
	char temporary[4096];
	snprintf(temporary, sizeof(temporary), "%s.part", output);
	FILE *f = fopen(temporary, "w");
	failed = f ? drain(reader, f) : (perror(temporary), 1);
	okw_reader_free(reader);
	if (f && fclose(f) != 0)
		failed = 1;
	if (failed || rename(temporary, output) != 0) {
		remove(temporary);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct okw_context *context = NULL;
	struct okw_error error;
	int encrypts = argc > 3 && strcmp(argv[1], "encrypt") == 0;
	int decrypts = argc > 4 && strcmp(argv[1], "decrypt") == 0;
	if (!encrypts && !decrypts) {
		fprintf(stderr, "usage: ocikeywrap_layer encrypt ANNOTATIONS KEY...\n"
				"       ocikeywrap_layer decrypt ANNOTATIONS OUTPUT KEY...\n");
		return 2;
	}
	if (okw_context_new(&context, &error) != OKW_OK)
		return complain("a context", &error);
	enum okw_code code = OKW_OK;
	for (int i = encrypts ? 3 : 4; code == OKW_OK && i < argc; i++)
		code = encrypts ? okw_add_encryption_key(context, argv[i], &error)
				: okw_add_decryption_key(context, argv[i], &error);
	int failed = code != OKW_OK ? complain("a key", &error)
		     : encrypts     ? encrypt(context, argv[2])
				    : decrypt(context, argv[2], argv[3]);
	okw_context_free(context);
	return failed;
}
