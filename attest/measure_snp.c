#include "attest/measure.h"

#include "attest/firmware.h"
#include "attest/launch.h"
#include "attest/measure_igvm.h"
#include "attest/vmsa.h"
#include "common/libctx.h"

#include <openssl/evp.h>

/* OVMF: the image, then the pages that its SEV metadata name, then a page for each virtual processor. */

enum {
	PAGE = LAUNCH_PAGE_LEN,
	VCPUS_MAX = 4096,
	SECTIONS_MAX = 64,
	ZERO_PAGES_MAX = 1 << 16,
	SECTION_LEN = 12,
	HASHES_LEN = 176, /* 168, padded to 16 */
};

enum section_type {
	SECTION_MEMORY = 1,
	SECTION_SECRETS = 2,
	SECTION_CPUID = 3,
	SECTION_SVSM_CAA = 4,
	SECTION_HASHES = 16
};

/* dc886566-984a-4798-a75e-5585a7bf67cc */
static const struct guid sev_offset = { { 0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85, 0xa7,
					  0xbf, 0x67, 0xcc } };
/* 7255371f-3a3b-4b04-927b-1da6efa8d454 */
static const struct guid hashes_gpa = { { 0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6, 0xef,
					  0xa8, 0xd4, 0x54 } };
/* 00f771de-1a7e-4fcb-890e-68c77e2fb44e */
static const struct guid reset_block = { { 0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e,
					   0x2f, 0xb4, 0x4e } };
/* 9438d606-4f22-4cc9-b479-a793d411fd21 */
static const struct guid hashes_header = { { 0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c, 0xb4, 0x79, 0xa7, 0x93,
					     0xd4, 0x11, 0xfd, 0x21 } };
/* 97d02dd8-bd20-4c94-aa78-e7714d36ab2a, 44baf731-3a2f-4bd7-9af1-41e29169781d, 4de79437-abd2-427f-b835-d5b172d2045b */
static const struct guid hashes_entries[3] = {
	{ { 0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c, 0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a } },
	{ { 0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b, 0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d } },
	{ { 0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42, 0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b } },
};

static bool sha256(struct bytes of, uint8_t out[32])
{
	size_t len = 0;
	return EVP_Q_digest(libctx(), "SHA256", NULL, of.data, of.len, out, &len) == 1;
}

enum err measure_boot_hash(const struct measure_boot *boot, struct measure_boot_hashes *out, struct errmsg *em)
{
	const char *append = boot->append ? boot->append : "";
	if (sha256((struct bytes){ (const uint8_t *)append, strlen(append) + 1 }, out->append) &&
	    sha256(boot->initrd, out->initrd) && sha256(boot->kernel, out->kernel))
		return OK;
	return err_openssl(em, ERR_CRYPTO, "SHA-256");
}

/* QEMU, "sev-hashes": what the firmware holds the kernel against. */
static void hashes_build(const struct measure_boot_hashes *hashes, uint8_t to[HASHES_LEN])
{
	const uint8_t *const parts[3] = { hashes->append, hashes->initrd, hashes->kernel };
	memset(to, 0, HASHES_LEN);
	memcpy(to, hashes_header.bytes, 16);
	to[16] = 168;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *entry = to + 18 + 50 * i;
		memcpy(entry, hashes_entries[i].bytes, 16);
		entry[16] = 50;
		memcpy(entry + 18, parts[i], 32);
	}
}

static enum err hashes_measure(struct launch *l, const struct measure_snp *in, uint64_t gpa, struct errmsg *em)
{
	uint8_t page[PAGE] = { 0 };
	uint32_t at = 0;
	enum err e = firmware_u32(in->firmware, &hashes_gpa, &at, em);
	if (e != OK || at == 0)
		return err_set(em, ERR_UNSUPPORTED, "the firmware cannot check a kernel");
	if ((at & ~(PAGE - 1U)) != gpa || at % PAGE > PAGE - HASHES_LEN)
		return err_set(em, ERR_PARSE, "the firmware's page of kernel hashes is not where its table is");
	hashes_build(in->hashes, page + at % PAGE);
	launch_page(l, LAUNCH_NORMAL, page, gpa);
	return OK;
}

