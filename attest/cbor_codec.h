#pragma once
#include "common/bytes.h"

/* CBOR of a known shape, RFC 8949 in its deterministic form (4.2.1): one description of the shape writes it and reads
 * it. Each call takes one item: writing it appends, reading it fails unless the next item is that, in its shortest form
 * and of definite length. After the first error nothing happens any more: a description runs on and asks `e` once.
 * Nothing recurses, and nothing is allocated by what a file says. */

enum cbor_kind {
	CBOR_KIND_UINT,
	CBOR_KIND_NEGATIVE, /* n stands for -1 - n */
	CBOR_KIND_BYTES,
	CBOR_KIND_TEXT,
	CBOR_KIND_ARRAY,
	CBOR_KIND_MAP,
	CBOR_KIND_TAG,
	CBOR_KIND_OTHER, /* simple values, floats, negative numbers of more than 16 bits: never what is wanted */
};

struct cbor_item {
	enum cbor_kind kind;
	uint64_t n; /* of a string its length */
	struct bytes string;
};

struct cbor_codec {
	bool writing;
	struct buf *out; /* borrowed, if writing */
	struct bytes in; /* what is still to be read; borrowed */
	enum err e;
	struct errmsg *em;
};

struct cbor_codec cbor_codec_writer(struct buf *out, struct errmsg *em);
struct cbor_codec cbor_codec_reader(struct bytes in, struct errmsg *em);

/* The first error; reading, ERR_PARSE if anything is left. */
enum err cbor_codec_end(struct cbor_codec *c) MUST_USE;

/* Sets the error unless there is one. */
void cbor_codec_refuse(struct cbor_codec *c, enum err e, const char *why);

/* A number, or how many items or pairs follow, or a tag. Reading sets *n; 0 after an error. */
void cbor_codec_number(struct cbor_codec *c, enum cbor_kind kind, uint64_t *n);
/* Just this number. */
void cbor_codec_fixed(struct cbor_codec *c, enum cbor_kind kind, uint64_t n);
/* A string of either kind as it lies: reading borrows it from the input. */
void cbor_codec_string(struct cbor_codec *c, enum cbor_kind kind, struct bytes *string);
/* Just this text. */
void cbor_codec_word(struct cbor_codec *c, const char *word);
/* A byte string of just this length. */
struct cbor_digest {
	uint8_t *data;
	size_t len;
};
void cbor_codec_digest(struct cbor_codec *c, struct cbor_digest digest);

/* Reading what has no known shape: the next item, whatever it is, up to what it contains; CBOR_KIND_OTHER after an
 * error. */
struct cbor_item cbor_codec_item(struct cbor_codec *c);
/* Passes over the next item and all that it contains. */
void cbor_codec_skip(struct cbor_codec *c);
