#pragma once
#include "common/bytes.h"

/* Predicts what a TEE will measure, so that anyone can compute reference values from published files. A file without
 * the metadata that says what is measured is refused: there is no number for it. Nothing blocks, nothing is read. */

enum { MEASURE_LEN = 48 }; /* SHA-384 */

/* How the VMM adds and extends the pages of a section. */
enum measure_order {
	MEASURE_INTERLEAVED, /* page by page: td-shim, current QEMU, clouds */
	MEASURE_TWO_PASS /* a section's pages first, then their contents: older QEMU */
};

/* MRTD of a TDVF (OVMF) or td-shim image. ERR_PARSE, ERR_UNSUPPORTED (no TDX metadata), ERR_LIMIT. */
enum err measure_tdx(struct bytes firmware, enum measure_order order, uint8_t out[MEASURE_LEN],
		     struct errmsg *em) MUST_USE;

/* Direct boot: the firmware checks these against hashes that are measured. data NULL: none. */
struct measure_boot {
	struct bytes kernel;
	struct bytes initrd;
	const char *append; /* NULL is "" */
};

/* What is measured of them, SHA-256: of an initrd that there is not that of nothing, of the command line with its
 * NUL. */
struct measure_boot_hashes {
	uint8_t append[32];
	uint8_t initrd[32];
	uint8_t kernel[32];
};
enum err measure_boot_hash(const struct measure_boot *boot, struct measure_boot_hashes *out,
			   struct errmsg *em) MUST_USE;

struct measure_snp {
	struct bytes firmware;
	unsigned vcpus; /* 1 to 4096 */
	uint32_t cpu_signature; /* measure_cpu_signature() */
	uint64_t features; /* SEV_FEATURES; bit 0 is SNP */
	struct measure_boot boot;
	const struct measure_boot_hashes *hashes; /* in place of `boot`, for whoever knows no more of it; may be NULL */
};

/* SNP launch digest of an OVMF image under QEMU. ERR_PARSE, ERR_UNSUPPORTED (no SEV metadata, or the firmware cannot
 * check a kernel that is given), ERR_ARG. */
enum err measure_snp(const struct measure_snp *in, uint8_t out[MEASURE_LEN], struct errmsg *em) MUST_USE;

/* QEMU's names of processors, "EPYC-v4", "EPYC-Milan", ... False: unknown. */
bool measure_cpu_signature(const char *name, uint32_t *out);
