#include "attest/igvm.h"

#include <zlib.h>

/* The IGVM file format, versions 1 and 2: a fixed header, then headers of the form {type, length, body, zeros up to 8
 * bytes} for platforms, initialization and directives, in this order, then data that they point at. */

enum {
	FIXED_LEN = 24, /* version 1 */
	FIXED_V2_LEN = 32,
	CHECKSUM_AT = 20,
	AREAS_MAX = 64,
	PAGES_MAX = 1 << 18, /* 1 GiB */
	LAUNCH_DIGEST_LEN = 48
};

#define OPTIONAL 0x80000000U /* in a type: whoever does not know it may pass over it */
#define GPA_END (1ULL << 52)

enum section { PLATFORMS, INITIALIZATION, DIRECTIVES };

enum page_flag { FLAG_2MB = 1, FLAG_UNMEASURED = 2, FLAG_SHARED = 4 };

/* Memory for what the loader tells the guest. */
struct area {
	uint32_t index;
	uint64_t len;
	bool inserted;
};

struct reader {
	struct bytes file;
	size_t data_at; /* where the headers end */
	enum igvm_platform platform;
	uint32_t mask; /* of the platform; 0: it was not named yet */
	uint32_t masks; /* of all */
	enum section section;
	struct area areas[AREAS_MAX];
	size_t area_count;
	uint64_t pages;
	const struct igvm_sink *sink;
};

bool igvm_is(struct bytes file)
{
	return file.len >= 4 && memcmp(file.data, "IGVM", 4) == 0;
}

static enum err refuse(struct errmsg *em, const char *what)
{
	return err_set(em, ERR_PARSE, "IGVM: %s", what);
}

/* Whether a header with this mask is for the platform. */
static enum err mask_check(const struct reader *r, uint32_t mask, bool *ours, struct errmsg *em)
{
	if (mask == 0 || mask & ~r->masks)
		return err_set(em, ERR_PARSE, "IGVM: a header for platforms 0x%x, of which 0x%x are named", mask,
			       r->masks);
	*ours = mask & r->mask;
	return OK;
}

static enum err gpa_check(uint64_t gpa, uint64_t len, struct errmsg *em)
{
	if (gpa % IGVM_PAGE_LEN == 0 && len % IGVM_PAGE_LEN == 0 && gpa < GPA_END && len <= GPA_END - gpa)
		return OK;
	return refuse(em, "an address or a length that is not of whole pages, or none of a guest's");
}

/* Data lie behind the headers. */
static enum err data_at(const struct reader *r, uint32_t offset, size_t len, struct bytes *out, struct errmsg *em)
{
	if (offset < r->data_at || offset > r->file.len || len > r->file.len - offset)
		return err_set(em, ERR_PARSE, "IGVM: data at 0x%x, outside of the file's", offset);
	*out = bytes_part(r->file, offset, len);
	return OK;
}

static enum err give(struct reader *r, const struct igvm_event *event, struct errmsg *em)
{
	if (event->kind != IGVM_ID_BLOCK && ++r->pages > PAGES_MAX)
		return err_set(em, ERR_LIMIT, "IGVM: more than 1 GiB of pages");
	return r->sink->take(r->sink->to, event, em);
}

static enum err platform_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	uint32_t mask = cursor_u32(body);
	uint16_t kind = cursor_u16(body); /* the highest VTL, the platform */
	uint16_t version = cursor_u16(body);
	if (mask == 0 || mask & (mask - 1) || mask & r->masks)
		return err_set(em, ERR_PARSE, "IGVM: a platform with the mask 0x%x: one bit of its own is wanted",
			       mask);
	r->masks |= mask;
	if (kind >> 8 != (int)r->platform)
		return OK;
	if (r->mask)
		return refuse(em, "a platform is named twice");
	if (version != 1)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: version %u of the platform: 1 is wanted", version);
	r->mask = mask;
	return OK;
}

