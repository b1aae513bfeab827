#include "attest/cbor_codec.h"
#include "attest/references_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* draft-ietf-rats-corim: tag 501 over the manifest, in it a CoMID (506) with the value and what it was computed from as
 * reference triples, and a CoSWID (505, RFC 9393) that names the file. */

enum { TAG_EPOCH = 1, TAG_CORIM = 501, TAG_COSWID = 505, TAG_COMID = 506 };
enum { HASH_SHA256 = 1, HASH_SHA384 = 7 }; /* Named Information hash algorithms */
enum { MANIFEST_CREATOR = 1, TAG_CREATOR = 1 };

/* What its id begins with. */
static const char own[] = "kbs-attest:";

static void uint_fixed(struct cbor_codec *c, uint64_t n)
{
	cbor_codec_fixed(c, CBOR_KIND_UINT, n);
}

static void array_fixed(struct cbor_codec *c, uint64_t n)
{
	cbor_codec_fixed(c, CBOR_KIND_ARRAY, n);
}

static void map_fixed(struct cbor_codec *c, uint64_t n)
{
	cbor_codec_fixed(c, CBOR_KIND_MAP, n);
}

#define TEXT_OF(member) ((struct references_text){ (member), sizeof(member) })
#define DIGEST_OF(member) ((struct cbor_digest){ (member), sizeof(member) })

static void text(struct cbor_codec *c, struct references_text to)
{
	struct bytes is = bytes_str(to.to);
	cbor_codec_string(c, CBOR_KIND_TEXT, &is);
	if (!c->writing && c->e == OK && references_text_set(to, is, c->em) != OK)
		c->e = err_wrap(c->em, ERR_PARSE, "CBOR");
}

static void nonnegative(struct cbor_codec *c, int64_t *value)
{
	uint64_t n = (uint64_t)*value;
	cbor_codec_number(c, CBOR_KIND_UINT, &n);
	if (n > INT64_MAX)
		cbor_codec_refuse(c, ERR_PARSE, "CBOR: a number that is too large");
	if (!c->writing)
		*value = c->e == OK ? (int64_t)n : 0;
}

/* Whether the one member that may be missing is there: how many there are says. */
static bool has_more(struct cbor_codec *c, enum cbor_kind kind, uint64_t least, bool has)
{
	uint64_t n = least + has;
	cbor_codec_number(c, kind, &n);
	if (c->e == OK && n != least && n != least + 1)
		cbor_codec_refuse(c, ERR_UNSUPPORTED, "CBOR: not of the shape that is read here");
	return c->e == OK && n == least + 1;
}

static void digests(struct cbor_codec *c, uint64_t algorithm, struct cbor_digest digest)
{
	uint_fixed(c, 2);
	array_fixed(c, 1);
	array_fixed(c, 2);
	uint_fixed(c, algorithm);
	cbor_codec_digest(c, digest);
}

/* A measurement-map up to its values: {0: key, 1: ...} */
static void measurement(struct cbor_codec *c, const char *key)
{
	map_fixed(c, 2);
	uint_fixed(c, 0);
	cbor_codec_word(c, key);
	uint_fixed(c, 1);
}

static void named(struct cbor_codec *c, const char *key, struct references_text to)
{
	measurement(c, key);
	map_fixed(c, 1);
	uint_fixed(c, 11);
	text(c, to);
}

static void hashed(struct cbor_codec *c, const char *key, struct cbor_digest digest)
{
	measurement(c, key);
	map_fixed(c, 1);
	digests(c, HASH_SHA256, digest);
}

/* {0: {1: vendor, 2: model}} */
static void environment(struct cbor_codec *c, const char *vendor, const char *model)
{
	map_fixed(c, 1);
	uint_fixed(c, 0);
	map_fixed(c, 2);
	uint_fixed(c, 1);
	cbor_codec_word(c, vendor);
	uint_fixed(c, 2);
	cbor_codec_word(c, model);
}

static void value_triple(struct cbor_codec *c, struct references *of)
{
	bool tdx = of->tee == REFERENCES_TDX;
	array_fixed(c, 2);
	environment(c, tdx ? "Intel" : "AMD", tdx ? "TDX" : "SEV-SNP");
	array_fixed(c, 1);
	measurement(c, references_name(of->tee));
	if (has_more(c, CBOR_KIND_MAP, 1, of->svn >= 0)) {
		uint_fixed(c, 1);
		nonnegative(c, &of->svn);
	}
	digests(c, HASH_SHA384, DIGEST_OF(of->value));
}

static void order(struct cbor_codec *c, struct references *of)
{
	char word[16] = "interleaved";
	if (of->order == MEASURE_TWO_PASS)
		snprintf(word, sizeof word, "two-pass");
	named(c, "page_order", TEXT_OF(word));
	of->order = strcmp(word, "two-pass") == 0 ? MEASURE_TWO_PASS : MEASURE_INTERLEAVED;
	if (of->order == MEASURE_INTERLEAVED && strcmp(word, "interleaved") != 0)
		cbor_codec_refuse(c, ERR_UNSUPPORTED, "CBOR: an order of pages that is not known");
}

