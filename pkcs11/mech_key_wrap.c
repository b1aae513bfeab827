/* AES key wrap, RFC 3394 and RFC 5649 (SP 800-38F's KW and KWP), and RFC 3394 over what PKCS #7 padded: PKCS #11 3.0,
 * 6.13.9. All at once. */
#include "pkcs11/mech_key_wrap.h"

#include "common/openssl_errors.h"
#include "pkcs11/mech_aes.h"

#define SEMIBLOCK 8
#define IV_KW 8
#define IV_KWP 4
#define INPUT_MAX (1u << 24)

struct wrap_state {
	struct key_wrap wrap;
	uint8_t iv[IV_KW];
};

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	CK_ULONG wanted = m->type == CKM_AES_KEY_WRAP_KWP ? IV_KWP : IV_KW;
	to->unique = 1;
	return from->ulParameterLen && from->ulParameterLen != wanted ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	struct wrap_state *w = use->state = calloc(1, sizeof(*w));
	use->state_free = free;
	if (!w)
		return CKR_HOST_MEMORY;
	if (from->ulParameterLen)
		memcpy(w->iv, from->pParameter, from->ulParameterLen);
	w->wrap = (struct key_wrap){ m->type, use->kind == OP_DECRYPT, from->ulParameterLen ? w->iv : NULL };
	return CKR_OK;
}

CK_ULONG mech_key_wrap_size(const struct key_wrap *w, CK_ULONG in_len)
{
	if (w->decrypt)
		return in_len > SEMIBLOCK ? in_len - SEMIBLOCK : 0;
	if (in_len >= INPUT_MAX)
		return in_len;
	/* PKCS #7 always adds something. */
	CK_ULONG padding = w->type == CKM_AES_KEY_WRAP_PKCS7 ? SEMIBLOCK : SEMIBLOCK - 1;
	return (in_len + padding) / SEMIBLOCK * SEMIBLOCK + SEMIBLOCK;
}

static bool length_good(const struct key_wrap *w, size_t len)
{
	bool kwp = w->type == CKM_AES_KEY_WRAP_KWP;
	if (len > INPUT_MAX)
		return false;
	if (w->decrypt)
		return len % SEMIBLOCK == 0 && len >= (kwp ? 2 * SEMIBLOCK : 3 * SEMIBLOCK);
	if (w->type == CKM_AES_KEY_WRAP_PKCS7)
		return len >= SEMIBLOCK; /* KW wants two semiblocks */
	return kwp ? len >= 1 : len % SEMIBLOCK == 0 && len >= 2 * SEMIBLOCK;
}

static bool evp_run(const struct key_wrap *w, struct bytes key, struct bytes in, uint8_t *to, int *len)
{
	EVP_CIPHER *cipher = mech_aes_cipher(w->type, key.len);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	bool good = ctx && cipher && EVP_CipherInit_ex2(ctx, cipher, key.data, w->iv, !w->decrypt, NULL) &&
		    EVP_CipherUpdate(ctx, to, len, in.data, (int)in.len) > 0 && *len > 0;
	EVP_CIPHER_CTX_free(ctx);
	openssl_errors_drop();
	return good;
}

/* What was padded is behind an integrity check: there is nothing to hide about the padding. */
static bool take_padding_off(const uint8_t *data, int *len)
{
	int padding = data[*len - 1];
	if (padding < 1 || padding > SEMIBLOCK)
		return false;
	for (int i = 1; i <= padding; i++)
		if (data[*len - i] != padding)
			return false;
	*len -= padding;
	return true;
}

CK_RV mech_key_wrap_run(const struct key_wrap *w, struct bytes key, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	CK_RV failed = w->decrypt ? CKR_ENCRYPTED_DATA_INVALID : CKR_FUNCTION_FAILED;
	bool pkcs7 = w->type == CKM_AES_KEY_WRAP_PKCS7;
	int n = 0;
	if (!length_good(w, in.len))
		return w->decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
	/* OpenSSL moves the input first and may need room for all of it. */
	AUTO(secret) *room = NULL;
	AUTO(secret) *padded = NULL;
	if (secret_new(in.len + 3 * SEMIBLOCK, &room, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (pkcs7 && !w->decrypt) {
		size_t padding = SEMIBLOCK - in.len % SEMIBLOCK;
		if (secret_new(in.len + padding, &padded, NULL) != OK)
			return CKR_HOST_MEMORY;
		memcpy(secret_data(padded), in.data, in.len);
		memset(secret_data(padded) + in.len, (int)padding, padding);
		in = secret_bytes(padded);
	}
	if (!evp_run(w, key, in, secret_data(room), &n))
		return failed;
	if (pkcs7 && w->decrypt && !take_padding_off(secret_data(room), &n))
		return failed;
	memcpy(to, secret_data(room), (size_t)n);
	*len = (CK_ULONG)n;
	return CKR_OK;
}

static CK_ULONG whole_size(const struct mechanism_use *use, CK_ULONG in_len)
{
	const struct wrap_state *w = use->state;
	return mech_key_wrap_size(&w->wrap, in_len);
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	const struct wrap_state *w = use->state;
	return mech_key_wrap_run(&w->wrap, secret_bytes(use->material->raw), in, to, len);
}

static const struct mechanism_stream stream = { whole_size, NULL, NULL, NULL, NULL };

const struct mechanism_ops mech_key_wrap = { check, prepare, run, NULL, NULL, &stream };
