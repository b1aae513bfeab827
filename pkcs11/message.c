#include "pkcs11/message.h"

#include "common/libctx.h"
#include "pkcs11/mech_aes.h"

#include <limits.h>
#include <openssl/err.h>

#define TAG_MAX 16
#define AAD_MAX (1UL << 30)

struct message {
	const struct mechanism *mechanism;
	bool encrypts;
	struct material *material; /* a reference */
	EVP_CIPHER_CTX *ctx;
	bool keyed; /* ctx has the key */
	struct message_iv generator;
	/* The message that comes by parts. */
	bool in_parts;
	uint8_t iv[MESSAGE_IV_MAX];
	size_t iv_len;
	struct buf aad;
	struct secret *gathered;
	size_t gathered_len;
};

CK_RV message_check(enum operation_kind kind, const CK_MECHANISM *from, struct operation_start *start)
{
	memset(start, 0, sizeof(*start));
	start->from = from;
	start->kind = kind;
	if (from->ulParameterLen && !from->pParameter)
		return CKR_ARGUMENTS_BAD;
	if (from->mechanism != CKM_AES_GCM && from->mechanism != CKM_AES_CCM)
		return CKR_MECHANISM_INVALID;
	start->mechanism = mechanism_find(from->mechanism);
	return start->mechanism ? message_params_check_init(from) : CKR_MECHANISM_INVALID;
}

CK_RV message_new(struct operation_start *start, struct message **out)
{
	AUTO(message) *m = calloc(1, sizeof(*m));
	if (!m || !(m->ctx = EVP_CIPHER_CTX_new()))
		return CKR_HOST_MEMORY;
	m->mechanism = start->mechanism;
	m->encrypts = start->kind == OP_ENCRYPT;
	m->material = steal(&start->material);
	*out = steal(&m);
	return CKR_OK;
}

static void end_parts(struct message *m)
{
	m->in_parts = false;
	buf_clear(&m->aad);
	secret_free(m->gathered);
	m->gathered = NULL;
	m->gathered_len = 0;
}

void message_free(struct message *m)
{
	if (!m)
		return;
	end_parts(m);
	EVP_CIPHER_CTX_free(m->ctx);
	material_free(m->material);
	free(m);
}

bool message_in_parts(const struct message *m)
{
	return m->in_parts;
}

static bool is_gathered(const struct message *m)
{
	return !m->encrypts || m->mechanism->type == CKM_AES_CCM;
}

static CK_RV length_wrong(const struct message *m)
{
	return m->encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
}

static CK_RV fails(const struct message *m)
{
	return m->encrypts ? CKR_FUNCTION_FAILED : CKR_AEAD_DECRYPT_FAILED;
}

/* The one message that is worked on. */
struct work {
	struct bytes iv, aad, in;
	CK_BYTE *to;
	CK_BYTE *tag;
	size_t tag_len;
};

static bool start_gcm(struct message *m, const struct work *w)
{
	struct bytes key = secret_bytes(m->material->raw);
	int n = 0;
	EVP_CIPHER *cipher = m->keyed ? NULL : mech_aes_cipher(CKM_AES_GCM, key.len);
	if (!m->keyed && (!cipher || !EVP_CipherInit_ex2(m->ctx, cipher, NULL, NULL, m->encrypts, NULL)))
		return false;
	bool good = EVP_CIPHER_CTX_ctrl(m->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)w->iv.len, NULL) > 0 &&
		    EVP_CipherInit_ex2(m->ctx, NULL, m->keyed ? NULL : key.data, w->iv.data, m->encrypts, NULL) &&
		    (!w->aad.len || EVP_CipherUpdate(m->ctx, NULL, &n, w->aad.data, (int)w->aad.len) > 0);
	m->keyed = good;
	return good;
}

static bool set_tag(struct message *m, const struct work *w)
{
	uint8_t tag[TAG_MAX];
	if (!m->encrypts)
		memcpy(tag, w->tag, w->tag_len);
	return EVP_CIPHER_CTX_ctrl(m->ctx, EVP_CTRL_AEAD_SET_TAG, (int)w->tag_len, m->encrypts ? NULL : tag) > 0;
}

