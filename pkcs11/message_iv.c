#include "pkcs11/message_iv.h"

#include "common/libctx.h"

#include <limits.h>
#include <openssl/rand.h>

/* As many as SP 800-38D 8.2.2 wants of random ones; as few as still make a count of messages, or a random field, last.
 */
#define RANDOM_BITS 96
#define COUNT_BITS_MIN 32
#define RANDOM_BITS_MIN 64

static bool gcm_read(const CK_GCM_MESSAGE_PARAMS *p, struct message_params *out)
{
	*out = (struct message_params){ p->pIv,           p->ulIvLen, p->ulIvFixedBits, p->ivGenerator, p->pTag,
					p->ulTagBits / 8, 0 };
	/* SP 800-38D 5.2.1.2 has these lengths of tags and no others. */
	bool tag = p->ulTagBits % 8 == 0 &&
		   ((p->ulTagBits >= 96 && p->ulTagBits <= 128) || p->ulTagBits == 64 || p->ulTagBits == 32);
	return tag && p->ulIvLen >= 1 && p->ulIvLen <= MESSAGE_IV_MAX;
}

static bool ccm_read(const CK_CCM_MESSAGE_PARAMS *p, struct message_params *out)
{
	*out = (struct message_params){ p->pNonce, p->ulNonceLen, p->ulNonceFixedBits, p->nonceGenerator,
					p->pMAC,   p->ulMACLen,   p->ulDataLen };
	return p->ulMACLen >= 4 && p->ulMACLen <= 16 && p->ulMACLen % 2 == 0 && p->ulNonceLen >= 7 &&
	       p->ulNonceLen <= 13 && p->ulDataLen <= INT_MAX;
}

static size_t size_of_params(CK_MECHANISM_TYPE type)
{
	return type == CKM_AES_GCM ? sizeof(CK_GCM_MESSAGE_PARAMS) : sizeof(CK_CCM_MESSAGE_PARAMS);
}

CK_RV message_params_read(CK_MECHANISM_TYPE type, const void *parameter, CK_ULONG len, bool encrypts,
			  struct message_params *out)
{
	if (!parameter || len != size_of_params(type))
		return CKR_MECHANISM_PARAM_INVALID;
	bool good = type == CKM_AES_GCM ? gcm_read(parameter, out) : ccm_read(parameter, out);
	if (good && encrypts)
		good = out->generator <= CKG_GENERATE_COUNTER_XOR &&
		       (out->generator == CKG_NO_GENERATE || out->fixed_bits <= 8 * out->iv_len);
	return good && out->iv ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV message_params_check_init(const CK_MECHANISM *mechanism)
{
	if (!mechanism->ulParameterLen)
		return CKR_OK;
	bool good = mechanism->pParameter && mechanism->ulParameterLen == size_of_params(mechanism->mechanism);
	return good ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

/* Which bits of a byte, counted from the last byte, are not of the fixed part. */
static uint8_t free_mask(size_t from_end, CK_ULONG free_bits)
{
	CK_ULONG below = 8 * from_end;
	if (below >= free_bits)
		return 0;
	return (uint8_t)(free_bits - below >= 8 ? 0xff : (1u << (free_bits - below)) - 1);
}

static void xor_count(uint8_t *iv, size_t len, CK_ULONG free_bits, uint64_t count)
{
	for (size_t i = 0; i < len && i < sizeof(count); i++)
		iv[len - 1 - i] = (uint8_t)(iv[len - 1 - i] ^ ((count >> (8 * i)) & free_mask(i, free_bits)));
}

static CK_RV put_count(uint8_t *iv, size_t len, CK_ULONG free_bits, uint64_t count)
{
	for (size_t i = 0; i < len; i++)
		iv[len - 1 - i] &= (uint8_t)~free_mask(i, free_bits);
	xor_count(iv, len, free_bits, count);
	return CKR_OK;
}

static CK_RV put_random(uint8_t *iv, size_t len, CK_ULONG free_bits)
{
	uint8_t random[MESSAGE_IV_MAX];
	if (RAND_bytes_ex(libctx(), random, len, 0) != 1)
		return CKR_FUNCTION_FAILED;
	for (size_t i = 0; i < len; i++) {
		uint8_t *byte = &iv[len - 1 - i], mask = free_mask(i, free_bits);
		*byte = (uint8_t)((*byte & ~mask) | (random[i] & mask));
	}
	return CKR_OK;
}

/* More messages than the free bits can tell apart. */
static bool used_up(uint64_t count, CK_ULONG free_bits)
{
	return count == UINT64_MAX || (free_bits < 64 && count >> free_bits);
}

/* "The value of the non-fixed portion passed must not vary": the first one stands, since some pass what came back. */
static CK_RV put_xored(struct message_iv *state, const struct message_params *p, CK_ULONG free_bits, uint8_t *to)
{
	if (!state->count) {
		memcpy(state->base, to, p->iv_len);
		state->base_len = p->iv_len;
		state->base_fixed = p->fixed_bits;
	}
	if (state->base_len != p->iv_len || state->base_fixed != p->fixed_bits)
		return CKR_MECHANISM_PARAM_INVALID;
	for (size_t i = 0; i < p->iv_len; i++)
		if ((to[p->iv_len - 1 - i] ^ state->base[p->iv_len - 1 - i]) & ~free_mask(i, free_bits) & 0xff)
			return CKR_MECHANISM_PARAM_INVALID;
	memcpy(to, state->base, p->iv_len);
	xor_count(to, p->iv_len, free_bits, state->count);
	return CKR_OK;
}

static CK_RV generate(struct message_iv *state, const struct message_params *p, CK_ULONG free_bits, uint8_t *to)
{
	if (free_bits >= RANDOM_BITS)
		return put_random(to, p->iv_len, free_bits);
	if (free_bits < COUNT_BITS_MIN || used_up(state->count, free_bits))
		return CKR_MECHANISM_PARAM_INVALID;
	if (!state->count && RAND_bytes_ex(libctx(), (unsigned char *)&state->start, sizeof(state->start), 0) != 1)
		return CKR_FUNCTION_FAILED;
	return put_count(to, p->iv_len, free_bits, state->start + state->count);
}

CK_RV message_iv_next(struct message_iv *state, const struct message_params *p, uint8_t to[MESSAGE_IV_MAX])
{
	memcpy(to, p->iv, p->iv_len);
	if (p->generator == CKG_NO_GENERATE)
		return CKR_OK;
	/* Two generators in one process might meet. */
	if (state->generator != CKG_NO_GENERATE && state->generator != p->generator)
		return CKR_MECHANISM_PARAM_INVALID;
	CK_ULONG free_bits = 8 * p->iv_len - p->fixed_bits;
	CK_RV rv = CKR_MECHANISM_PARAM_INVALID;
	if (p->generator == CKG_GENERATE)
		rv = generate(state, p, free_bits, to);
	else if (p->generator == CKG_GENERATE_RANDOM && free_bits >= RANDOM_BITS_MIN)
		rv = put_random(to, p->iv_len, free_bits);
	else if (p->generator == CKG_GENERATE_COUNTER && !used_up(state->count, free_bits))
		rv = put_count(to, p->iv_len, free_bits, state->count);
	else if (p->generator == CKG_GENERATE_COUNTER_XOR && !used_up(state->count, free_bits))
		rv = put_xored(state, p, free_bits, to);
	if (rv != CKR_OK)
		return rv;
	state->generator = p->generator;
	state->count++;
	return CKR_OK;
}
