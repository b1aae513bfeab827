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
	{ 0x10, 0xf000, 0x9b }, /* CS */
	{ 0x20, 0, 0x93 }, /* SS */
	{ 0x30, 0, 0x93 }, /* DS */
	{ 0x40, 0, 0x93 }, /* FS */
	{ 0x50, 0, 0x93 }, /* GS */
	{ 0x60, 0, 0 }, /* GDTR */
	{ 0x70, 0, 0x82 }, /* LDTR */
	{ 0x80, 0, 0 }, /* IDTR */
	{ 0x90, 0, 0x8b }, /* TR */
};

static const struct value values[] = {
	{ 0x0d0, 8, 0x1000 }, /* EFER: SVME */
	{ 0x148, 8, 0x40 }, /* CR4: MCE */
	{ 0x158, 8, 0x10 }, /* CR0 */
	{ 0x160, 8, 0x400 }, /* DR7 */
	{ 0x168, 8, 0xffff0ff0 }, /* DR6 */
	{ 0x170, 8, 2 }, /* RFLAGS */
	{ 0x268, 8, 0x7040600070406 }, /* G_PAT */
	{ 0x3e8, 8, 1 }, /* XCR0 */
	{ 0x408, 4, 0x1f80 }, /* MXCSR */
	{ 0x410, 2, 0x37f }, /* FCW */
};

static void put(uint8_t *page, struct value v)
{
	for (size_t i = 0; i < v.len; i++)
		page[v.at + i] = (uint8_t)(v.value >> (8 * i));
}

void vmsa_build(const struct vmsa *of, uint8_t page[VMSA_LEN])
{
	memset(page, 0, VMSA_LEN);
	for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
		const struct segment *s = &segments[i];
		put(page, (struct value){ s->at, 2, s->selector });
		put(page, (struct value){ (uint16_t)(s->at + 2), 2, s->attributes });
		put(page, (struct value){ (uint16_t)(s->at + 4), 4, 0xffff });
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		put(page, values[i]);
	put(page, (struct value){ 0x18, 8, of->eip & 0xffff0000 }); /* CS base */
	put(page, (struct value){ 0x178, 8, of->eip & 0xffff }); /* RIP */
	put(page, (struct value){ 0x310, 8, of->cpu_signature }); /* RDX */
	put(page, (struct value){ 0x3b0, 8, of->features });
}
