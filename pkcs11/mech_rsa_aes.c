/* CKM_RSA_AES_KEY_WRAP, PKCS #11 2.40 mechanisms, 2.1.21: an AES key made for the purpose under OAEP, and behind it the
 * key itself under that one with RFC 5649. */
#include "common/libctx.h"
#include "pkcs11/mech_key_wrap.h"

#include <openssl/rand.h>

struct rsa_aes_state {
	struct mechanism_use oaep;
	size_t aes_len;
};

static void state_free(void *of)
{
	struct rsa_aes_state *state = of;
	if (state)
		mechanism_use_clear(&state->oaep);
	free(state);
}

static CK_MECHANISM oaep_mechanism(CK_RSA_PKCS_OAEP_PARAMS *params)
{
	return (CK_MECHANISM){ CKM_RSA_PKCS_OAEP, params, sizeof(*params) };
}

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	(void)m;
	const CK_RSA_AES_KEY_WRAP_PARAMS *p = from->pParameter;
	if (!p || from->ulParameterLen != sizeof(*p) || !p->pOAEPParams ||
	    (p->ulAESKeyBits != 128 && p->ulAESKeyBits != 192 && p->ulAESKeyBits != 256))
		return CKR_MECHANISM_PARAM_INVALID;
	CK_MECHANISM oaep = oaep_mechanism(p->pOAEPParams);
	return mech_rsa_oaep.check(mechanism_find(CKM_RSA_PKCS_OAEP), &oaep, to);
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	const CK_RSA_AES_KEY_WRAP_PARAMS *p = from->pParameter;
	struct rsa_aes_state *state = use->state = calloc(1, sizeof(*state));
	use->state_free = state_free;
	if (!state)
		return CKR_HOST_MEMORY;
	CK_MECHANISM oaep = oaep_mechanism(p->pOAEPParams);
	state->aes_len = p->ulAESKeyBits / 8;
	state->oaep.kind = use->kind;
	state->oaep.params = use->params;
	state->oaep.material = material_ref(use->material);
	return mech_rsa_oaep.prepare(mechanism_find(CKM_RSA_PKCS_OAEP), &oaep, &state->oaep);
}

static CK_ULONG whole_size(const struct mechanism_use *use, CK_ULONG in_len)
{
	const struct rsa_aes_state *state = use->state;
	struct key_wrap kwp = { CKM_AES_KEY_WRAP_KWP, use->kind == OP_DECRYPT, NULL };
	CK_ULONG head = state->oaep.out_max;
	if (!kwp.decrypt)
		return head + mech_key_wrap_size(&kwp, in_len);
	return in_len > head ? mech_key_wrap_size(&kwp, in_len - head) : 0;
}

static CK_RV wrap(struct rsa_aes_state *state, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct key_wrap kwp = { CKM_AES_KEY_WRAP_KWP, false, NULL };
	AUTO(secret) *key = NULL;
	CK_ULONG head = 0, tail = 0;
	if (secret_new(state->aes_len, &key, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (RAND_priv_bytes_ex(libctx(), secret_data(key), secret_len(key), 0) != 1)
		return CKR_FUNCTION_FAILED;
	CK_RV rv = mech_rsa_oaep.run(mechanism_find(CKM_RSA_PKCS_OAEP), &state->oaep, secret_bytes(key), to, &head);
	if (rv == CKR_OK)
		rv = mech_key_wrap_run(&kwp, secret_bytes(key), in, to + head, &tail);
	*len = head + tail;
	return rv;
}

static CK_RV unwrap(struct rsa_aes_state *state, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct key_wrap kwp = { CKM_AES_KEY_WRAP_KWP, true, NULL };
	AUTO(secret) *key = NULL;
	CK_ULONG head = state->oaep.out_max, key_len = head;
	if (in.len <= head)
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	if (secret_new(head, &key, NULL) != OK)
		return CKR_HOST_MEMORY;
	CK_RV rv = mech_rsa_oaep.run(mechanism_find(CKM_RSA_PKCS_OAEP), &state->oaep, (struct bytes){ in.data, head },
				     secret_data(key), &key_len);
	if (rv != CKR_OK)
		return rv;
	if (key_len != state->aes_len)
		return CKR_ENCRYPTED_DATA_INVALID;
	struct bytes aes = { secret_data(key), key_len };
	return mech_key_wrap_run(&kwp, aes, (struct bytes){ in.data + head, in.len - head }, to, len);
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	return use->kind == OP_DECRYPT ? unwrap(use->state, in, to, len) : wrap(use->state, in, to, len);
}

static const struct mechanism_stream stream = { whole_size, NULL, NULL, NULL, NULL };

const struct mechanism_ops mech_rsa_aes_wrap = { check, prepare, run, NULL, NULL, &stream };
