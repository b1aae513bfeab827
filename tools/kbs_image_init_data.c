#include "tools/kbs_image_init_data.h"

#include "attest/attester.h"
#include "kbc/kbc.h"
#include "tools/kbs_image_kbs.h"

#include <stdio.h>

void image_init_data_clear(struct image_init_data *d)
{
	init_data_policy_clear(&d->policy);
	free(d->name);
	*d = (struct image_init_data){ .name = NULL };
}

/* They were read once: the digest is that of the bytes from which the policy comes. */
static enum err carried_check(const struct kbc_options *guest, struct errmsg *em)
{
	const struct attester_machine machine = { guest->tee_root, guest->tpm };
	const struct attester_choice how = { guest->attester, &machine, deadline_in_ms(guest->timeout_ms) };
	const struct attester *attester = NULL;
	enum err e = attester_find_with(&how, guest->init_data, &attester, em);
	if (e == OK && strcmp(attester_tee(attester), "sample") == 0)
		fputs("kbs-image: the sample TEE carries no init data: nothing vouches for their policy\n", stderr);
	return e;
}

static enum err access_set(struct image_access *access, struct image_init_data *d, struct errmsg *em)
{
	if (access->policy || access->insecure_policy)
		return err_set(em, ERR_CONFIG,
			       "the init data name the image policy: neither --policy nor --insecure-policy counts "
			       "beside them");
	if (d->policy.text) {
		access->policy = d->name;
		access->policy_text = bytes_str(d->policy.text);
		return OK;
	}
	/* A file of this machine is nothing that init data vouch for. */
	if (strncmp(d->policy.uri, "kbs:", 4) != 0)
		return err_set(em, ERR_UNSUPPORTED, "init data: the image policy's URI %.200s is none of a KBS",
			       d->policy.uri);
	access->policy = d->policy.uri;
	return OK;
}

enum err image_init_data_read(const char *file, struct image_access *access, struct image_init_data *d,
			      struct errmsg *em)
{
	json_object *root = NULL;
	json_object *kbs = NULL;
	struct kbc_options guest = { .kind = "" };
	enum err e = image_kbs_settings(file, &root, em);
	if (e == OK && root)
		e = json_get_object_opt(root, "kbs", &kbs, em);
	if (e != OK || !kbs)
		return e;
	e = kbc_options_read_guest(kbs, &guest, em);
	if (e != OK || !guest.init_data)
		goto done;
	e = init_data_policy_read(guest.init_data, &d->policy, em);
	if (e != OK || (!d->policy.text && !d->policy.uri))
		goto done;
	e = carried_check(&guest, em);
	d->name = strdup("of the init data");
	if (e == OK && !d->name)
		e = err_set(em, ERR_NOMEM, "no memory");
	if (e == OK)
		e = access_set(access, d, em);
done:
	kbc_options_clear(&guest);
	return e;
}
