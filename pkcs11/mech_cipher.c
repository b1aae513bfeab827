/* AES: ECB, CBC, CBC with padding, CTR, GCM and CCM. PKCS #11 2.40 mechanisms, 2.8 to 2.12.
 *
 * What an authenticated mode decrypts by parts is held back until its tag was checked: nothing unauthenticated ever
 * reaches the caller. */
#include "common/libctx.h"
#include "pkcs11/mech_aes.h"

#include <limits.h>
#include <openssl/err.h>

#define BLOCK 16
#define IV_MAX 128 /* what OpenSSL takes for GCM */
#define AAD_MAX (1UL << 30)

struct cipher_state {
	EVP_CIPHER_CTX *ctx;
	CK_MECHANISM_TYPE type;
	uint8_t iv[IV_MAX];
	size_t iv_len;
	struct buf aad;
	CK_ULONG tag_len;
	CK_ULONG data_len; /* CCM is told beforehand */
	unsigned __int128 left; /* CTR: bytes until its counter is used up */
	bool keyed; /* ctx has the key */
	size_t told_iv_len; /* to ctx, which keeps it; each such word takes longer than a block */
	bool fresh; /* ctx is at the start of a message */
	size_t held; /* bytes of input inside ctx */
	struct secret *gathered; /* what came by parts and is worked on at the end */
	size_t gathered_len;
	bool finished;
	uint8_t tail[BLOCK]; /* the last output, should the caller's first buffer be too small */
	size_t tail_len;
};

static void state_free(void *of)
{
	struct cipher_state *c = of;
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ctx);
	buf_clear(&c->aad);
	secret_free(c->gathered);
	secret_wipe(c, sizeof(*c));
	free(c);
}

static bool is_aead(CK_MECHANISM_TYPE type)
{
	return type == CKM_AES_GCM || type == CKM_AES_CCM;
}

/* By parts these are only gathered. */
static bool is_gathered(const struct mechanism_use *use)
{
	const struct cipher_state *c = use->state;
	return c->type == CKM_AES_CCM || (c->type == CKM_AES_GCM && use->kind == OP_DECRYPT);
}

static CK_RV length_wrong(const struct mechanism_use *use)
{
	return use->kind == OP_DECRYPT ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
}

static bool gcm_good(const CK_GCM_PARAMS *p)
{
	/* SP 800-38D 5.2.1.2 has these lengths of tags and no others. */
	bool tag = p->ulTagBits % 8 == 0 &&
		   ((p->ulTagBits >= 96 && p->ulTagBits <= 128) || p->ulTagBits == 64 || p->ulTagBits == 32);
	return tag && p->pIv && p->ulIvLen >= 1 && p->ulIvLen <= IV_MAX && (p->pAAD || !p->ulAADLen) &&
	       p->ulAADLen <= AAD_MAX;
}

static bool ccm_good(const CK_CCM_PARAMS *p)
{
	return p->pNonce && p->ulNonceLen >= 7 && p->ulNonceLen <= 13 && p->ulMACLen >= 4 && p->ulMACLen <= 16 &&
	       p->ulMACLen % 2 == 0 && (p->pAAD || !p->ulAADLen) && p->ulAADLen <= AAD_MAX && p->ulDataLen <= INT_MAX;
}

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	(void)to;
	const void *p = from->pParameter;
	CK_ULONG len = from->ulParameterLen;
	bool good = false;
	switch (m->type) {
	case CKM_AES_ECB:
		good = len == 0;
		break;
	case CKM_AES_CBC:
	case CKM_AES_CBC_PAD:
		good = p && len == BLOCK;
		break;
	case CKM_AES_CTR:
		good = p && len == sizeof(CK_AES_CTR_PARAMS) && ((const CK_AES_CTR_PARAMS *)p)->ulCounterBits >= 1 &&
		       ((const CK_AES_CTR_PARAMS *)p)->ulCounterBits <= 128;
		break;
	case CKM_AES_GCM:
		good = p && len == sizeof(CK_GCM_PARAMS) && gcm_good(p);
		break;
	case CKM_AES_CCM:
		good = p && len == sizeof(CK_CCM_PARAMS) && ccm_good(p);
		break;
	}
	return good ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

