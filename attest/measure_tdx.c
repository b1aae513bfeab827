#include "attest/measure.h"

#include "attest/firmware.h"
#include "attest/measure_igvm.h"
#include "attest/mrtd.h"
#include "common/libctx.h"

/* Intel TDX Virtual Firmware Design Guide, "TDVF Descriptor". */

enum {
	PAGE = MRTD_PAGE_LEN,
	SECTION_LEN = 32,
	SECTIONS_MAX = 64,
	PAGES_MAX = 1 << 16, /* 256 MiB */
	ATTRIBUTE_EXTEND = 1,
	ATTRIBUTE_AUGMENT = 2, /* added later: not measured */
};

/* e47a6535-984a-4798-865e-4685a7bf8ec2 */
static const struct guid tdx_offset = { { 0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47, 0x86, 0x5e, 0x46, 0x85, 0xa7,
					  0xbf, 0x8e, 0xc2 } };
/* e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae */
static const struct guid tdvf = { { 0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44, 0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38,
				    0xf6, 0xae } };

struct section {
	struct bytes raw;
	uint64_t gpa;
	uint64_t pages;
	uint32_t attributes;
};

/* Where "TDVF" stands: OVMF counts from the end, td-shim from the start. */
static enum err descriptor_find(struct bytes image, size_t *at, struct errmsg *em)
{
	uint32_t offset = 0;
	if (firmware_has_table(image)) {
		enum err e = firmware_u32(image, &tdx_offset, &offset, em);
		if (e != OK)
			return e == ERR_NOT_FOUND ? err_set(em, ERR_UNSUPPORTED, "the firmware has no TDX metadata")
						  : e;
		*at = offset > image.len ? image.len : image.len - offset;
	} else {
		if (image.len < 32)
			return err_set(em, ERR_UNSUPPORTED, "%zu bytes are no firmware", image.len);
		*at = bytes_le(bytes_part(image, image.len - 32, 4));
	}
	if (*at < sizeof tdvf.bytes || *at > image.len || image.len - *at < 16 ||
	    memcmp(image.data + *at - sizeof tdvf.bytes, tdvf.bytes, sizeof tdvf.bytes) != 0 ||
	    memcmp(image.data + *at, "TDVF", 4) != 0)
		return err_set(em, ERR_UNSUPPORTED, "the firmware has no TDX metadata");
	return OK;
}

static enum err section_read(struct cursor *c, struct bytes image, struct section *out, struct errmsg *em)
{
	uint64_t offset = cursor_u32(c);
	uint64_t raw = cursor_u32(c);
	out->gpa = cursor_u64(c);
	uint64_t size = cursor_u64(c);
	(void)cursor_u32(c); /* type */
	out->attributes = cursor_u32(c);
	if (c->bad)
		return err_set(em, ERR_PARSE, "the TDX metadata end inside a section");
	if (offset + raw > image.len)
		return err_set(em, ERR_PARSE,
			       "a section lies outside of the file: is it the code half of a split image?");
	if (out->gpa % PAGE != 0 || size % PAGE != 0 || raw > size)
		return err_set(em, ERR_PARSE,
			       "a section of the TDX metadata is not whole pages, or smaller than its data");
	if (size / PAGE > PAGES_MAX)
		return err_set(em, ERR_LIMIT, "a section of more than 256 MiB");
	out->raw = bytes_part(image, offset, raw);
	out->pages = size / PAGE;
	return OK;
}

/* The contents of one page of the section. */
static void page_extend(struct mrtd *m, const struct section *s, uint64_t page)
{
	size_t at = page * PAGE;
	size_t here = at >= s->raw.len ? 0 : s->raw.len - at;
	here = here < PAGE ? here : PAGE;
	mrtd_extend(m, s->gpa + at, here ? bytes_part(s->raw, at, here) : (struct bytes){ NULL, 0 });
}

static void section_measure(struct mrtd *m, const struct section *s, enum measure_order order)
{
	bool add = !(s->attributes & ATTRIBUTE_AUGMENT);
	bool extend = s->attributes & ATTRIBUTE_EXTEND;
	for (uint64_t page = 0; page < s->pages; page++) {
		if (add)
			mrtd_add(m, s->gpa + page * PAGE);
		if (extend && order == MEASURE_INTERLEAVED)
			page_extend(m, s, page);
	}
	for (uint64_t page = 0; order == MEASURE_TWO_PASS && extend && page < s->pages; page++)
		page_extend(m, s, page);
}

static enum err sections_measure(struct mrtd *m, struct bytes image, size_t at, enum measure_order order,
				 struct errmsg *em)
{
	struct cursor c = cursor_over(bytes_part(image, at, image.len - at));
	(void)cursor_u32(&c); /* "TDVF" */
	uint32_t length = cursor_u32(&c);
	uint32_t version = cursor_u32(&c);
	uint32_t count = cursor_u32(&c);
	uint64_t pages = 0;
	if (c.bad || version != 1)
		return err_set(em, ERR_UNSUPPORTED, "TDX metadata of version %u: 1 is wanted", version);
	if (count == 0 || count > SECTIONS_MAX || length != 16 + count * SECTION_LEN)
		return err_set(em, ERR_PARSE, "TDX metadata of %u bytes with %u sections", length, count);
	for (uint32_t i = 0; i < count; i++) {
		struct section s = { .pages = 0 };
		enum err e = section_read(&c, image, &s, em);
		if (e != OK)
			return e;
		pages += s.pages;
		if (pages > PAGES_MAX)
			return err_set(em, ERR_LIMIT, "sections of more than 256 MiB");
		section_measure(m, &s, order);
	}
	return OK;
}

enum err measure_tdx(struct bytes firmware, enum measure_order order, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	size_t at = 0;
	struct mrtd m;
	if (measure_is_igvm(firmware))
		return order == MEASURE_TWO_PASS ? err_set(em, ERR_ARG, "an IGVM file has an order of its own")
						 : measure_igvm_tdx(firmware, out, em);
	enum err e = descriptor_find(firmware, &at, em);
	if (e != OK)
		return e;
	e = mrtd_begin(&m, em);
	if (e == OK)
		e = sections_measure(&m, firmware, at, order, em);
	if (e == OK)
		e = mrtd_end(&m, out, em);
	mrtd_free(&m);
	return e;
}

enum err measure_tee_info(const struct measure_td *td, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	enum { TDINFO_LEN = 512, SERVTD_HASH_AT = 400 };
	_Static_assert(sizeof *td == SERVTD_HASH_AT, "TDINFO_STRUCT");
	uint8_t info[TDINFO_LEN] = { 0 };
	size_t len = 0;
	memcpy(info, td, sizeof *td);
	if (EVP_Q_digest(libctx(), "SHA384", NULL, info, sizeof info, out, &len) == 1)
		return OK;
	return err_openssl(em, ERR_CRYPTO, "SHA-384");
}