/* Then addresses are the loader's choice, and with them what is measured. */
static enum err relocation_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	bool ours = false;
	enum err e = mask_check(r, cursor_u32(body), &ours, em);
	if (e != OK || !ours)
		return e;
	return err_set(em, ERR_UNSUPPORTED, "IGVM: the loader may move its pages: no one value is measured");
}

static struct area *area_find(struct reader *r, uint32_t index)
{
	for (size_t i = 0; i < r->area_count; i++)
		if (r->areas[i].index == index)
			return &r->areas[i];
	return NULL;
}

static enum err area_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	struct bytes initial;
	uint64_t len = cursor_u64(body);
	uint32_t index = cursor_u32(body);
	uint32_t offset = cursor_u32(body);
	enum err e = gpa_check(0, len, em);
	if (e == OK && area_find(r, index))
		e = refuse(em, "a parameter area that is there twice");
	if (e == OK && (r->area_count == AREAS_MAX || len / IGVM_PAGE_LEN > PAGES_MAX))
		e = err_set(em, ERR_LIMIT, "IGVM: a parameter area too many, or too large");
	if (e == OK && offset)
		e = data_at(r, offset, len, &initial, em);
	if (e == OK)
		r->areas[r->area_count++] = (struct area){ index, len, false };
	return e;
}

/* Where the loader puts a value: nothing that is measured. */
static enum err parameter_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	const struct area *area = area_find(r, cursor_u32(body));
	uint32_t at = cursor_u32(body);
	if (!area || area->inserted)
		return refuse(em, "a parameter for an area that is not there");
	return at < area->len ? OK : refuse(em, "a parameter outside of its area");
}

/* What parameters are is the host's affair: pages without contents. */
static enum err insert_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	bool ours = false;
	uint64_t gpa = cursor_u64(body);
	enum err e = mask_check(r, cursor_u32(body), &ours, em);
	struct area *area = area_find(r, cursor_u32(body));
	if (e == OK && (!area || area->inserted))
		e = refuse(em, "a parameter area that is not there, or was used already");
	if (e == OK)
		e = gpa_check(gpa, area->len, em);
	if (e != OK)
		return e;
	area->inserted = true;
	for (uint64_t at = 0; ours && at < area->len && e == OK; at += IGVM_PAGE_LEN)
		e = give(r, &(struct igvm_event){ .kind = IGVM_UNMEASURED, .gpa = gpa + at }, em);
	return e;
}

static enum err page_kind(uint16_t type, uint32_t flags, enum igvm_kind *kind, struct errmsg *em)
{
	static const enum igvm_kind kinds[] = { IGVM_DATA, IGVM_SECRETS, IGVM_CPUID, IGVM_CPUID };
	if (flags & FLAG_2MB)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: pages of 2 MiB");
	if (flags & ~(uint32_t)(FLAG_UNMEASURED | FLAG_SHARED) || type >= ARRAY_LEN(kinds))
		return err_set(em, ERR_UNSUPPORTED, "IGVM: a page of type %u with flags 0x%x", type, flags);
	*kind = type == 0 && flags & FLAG_UNMEASURED ? IGVM_UNMEASURED : kinds[type];
	return OK;
}

static enum err page_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	bool ours = false;
	struct igvm_event event = { .gpa = cursor_u64(body) };
	struct bytes data = { NULL, 0 };
	enum err e = mask_check(r, cursor_u32(body), &ours, em);
	uint32_t offset = cursor_u32(body);
	uint32_t flags = cursor_u32(body);
	uint16_t type = cursor_u16(body);
	if (e == OK)
		e = gpa_check(event.gpa, IGVM_PAGE_LEN, em);
	if (e == OK)
		e = page_kind(type, flags, &event.kind, em);
	if (e == OK && cursor_u16(body) != 0)
		e = refuse(em, "a page with reserved bits");
	if (e == OK && offset)
		e = data_at(r, offset, IGVM_PAGE_LEN, &data, em);
	/* A shared page is the host's as well, and never measured. */
	if (e != OK || !ours || flags & FLAG_SHARED)
		return e;
	if (event.kind == IGVM_DATA)
		event.data = data;
	return give(r, &event, em);
}

