#include "pkcs11/mech_whole.h"

#include "common/libctx.h"
#include "common/openssl_errors.h"

CK_RV mech_whole_begin(struct mechanism_use *use, struct bytes context, struct whole_state **out)
{
	struct whole_state *state = use->state = calloc(1, sizeof(*state));
	use->state_free = free;
	use->once = true;
	if (!state)
		return CKR_HOST_MEMORY;
	state->params[0] = OSSL_PARAM_construct_end();
	state->context_len = context.len;
	if (context.len)
		memcpy(state->context, context.data, context.len);
	*out = state;
	return CKR_OK;
}

/* The end of the object identifiers of hashes, below 2.16.840.1.101.3.4.2. */
static uint8_t hash_arc(CK_MECHANISM_TYPE hash)
{
	switch (hash) {
	case CKM_SHA256:
		return 1;
	case CKM_SHA384:
		return 2;
	case CKM_SHA512:
		return 3;
	case CKM_SHA3_256:
		return 8;
	case CKM_SHA3_384:
		return 9;
	default: /* CKM_SHA3_512 */
		return 10;
	}
}

struct message {
	struct bytes bytes;
	uint8_t room[2 + WHOLE_CONTEXT_MAX + 11 + EVP_MAX_MD_SIZE];
};

/* What is signed: the input, or 1, the context, the hash's name and the digest. */
static CK_RV message_of(const struct whole_state *state, struct bytes in, struct message *to)
{
	static const uint8_t nist[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };
	to->bytes = in.data ? in : (struct bytes){ (const uint8_t *)"", 0 };
	if (!state || !state->hash)
		return CKR_OK;
	if (in.len != (size_t)EVP_MD_get_size(mechanism_md(mechanism_hash_name(state->hash))))
		return CKR_DATA_LEN_RANGE;
	uint8_t *at = to->room;
	*at++ = 1;
	*at++ = (uint8_t)state->context_len;
	memcpy(at, state->context, state->context_len);
	at += state->context_len;
	memcpy(at, nist, sizeof(nist));
	at += sizeof(nist);
	*at++ = hash_arc(state->hash);
	memcpy(at, to->bytes.data, in.len);
	to->bytes = (struct bytes){ to->room, (size_t)(at - to->room) + in.len };
	return CKR_OK;
}

CK_RV mech_whole_sign(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	const struct whole_state *state = use->state;
	struct message message;
	size_t n = use->out_max;
	CK_RV rv = message_of(state, in, &message);
	if (rv != CKR_OK)
		return rv;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx &&
		    EVP_DigestSignInit_ex(ctx, NULL, NULL, libctx(), NULL, use->material->key,
					  state ? state->params : NULL) == 1 &&
		    EVP_DigestSign(ctx, to, &n, message.bytes.data, message.bytes.len) == 1;
	EVP_MD_CTX_free(ctx);
	openssl_errors_drop();
	*len = n;
	return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV mech_whole_verify(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	(void)m;
	const struct whole_state *state = use->state;
	struct message message;
	CK_RV rv = message_of(state, in, &message);
	if (rv != CKR_OK)
		return rv;
	if (signature.len != use->out_max)
		return CKR_SIGNATURE_LEN_RANGE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	rv = CKR_FUNCTION_FAILED;
	if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx(), NULL, use->material->key,
					   state ? state->params : NULL) == 1)
		rv = EVP_DigestVerify(ctx, signature.data, signature.len, message.bytes.data, message.bytes.len) == 1
			     ? CKR_OK
			     : CKR_SIGNATURE_INVALID;
	EVP_MD_CTX_free(ctx);
	openssl_errors_drop();
	return rv;
}
