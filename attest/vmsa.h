#pragma once
#include "attest/measure.h"

/* The initial state of a virtual CPU as a VMM sets it: the page that is measured. AMD64 APM volume 2, B.4. */

enum { VMSA_LEN = 4096 };

struct vmsa {
	enum measure_vmm vmm;
	uint32_t eip; /* VMSA_BSP_EIP: of the first processor */
	uint32_t cpu_signature; /* QEMU alone puts it there */
	uint64_t features;
};

#define VMSA_BSP_EIP 0xfffffff0U

void vmsa_build(const struct vmsa *of, uint8_t page[VMSA_LEN]);
