#pragma once
#include "tests/support/tee_amd.h"
#include "tests/support/tee_intel.h"
#include "tests/support/tsm_model.h"

/* A guest's hardware behind the model of configfs-tsm: quotes and reports of the tests' own vendors, today. */
struct tee_guest {
	struct intel intel;
	struct amd amd;
	bool tdx; /* else SEV-SNP */
	const char *carried_path; /* a file with hexadecimal: what is carried from now on; or NULL */
};
/* provider: "tdx_guest" or "sev_guest"; opens the model as well. carried: MRCONFIGID or HOST_DATA, cut or padded. */
void tee_guest_open(struct tee_guest *g, struct tsm_model *m, const char *provider, struct bytes carried);
void tee_guest_close(struct tee_guest *g, struct tsm_model *m);
