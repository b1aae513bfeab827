#include "attest/tpm_library.h"

#include "common/cleanup.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdatomic.h>

enum part { TCTILDR, ESYS, MU, PARTS };

static const char *const names[PARTS] = { "libtss2-tctildr.so.0", "libtss2-esys.so.0", "libtss2-mu.so.0" };

#define SYMBOL(part, member, name)                                                                                     \
	{                                                                                                              \
		(part), offsetof(struct tpm_library, member), (name)                                                   \
	}
static const struct {
	enum part part;
	size_t at;
	const char *name;
} symbols[] = {
	SYMBOL(TCTILDR, tcti_open, "Tss2_TctiLdr_Initialize"),
	SYMBOL(TCTILDR, tcti_close, "Tss2_TctiLdr_Finalize"),
	SYMBOL(ESYS, open, "Esys_Initialize"),
	SYMBOL(ESYS, close, "Esys_Finalize"),
	SYMBOL(ESYS, free, "Esys_Free"),
	SYMBOL(ESYS, get_capability, "Esys_GetCapability"),
	SYMBOL(ESYS, from_public, "Esys_TR_FromTPMPublic"),
	SYMBOL(ESYS, handle_close, "Esys_TR_Close"),
	SYMBOL(ESYS, read_public, "Esys_ReadPublic"),
	SYMBOL(ESYS, create_primary, "Esys_CreatePrimary"),
	SYMBOL(ESYS, flush, "Esys_FlushContext"),
	SYMBOL(ESYS, quote, "Esys_Quote"),
	SYMBOL(ESYS, pcr_read, "Esys_PCR_Read"),
	SYMBOL(MU, signature_marshal, "Tss2_MU_TPMT_SIGNATURE_Marshal"),
	SYMBOL(MU, attest_unmarshal, "Tss2_MU_TPMS_ATTEST_Unmarshal"),
};

static enum err missing(struct errmsg *em)
{
	const char *reason = dlerror();
	return err_set(em, ERR_UNSUPPORTED,
		       "tpm2-tss cannot be loaded (Debian: libtss2-esys-3.0.2-0, libtss2-tctildr0): %s",
		       reason ? reason : "?");
}

/* Two threads may do this at once: both find the same. */
static enum err load(struct tpm_library *to, struct errmsg *em)
{
	void *handles[PARTS];
	for (int i = 0; i < PARTS; i++) {
		handles[i] = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		if (!handles[i])
			return missing(em);
	}
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *found = dlsym(handles[symbols[i].part], symbols[i].name);
		if (!found)
			return missing(em);
		memcpy((char *)to + symbols[i].at, &found, sizeof found);
	}
	return OK;
}

enum err tpm_library_load(const struct tpm_library **out, struct errmsg *em)
{
	static _Atomic(const struct tpm_library *) loaded;
	*out = atomic_load(&loaded);
	if (*out)
		return OK;
	struct tpm_library *made = calloc(1, sizeof *made);
	if (!made)
		return err_nomem(em, "tpm2-tss");
	enum err e = load(made, em);
	const struct tpm_library *none = NULL;
	if (e != OK || !atomic_compare_exchange_strong(&loaded, &none, made))
		free(made);
	*out = atomic_load(&loaded);
	return e;
}