static enum err vp_context_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	bool ours = false;
	struct igvm_event event = { .kind = IGVM_VP_CONTEXT, .gpa = cursor_u64(body) };
	enum err e = mask_check(r, cursor_u32(body), &ours, em);
	/* Other platforms' lie elsewhere, and are as long as they say. */
	if (e != OK || !ours)
		return e;
	e = data_at(r, cursor_u32(body), IGVM_PAGE_LEN, &event.data, em);
	if (e == OK)
		e = gpa_check(event.gpa, IGVM_PAGE_LEN, em);
	return e == OK ? give(r, &event, em) : e;
}

static enum err id_block_take(struct reader *r, struct cursor *body, struct errmsg *em)
{
	bool ours = false;
	enum err e = mask_check(r, cursor_u32(body), &ours, em);
	(void)cursor_u32(body); /* whether there is an author key */
	if (e != OK || !ours)
		return e;
	return give(r, &(struct igvm_event){ .kind = IGVM_ID_BLOCK, .data = cursor_take(body, LAUNCH_DIGEST_LEN) }, em);
}

/* All that is known. len 0: of any length. take NULL: nothing of it is measured. */
static const struct row {
	uint32_t type;
	uint32_t len;
	enum err (*take)(struct reader *r, struct cursor *body, struct errmsg *em);
} rows[] = {
	{ 0x001, 16, platform_take },
	{ 0x101, 16, NULL }, /* the guest's policy */
	{ 0x102, 48, relocation_take },
	{ 0x103, 32, relocation_take }, /* of page tables */
	{ 0x104, 16, NULL }, /* CoRIM */
	{ 0x105, 16, NULL }, /* and its signature */
	{ 0x106, 32, NULL }, /* CCA's policy */
	{ 0x107, 0, NULL }, /* the file's version, as text */
	{ 0x301, 16, area_take },
	{ 0x302, 24, page_take },
	{ 0x303, 16, insert_take },
	{ 0x304, 20, vp_context_take },
	{ 0x305, 24, NULL }, /* memory that the guest will want */
	{ 0x307, 8, parameter_take }, /* number of processors */
	{ 0x308, 8, parameter_take }, /* SRAT */
	{ 0x309, 8, parameter_take }, /* MADT */
	{ 0x30a, 8, parameter_take }, /* MMIO ranges */
	{ 0x30b, 696, id_block_take },
	{ 0x30c, 8, parameter_take }, /* memory map */
	{ 0x30d, 16, NULL }, /* memory for errors, shared */
	{ 0x30e, 8, parameter_take }, /* command line */
	{ 0x30f, 8, parameter_take }, /* SLIT */
	{ 0x310, 8, parameter_take }, /* PPTT */
	{ 0x311, 864, NULL }, /* VBS' measurement */
	{ 0x312, 8, parameter_take }, /* device tree */
	{ 0x313, 8, parameter_take }, /* environment */
};

/* Sections follow each other, and their types are numbered accordingly. */
static enum err section_check(struct reader *r, uint32_t type, struct errmsg *em)
{
	static const uint32_t ends[] = { [PLATFORMS] = 0x100, [INITIALIZATION] = 0x200, [DIRECTIVES] = 0x400 };
	enum section section = PLATFORMS;
	while (section < DIRECTIVES && type > ends[section])
		section++;
	if (section < r->section)
		return err_set(em, ERR_PARSE, "IGVM: a header of type 0x%x after those of the next section", type);
	r->section = section;
	return OK;
}

