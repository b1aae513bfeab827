#pragma once
#include "kbc/kbc.h"

/* "cc_kbc::URL", as in AA_KBC_PARAMS: sets kind and the one URL. `source` names it in errors. */
enum err kbc_options_from_params(const char *params, const char *source, struct kbc_options *out,
				 struct errmsg *em) MUST_USE;

/* Finds agent.aa_kbc_params= in a kernel command line. malloc'd value in *out, NULL there if it is absent. */
enum err kbc_options_find_params(struct bytes cmdline, char **out, struct errmsg *em) MUST_USE;

/* "https://..." behind those that are there: ERR_CONFIG. */
enum err kbc_options_add_url(struct kbc_options *o, const char *url, struct errmsg *em) MUST_USE;

/* One member each, of the TEE and of init data. */
enum err kbc_options_read_root(json_object *kbs, struct kbc_options *o, struct errmsg *em) MUST_USE;
enum err kbc_options_read_tpm(json_object *kbs, struct kbc_options *o, struct errmsg *em) MUST_USE;
enum err kbc_options_read_devices(json_object *kbs, struct kbc_options *o, struct errmsg *em) MUST_USE;
enum err kbc_options_read_init_data(json_object *kbs, struct kbc_options *o, struct errmsg *em) MUST_USE;
enum err kbc_options_url_agrees(json_object *url, const struct kbc_options *o, struct errmsg *em) MUST_USE;
void kbc_options_clear_tee(struct kbc_options *o);
bool kbc_options_equal_tee(const struct kbc_options *a, const struct kbc_options *b);
