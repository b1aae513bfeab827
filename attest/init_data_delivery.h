#pragma once
#include "attest/attest.h"

/* Init data on their way: as an annotation of the pod, base64(gzip(text)), or as a disk: "initdata", u64 little-endian
 * length, gzip, padded to sectors. A library of its own: it takes zlib, which the module does not load. */

enum init_data_form { INIT_DATA_TEXT, INIT_DATA_ANNOTATION, INIT_DATA_DISK };

/* The same text gives the same bytes. */
enum err init_data_pack(struct bytes text, enum init_data_form form, struct buf *out, struct errmsg *em) MUST_USE;

/* Whatever form it has: the text, at most INIT_DATA_MAX bytes. Bytes behind the gzip are refused, but for a disk's
 * zeros, and so is a second gzip member. ERR_PARSE, ERR_LIMIT, ERR_INTEGRITY (checksum). */
enum err init_data_unpack(struct bytes packed, struct buf *out, struct errmsg *em) MUST_USE;

/* Composes init data of files, in this order. json: JSON instead of TOML. The text reads back as what went in. ERR_ARG:
 * a name or a text that cannot be in them; ERR_UNSUPPORTED: algorithm. */
struct init_data_source {
	const char *name;
	struct bytes text;
};
struct init_data_plan {
	const char *algorithm; /* "sha256", "sha384", "sha512" */
	bool json;
	const struct init_data_source *files;
	size_t count;
};
enum err init_data_compose(const struct init_data_plan *plan, struct buf *out, struct errmsg *em) MUST_USE;
