#include "keywrap/scheme.h"

#include "keywrap/pgp_key.h"
#include "keywrap/provider.h"
#include "keywrap/token_key.h"

/* In the order in which they are tried: what needs no token comes first. */
const struct wrap_scheme *const wrap_schemes[] = { &scheme_jwe, &scheme_pkcs7, &scheme_pkcs11, &scheme_kek,
						   &scheme_pgp };
const size_t wrap_scheme_count = ARRAY_LEN(wrap_schemes);

const struct wrap_scheme *wrap_scheme_find(const char *name, size_t len)
{
	for (size_t i = 0; i < wrap_scheme_count; i++)
		if (strlen(wrap_schemes[i]->name) == len && strncmp(wrap_schemes[i]->name, name, len) == 0)
			return wrap_schemes[i];
	return NULL;
}

void wrap_key_free(struct wrap_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->public_key);
	provider_key_free(key->provider);
	pgp_recipient_free(key->pgp);
	kek_recipient_free(key->kek);
	X509_free(key->certificate);
	free(key->label);
	free(key);
}

void unwrap_key_free(struct unwrap_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->local);
	token_key_free(key->token);
	provider_key_free(key->provider);
	pgp_key_free(key->pgp);
	X509_free(key->certificate);
	free(key->label);
	free(key);
}

/* OpenPGP keys are for their scheme alone, and no others are for it; AES keys are in tokens, and no others are. What a
 * URI says of its object's type counts. */
bool wrap_scheme_takes(const struct wrap_scheme *scheme, const struct unwrap_key *key)
{
	if (key->provider)
		return false;
	if (key->pgp || scheme == &scheme_pgp)
		return key->pgp && scheme == &scheme_pgp;
	if (scheme == &scheme_kek)
		return key->given || (key->token && token_key_may_be(key->token, CKO_SECRET_KEY));
	return !key->token || token_key_may_be(key->token, CKO_PRIVATE_KEY);
}

enum err unwrap_key_ops(struct unwrap_key *key, struct jwe_key *ops, struct errmsg *em)
{
	if (key->given) {
		*ops = *key->given;
		return OK;
	}
	return key->local ? jwe_key_from_pkey(key->local, ops, em) : token_key_open(key->token, ops, em);
}
