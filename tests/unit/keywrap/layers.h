#pragma once
/* Layers in memory, for the tests of keywrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "config.h"
#include "keywrap/ocikeywrap.h"

#ifdef WITH_SANITIZERS
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* A source that gives at most `step` bytes at a time (0 = all that is asked for). */
struct memory_source {
	struct bytes left;
	size_t step;
	int fail_at_end; /* fails instead of ending */
};
int memory_read(void *user, uint8_t *to, size_t capacity, size_t *length);

/* `len` bytes that look like data. free() them. */
char *test_data(size_t len);

/* A file, whole; the test fails where it is not there. */
struct buf file_read_all(const char *path);
/* "../shared/fixtures/ocicrypt/golden/NAME" from the source's root: malloc'd. */
char *golden_path(const char *name);
/* A file of tests/vectors/keywrap: malloc'd. */
char *vector_path(const char *name);

/* Reads {"key":"value",...}. */
struct okw_annotations annotations_from_file(const char *path);

/* Encrypts; asserts that it works. */
struct buf encrypt_all(struct okw_context *context, struct bytes plain, struct okw_annotations *annotations);
/* Decrypts; `out` is what came before the end or the error. */
enum okw_code decrypt_all(struct okw_context *context, const struct okw_annotations *annotations, struct bytes data,
			  struct buf *out, struct okw_error *error);

void assert_okw(enum okw_code code, const struct okw_error *error);
void assert_error_has(const struct okw_error *error, const char *text);

/* A context with these keys (NULL: none). */
struct okw_context *context_with(const char *encryption_key, const char *decryption_key);

/* Asserts that no context takes such a key, with this code, and a text that has `text` in it. */
void encryption_refused(const char *spec, enum okw_code code, const char *text);
void decryption_refused(const char *spec, enum okw_code code, const char *text);
