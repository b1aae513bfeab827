#include "common/key_pqc.h"

#include "config.h"

#include "common/der.h"
#include "common/libctx.h"

#include <openssl/core_names.h>
#include <stdatomic.h>

#define PARAM_SEED "seed" /* which OpenSSL 3.0 has no macro for */

static const struct pqc_set sets[] = {
	{ PQC_ML_KEM, 1, { 4, 1 }, "ML-KEM-512", 800, 1632, 64 },
	{ PQC_ML_KEM, 2, { 4, 2 }, "ML-KEM-768", 1184, 2400, 64 },
	{ PQC_ML_KEM, 3, { 4, 3 }, "ML-KEM-1024", 1568, 3168, 64 },
	{ PQC_ML_DSA, 1, { 3, 17 }, "ML-DSA-44", 1312, 2560, 32 },
	{ PQC_ML_DSA, 2, { 3, 18 }, "ML-DSA-65", 1952, 4032, 32 },
	{ PQC_ML_DSA, 3, { 3, 19 }, "ML-DSA-87", 2592, 4896, 32 },
	{ PQC_SLH_DSA, 1, { 3, 20 }, "SLH-DSA-SHA2-128s", 32, 64, 0 },
	{ PQC_SLH_DSA, 3, { 3, 21 }, "SLH-DSA-SHA2-128f", 32, 64, 0 },
	{ PQC_SLH_DSA, 5, { 3, 22 }, "SLH-DSA-SHA2-192s", 48, 96, 0 },
	{ PQC_SLH_DSA, 7, { 3, 23 }, "SLH-DSA-SHA2-192f", 48, 96, 0 },
	{ PQC_SLH_DSA, 9, { 3, 24 }, "SLH-DSA-SHA2-256s", 64, 128, 0 },
	{ PQC_SLH_DSA, 11, { 3, 25 }, "SLH-DSA-SHA2-256f", 64, 128, 0 },
	{ PQC_SLH_DSA, 2, { 3, 26 }, "SLH-DSA-SHAKE-128s", 32, 64, 0 },
	{ PQC_SLH_DSA, 4, { 3, 27 }, "SLH-DSA-SHAKE-128f", 32, 64, 0 },
	{ PQC_SLH_DSA, 6, { 3, 28 }, "SLH-DSA-SHAKE-192s", 48, 96, 0 },
	{ PQC_SLH_DSA, 8, { 3, 29 }, "SLH-DSA-SHAKE-192f", 48, 96, 0 },
	{ PQC_SLH_DSA, 10, { 3, 30 }, "SLH-DSA-SHAKE-256s", 64, 128, 0 },
	{ PQC_SLH_DSA, 12, { 3, 31 }, "SLH-DSA-SHAKE-256f", 64, 128, 0 },
};

bool pqc_there(enum pqc_family family)
{
#if HAVE_PQC
	/* 0: not looked up yet, 1: no, 2: yes. */
	static atomic_int known[PQC_SLH_DSA + 1];
	static const char *const examples[] = { "ML-KEM-768", "ML-DSA-65", "SLH-DSA-SHA2-128s" };
	int there = atomic_load(&known[family]);
	if (!there) {
		EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(libctx(), examples[family], NULL);
		there = found ? 2 : 1;
		EVP_KEYMGMT_free(found);
		atomic_store(&known[family], there);
	}
	return there == 2;
#else
	(void)family;
	return false;
#endif
}

const struct pqc_set *pqc_set_by_number(enum pqc_family family, unsigned long number)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (sets[i].family == family && sets[i].number == number)
			return pqc_there(family) ? &sets[i] : NULL;
	return NULL;
}

const struct pqc_set *pqc_set_by_oid(struct bytes oid)
{
	static const uint8_t nist[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04 };
	if (oid.len != sizeof(nist) + 2 || memcmp(oid.data, nist, sizeof(nist)) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (memcmp(sets[i].arc, oid.data + sizeof(nist), 2) == 0)
			return pqc_there(sets[i].family) ? &sets[i] : NULL;
	return NULL;
}

const struct pqc_set *pqc_set_of(EVP_PKEY *key)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (EVP_PKEY_is_a(key, sets[i].name))
			return &sets[i];
	return NULL;
}

static OSSL_PARAM octets_param(const char *name, struct bytes octets)
{
	/* OpenSSL only reads it. */
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)octets.data, octets.len);
}

static bool length_good(struct bytes octets, size_t wanted)
{
	return octets.len == 0 || octets.len == wanted;
}

enum err pqc_key_build(const struct pqc_octets *o, EVP_PKEY **out, struct errmsg *em)
{
	const struct pqc_set *set = o->set;
	bool pair = o->private.len || o->seed.len;
	if (!length_good(o->public, set->public_len) || !length_good(o->private, set->private_len) ||
	    !length_good(o->seed, set->seed_len) || (!pair && !o->public.len))
		return err_set(em, ERR_KEY, "a part of this %s key has the wrong length", set->name);
	OSSL_PARAM params[4];
	size_t n = 0;
	if (o->public.len)
		params[n++] = octets_param(OSSL_PKEY_PARAM_PUB_KEY, o->public);
	if (o->private.len)
		params[n++] = octets_param(OSSL_PKEY_PARAM_PRIV_KEY, o->private);
	if (o->seed.len)
		params[n++] = octets_param(PARAM_SEED, o->seed);
	params[n] = OSSL_PARAM_construct_end();
	EVP_PKEY *made = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx(), set->name, NULL);
	bool good = ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
		    EVP_PKEY_fromdata(ctx, &made, pair ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!good) {
		EVP_PKEY_free(made);
		return err_openssl(em, ERR_KEY, "the octets make no %s key", set->name);
	}
	*out = made;
	return OK;
}

enum err pqc_private_parse(const struct pqc_set *set, struct bytes inner, EVP_PKEY **out, struct errmsg *em)
{
	struct pqc_octets o = { .set = set };
	struct bytes both;
	bool good = true;
	if (!set->seed_len) {
		o.private = inner;
	} else if (der_expect(&inner, DER_CONTEXT_PRIMITIVE_0, &o.seed) ||
		   der_expect(&inner, DER_OCTET_STRING, &o.private)) {
		good = inner.len == 0;
	} else {
		good = der_expect(&inner, DER_SEQUENCE, &both) && !inner.len &&
		       der_expect(&both, DER_OCTET_STRING, &o.seed) &&
		       der_expect(&both, DER_OCTET_STRING, &o.private) && !both.len;
	}
	if (!good || (!o.seed.len && !o.private.len))
		return err_set(em, ERR_PARSE, "malformed private key");
	return pqc_key_build(&o, out, em);
}