static bool finish_gcm(struct message *m, const struct work *w)
{
	uint8_t none[TAG_MAX];
	int n = 0;
	if (!m->encrypts)
		return set_tag(m, w) && EVP_CipherFinal_ex(m->ctx, none, &n) > 0;
	return EVP_CipherFinal_ex(m->ctx, none, &n) > 0 &&
	       EVP_CIPHER_CTX_ctrl(m->ctx, EVP_CTRL_AEAD_GET_TAG, (int)w->tag_len, w->tag) > 0;
}

static bool run_gcm(struct message *m, const struct work *w)
{
	int n = 0;
	return start_gcm(m, w) && (!w->in.len || EVP_CipherUpdate(m->ctx, w->to, &n, w->in.data, (int)w->in.len) > 0) &&
	       finish_gcm(m, w);
}

/* SP 800-38C: all lengths come before the data. */
static bool run_ccm(struct message *m, const struct work *w)
{
	struct bytes key = secret_bytes(m->material->raw);
	EVP_CIPHER *cipher = mech_aes_cipher(CKM_AES_CCM, key.len);
	uint8_t none[1] = { 0 };
	int n = 0;
	bool good = cipher && EVP_CipherInit_ex2(m->ctx, cipher, NULL, NULL, m->encrypts, NULL) &&
		    EVP_CIPHER_CTX_ctrl(m->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)w->iv.len, NULL) > 0 && set_tag(m, w) &&
		    EVP_CipherInit_ex2(m->ctx, NULL, key.data, w->iv.data, m->encrypts, NULL) &&
		    EVP_CipherUpdate(m->ctx, NULL, &n, NULL, (int)w->in.len) > 0 &&
		    (!w->aad.len || EVP_CipherUpdate(m->ctx, NULL, &n, w->aad.data, (int)w->aad.len) > 0) &&
		    EVP_CipherUpdate(m->ctx, w->in.len ? w->to : none, &n, w->in.len ? w->in.data : none,
				     (int)w->in.len) > 0;
	return good &&
	       (!m->encrypts || EVP_CIPHER_CTX_ctrl(m->ctx, EVP_CTRL_AEAD_GET_TAG, (int)w->tag_len, w->tag) > 0);
}

static CK_RV run(struct message *m, const struct work *w)
{
	bool good = m->mechanism->type == CKM_AES_GCM ? run_gcm(m, w) : run_ccm(m, w);
	if (good)
		return CKR_OK;
	m->keyed = false;
	if (w->in.len)
		secret_wipe(w->to, w->in.len);
	return fails(m);
}

static CK_RV check_length(const struct message *m, const struct message_params *p, size_t len)
{
	if (len > INT_MAX)
		return length_wrong(m);
	if (m->mechanism->type == CKM_AES_GCM)
		return CKR_OK;
	/* 2^(8L), L = 15 - nonce; and as it was announced. */
	bool long_enough = (p->iv_len < 13 || len <= 0xffff) && (p->iv_len < 12 || len <= 0xffffff);
	return long_enough && len == p->data_len ? CKR_OK : length_wrong(m);
}

static CK_RV check_aad(struct bytes aad)
{
	return (aad.len && !aad.data) || aad.len > AAD_MAX ? CKR_ARGUMENTS_BAD : CKR_OK;
}

static CK_RV read_params(const struct message *m, const struct message_call *call, struct message_params *p)
{
	return message_params_read(m->mechanism->type, call->parameter, call->parameter_len, m->encrypts, p);
}

/* PKCS #11 2.40, 5.2: true where nothing more is to be done than to say the size. */
static bool only_sized(size_t need, struct operation_out out, CK_RV *rv)
{
	bool fits = *out.len >= need;
	*out.len = need;
	*rv = out.data && !fits ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	return !out.data || !fits;
}

CK_RV message_whole(struct message *m, const struct message_call *call, struct bytes in, struct operation_out out)
{
	struct message_params p;
	uint8_t iv[MESSAGE_IV_MAX];
	if (m->in_parts)
		return CKR_OPERATION_ACTIVE;
	if (!out.len || (in.len && !in.data) || check_aad(call->aad) != CKR_OK)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = read_params(m, call, &p);
	if (rv == CKR_OK)
		rv = check_length(m, &p, in.len);
	if (rv != CKR_OK || only_sized(in.len, out, &rv))
		return rv;
	if (!p.tag)
		return CKR_MECHANISM_PARAM_INVALID;
	if (m->encrypts)
		rv = message_iv_next(&m->generator, &p, iv);
	else
		memcpy(iv, p.iv, p.iv_len);
	if (rv != CKR_OK)
		return rv;
	struct work w = { { iv, p.iv_len }, call->aad, in, out.data, p.tag, p.tag_len };
	rv = run(m, &w);
	if (rv == CKR_OK && m->encrypts)
		memcpy(p.iv, iv, p.iv_len);
	return rv;
}

