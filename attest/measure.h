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

/* An IGVM file says itself what is loaded where, in which order, for each platform. */
bool measure_is_igvm(struct bytes firmware);

/* MRTD of a TDVF (OVMF) or td-shim image, or of an IGVM file, which has its own order (MEASURE_TWO_PASS is ERR_ARG).
 * ERR_PARSE, ERR_UNSUPPORTED (no TDX metadata, an IGVM file for other platforms, ...), ERR_LIMIT, ERR_INTEGRITY (an
 * IGVM file's checksum). */
enum err measure_tdx(struct bytes firmware, enum measure_order order, uint8_t out[MEASURE_LEN],
		     struct errmsg *em) MUST_USE;

/* The beginning of TDINFO_STRUCT, as a quote's body has these fields; what follows is zeros without a service TD. */
struct measure_td {
	uint8_t attributes[8];
	uint8_t xfam[8];
	uint8_t mr_td[MEASURE_LEN];
	uint8_t mr_config_id[MEASURE_LEN];
	uint8_t mr_owner[MEASURE_LEN];
	uint8_t mr_owner_config[MEASURE_LEN];
	uint8_t rtmr[4][MEASURE_LEN];
};

/* TEE info hash: SHA-384 of TDINFO_STRUCT. Intel TDX Module ABI, TDREPORT_STRUCT. ERR_CRYPTO. */
enum err measure_tee_info(const struct measure_td *td, uint8_t out[MEASURE_LEN], struct errmsg *em) MUST_USE;

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

/* Who launches: VMMs set processors up differently, and measure pages in another order or as other types. */
enum measure_vmm {
	MEASURE_QEMU,
	MEASURE_EC2,
	MEASURE_GCE,
	MEASURE_IGVM, /* whoever loads an IGVM file to the letter of that format */
};

struct measure_snp {
	struct bytes firmware;
	enum measure_vmm vmm; /* of an IGVM file: MEASURE_IGVM or MEASURE_QEMU; of others: not MEASURE_IGVM */
	unsigned vcpus; /* 1 to 4096 */
	uint32_t cpu_signature; /* measure_cpu_signature(); measured by QEMU alone */
	uint64_t features; /* SEV_FEATURES; bit 0 is SNP */
	struct measure_boot boot;
	const struct measure_boot_hashes *hashes; /* in place of `boot`, for whoever knows no more of it; may be NULL */
};

/* SNP launch digest of an OVMF image, or of an IGVM file: there all but the first two members of `in` are in the file
 * and none counts. ERR_PARSE, ERR_UNSUPPORTED (no SEV metadata, or the firmware cannot check a kernel that is given),
 * ERR_ARG, ERR_ATTEST (an IGVM file whose ID block demands another digest), ERR_INTEGRITY, ERR_LIMIT. */
enum err measure_snp(const struct measure_snp *in, uint8_t out[MEASURE_LEN], struct errmsg *em) MUST_USE;

/* "qemu", "ec2", "gce", "igvm". False: unknown. */
bool measure_vmm_named(const char *name, enum measure_vmm *out);

/* QEMU's names of processors, "EPYC-v4", "EPYC-Milan", ... False: unknown. */
bool measure_cpu_signature(const char *name, uint32_t *out);
