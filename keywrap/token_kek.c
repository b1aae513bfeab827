#include "keywrap/token_kek.h"

#include "keywrap/token_object.h"

/* What the session is used for. */
struct kek_use {
	struct token_session session;
	struct token_ref *ref;
	const struct kek_work *work;
	bool found; /* the last object that was looked for */
	struct secret *output;
	bool by_keys; /* C_WrapKey and C_UnwrapKey, where the mechanism does not encrypt data */
};

/* A key that may not do this may do something else. */
static enum err kek_check(struct kek_use *use, CK_RV rv, const char *function, struct errmsg *em)
{
	enum err e = token_session_check(&use->session, rv, function, em);
	return rv == CKR_KEY_FUNCTION_NOT_PERMITTED ? ERR_UNSUPPORTED : e;
}

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
	if (work->cipher == KEK_WRAP)
		mechanism = (CK_MECHANISM){ CKM_AES_KEY_WRAP, NULL, 0 };
	size_t tag = kek_tag_len(work->cipher);
	size_t expected = work->encrypt ? work->input.len + tag : work->input.len - tag;
	CK_ULONG len = 0;
	CK_RV rv = work->encrypt ? s->functions->C_EncryptInit(s->handle, &mechanism, key)
				 : s->functions->C_DecryptInit(s->handle, &mechanism, key);
	enum err e = kek_check(use, rv, work->encrypt ? "C_EncryptInit" : "C_DecryptInit", em);
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

/* A key that lives as long as one operation, and whose value may be had. */
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET;
#define PASSING_KEY                                                                                                    \
	{ CKA_CLASS, &secret_class, sizeof(secret_class) }, { CKA_KEY_TYPE, &generic_type, sizeof(generic_type) },     \
		{ CKA_TOKEN, &no, sizeof(no) }, { CKA_PRIVATE, &no, sizeof(no) }, { CKA_SENSITIVE, &no, sizeof(no) },  \
	{                                                                                                              \
		CKA_EXTRACTABLE, &yes, sizeof(yes)                                                                     \
	}

static enum err key_wrap(struct kek_use *use, CK_OBJECT_HANDLE kek, struct secret *to, CK_ULONG *len, struct errmsg *em)
{
	struct token_session *s = &use->session;
	struct bytes input = use->work->input;
	CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_ATTRIBUTE template[] = { PASSING_KEY, { CKA_VALUE, (CK_BYTE *)input.data, input.len } };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = s->functions->C_CreateObject(s->handle, template, ARRAY_LEN(template), &key);
	enum err e = token_session_check(s, rv, "C_CreateObject", em);
	if (e != OK)
		return e;
	rv = s->functions->C_WrapKey(s->handle, &mechanism, kek, key, secret_data(to), len);
	e = kek_check(use, rv, "C_WrapKey", em);
	(void)s->functions->C_DestroyObject(s->handle, key);
	return e;
}

static enum err key_unwrap(struct kek_use *use, CK_OBJECT_HANDLE kek, struct secret *to, CK_ULONG *len,
			   struct errmsg *em)
{
	struct token_session *s = &use->session;
	struct bytes input = use->work->input;
	CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_ATTRIBUTE template[] = { PASSING_KEY };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv = s->functions->C_UnwrapKey(s->handle, &mechanism, kek, (CK_BYTE *)input.data, input.len, template,
					     ARRAY_LEN(template), &key);
	enum err e = kek_check(use, rv, "C_UnwrapKey", em);
	bool vague = e == ERR_PROTO && (rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED);
	if (vague || rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE ||
	    rv == CKR_ENCRYPTED_DATA_INVALID)
		return err_wrap(em, ERR_INTEGRITY, "wrong key, or the wrapped data was changed");
	if (e != OK)
		return e;
	CK_ATTRIBUTE value = { CKA_VALUE, secret_data(to), secret_len(to) };
	rv = s->functions->C_GetAttributeValue(s->handle, key, &value, 1);
	e = token_session_check(s, rv, "C_GetAttributeValue", em);
	*len = value.ulValueLen;
	(void)s->functions->C_DestroyObject(s->handle, key);
	return e;
}

static enum err key_operation(struct kek_use *use, CK_OBJECT_HANDLE kek, struct errmsg *em)
{
	const struct kek_work *work = use->work;
	AUTO(secret) *result = NULL;
	size_t extra = kek_tag_len(work->cipher);
	size_t expected = work->encrypt ? work->input.len + extra : work->input.len - extra;
	CK_ULONG len = expected;
	enum err e = secret_new(expected, &result, em);
	if (e == OK)
		e = work->encrypt ? key_wrap(use, kek, result, &len, em) : key_unwrap(use, kek, result, &len, em);
	if (e == OK && len != expected)
		e = err_set(em, ERR_PROTO, "the token gave %lu bytes instead of %zu", len, expected);
	if (e == OK)
		use->output = steal(&result);
	return e;
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
	if (e != OK)
		return e;
	return use->by_keys ? key_operation(use, object, em) : crypt_operation(use, object, em);
}

/* Asking for a key is not free of consequences: our own token hands nobody the value of what is a key to it, data or
 * not, once it was asked for as one. */
static bool token_does(struct kek_use *use)
{
	static const CK_MECHANISM_TYPE types[] = {
		[KEK_GCM] = CKM_AES_GCM,
		[KEK_CTR] = CKM_AES_CTR,
		[KEK_WRAP] = CKM_AES_KEY_WRAP,
	};
	CK_SESSION_INFO session;
	CK_MECHANISM_INFO info;
	CK_FUNCTION_LIST *f = use->session.functions;
	bool encrypt = use->work->encrypt;
	if (f->C_GetSessionInfo(use->session.handle, &session) != CKR_OK ||
	    f->C_GetMechanismInfo(session.slotID, types[use->work->cipher], &info) != CKR_OK)
		return false;
	bool by_data = info.flags & (encrypt ? CKF_ENCRYPT : CKF_DECRYPT);
	use->by_keys = !by_data && use->work->cipher == KEK_WRAP && (info.flags & (encrypt ? CKF_WRAP : CKF_UNWRAP));
	return by_data || use->by_keys;
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
	enum err e = kek_work_check(work, em);
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
