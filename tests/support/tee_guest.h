#pragma once
#include "tests/support/tee_amd.h"
#include "tests/support/tee_intel.h"
#include "tests/support/tsm_model.h"

enum tee_guest_kind { TEE_GUEST_TDX, TEE_GUEST_SNP, TEE_GUEST_CCA };

/* What a CCA token of nobody's signature says. */
struct tee_guest_realm {
	uint8_t challenge[64];
	uint8_t personalization[64];
};
enum { TEE_GUEST_CCA_MAX = 256 };
size_t tee_guest_cca(const struct tee_guest_realm *realm, uint8_t to[TEE_GUEST_CCA_MAX]);

/* A guest's hardware behind the model of configfs-tsm: quotes and reports of the tests' own vendors, today. */
struct tee_guest {
	struct intel intel;
	struct amd amd;
	struct tee_guest_realm realm;
	enum tee_guest_kind kind;
	const char *carried_path; /* a file with hexadecimal: what is carried from now on; or NULL */
};
/* provider: "tdx_guest", "sev_guest" or "arm_cca_guest"; opens the model as well. carried: MRCONFIGID, HOST_DATA or the
 * Realm Personalization Value, cut or padded. */
void tee_guest_open(struct tee_guest *g, struct tsm_model *m, const char *provider, struct bytes carried);
void tee_guest_close(struct tee_guest *g, struct tsm_model *m);
