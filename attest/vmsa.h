#pragma once
#include "common/bytes.h"

/* The initial state of a virtual CPU as QEMU and KVM set it: the page that is measured. AMD64 APM volume 2, B.4. */

enum { VMSA_LEN = 4096 };

struct vmsa {
	uint32_t eip;
	uint32_t cpu_signature;
	uint64_t features;
};

#define VMSA_BSP_EIP 0xfffffff0U

void vmsa_build(const struct vmsa *of, uint8_t page[VMSA_LEN]);
