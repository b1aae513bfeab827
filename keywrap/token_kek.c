#include "keywrap/token_kek.h"

#include "common/libctx.h"
#include "keywrap/token_object.h"

#include <openssl/evp.h>

AUTO_OF_DEFINE(EVP_CIPHER, EVP_CIPHER_free)
AUTO_OF_DEFINE(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

#define INPUT_MAX ((size_t)1024 * 1024)

/* Here, with OpenSSL. */

static enum err local_update(EVP_CIPHER_CTX *ctx, const struct kek_work *work, struct secret *out, struct errmsg *em)
{
	size_t tag = kek_tag_len(work->cipher);
	size_t len = work->encrypt ? work->input.len : work->input.len - tag;
	int n = 0;
	int rest = 0;
	if (EVP_CipherUpdate(ctx, secret_data(out), &n, work->input.data, (int)len) != 1 || (size_t)n != len)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	if (tag && !work->encrypt &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag, (uint8_t *)work->input.data + len) != 1)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	if (EVP_CipherFinal_ex(ctx, secret_data(out) + len, &rest) != 1)
		return err_set(em, ERR_INTEGRITY, "wrong key, or the wrapped data was changed");
	if (tag && work->encrypt &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag, secret_data(out) + len) != 1)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	return OK;
}

static enum err work_check(const struct kek_work *work, struct errmsg *em)
{
	size_t tag = work->encrypt ? 0 : kek_tag_len(work->cipher);
	if (work->input.len <= tag || work->input.len > INPUT_MAX)
		return err_set(em, ERR_LIMIT, "%zu bytes to wrap or unwrap", work->input.len);
	return OK;
}

