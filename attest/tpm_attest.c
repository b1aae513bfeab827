#include "attest/tpm_attest.h"

#include "attest/cursor.h"

enum {
	TPM_GENERATED = 0xff544347, /* "\xffTCG": a TPM never signs foreign data that begins so */
	TPM_ST_ATTEST_QUOTE = 0x8018,
	TPM_ALG_SHA256 = 0x000b,
	TPM_ALG_SHA384 = 0x000c,
	TPM_ALG_SHA512 = 0x000d,
};

static uint64_t take_be(struct cursor *c, size_t n)
{
	struct bytes from = cursor_take(c, n);
	uint64_t value = 0;
	for (size_t i = 0; i < from.len; i++)
		value = value << 8 | from.data[i];
	return value;
}

/* TPM2B_...: its length, then as many bytes. */
static struct bytes take_sized(struct cursor *c)
{
	return cursor_take(c, (size_t)take_be(c, 2));
}

/* TPML_PCR_SELECTION: the SHA-256 bank alone, with 24 PCRs. */
static enum err selection_take(struct cursor *c, uint32_t *selected, struct errmsg *em)
{
	uint64_t banks = take_be(c, 4);
	uint64_t hash = take_be(c, 2);
	uint64_t size = take_be(c, 1);
	if (c->bad)
		return err_set(em, ERR_PARSE, "TPM quote: cut off in the selection of PCRs");
	if (banks != 1 || hash != TPM_ALG_SHA256 || size != TPM_PCR_COUNT / 8)
		return err_set(em, ERR_UNSUPPORTED, "TPM quote: PCRs other than the 24 of one SHA-256 bank");
	*selected = (uint32_t)bytes_le(cursor_take(c, (size_t)size));
	return OK;
}

enum err tpm_attest_parse(struct bytes data, struct tpm_attest *out, struct errmsg *em)
{
	struct cursor c = cursor_over(data);
	*out = (struct tpm_attest){ .clock = 0 };
	if (take_be(&c, 4) != TPM_GENERATED || take_be(&c, 2) != TPM_ST_ATTEST_QUOTE)
		return err_set(em, ERR_PARSE, "not a TPM quote");
	out->signer = take_sized(&c);
	out->nonce = take_sized(&c);
	out->clock = take_be(&c, 8);
	out->resets = (uint32_t)take_be(&c, 4);
	out->restarts = (uint32_t)take_be(&c, 4);
	out->clock_safe = take_be(&c, 1) == 1;
	out->firmware = take_be(&c, 8);
	enum err e = selection_take(&c, &out->selected, em);
	if (e != OK)
		return e;
	out->pcr_digest = take_sized(&c);
	if (c.bad || c.rest.len > 0)
		return err_set(em, ERR_PARSE, "TPM quote: %s", c.bad ? "cut off" : "bytes behind it");
	return OK;
}

static const char *hash_name(uint64_t algorithm)
{
	return algorithm == TPM_ALG_SHA256   ? "SHA256"
	       : algorithm == TPM_ALG_SHA384 ? "SHA384"
	       : algorithm == TPM_ALG_SHA512 ? "SHA512"
					     : NULL;
}

enum err tpm_signature_parse(struct bytes data, struct tpm_signature *out, struct errmsg *em)
{
	struct cursor c = cursor_over(data);
	uint64_t scheme = take_be(&c, 2);
	const char *hash = hash_name(take_be(&c, 2));
	if (c.bad)
		return err_set(em, ERR_PARSE, "TPM signature: cut off");
	if ((scheme != TPM_RSASSA && scheme != TPM_RSAPSS && scheme != TPM_ECDSA) || !hash)
		return err_set(em, ERR_UNSUPPORTED,
			       "TPM signature: neither RSA nor ECDSA with SHA-256, SHA-384 or SHA-512");
	*out = (struct tpm_signature){ .scheme = (enum tpm_scheme)scheme, .hash = hash, .first = take_sized(&c) };
	if (scheme == TPM_ECDSA)
		out->second = take_sized(&c);
	if (c.bad || c.rest.len > 0)
		return err_set(em, ERR_PARSE, "TPM signature: %s", c.bad ? "cut off" : "bytes behind it");
	return OK;
}
