#include "attest/cbor_codec.h"
#include "attest/references_form.h"

/* draft-ietf-rats-corim: of any document the reference triples, and in them SHA-384 digests of environments that are
 * TDX's or SEV-SNP's as a class. Which of the digests is that of the launch, profiles name in different ways: whoever
 * computes one finds it among them or not. */

enum { TAG_EPOCH = 1, TAG_CORIM = 501, TAG_COMID = 506, TAG_TAG_LIST = 508 };
enum { HASH_SHA384 = 7, WORD_MAX = 32 };

struct foreign {
	struct references *out;
	bool found; /* of a triple: an environment of a known class */
	bool narrower; /* and not of one instance or group */
	enum references_tee tee;
	char vendor[WORD_MAX];
	char model[WORD_MAX];
};

/* Keys that are no small numbers are UINT64_MAX. */
typedef void member_take(struct cbor_codec *c, struct foreign *f, uint64_t key);

static void map_each(struct cbor_codec *c, struct foreign *f, member_take *take)
{
	uint64_t count = 0;
	cbor_codec_number(c, CBOR_KIND_MAP, &count);
	for (; count > 0 && c->e == OK; count--) {
		struct cbor_item key = cbor_codec_item(c);
		if (key.kind == CBOR_KIND_ARRAY || key.kind == CBOR_KIND_MAP || key.kind == CBOR_KIND_TAG)
			return cbor_codec_refuse(c, ERR_PARSE, "CBOR: a key that is no number and no text");
		take(c, f, key.kind == CBOR_KIND_UINT ? key.n : UINT64_MAX);
	}
}

static void array_each(struct cbor_codec *c, struct foreign *f, void (*take)(struct cbor_codec *c, struct foreign *f))
{
	uint64_t count = 0;
	cbor_codec_number(c, CBOR_KIND_ARRAY, &count);
	for (; count > 0 && c->e == OK; count--)
		take(c, f);
}

static void word(struct cbor_codec *c, char to[WORD_MAX])
{
	struct bytes text = { NULL, 0 };
	cbor_codec_string(c, CBOR_KIND_TEXT, &text);
	size_t len = text.len < WORD_MAX ? text.len : 0;
	if (len)
		memcpy(to, text.data, len);
	to[len] = '\0';
}

static void class_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 1)
		word(c, f->vendor);
	else if (key == 2)
		word(c, f->model);
	else
		cbor_codec_skip(c);
}

static void environment_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 0)
		return map_each(c, f, class_take);
	f->narrower = true;
	cbor_codec_skip(c);
}

static void environment(struct cbor_codec *c, struct foreign *f)
{
	f->vendor[0] = f->model[0] = '\0';
	f->narrower = false;
	map_each(c, f, environment_take);
	bool tdx = strstr(f->vendor, "Intel") && strstr(f->model, "TDX");
	bool snp = (strstr(f->vendor, "AMD") || strstr(f->vendor, "Advanced Micro Devices")) && strstr(f->model, "SNP");
	f->found = (tdx || snp) && !f->narrower;
	f->tee = tdx ? REFERENCES_TDX : REFERENCES_SNP;
}

static void digest(struct cbor_codec *c, struct foreign *f)
{
	struct bytes value = { NULL, 0 };
	cbor_codec_fixed(c, CBOR_KIND_ARRAY, 2);
	struct cbor_item alg = cbor_codec_item(c);
	cbor_codec_string(c, CBOR_KIND_BYTES, &value);
	bool sha384 = alg.kind == CBOR_KIND_UINT
			      ? alg.n == HASH_SHA384
			      : alg.kind == CBOR_KIND_TEXT && bytes_equal(alg.string, bytes_str("sha-384"));
	if (c->e != OK || !f->found || !sha384)
		return;
	if (value.len != MEASURE_LEN)
		return cbor_codec_refuse(c, ERR_PARSE, "a SHA-384 of another length");
	if (f->out->named_count == REFERENCES_NAMED_MAX)
		return cbor_codec_refuse(c, ERR_LIMIT, "more than 64 values");
	struct references_named *named = &f->out->named[f->out->named_count++];
	named->tee = f->tee;
	memcpy(named->value, value.data, MEASURE_LEN);
}

static void value_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 2)
		array_each(c, f, digest);
	else
		cbor_codec_skip(c);
}

/* What only somebody may say, by `authorized-by`, is for whoever knows of keys. */
static void measurement_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 2 && f->found)
		return cbor_codec_refuse(c, ERR_UNSUPPORTED, "a value that only some keys may sign");
	if (key == 1)
		map_each(c, f, value_take);
	else
		cbor_codec_skip(c);
}

static void measurement(struct cbor_codec *c, struct foreign *f)
{
	map_each(c, f, measurement_take);
}

/* [environment, [measurement, ...]] */
static void triple(struct cbor_codec *c, struct foreign *f)
{
	cbor_codec_fixed(c, CBOR_KIND_ARRAY, 2);
	environment(c, f);
	array_each(c, f, measurement);
}

static void triples_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 0)
		array_each(c, f, triple);
	else
		cbor_codec_skip(c);
}

static void comid_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 4)
		map_each(c, f, triples_take);
	else
		cbor_codec_skip(c);
}

static void tag_take(struct cbor_codec *c, struct foreign *f)
{
	uint64_t tag = 0;
	struct bytes inner = { NULL, 0 };
	cbor_codec_number(c, CBOR_KIND_TAG, &tag);
	if (tag == TAG_TAG_LIST)
		return cbor_codec_refuse(c, ERR_UNSUPPORTED, "a list of which tags count");
	if (tag != TAG_COMID)
		return cbor_codec_skip(c);
	cbor_codec_string(c, CBOR_KIND_BYTES, &inner);
	if (c->e != OK)
		return;
	struct cbor_codec below = cbor_codec_reader(inner, c->em);
	map_each(&below, f, comid_take);
	c->e = cbor_codec_end(&below);
}

static void validity_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	uint64_t when = 0;
	if (key > 1)
		return cbor_codec_skip(c);
	cbor_codec_fixed(c, CBOR_KIND_TAG, TAG_EPOCH);
	cbor_codec_number(c, CBOR_KIND_UINT, &when);
	/* 0 would be "not said". */
	if (c->e == OK && (when == 0 || when > INT64_MAX))
		return cbor_codec_refuse(c, ERR_PARSE, "a time that is none");
	*(key == 0 ? &f->out->not_before : &f->out->not_after) = (int64_t)when;
}

static void corim_take(struct cbor_codec *c, struct foreign *f, uint64_t key)
{
	if (key == 1)
		array_each(c, f, tag_take);
	else if (key == 4)
		map_each(c, f, validity_take);
	else
		cbor_codec_skip(c);
}

enum err references_foreign_read(struct bytes from, struct references *out, struct errmsg *em)
{
	struct foreign f = { .out = out };
	struct cbor_codec c = cbor_codec_reader(from, em);
	cbor_codec_fixed(&c, CBOR_KIND_TAG, TAG_CORIM);
	map_each(&c, &f, corim_take);
	enum err e = cbor_codec_end(&c);
	if (e == OK && out->named_count == 0)
		e = err_set(em, ERR_UNSUPPORTED, "it names no SHA-384 of Intel TDX or AMD SEV-SNP");
	return e == OK ? OK : err_wrap(em, e, "CoRIM");
}
