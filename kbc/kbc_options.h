#pragma once
#include "kbc/kbc.h"

/* "cc_kbc::URL", as in AA_KBC_PARAMS: sets kind and the one URL. `source` names it in errors. */
enum err kbc_options_from_params(const char *params, const char *source, struct kbc_options *out,
				 struct errmsg *em) MUST_USE;

/* Finds agent.aa_kbc_params= in a kernel command line. malloc'd value in *out, NULL there if it is absent. */
enum err kbc_options_find_params(struct bytes cmdline, char **out, struct errmsg *em) MUST_USE;
