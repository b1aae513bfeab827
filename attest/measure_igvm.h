#pragma once
#include "attest/measure.h"

/* measure_tdx() and measure_snp() of an IGVM file. */
enum err measure_igvm_tdx(struct bytes file, uint8_t out[MEASURE_LEN], struct errmsg *em) MUST_USE;
/* vmm: MEASURE_IGVM, or MEASURE_QEMU, which takes what others do not (pages without data as the hardware's zero pages)
 * and does not take all of what others do: ERR_UNSUPPORTED. */
enum err measure_igvm_snp(struct bytes file, enum measure_vmm vmm, uint8_t out[MEASURE_LEN],
			  struct errmsg *em) MUST_USE;
