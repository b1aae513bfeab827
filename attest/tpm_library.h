#pragma once
#include "common/err.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

/* tpm2-tss, loaded when a TPM is first asked: whoever has none, and every program that loads the PKCS#11 module, links
 * nothing of it. Never unloaded. */
struct tpm_library {
	__typeof__(Tss2_TctiLdr_Initialize) *tcti_open;
	__typeof__(Tss2_TctiLdr_Finalize) *tcti_close;
	__typeof__(Esys_Initialize) *open;
	__typeof__(Esys_Finalize) *close;
	__typeof__(Esys_Free) *free;
	__typeof__(Esys_GetCapability) *get_capability;
	__typeof__(Esys_TR_FromTPMPublic) *from_public;
	__typeof__(Esys_TR_Close) *handle_close;
	__typeof__(Esys_ReadPublic) *read_public;
	__typeof__(Esys_CreatePrimary) *create_primary;
	__typeof__(Esys_FlushContext) *flush;
	__typeof__(Esys_Quote) *quote;
	__typeof__(Esys_PCR_Read) *pcr_read;
	__typeof__(Tss2_MU_TPMT_SIGNATURE_Marshal) *signature_marshal;
	__typeof__(Tss2_MU_TPMS_ATTEST_Unmarshal) *attest_unmarshal;
};

/* ERR_UNSUPPORTED: it is not installed, and which packages it is. Thread-safe. */
enum err tpm_library_load(const struct tpm_library **out, struct errmsg *em) MUST_USE;