/* 2.10.3: the counter must not come round. OpenSSL counts with all 128 bits. */
static unsigned __int128 counter_room(const CK_AES_CTR_PARAMS *p)
{
	unsigned __int128 counter = 0;
	if (p->ulCounterBits > 120)
		return ~(unsigned __int128)0;
	for (size_t i = 0; i < BLOCK; i++)
		counter = counter << 8 | p->cb[i];
	unsigned __int128 mask = ((unsigned __int128)1 << p->ulCounterBits) - 1;
	return (mask - (counter & mask) + 1) * BLOCK;
}

static CK_RV take_iv(struct cipher_state *c, const void *iv, size_t len)
{
	c->iv_len = len;
	if (len)
		memcpy(c->iv, iv, len);
	return CKR_OK;
}

static CK_RV take_aad(struct cipher_state *c, const void *aad, size_t len)
{
	return buf_append(&c->aad, (struct bytes){ aad, len }, 0, NULL) == OK ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV take_parameter(struct cipher_state *c, const CK_MECHANISM *from)
{
	const CK_AES_CTR_PARAMS *ctr = from->pParameter;
	const CK_GCM_PARAMS *gcm = from->pParameter;
	const CK_CCM_PARAMS *ccm = from->pParameter;
	switch (c->type) {
	case CKM_AES_CTR:
		c->left = counter_room(ctr);
		return take_iv(c, ctr->cb, BLOCK);
	case CKM_AES_GCM:
		c->tag_len = gcm->ulTagBits / 8;
		take_iv(c, gcm->pIv, gcm->ulIvLen);
		return take_aad(c, gcm->pAAD, gcm->ulAADLen);
	case CKM_AES_CCM:
		c->tag_len = ccm->ulMACLen;
		c->data_len = ccm->ulDataLen;
		take_iv(c, ccm->pNonce, ccm->ulNonceLen);
		return take_aad(c, ccm->pAAD, ccm->ulAADLen);
	default:
		return take_iv(c, from->pParameter, from->ulParameterLen);
	}
}

/* Readies the context for a message from its start. CCM wants its lengths first: see run_ccm(). */
static CK_RV begin_message(struct mechanism_use *use)
{
	struct cipher_state *c = use->state;
	int encrypt = use->kind == OP_ENCRYPT, n = 0;
	struct bytes key = secret_bytes(use->material->raw);
	if (!c->keyed) {
		EVP_CIPHER *cipher = mech_aes_cipher(c->type, key.len);
		if (!cipher || !EVP_CipherInit_ex2(c->ctx, cipher, NULL, NULL, encrypt, NULL))
			return CKR_FUNCTION_FAILED;
	}
	if (c->type == CKM_AES_GCM && c->told_iv_len != c->iv_len &&
	    EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)c->iv_len, NULL) <= 0)
		return CKR_FUNCTION_FAILED;
	c->told_iv_len = c->iv_len;
	if (!c->keyed && (c->type == CKM_AES_ECB || c->type == CKM_AES_CBC))
		EVP_CIPHER_CTX_set_padding(c->ctx, 0);
	if (!EVP_CipherInit_ex2(c->ctx, NULL, c->keyed ? NULL : key.data, c->iv_len ? c->iv : NULL, encrypt, NULL))
		return CKR_FUNCTION_FAILED;
	c->keyed = c->fresh = true;
	c->held = 0;
	bool aad = c->type == CKM_AES_GCM && c->aad.len;
	return !aad || EVP_CipherUpdate(c->ctx, NULL, &n, c->aad.data, (int)c->aad.len) > 0 ? CKR_OK
											    : CKR_FUNCTION_FAILED;
}

/* Forgets the operation before; the key's schedule stays. */
static void reset(struct cipher_state *c)
{
	buf_clear(&c->aad);
	secret_free(c->gathered);
	c->gathered = NULL;
	c->gathered_len = c->held = c->tail_len = 0;
	c->finished = c->fresh = false;
	secret_wipe(c->tail, sizeof(c->tail));
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	struct cipher_state *c = use->state;
	if (!c) {
		c = use->state = calloc(1, sizeof(*c));
		use->state_free = state_free;
		if (!c || !(c->ctx = EVP_CIPHER_CTX_new()))
			return CKR_HOST_MEMORY;
		c->type = m->type;
	}
	reset(c);
	CK_RV rv = take_parameter(c, from);
	if (rv != CKR_OK || c->type == CKM_AES_CCM)
		return rv;
	return begin_message(use);
}

