/* AES key wrap, RFC 3394 and RFC 5649 (SP 800-38F's KW and KWP): PKCS #11 3.0, 6.13.9. All at once. */
#include "pkcs11/mech_aes.h"

#include <openssl/err.h>

#define IV_KW 8
#define IV_KWP 4
#define INPUT_MAX (1u << 24)

struct wrap_state {
	EVP_CIPHER_CTX *ctx;
	bool padded;
	uint8_t iv[IV_KW];
	bool has_iv;
};

static void state_free(void *of)
{
	struct wrap_state *w = of;
	if (w)
		EVP_CIPHER_CTX_free(w->ctx);
	free(w);
}

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	(void)to;
	CK_ULONG wanted = m->type == CKM_AES_KEY_WRAP ? IV_KW : IV_KWP;
	return from->ulParameterLen && from->ulParameterLen != wanted ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	struct wrap_state *w = use->state;
	if (!w) {
		w = use->state = calloc(1, sizeof(*w));
		use->state_free = state_free;
		if (!w || !(w->ctx = EVP_CIPHER_CTX_new()))
			return CKR_HOST_MEMORY;
	}
	w->padded = m->type == CKM_AES_KEY_WRAP_KWP;
	w->has_iv = from->ulParameterLen > 0;
	if (w->has_iv)
		memcpy(w->iv, from->pParameter, from->ulParameterLen);
	return CKR_OK;
}

static CK_ULONG whole_size(const struct mechanism_use *use, CK_ULONG in_len)
{
	if (use->kind == OP_DECRYPT)
		return in_len > 8 ? in_len - 8 : 0;
	return in_len < INPUT_MAX ? (in_len + 7) / 8 * 8 + 8 : in_len;
}

static bool length_good(const struct mechanism_use *use, size_t len)
{
	const struct wrap_state *w = use->state;
	if (len > INPUT_MAX)
		return false;
	if (use->kind == OP_DECRYPT)
		return len % 8 == 0 && len >= (w->padded ? 16 : 24);
	return w->padded ? len >= 1 : len % 8 == 0 && len >= 16;
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct wrap_state *w = use->state;
	struct bytes key = secret_bytes(use->material->raw);
	bool decrypt = use->kind == OP_DECRYPT;
	int n = 0;
	if (!length_good(use, in.len))
		return decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
	EVP_CIPHER *cipher = mech_aes_cipher(m->type, key.len);
	EVP_CIPHER_CTX_reset(w->ctx);
	EVP_CIPHER_CTX_set_flags(w->ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!cipher || !EVP_CipherInit_ex2(w->ctx, cipher, key.data, w->has_iv ? w->iv : NULL, !decrypt, NULL))
		return CKR_FUNCTION_FAILED;
	/* OpenSSL moves the input first and may need room for all of it. */
	AUTO(secret) *room = NULL;
	if (secret_new(in.len + 16, &room, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (EVP_CipherUpdate(w->ctx, secret_data(room), &n, in.data, (int)in.len) <= 0 || n <= 0)
		return decrypt ? CKR_ENCRYPTED_DATA_INVALID : CKR_FUNCTION_FAILED;
	memcpy(to, secret_data(room), (size_t)n);
	*len = (CK_ULONG)n;
	return CKR_OK;
}

static const struct mechanism_stream stream = { whole_size, NULL, NULL, NULL, NULL };

const struct mechanism_ops mech_key_wrap = { check, prepare, run, NULL, NULL, &stream };
