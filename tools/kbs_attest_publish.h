#pragma once
#include "attest/references.h"
#include "tools/kbs_attest.h"

/* Options of `measure` that make a document of a value. */
struct publish_args {
	const char *format; /* NULL: "hex" */
	const char *out;
	const char *vmm_version;
	const char *svn;
	const char *not_before;
	const char *not_after;
	const char *signer;
	const char *sign;
	const char *certificate;
};

/* `of` is whole but for what the options add. Writes the value or the document to the file or standard output. */
enum err publish(struct references *of, const struct publish_args *args, struct errmsg *em) MUST_USE;

/* A number, decimal or with 0x, of at most `max`. */
bool number_read(const char *text, uint64_t max, uint64_t *out);

enum { MEASURED_FILE_MAX_LEN = 256 << 20 };
/* A file that is measured. An empty file is a file: *view is never NULL then; path NULL: nothing. */
enum err measured_read(const char *path, struct buf *to, struct bytes *view, struct errmsg *em) MUST_USE;
enum err sha256_of(struct bytes of, uint8_t out[32], struct errmsg *em) MUST_USE;