/* A number as its text: `base` 10, or 16 with 0x. */
static void number_text(struct cbor_codec *c, const char *key, int base, uint64_t *value)
{
	char is[24];
	char again[24];
	snprintf(is, sizeof is, base == 10 ? "%llu" : "0x%llx", (unsigned long long)*value);
	named(c, key, TEXT_OF(is));
	uint64_t read = strtoull(is, NULL, base);
	snprintf(again, sizeof again, base == 10 ? "%llu" : "0x%llx", (unsigned long long)read);
	if (strcmp(is, again) != 0)
		cbor_codec_refuse(c, ERR_PARSE, "CBOR: not a number");
	*value = c->e == OK ? read : 0;
}

static void vmm(struct cbor_codec *c, struct references *of)
{
	measurement(c, "vmm");
	if (has_more(c, CBOR_KIND_MAP, 1, of->vmm_version[0])) {
		uint_fixed(c, 0);
		map_fixed(c, 1);
		uint_fixed(c, 0);
		text(c, TEXT_OF(of->vmm_version));
	}
	uint_fixed(c, 11);
	text(c, TEXT_OF(of->vmm));
}

static void inputs_triple(struct cbor_codec *c, struct references *of)
{
	uint64_t count = of->igvm ? 1 : of->tee == REFERENCES_TDX ? 2 : of->has_boot ? 7 : 4;
	uint64_t vcpus = of->vcpus;
	array_fixed(c, 2);
	environment(c, "kbs-pkcs11", "measurement inputs");
	cbor_codec_number(c, CBOR_KIND_ARRAY, &count);
	vmm(c, of);
	/* All else is in the file then. */
	of->igvm = c->e == OK && count == 1;
	if (of->igvm)
		return;
	if (of->tee == REFERENCES_TDX) {
		order(c, of);
		if (count != 2)
			cbor_codec_refuse(c, ERR_UNSUPPORTED, "CBOR: inputs that are not known");
		return;
	}
	number_text(c, "vcpus", 10, &vcpus);
	of->vcpus = vcpus > 4096 ? 0 : (unsigned)vcpus;
	named(c, "vcpu_type", TEXT_OF(of->vcpu_type));
	number_text(c, "features", 16, &of->features);
	of->has_boot = c->e == OK && count == 7;
	if (count != 4 && count != 7)
		cbor_codec_refuse(c, ERR_UNSUPPORTED, "CBOR: inputs that are not known");
	if (!of->has_boot)
		return;
	hashed(c, "kernel", DIGEST_OF(of->boot.kernel));
	hashed(c, "initrd", DIGEST_OF(of->boot.initrd));
	hashed(c, "append", DIGEST_OF(of->boot.append));
}

static void comid(struct cbor_codec *c, struct references *of)
{
	/* The name comes before the value that it is made of. */
	char name[160] = "";
	AUTO_STR
	char *hex = hex_encode(BYTES(of->value));
	snprintf(name, sizeof name, "%s:%s", references_name(of->tee), hex ? hex : "");
	map_fixed(c, 2);
	uint_fixed(c, 1);
	map_fixed(c, 1);
	uint_fixed(c, 0);
	text(c, TEXT_OF(name));
	if (!c->writing)
		of->tee = strncmp(name, "mr_td:", 6) == 0 ? REFERENCES_TDX : REFERENCES_SNP;
	uint_fixed(c, 4);
	map_fixed(c, 1);
	uint_fixed(c, 0);
	array_fixed(c, 2);
	value_triple(c, of);
	inputs_triple(c, of);
}

static void coswid(struct cbor_codec *c, struct references *of)
{
	int64_t size = (int64_t)of->firmware_len;
	char name[160] = "";
	AUTO_STR
	char *hex = hex_encode(BYTES(of->firmware_sha256));
	snprintf(name, sizeof name, "sha256:%s", hex ? hex : "");
	map_fixed(c, 5);
	uint_fixed(c, 0);
	text(c, TEXT_OF(name));
	uint_fixed(c, 1);
	text(c, TEXT_OF(of->firmware));
	uint_fixed(c, 2);
	map_fixed(c, 2);
	uint_fixed(c, 31);
	text(c, TEXT_OF(of->signer));
	uint_fixed(c, 33);
	uint_fixed(c, TAG_CREATOR);
	uint_fixed(c, 6);
	map_fixed(c, 1);
	uint_fixed(c, 17);
	map_fixed(c, 3);
	uint_fixed(c, 7);
	array_fixed(c, 2);
	uint_fixed(c, HASH_SHA256);
	cbor_codec_digest(c, DIGEST_OF(of->firmware_sha256));
	uint_fixed(c, 20);
	nonnegative(c, &size);
	of->firmware_len = (uint64_t)size;
	uint_fixed(c, 24);
	text(c, TEXT_OF(of->firmware));
	uint_fixed(c, 12);
	uint_fixed(c, 0);
}

