#include "attest/vmsa.h"

struct value {
	uint16_t at;
	uint16_t len;
	uint64_t value;
};

struct segment {
	uint16_t at;
	uint16_t selector;
	uint16_t attributes;
};

static const struct segment segments[] = {
	{ 0x00, 0, 0x93 }, /* ES */
	{ 0x10, 0xf000, 0 }, /* CS */
	{ 0x20, 0, 0 }, /* SS */
	{ 0x30, 0, 0x93 }, /* DS */
	{ 0x40, 0, 0x93 }, /* FS */
	{ 0x50, 0, 0x93 }, /* GS */
	{ 0x60, 0, 0 }, /* GDTR */
	{ 0x70, 0, 0x82 }, /* LDTR */
	{ 0x80, 0, 0 }, /* IDTR */
	{ 0x90, 0, 0 }, /* TR */
};

static const struct value values[] = {
	{ 0x0d0, 8, 0x1000 }, /* EFER: SVME */
	{ 0x148, 8, 0x40 }, /* CR4: MCE */
	{ 0x158, 8, 0x10 }, /* CR0 */
	{ 0x160, 8, 0x400 }, /* DR7 */
	{ 0x168, 8, 0xffff0ff0 }, /* DR6 */
	{ 0x170, 8, 2 }, /* RFLAGS */
	{ 0x3e8, 8, 1 }, /* XCR0 */
};

/* In what the VMMs differ. */
struct habit {
	uint16_t cs_first; /* attributes of the first processor's CS */
	uint16_t cs; /* and of the others' */
	uint16_t ss;
	uint16_t tr;
	uint64_t g_pat;
	uint32_t rdx; /* 0: the processor's signature */
	uint32_t mxcsr;
	uint16_t fcw;
};

static const struct habit habits[] = {
	[MEASURE_QEMU] = { 0x9b, 0x9b, 0x93, 0x8b, 0x7040600070406, 0, 0x1f80, 0x37f },
	[MEASURE_EC2] = { 0x9a, 0x9b, 0x92, 0x83, 0x7040600070406, 0x600, 0, 0 },
	[MEASURE_GCE] = { 0x9b, 0x9b, 0x93, 0x8b, 0x70106, 0x600, 0, 0 },
};

/* Family, model and stepping as CPUID Fn0000_0001 EAX has them. QEMU's versions of a model have one signature. */
bool measure_cpu_signature(const char *name, uint32_t *out)
{
	static const struct {
		const char *name;
		uint32_t signature;
		unsigned versions;
	} models[] = {
		{ "EPYC", 0x800f12, 5 },       { "EPYC-IBPB", 0x800f12, 0 },  { "EPYC-Rome", 0x830f10, 5 },
		{ "EPYC-Milan", 0xa00f11, 3 }, { "EPYC-Genoa", 0xa10f10, 2 }, { "EPYC-Turin", 0xb00f00, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(models); i++) {
		size_t len = strlen(models[i].name);
		if (strncmp(name, models[i].name, len) != 0)
			continue;
		const char *rest = name + len;
		bool version = rest[0] == '-' && rest[1] == 'v' && rest[2] >= '1' && rest[2] <= '9' && !rest[3] &&
			       (unsigned)(rest[2] - '0') <= models[i].versions;
		if (*rest && !version)
			continue;
		*out = models[i].signature;
		return true;
	}
	return false;
}

static void put(uint8_t *page, struct value v)
{
	for (size_t i = 0; i < v.len; i++)
		page[v.at + i] = (uint8_t)(v.value >> (8 * i));
}

void vmsa_build(const struct vmsa *of, uint8_t page[VMSA_LEN])
{
	const struct habit *h = &habits[of->vmm];
	uint16_t cs = of->eip == VMSA_BSP_EIP ? h->cs_first : h->cs;
	memset(page, 0, VMSA_LEN);
	for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
		const struct segment *s = &segments[i];
		put(page, (struct value){ s->at, 2, s->selector });
		put(page, (struct value){ (uint16_t)(s->at + 2), 2, s->attributes });
		put(page, (struct value){ (uint16_t)(s->at + 4), 4, 0xffff });
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		put(page, values[i]);
	put(page, (struct value){ 0x12, 2, cs });
	put(page, (struct value){ 0x18, 8, of->eip & 0xffff0000 }); /* CS base */
	put(page, (struct value){ 0x22, 2, h->ss });
	put(page, (struct value){ 0x92, 2, h->tr });
	put(page, (struct value){ 0x178, 8, of->eip & 0xffff }); /* RIP */
	put(page, (struct value){ 0x268, 8, h->g_pat });
	put(page, (struct value){ 0x310, 8, h->rdx ? h->rdx : of->cpu_signature }); /* RDX */
	put(page, (struct value){ 0x3b0, 8, of->features });
	put(page, (struct value){ 0x408, 4, h->mxcsr });
	put(page, (struct value){ 0x410, 2, h->fcw });
}