struct section {
	uint32_t gpa;
	uint32_t size;
	uint32_t type;
};

static enum err section_measure(struct launch *l, const struct measure_snp *in, const struct section *s,
				struct errmsg *em)
{
	if (s->gpa % PAGE != 0 || s->size == 0 || s->size % PAGE != 0 || s->size / PAGE > ZERO_PAGES_MAX)
		return err_set(em, ERR_PARSE, "a section of the SEV metadata is not whole pages, or too many");
	bool one = s->size == PAGE;
	switch (s->type) {
	case SECTION_HASHES:
		if (in->hashes)
			return one ? hashes_measure(l, in, s->gpa, em)
				   : err_set(em, ERR_PARSE, "kernel hashes of more than a page");
		__attribute__((fallthrough));
	case SECTION_MEMORY:
	case SECTION_SVSM_CAA: {
		bool google = in->vmm == MEASURE_GCE && s->type == SECTION_MEMORY;
		for (uint32_t at = 0; at < s->size; at += PAGE)
			launch_page(l, google ? LAUNCH_UNMEASURED : LAUNCH_ZERO, NULL, (uint64_t)s->gpa + at);
		return OK;
	}
	case SECTION_SECRETS:
		launch_page(l, LAUNCH_SECRETS, NULL, s->gpa);
		break;
	case SECTION_CPUID:
		if (in->vmm != MEASURE_EC2)
			launch_page(l, LAUNCH_CPUID, NULL, s->gpa);
		break;
	default:
		return err_set(em, ERR_UNSUPPORTED, "SEV metadata with a section of type %u", s->type);
	}
	return one ? OK : err_set(em, ERR_PARSE, "a section of the SEV metadata is more than its page");
}

/* The descriptors of the sections, SECTION_LEN bytes each. */
static enum err metadata_find(struct bytes firmware, struct bytes *sections, struct errmsg *em)
{
	uint32_t offset = 0;
	struct bytes metadata;
	enum err e = firmware_u32(firmware, &sev_offset, &offset, em);
	if (e == ERR_NOT_FOUND)
		return err_set(em, ERR_UNSUPPORTED, "the firmware has no SEV metadata");
	if (e == OK)
		e = firmware_from_end(firmware, offset, &metadata, em);
	if (e != OK)
		return e;
	struct cursor c = cursor_over(metadata);
	struct bytes signature = cursor_take(&c, 4);
	uint32_t length = cursor_u32(&c);
	uint32_t version = cursor_u32(&c);
	uint32_t count = cursor_u32(&c);
	if (c.bad || memcmp(signature.data, "ASEV", 4) != 0 || version != 1)
		return err_set(em, ERR_UNSUPPORTED, "the firmware has no SEV metadata of version 1");
	if (count == 0 || count > SECTIONS_MAX || length != 16 + SECTION_LEN * count)
		return err_set(em, ERR_PARSE, "SEV metadata of %u bytes with %u sections", length, count);
	*sections = cursor_take(&c, (size_t)SECTION_LEN * count);
	return c.bad ? err_set(em, ERR_PARSE, "the SEV metadata end inside a section") : OK;
}

static struct section section_at(struct bytes sections, size_t at)
{
	struct cursor c = cursor_over(bytes_part(sections, at, SECTION_LEN));
	struct section s = { .gpa = cursor_u32(&c) };
	s.size = cursor_u32(&c);
	s.type = cursor_u32(&c);
	return s;
}