/* A tag over a byte string that is CBOR itself. */
static void embedded(struct cbor_codec *c, uint64_t tag, void (*shape)(struct cbor_codec *, struct references *),
		     struct references *of)
{
	AUTO_BUF
	inner = { 0 };
	struct bytes string = { NULL, 0 };
	if (c->e != OK)
		return;
	cbor_codec_fixed(c, CBOR_KIND_TAG, tag);
	if (c->writing) {
		struct cbor_codec below = cbor_codec_writer(&inner, c->em);
		shape(&below, of);
		c->e = c->e == OK ? below.e : c->e;
		string = buf_bytes(&inner);
	}
	cbor_codec_string(c, CBOR_KIND_BYTES, &string);
	if (c->writing || c->e != OK)
		return;
	struct cbor_codec below = cbor_codec_reader(string, c->em);
	shape(&below, of);
	c->e = cbor_codec_end(&below);
}

static void validity(struct cbor_codec *c, struct references *of)
{
	uint_fixed(c, 4);
	if (has_more(c, CBOR_KIND_MAP, 1, of->not_before != 0)) {
		uint_fixed(c, 0);
		cbor_codec_fixed(c, CBOR_KIND_TAG, TAG_EPOCH);
		nonnegative(c, &of->not_before);
	}
	uint_fixed(c, 1);
	cbor_codec_fixed(c, CBOR_KIND_TAG, TAG_EPOCH);
	nonnegative(c, &of->not_after);
}

static void corim(struct cbor_codec *c, struct references *of)
{
	char id[200];
	AUTO_STR
	char *hex = hex_encode(BYTES(of->value));
	snprintf(id, sizeof id, "%s%s:%s", own, references_name(of->tee), hex ? hex : "");
	cbor_codec_fixed(c, CBOR_KIND_TAG, TAG_CORIM);
	bool ends = has_more(c, CBOR_KIND_MAP, 3, of->not_after != 0);
	uint_fixed(c, 0);
	text(c, TEXT_OF(id));
	uint_fixed(c, 1);
	array_fixed(c, 2);
	embedded(c, TAG_COMID, comid, of);
	embedded(c, TAG_COSWID, coswid, of);
	if (ends)
		validity(c, of);
	uint_fixed(c, 5);
	array_fixed(c, 1);
	map_fixed(c, 2);
	uint_fixed(c, 0);
	text(c, TEXT_OF(of->signer));
	uint_fixed(c, 2);
	array_fixed(c, 1);
	uint_fixed(c, MANIFEST_CREATOR);
}

enum err references_corim_write(const struct references *of, struct buf *out, struct errmsg *em)
{
	struct references copy = *of;
	if (!of->signer[0])
		return err_set(em, ERR_ARG, "a CoRIM names who made it: --signer or --sign is wanted");
	if (of->not_before && !of->not_after)
		return err_set(em, ERR_ARG, "a CoRIM that begins also ends: --not-after is wanted");
	if (of->not_before < 0 || of->not_after < 0)
		return err_set(em, ERR_ARG, "a CoRIM is valid after 1970");
	struct cbor_codec c = cbor_codec_writer(out, em);
	corim(&c, &copy);
	return cbor_codec_end(&c);
}

bool references_corim_is_own(struct bytes from)
{
	struct bytes id = { NULL, 0 };
	uint64_t n = 0;
	struct cbor_codec c = cbor_codec_reader(from, NULL);
	cbor_codec_fixed(&c, CBOR_KIND_TAG, TAG_CORIM);
	cbor_codec_number(&c, CBOR_KIND_MAP, &n);
	uint_fixed(&c, 0);
	cbor_codec_string(&c, CBOR_KIND_TEXT, &id);
	return c.e == OK && id.len > strlen(own) && memcmp(id.data, own, strlen(own)) == 0;
}

enum err references_corim_read(struct bytes from, struct references *out, struct errmsg *em)
{
	AUTO_BUF
	again = { 0 };
	struct cbor_codec c = cbor_codec_reader(from, em);
	corim(&c, out);
	enum err e = cbor_codec_end(&c);
	/* Names that are made of values, and values that are there twice. */
	if (e == OK)
		e = references_corim_write(out, &again, em);
	if (e == OK && !bytes_equal(buf_bytes(&again), from))
		e = err_set(em, ERR_PARSE, "its names and its values do not agree");
	return e == OK ? OK : err_wrap(em, e == ERR_ARG ? ERR_PARSE : e, "CoRIM");
}