static enum err header_take(struct reader *r, uint32_t type, struct bytes body, struct errmsg *em)
{
	uint32_t known = type & ~OPTIONAL;
	struct cursor c = cursor_over(body);
	const struct row *row = NULL;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == known)
			row = &rows[i];
	if (!row && type & OPTIONAL)
		return OK;
	if (!row)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: a header of type 0x%x, which is not known", type);
	if (row->len && body.len != row->len)
		return err_set(em, ERR_PARSE, "IGVM: a header of type 0x%x with %zu bytes: %u are wanted", type,
			       body.len, row->len);
	enum err e = section_check(r, known, em);
	return e == OK && row->take ? row->take(r, &c, em) : e;
}

static enum err headers_read(struct reader *r, struct bytes headers, struct errmsg *em)
{
	struct cursor c = cursor_over(headers);
	enum err e = OK;
	while (e == OK && c.rest.len > 0) {
		uint32_t type = cursor_u32(&c);
		uint32_t len = cursor_u32(&c);
		struct bytes body = cursor_take(&c, len);
		struct bytes padding = cursor_take(&c, -(size_t)len % 8);
		if (c.bad || !bytes_zero(padding))
			return refuse(em, "the headers end inside one, or what fills one up is not zero");
		e = header_take(r, type, body, em);
	}
	const char *platform = r->platform == IGVM_TDX ? "TDX" : "SEV-SNP";
	if (e == OK && !r->mask)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: the file is not for %s", platform);
	if (e == OK && !r->pages)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: the file loads nothing for %s", platform);
	return e;
}

static enum err version_check(struct bytes file, uint32_t version, size_t *fixed, struct errmsg *em)
{
	*fixed = FIXED_LEN;
	if (version == 1)
		return OK;
	*fixed = FIXED_V2_LEN;
	if (version != 2 || file.len < FIXED_V2_LEN)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: version %u: 1 and 2 are known", version);
	if (bytes_le(bytes_part(file, 24, 4)) != 0 || bytes_le(bytes_part(file, 28, 4)) != IGVM_PAGE_LEN)
		return err_set(em, ERR_UNSUPPORTED, "IGVM: not for x86-64 with pages of 4 KiB");
	return OK;
}

/* Over both kinds of headers, the checksum's own bytes as zeros. */
static enum err checksum_check(struct bytes fixed, struct bytes headers, uint32_t wanted, struct errmsg *em)
{
	uint8_t copy[FIXED_V2_LEN];
	memcpy(copy, fixed.data, fixed.len);
	memset(copy + CHECKSUM_AT, 0, 4);
	uLong crc = crc32_z(crc32_z(0, NULL, 0), copy, fixed.len);
	crc = headers.len ? crc32_z(crc, headers.data, headers.len) : crc;
	if (crc == wanted)
		return OK;
	return err_set(em, ERR_INTEGRITY, "IGVM: the checksum is 0x%08x, computed is 0x%08lx", wanted, crc);
}

enum err igvm_read(struct bytes file, enum igvm_platform platform, const struct igvm_sink *sink, struct errmsg *em)
{
	struct reader r = { .file = file, .platform = platform, .sink = sink };
	size_t fixed = 0;
	if (!igvm_is(file) || file.len < FIXED_LEN)
		return refuse(em, "no header");
	struct cursor c = cursor_over(bytes_part(file, 4, FIXED_LEN - 4));
	uint32_t version = cursor_u32(&c);
	uint32_t at = cursor_u32(&c);
	uint32_t len = cursor_u32(&c);
	uint32_t total = cursor_u32(&c);
	uint32_t checksum = cursor_u32(&c);
	enum err e = version_check(file, version, &fixed, em);
	if (e != OK)
		return e;
	if (total != file.len)
		return err_set(em, ERR_PARSE, "IGVM: the file says %u bytes, there are %zu", total, file.len);
	if (at < fixed || at % 8 != 0 || at > file.len || len > file.len - at)
		return refuse(em, "the headers are not where they should be");
	r.data_at = (size_t)at + len;
	struct bytes headers = bytes_part(file, at, len);
	e = checksum_check(bytes_part(file, 0, fixed), headers, checksum, em);
	return e == OK ? headers_read(&r, headers, em) : e;
}