enum err kek_do(struct bytes key, const struct kek_work *work, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *result = NULL;
	enum err e = work_check(work, em);
	if (e != OK)
		return e;
	if (key.len != KEK_LEN)
		return err_set(em, ERR_KEY, "the key has %zu bytes instead of %d", key.len, KEK_LEN);
	AUTO_OF(EVP_CIPHER) *cipher =
		EVP_CIPHER_fetch(libctx(), work->cipher == KEK_GCM ? "AES-256-GCM" : "AES-256-CTR", NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	if (!cipher || !ctx || EVP_CipherInit_ex2(ctx, cipher, key.data, work->iv, work->encrypt, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	size_t tag = kek_tag_len(work->cipher);
	e = secret_new(work->input.len + tag, &result, em);
	if (e == OK)
		e = local_update(ctx, work, result, em);
	if (e != OK)
		return e;
	secret_truncate(result, work->encrypt ? work->input.len + tag : work->input.len - tag);
	*out = steal(&result);
	return OK;
}

/* In the token. */

/* What the session is used for. */
struct kek_use {
	struct token_session session;
	struct token_ref *ref;
	const struct kek_work *work;
	bool found; /* the last object that was looked for */
	struct secret *output;
};

static enum err crypt_result(struct kek_use *use, CK_RV rv, struct errmsg *em)
{
	const char *function = use->work->encrypt ? "C_Encrypt" : "C_Decrypt";
	enum err e = token_session_check(&use->session, rv, function, em);
	use->session.spoilt = e != OK;
	bool vague = e == ERR_PROTO && (rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED);
	if (!use->work->encrypt && (vague || rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE))
		return err_wrap(em, ERR_INTEGRITY, "wrong key, or the wrapped data was changed");
	return e;
}

static enum err crypt_run(struct kek_use *use, struct secret *to, CK_ULONG *len, struct errmsg *em)
{
	struct token_session *s = &use->session;
	CK_BYTE *input = (CK_BYTE *)use->work->input.data;
	CK_ULONG input_len = use->work->input.len;
	*len = secret_len(to);
	CK_RV rv = use->work->encrypt ? s->functions->C_Encrypt(s->handle, input, input_len, secret_data(to), len)
				      : s->functions->C_Decrypt(s->handle, input, input_len, secret_data(to), len);
	return crypt_result(use, rv, em);
}

/* PKCS#11 3.0, 2.13.3: the tag comes behind the ciphertext. */
static enum err crypt_operation(struct kek_use *use, CK_OBJECT_HANDLE key, struct errmsg *em)
{
	const struct kek_work *work = use->work;
	AUTO(secret) *result = NULL;
	struct token_session *s = &use->session;
	CK_GCM_PARAMS gcm = { .iv_ptr = (CK_BYTE *)work->iv, .iv_len = 12, .iv_bits = 96, .tag_bits = KEK_TAG_LEN * 8 };
	CK_AES_CTR_PARAMS ctr = { .counter_bits = 128 };
	CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof(gcm) };
	if (work->cipher == KEK_CTR) {
		memcpy(ctr.cb, work->iv, sizeof(ctr.cb));
		mechanism = (CK_MECHANISM){ CKM_AES_CTR, &ctr, sizeof(ctr) };
	}
	size_t tag = kek_tag_len(work->cipher);
	size_t expected = work->encrypt ? work->input.len + tag : work->input.len - tag;
	CK_ULONG len = 0;
	CK_RV rv = work->encrypt ? s->functions->C_EncryptInit(s->handle, &mechanism, key)
				 : s->functions->C_DecryptInit(s->handle, &mechanism, key);
	enum err e = token_session_check(s, rv, work->encrypt ? "C_EncryptInit" : "C_DecryptInit", em);
	if (e == OK)
		e = secret_new(work->input.len + tag, &result, em);
	if (e == OK)
		e = crypt_run(use, result, &len, em);
	if (e != OK)
		return e;
	if (len != expected)
		return err_set(em, ERR_PROTO, "the token gave %lu bytes instead of %zu", len, expected);
	secret_truncate(result, len);
	use->output = steal(&result);
	return OK;
}

/* The value of a data object, straight into the arena. */
static enum err data_operation(struct kek_use *use, CK_OBJECT_HANDLE object, struct errmsg *em)
{
	AUTO(secret) *key = NULL;
	struct token_session *s = &use->session;
	enum err e = secret_new(KEK_LEN, &key, em);
	if (e != OK)
		return e;
	CK_ATTRIBUTE value = { CKA_VALUE, secret_data(key), secret_len(key) };
	CK_RV rv = s->functions->C_GetAttributeValue(s->handle, object, &value, 1);
	if (rv == CKR_BUFFER_TOO_SMALL)
		return err_set(em, ERR_KEY, "the data object holds more than %d bytes: no AES-256 key", KEK_LEN);
	e = token_session_check(s, rv, "C_GetAttributeValue", em);
	if (e != OK)
		return e;
	if (value.ulValueLen > KEK_LEN)
		return err_set(em, ERR_KEY, "the data object has no value");
	secret_truncate(key, value.ulValueLen);
	return kek_do(secret_bytes(key), use->work, &use->output, em);
}

/* A token may do AES with shorter keys. Not every module tells before it has the key. */
static enum err length_check(struct kek_use *use, CK_OBJECT_HANDLE key, struct errmsg *em)
{
	struct token_attribute attribute;
	struct errmsg ignored = { "" };
	CK_ULONG len = KEK_LEN;
	if (token_object_attribute(&use->session, key, CKA_VALUE_LEN, &attribute, &ignored) == OK &&
	    attribute.len == sizeof(len))
		memcpy(&len, attribute.data, sizeof(len));
	return len == KEK_LEN ? OK : err_set(em, ERR_KEY, "the key has %lu bytes instead of %d", len, KEK_LEN);
}

static enum err object_do(struct kek_use *use, CK_OBJECT_CLASS class, struct errmsg *em)
{
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	struct token_object_want want = { use->ref, class };
	enum err e = token_object_find(&use->session, want, &object, em);
	use->found = e == OK;
	if (e != OK)
		return e;
	if (class == CKO_DATA)
		return data_operation(use, object, em);
	e = length_check(use, object, em);
	return e == OK ? crypt_operation(use, object, em) : e;
}

/* Asking for a key is not free of consequences: our own token hands nobody the value of what is a key to it, data or
 * not, once it was asked for as one. */
static bool token_does(const struct kek_use *use)
{
	CK_SESSION_INFO session;
	CK_MECHANISM_INFO info;
	CK_MECHANISM_TYPE type = use->work->cipher == KEK_GCM ? CKM_AES_GCM : CKM_AES_CTR;
	CK_FUNCTION_LIST *f = use->session.functions;
	return f->C_GetSessionInfo(use->session.handle, &session) == CKR_OK &&
	       f->C_GetMechanismInfo(session.slotID, type, &info) == CKR_OK &&
	       (info.flags & (use->work->encrypt ? CKF_ENCRYPT : CKF_DECRYPT));
}

static enum err kek_use_once(struct token_pool *pool, struct kek_use *use, struct errmsg *em)
{
	struct errmsg second = { "" };
	enum err e = token_session_take(pool, (struct token_want){ use->ref, true }, &use->session, em);
	if (e != OK)
		return e;
	e = token_does(use) ? object_do(use, CKO_SECRET_KEY, em)
			    : err_set(em, ERR_KEY, "the token does no AES of this kind");
	if (e == ERR_UNSUPPORTED || (e == ERR_KEY && !use->found)) {
		bool was_there = use->found;
		enum err data = object_do(use, CKO_DATA, &second);
		if (data == OK || !was_there)
			e = err_set(em, data, "%s", second.text);
	}
	token_session_give(pool, &use->session);
	return e;
}

enum err token_kek_do(struct token_pool *pool, struct token_ref *ref, const struct kek_work *work, struct secret **out,
		      struct errmsg *em)
{
	struct kek_use use = { .ref = ref, .work = work };
	enum err e = work_check(work, em);
	if (e == OK)
		e = kek_use_once(pool, &use, em);
	if (e != OK && use.session.lost) {
		use.session = (struct token_session){ .lost = false };
		e = kek_use_once(pool, &use, em);
	}
	if (e == OK)
		*out = use.output;
	return e;
}