static enum err metadata_measure(struct launch *l, const struct measure_snp *in, struct errmsg *em)
{
	struct bytes sections = { NULL, 0 };
	bool hashes = false;
	enum err e = metadata_find(in->firmware, &sections, em);
	for (size_t at = 0; at < sections.len && e == OK; at += SECTION_LEN) {
		struct section s = section_at(sections, at);
		hashes = hashes || s.type == SECTION_HASHES;
		e = section_measure(l, in, &s, em);
	}
	/* EC2 puts the page of CPUID values in after all the others. */
	for (size_t at = 0; at < sections.len && e == OK && in->vmm == MEASURE_EC2; at += SECTION_LEN) {
		struct section s = section_at(sections, at);
		if (s.type == SECTION_CPUID)
			launch_page(l, LAUNCH_CPUID, NULL, s.gpa);
	}
	if (e == OK && in->hashes && !hashes)
		return err_set(em, ERR_UNSUPPORTED, "the firmware cannot check a kernel: it has no page for its hash");
	return e;
}

static enum err vcpus_measure(struct launch *l, const struct measure_snp *in, struct errmsg *em)
{
	uint8_t page[VMSA_LEN];
	struct vmsa cpu = { in->vmm, VMSA_BSP_EIP, in->cpu_signature, in->features };
	vmsa_build(&cpu, page);
	launch_page(l, LAUNCH_VMSA, page, LAUNCH_VMSA_GPA);
	if (in->vcpus == 1)
		return OK;
	enum err e = firmware_u32(in->firmware, &reset_block, &cpu.eip, em);
	if (e != OK)
		return err_set(em, ERR_UNSUPPORTED, "the firmware does not say where further processors start");
	vmsa_build(&cpu, page);
	for (unsigned i = 1; i < in->vcpus; i++)
		launch_page(l, LAUNCH_VMSA, page, LAUNCH_VMSA_GPA);
	return OK;
}

static enum err launch_measure(const struct measure_snp *in, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	struct launch l = { .failed = false };
	size_t size = in->firmware.len;
	if (in->vmm == MEASURE_IGVM)
		return err_set(em, ERR_ARG, "the firmware is no IGVM file: its VMM is wanted");
	if (in->vcpus < 1 || in->vcpus > VCPUS_MAX)
		return err_set(em, ERR_ARG, "%u virtual processors: 1 to %d", in->vcpus, VCPUS_MAX);
	if (size == 0 || size % PAGE != 0 || size > 64 << 20)
		return err_set(em, ERR_PARSE, "%zu bytes are no firmware of whole pages", size);
	if (!firmware_has_table(in->firmware))
		return err_set(em, ERR_UNSUPPORTED, "the firmware has no SEV metadata");
	for (size_t at = 0; at < size; at += PAGE)
		launch_page(&l, LAUNCH_NORMAL, in->firmware.data + at, (1ULL << 32) - size + at);
	enum err e = metadata_measure(&l, in, em);
	if (e == OK)
		e = vcpus_measure(&l, in, em);
	return e == OK ? launch_end(&l, out, em) : e;
}

bool measure_vmm_named(const char *name, enum measure_vmm *out)
{
	static const char *const names[] = {
		[MEASURE_QEMU] = "qemu", [MEASURE_EC2] = "ec2", [MEASURE_GCE] = "gce", [MEASURE_IGVM] = "igvm"
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum measure_vmm)i;
			return true;
		}
	}
	return false;
}

enum err measure_snp(const struct measure_snp *in, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	struct measure_snp with = *in;
	struct measure_boot_hashes hashes;
	if (measure_is_igvm(in->firmware))
		return measure_igvm_snp(in->firmware, in->vmm, out, em);
	if (!in->boot.kernel.data && (in->boot.initrd.data || in->boot.append))
		return err_set(em, ERR_ARG, "an initrd or a command line without a kernel");
	if (in->boot.kernel.data) {
		enum err e = measure_boot_hash(&in->boot, &hashes, em);
		if (e != OK)
			return e;
		with.hashes = &hashes;
	}
	return launch_measure(&with, out, em);
}