CK_RV message_begin(struct message *m, const struct message_call *call)
{
	struct message_params p;
	if (m->in_parts)
		return CKR_OPERATION_ACTIVE;
	CK_RV rv = check_aad(call->aad);
	if (rv == CKR_OK)
		rv = read_params(m, call, &p);
	if (rv != CKR_OK)
		return rv;
	if (m->encrypts)
		rv = message_iv_next(&m->generator, &p, m->iv);
	else
		memcpy(m->iv, p.iv, p.iv_len);
	if (rv != CKR_OK)
		return rv;
	m->iv_len = p.iv_len;
	struct work w = { .iv = { m->iv, m->iv_len }, .aad = call->aad };
	if (is_gathered(m) && buf_append(&m->aad, call->aad, 0, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (!is_gathered(m) && !start_gcm(m, &w))
		return CKR_FUNCTION_FAILED;
	if (m->encrypts)
		memcpy(p.iv, m->iv, m->iv_len);
	m->in_parts = true;
	return CKR_OK;
}

static CK_RV gather(struct message *m, struct bytes in)
{
	size_t need = m->gathered_len + in.len, have = secret_bytes(m->gathered).len;
	if (need > INT_MAX)
		return length_wrong(m);
	if (need > have) {
		struct secret *more = NULL;
		if (secret_new(need > 2 * have ? need : 2 * have, &more, NULL) != OK)
			return CKR_HOST_MEMORY;
		if (m->gathered_len)
			memcpy(secret_data(more), secret_data(m->gathered), m->gathered_len);
		secret_free(m->gathered);
		m->gathered = more;
	}
	if (in.len)
		memcpy(secret_data(m->gathered) + m->gathered_len, in.data, in.len);
	m->gathered_len = need;
	return CKR_OK;
}

static CK_RV next_streamed(struct message *m, const struct message_params *p, struct bytes in, CK_BYTE *to, bool last)
{
	struct work w = { .in = in, .to = to, .tag = p->tag, .tag_len = p->tag_len };
	int n = 0;
	if (in.len && EVP_CipherUpdate(m->ctx, to, &n, in.data, (int)in.len) <= 0)
		return CKR_FUNCTION_FAILED;
	return !last || finish_gcm(m, &w) ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV next_gathered(struct message *m, const struct message_params *p, struct bytes in, CK_BYTE *to, bool last)
{
	CK_RV rv = gather(m, in);
	if (rv == CKR_OK && last)
		rv = check_length(m, p, m->gathered_len);
	if (rv != CKR_OK || !last)
		return rv;
	struct bytes all = { m->gathered_len ? secret_data(m->gathered) : NULL, m->gathered_len };
	struct work w = { { m->iv, m->iv_len }, buf_bytes(&m->aad), all, to, p->tag, p->tag_len };
	return run(m, &w);
}

CK_RV message_next(struct message *m, const struct message_call *call, struct bytes in, struct operation_out out,
		   CK_FLAGS flags)
{
	struct message_params p;
	bool last = flags & CKF_END_OF_MESSAGE;
	if (!m->in_parts)
		return CKR_OPERATION_NOT_INITIALIZED;
	CK_RV rv = !out.len || (in.len && !in.data) || (flags & ~(CK_FLAGS)CKF_END_OF_MESSAGE) ? CKR_ARGUMENTS_BAD
											       : CKR_OK;
	if (rv == CKR_OK)
		rv = read_params(m, call, &p);
	if (rv == CKR_OK && (p.iv_len != m->iv_len || (last && !p.tag)))
		rv = CKR_MECHANISM_PARAM_INVALID;
	if (rv == CKR_OK && in.len > INT_MAX)
		rv = length_wrong(m);
	if (rv == CKR_OK) {
		size_t all = m->gathered_len + in.len;
		if (only_sized(is_gathered(m) && !last ? 0 : all, out, &rv))
			return rv;
		rv = is_gathered(m) ? next_gathered(m, &p, in, out.data, last)
				    : next_streamed(m, &p, in, out.data, last);
	}
	if (rv != CKR_OK || last)
		end_parts(m);
	if (rv != CKR_OK)
		m->keyed = false;
	return rv;
}
