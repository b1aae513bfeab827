#include "keywrap/pgp_key.h"
#include "keywrap/scheme.h"

/* OpenPGP messages. Keys are GnuPG's business: no other scheme takes them, and this takes no others. */

#define RECIPIENTS_MAX 256

static enum err pgp_fits(EVP_PKEY *public_key, struct errmsg *em)
{
	(void)public_key;
	return err_set(em, ERR_UNSUPPORTED, "a recipient of the pgp scheme is a name in a key ring");
}

static enum err pgp_wrap(struct wrap_recipients to, struct bytes plain, struct buf *element, struct errmsg *em)
{
	struct pgp_recipient *list[RECIPIENTS_MAX];
	if (to.count > RECIPIENTS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d recipients", RECIPIENTS_MAX);
	for (size_t i = 0; i < to.count; i++)
		list[i] = to.keys[i]->pgp;
	return pgp_encrypt((struct pgp_recipients){ list, to.count }, plain, element, em);
}

static enum err pgp_unwrap(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em)
{
	if (!key->pgp)
		return err_set(em, ERR_KEY, "no OpenPGP key");
	return pgp_key_decrypt(key->pgp, element, plain, em);
}

const struct wrap_scheme scheme_pgp = {
	.name = "pgp",
	.annotation = ANNOTATION_KEYS "pgp",
	.fits = pgp_fits,
	.wrap = pgp_wrap,
	.unwrap = pgp_unwrap,
	.kind = &element_pgp,
};