/* OpenSSL counts in int. */
static bool pump(EVP_CIPHER_CTX *ctx, struct bytes in, uint8_t *to, size_t *written)
{
	const size_t step = 1u << 30;
	*written = 0;
	while (in.len) {
		int n = 0;
		size_t part = in.len < step ? in.len : step;
		if (EVP_CipherUpdate(ctx, to + *written, &n, in.data, (int)part) <= 0)
			return false;
		*written += (size_t)n;
		in.data += part;
		in.len -= part;
	}
	return true;
}

static bool set_tag(struct cipher_state *c, struct bytes tag)
{
	return EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, (void *)(uintptr_t)tag.data) > 0;
}

static bool get_tag(struct cipher_state *c, uint8_t *to)
{
	return EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_GET_TAG, (int)c->tag_len, to) > 0;
}

/* The tag stands behind the ciphertext; it is copied, since the output may lie over it. False where there is none. */
static bool split_tag(const struct cipher_state *c, struct bytes *in, uint8_t tag[BLOCK])
{
	if (!in->data || in->len < c->tag_len)
		return false;
	in->len -= c->tag_len;
	memcpy(tag, in->data + in->len, c->tag_len);
	return true;
}

static CK_RV run_gcm(struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct cipher_state *c = use->state;
	uint8_t tag[BLOCK];
	size_t n = 0;
	int last = 0;
	if (use->kind == OP_DECRYPT && !split_tag(c, &in, tag))
		return length_wrong(use);
	if (use->kind == OP_DECRYPT && !set_tag(c, (struct bytes){ tag, c->tag_len }))
		return CKR_FUNCTION_FAILED;
	bool good = pump(c->ctx, in, to, &n) && EVP_CipherFinal_ex(c->ctx, tag, &last) > 0;
	*len = n;
	if (use->kind == OP_DECRYPT) {
		if (!good)
			secret_wipe(to, in.len);
		return good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
	}
	*len = n + c->tag_len;
	return good && get_tag(c, to + n) ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* SP 800-38C: all lengths come before the data. */
static bool begin_ccm(struct mechanism_use *use, size_t len, const uint8_t *tag)
{
	struct cipher_state *c = use->state;
	struct bytes key = secret_bytes(use->material->raw);
	EVP_CIPHER *cipher = mech_aes_cipher(c->type, key.len);
	int encrypt = use->kind == OP_ENCRYPT, n = 0;
	return cipher && EVP_CipherInit_ex2(c->ctx, cipher, NULL, NULL, encrypt, NULL) &&
	       EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)c->iv_len, NULL) > 0 &&
	       set_tag(c, (struct bytes){ tag, c->tag_len }) &&
	       EVP_CipherInit_ex2(c->ctx, NULL, key.data, c->iv, encrypt, NULL) &&
	       EVP_CipherUpdate(c->ctx, NULL, &n, NULL, (int)len) > 0 &&
	       (!c->aad.len || EVP_CipherUpdate(c->ctx, NULL, &n, c->aad.data, (int)c->aad.len) > 0);
}

static CK_RV run_ccm(struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct cipher_state *c = use->state;
	uint8_t tag[BLOCK], none[1];
	int n = 0;
	bool decrypt = use->kind == OP_DECRYPT;
	if (decrypt && !split_tag(c, &in, tag))
		return length_wrong(use);
	/* 2.12.3 may be read both ways for decryption. */
	if (in.len != c->data_len && !(decrypt && in.len + c->tag_len == c->data_len))
		return length_wrong(use);
	/* 2^(8L), L = 15 - nonce: only two bytes of length need looking at, INT_MAX is less than three. */
	if ((c->iv_len == 13 && in.len > 0xffff) || (c->iv_len == 12 && in.len > 0xffffff))
		return length_wrong(use);
	if (!begin_ccm(use, in.len, decrypt ? tag : NULL))
		return CKR_FUNCTION_FAILED;
	const uint8_t *from = in.len ? in.data : none;
	bool good = EVP_CipherUpdate(c->ctx, in.len ? to : none, &n, from, (int)in.len) > 0;
	*len = in.len;
	if (decrypt) {
		if (!good)
			secret_wipe(to, in.len);
		return good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
	}
	*len += c->tag_len;
	return good && get_tag(c, to + in.len) ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV run_plain(struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct cipher_state *c = use->state;
	uint8_t last[BLOCK];
	size_t n = 0;
	int more = 0;
	bool good = pump(c->ctx, in, to, &n) && EVP_CipherFinal_ex(c->ctx, last, &more) > 0;
	if (good && more)
		memcpy(to + n, last, (size_t)more);
	*len = n + (size_t)more;
	secret_wipe(last, sizeof(last));
	if (!good)
		secret_wipe(to, n);
	return good ? CKR_OK : use->kind == OP_DECRYPT ? CKR_ENCRYPTED_DATA_INVALID : CKR_FUNCTION_FAILED;
}

/* Whether the mode takes a message of this length. */
static CK_RV check_length(const struct mechanism_use *use, size_t len)
{
	const struct cipher_state *c = use->state;
	bool decrypt = use->kind == OP_DECRYPT, good = true;
	if (c->type == CKM_AES_ECB || c->type == CKM_AES_CBC || (c->type == CKM_AES_CBC_PAD && decrypt))
		good = len % BLOCK == 0 && (len || c->type != CKM_AES_CBC_PAD);
	else if (c->type == CKM_AES_CTR)
		good = len <= c->left;
	else if (is_aead(c->type))
		good = (!decrypt || len >= c->tag_len) && (c->type == CKM_AES_GCM || len <= INT_MAX);
	return good ? CKR_OK : length_wrong(use);
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	struct cipher_state *c = use->state;
	CK_RV rv = check_length(use, in.len);
	if (rv == CKR_OK && c->type != CKM_AES_CCM && !c->fresh)
		rv = begin_message(use);
	if (rv != CKR_OK)
		return rv;
	c->fresh = false;
	if (m->type == CKM_AES_GCM)
		return run_gcm(use, in, to, len);
	return m->type == CKM_AES_CCM ? run_ccm(use, in, to, len) : run_plain(use, in, to, len);
}

static CK_ULONG whole_size(const struct mechanism_use *use, CK_ULONG in_len)
{
	const struct cipher_state *c = use->state;
	if (is_aead(c->type) && use->kind == OP_DECRYPT)
		return in_len > c->tag_len ? in_len - c->tag_len : 0;
	if (is_aead(c->type))
		return in_len + c->tag_len;
	return c->type == CKM_AES_CBC_PAD && use->kind == OP_ENCRYPT ? (in_len / BLOCK + 1) * BLOCK : in_len;
}

static CK_ULONG update_size(const struct mechanism_use *use, CK_ULONG in_len)
{
	const struct cipher_state *c = use->state;
	size_t all = c->held + in_len;
	if (is_gathered(use))
		return 0;
	if (c->type == CKM_AES_CTR || c->type == CKM_AES_GCM)
		return in_len;
	/* The last block may be padding. */
	if (c->type == CKM_AES_CBC_PAD && use->kind == OP_DECRYPT)
		return all ? (all - 1) / BLOCK * BLOCK : 0;
	return all / BLOCK * BLOCK;
}

static CK_ULONG final_size(const struct mechanism_use *use)
{
	const struct cipher_state *c = use->state;
	if (c->finished)
		return c->tail_len;
	if (is_gathered(use))
		return whole_size(use, c->gathered_len);
	if (c->type == CKM_AES_GCM)
		return c->tag_len;
	return c->type == CKM_AES_CBC_PAD ? BLOCK : 0;
}

static CK_RV gather(struct cipher_state *c, struct bytes in)
{
	size_t need = c->gathered_len + in.len, have = secret_bytes(c->gathered).len;
	if (need < in.len)
		return CKR_HOST_MEMORY;
	if (need > have) {
		struct secret *more = NULL;
		if (secret_new(need > 2 * have ? need : 2 * have, &more, NULL) != OK)
			return CKR_HOST_MEMORY;
		if (c->gathered_len)
			memcpy(secret_data(more), secret_data(c->gathered), c->gathered_len);
		secret_free(c->gathered);
		c->gathered = more;
	}
	if (in.len)
		memcpy(secret_data(c->gathered) + c->gathered_len, in.data, in.len);
	c->gathered_len = need;
	return CKR_OK;
}

static bool overlap(struct bytes in, const uint8_t *to, size_t len)
{
	uintptr_t a = (uintptr_t)in.data, b = (uintptr_t)to;
	return in.len && len && a < b + len && b < a + in.len;
}

static CK_RV update(struct mechanism_use *use, struct bytes in, uint8_t *to)
{
	struct cipher_state *c = use->state;
	CK_ULONG size = update_size(use, in.len);
	size_t written = 0;
	c->fresh = false;
	if (c->finished)
		return CKR_FUNCTION_FAILED;
	if (is_gathered(use)) {
		use->once = true;
		return gather(c, in);
	}
	if (c->type == CKM_AES_CTR && in.len > c->left)
		return length_wrong(use);
	c->left -= in.len;
	AUTO(secret) *copy = NULL;
	if (c->type != CKM_AES_CTR && c->type != CKM_AES_GCM && overlap(in, to, size)) {
		/* In place, but what is held inside shifts it. */
		if (secret_copy(in, &copy, NULL) != OK)
			return CKR_HOST_MEMORY;
		in = secret_bytes(copy);
	}
	if (!pump(c->ctx, in, to, &written) || written != size)
		return CKR_FUNCTION_FAILED;
	c->held = c->held + in.len - written;
	return CKR_OK;
}

static CK_RV finish_plain(struct mechanism_use *use)
{
	struct cipher_state *c = use->state;
	int n = 0;
	if (c->type == CKM_AES_CTR)
		return CKR_OK;
	if (c->type == CKM_AES_GCM) {
		c->tail_len = c->tag_len;
		return EVP_CipherFinal_ex(c->ctx, c->tail, &n) > 0 && get_tag(c, c->tail) ? CKR_OK
											  : CKR_FUNCTION_FAILED;
	}
	bool padded = c->type == CKM_AES_CBC_PAD;
	if (padded && use->kind == OP_DECRYPT ? c->held != BLOCK : !padded && c->held != 0)
		return length_wrong(use);
	if (EVP_CipherFinal_ex(c->ctx, c->tail, &n) <= 0)
		return use->kind == OP_DECRYPT ? CKR_ENCRYPTED_DATA_INVALID : CKR_FUNCTION_FAILED;
	c->tail_len = (size_t)n;
	return CKR_OK;
}

static CK_RV finish_gathered(struct mechanism_use *use, uint8_t *to, CK_ULONG *len)
{
	struct cipher_state *c = use->state;
	struct bytes all = { c->gathered_len ? secret_data(c->gathered) : NULL, c->gathered_len };
	CK_RV rv = check_length(use, all.len);
	if (rv == CKR_OK && *len < final_size(use)) {
		*len = final_size(use);
		return CKR_BUFFER_TOO_SMALL;
	}
	if (rv == CKR_OK && c->type == CKM_AES_GCM)
		rv = begin_message(use);
	if (rv != CKR_OK)
		return rv;
	return c->type == CKM_AES_GCM ? run_gcm(use, all, to, len) : run_ccm(use, all, to, len);
}

static CK_RV final(struct mechanism_use *use, uint8_t *to, CK_ULONG *len)
{
	struct cipher_state *c = use->state;
	if (is_gathered(use))
		return finish_gathered(use, to, len);
	CK_RV rv = c->finished ? CKR_OK : finish_plain(use);
	if (rv != CKR_OK)
		return rv;
	c->finished = true;
	bool fits = *len >= c->tail_len;
	*len = c->tail_len;
	if (fits && c->tail_len)
		memcpy(to, c->tail, c->tail_len);
	if (fits)
		secret_wipe(c->tail, sizeof(c->tail));
	return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

static const struct mechanism_stream stream = { whole_size, update_size, final_size, update, final };

const struct mechanism_ops mech_cipher = { check, prepare, run, NULL, NULL, &stream };
