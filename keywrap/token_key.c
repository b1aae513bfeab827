#include "keywrap/token_key.h"

#include "common/constant_time.h"
#include "common/libctx.h"
#include "keywrap/token_object.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <pthread.h>

AUTO_OF_DEFINE(OSSL_PARAM, OSSL_PARAM_free)
AUTO_OF_DEFINE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
AUTO_OF_DEFINE(BIGNUM, BN_free)

struct curve {
	const char *name;
	size_t field;
	struct bytes oid; /* DER: what CKA_EC_PARAMS holds */
};
#define OID(bytes)                                                                                                     \
	{                                                                                                              \
		(const uint8_t *)(bytes), sizeof(bytes) - 1                                                            \
	}
static const struct curve curves[] = {
	{ "P-256", 32, OID("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	{ "P-384", 48, OID("\x06\x05\x2b\x81\x04\x00\x22") },
	{ "P-521", 66, OID("\x06\x05\x2b\x81\x04\x00\x23") },
};

struct token_key {
	struct token_pool *pool;
	struct token_ref *ref;
	pthread_mutex_t lock; /* guards what follows */
	bool known;
	const struct curve *curve; /* NULL: RSA */
	bool ask_each_time; /* CKA_ALWAYS_AUTHENTICATE */
};

enum err token_key_new(struct token_pool *pool, struct token_ref *ref, struct token_key **out, struct errmsg *em)
{
	struct token_key *key = calloc(1, sizeof(*key));
	if (!key) {
		token_ref_free(ref);
		return err_nomem(em, "a key");
	}
	key->pool = pool;
	key->ref = ref;
	pthread_mutex_init(&key->lock, NULL);
	*out = key;
	return OK;
}

void token_key_free(struct token_key *key)
{
	if (!key)
		return;
	token_ref_free(key->ref);
	pthread_mutex_destroy(&key->lock);
	free(key);
}

bool token_key_may_be(const struct token_key *key, CK_OBJECT_CLASS class)
{
	const CK_ATTRIBUTE *said = p11_kit_uri_get_attribute(key->ref->uri, CKA_CLASS);
	CK_OBJECT_CLASS is = class;
	if (said && said->ulValueLen == sizeof(is))
		memcpy(&is, said->pValue, sizeof(is));
	/* The public half leads to the private one. */
	return (is == CKO_SECRET_KEY) == (class == CKO_SECRET_KEY);
}

enum err token_key_kek(struct token_key *key, const struct kek_work *work, struct secret **out, struct errmsg *em)
{
	return token_kek_do(key->pool, key->ref, work, out, em);
}

/* One thing done with the private key, in a session that is its own. */
struct key_use {
	struct token_key *key;
	struct token_session session;
	CK_OBJECT_HANDLE object;
	/* Arguments and result of the operation: */
	const char *hash;
	struct bytes input;
	struct secret *output;
};

static enum err key_use_once(struct key_use *use, enum err (*operation)(struct key_use *, struct errmsg *),
			     struct errmsg *em)
{
	struct token_want want = { use->key->ref, true };
	enum err e = token_session_take(use->key->pool, want, &use->session, em);
	if (e != OK)
		return e;
	struct token_object_want object = { use->key->ref, CKO_PRIVATE_KEY };
	e = token_object_find(&use->session, object, &use->object, em);
	if (e == OK)
		e = operation(use, em);
	token_session_give(use->key->pool, &use->session);
	return e;
}

/* A session that was lost (a token that was pulled, a module finalised by somebody else) is made anew, once. */
static enum err key_do(struct key_use *use, enum err (*operation)(struct key_use *, struct errmsg *), struct errmsg *em)
{
	enum err e = key_use_once(use, operation, em);
	if (e != OK && use->session.lost) {
		use->session = (struct token_session){ .lost = false };
		e = key_use_once(use, operation, em);
	}
	return e;
}

static enum err login_for_this(struct key_use *use, struct errmsg *em)
{
	const struct token_ref *ref = use->key->ref;
	if (!use->key->ask_each_time || !ref->pin)
		return OK;
	CK_RV rv = use->session.functions->C_Login(use->session.handle, CKU_CONTEXT_SPECIFIC, secret_data(ref->pin),
						   secret_len(ref->pin));
	return token_session_check(&use->session, rv, "C_Login", em);
}

static enum err decrypt_result(struct key_use *use, CK_RV rv, struct errmsg *em)
{
	enum err e = token_session_check(&use->session, rv, "C_Decrypt", em);
	use->session.spoilt = e != OK;
	/* What modules say where the padding is not right: CKR_ENCRYPTED_DATA_*, and less telling codes. A module that
	 * gives its reason has no need of guesses. */
	bool vague = e == ERR_PROTO && (rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED);
	if (vague || rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE || rv == CKR_DATA_INVALID)
		return err_wrap(em, ERR_INTEGRITY, vague ? "wrong key, or a failure of the token" : "wrong key");
	return e;
}

static enum err oaep_operation(struct key_use *use, struct errmsg *em)
{
	bool sha1 = strcmp(use->hash, "SHA1") == 0;
	CK_RSA_PKCS_OAEP_PARAMS params = {
		.hashAlg = sha1 ? CKM_SHA_1 : CKM_SHA256,
		.mgf = sha1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
		.source = CKZ_DATA_SPECIFIED,
	};
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
	struct token_session *s = &use->session;
	AUTO(secret) *plain = NULL;
	CK_RV rv = s->functions->C_DecryptInit(s->handle, &mechanism, use->object);
	enum err e = token_session_check(s, rv, "C_DecryptInit", em);
	if (e != OK && !sha1 && (rv == CKR_ARGUMENTS_BAD || rv == CKR_MECHANISM_PARAM_INVALID))
		return err_wrap(em, ERR_UNSUPPORTED, "the token does no OAEP with SHA-256");
	if (e == OK)
		e = login_for_this(use, em);
	if (e == OK)
		e = secret_new(use->input.len, &plain, em);
	if (e != OK)
		return e;
	CK_ULONG len = use->input.len;
	rv = s->functions->C_Decrypt(s->handle, (CK_BYTE *)use->input.data, use->input.len, secret_data(plain), &len);
	e = decrypt_result(use, rv, em);
	if (e != OK)
		return e;
	if (len > use->input.len)
		return err_set(em, ERR_PROTO, "C_Decrypt gave more than there was room for");
	secret_truncate(plain, len);
	use->output = steal(&plain);
	return OK;
}

/* What a module says where the padding is not right, or makes up instead, may differ from a true key in nothing that
 * shows. */
static enum err pkcs1_operation(struct key_use *use, struct errmsg *em)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	struct token_session *s = &use->session;
	AUTO(secret) *block = NULL;
	CK_ULONG len = TOKEN_ATTRIBUTE_MAX; /* modules want room for the key's size, whatever the input's is */
	CK_RV rv = s->functions->C_DecryptInit(s->handle, &mechanism, use->object);
	enum err e = token_session_check(s, rv, "C_DecryptInit", em);
	if (e != OK && rv == CKR_MECHANISM_INVALID)
		return err_wrap(em, ERR_UNSUPPORTED, "the token does no PKCS#1 v1.5");
	if (e == OK)
		e = login_for_this(use, em);
	if (e == OK)
		e = secret_new(len, &block, em);
	if (e != OK)
		return e;
	uint8_t *from = secret_data(block);
	rv = s->functions->C_Decrypt(s->handle, (CK_BYTE *)use->input.data, use->input.len, from, &len);
	e = decrypt_result(use, rv, em);
	if (e != OK && e != ERR_INTEGRITY)
		return e;
	size_t want = secret_len(use->output);
	size_t good = mask_zero(rv) & mask_zero(len ^ want);
	for (size_t i = 0; i < want; i++)
		secret_data(use->output)[i] = (uint8_t)choose(good, from[i], secret_data(use->output)[i]);
	return OK;
}

static enum err token_pkcs1_decrypt(void *ctx, struct bytes wrapped, size_t len, struct secret **out, struct errmsg *em)
{
	struct key_use use = { .key = ctx, .input = wrapped };
	if (wrapped.len == 0 || wrapped.len > TOKEN_ATTRIBUTE_MAX || len > TOKEN_ATTRIBUTE_MAX)
		return err_set(em, ERR_KEY, "the wrapped key is %zu bytes long", wrapped.len);
	enum err e = secret_new(len, &use.output, em);
	if (e == OK && RAND_priv_bytes_ex(libctx(), secret_data(use.output), len, 0) != 1)
		e = err_openssl(em, ERR_CRYPTO, "no random numbers");
	if (e == OK)
		e = key_do(&use, pkcs1_operation, em);
	if (e != OK) {
		secret_free(use.output);
		return e;
	}
	*out = use.output;
	return OK;
}

static enum err token_oaep_decrypt(void *ctx, const char *hash, struct bytes wrapped, struct secret **out,
				   struct errmsg *em)
{
	struct key_use use = { .key = ctx, .hash = hash, .input = wrapped };
	if (wrapped.len == 0 || wrapped.len > TOKEN_ATTRIBUTE_MAX)
		return err_set(em, ERR_KEY, "the wrapped key is %zu bytes long", wrapped.len);
	enum err e = key_do(&use, oaep_operation, em);
	*out = use.output;
	return e;
}

/* Reads CKA_VALUE, a secret, straight into the arena. */
static enum err derived_read(struct key_use *use, CK_OBJECT_HANDLE derived, struct errmsg *em)
{
	AUTO(secret) *z = NULL;
	struct token_session *s = &use->session;
	enum err e = secret_new(use->key->curve->field, &z, em);
	if (e != OK)
		return e;
	CK_ATTRIBUTE value = { CKA_VALUE, secret_data(z), secret_len(z) };
	CK_RV rv = s->functions->C_GetAttributeValue(s->handle, derived, &value, 1);
	e = token_session_check(s, rv, "C_GetAttributeValue", em);
	if (e != OK)
		return e;
	if (value.ulValueLen != secret_len(z))
		return err_set(em, ERR_PROTO, "C_DeriveKey gave a secret of another length");
	use->output = steal(&z);
	return OK;
}

static enum err ecdh_operation(struct key_use *use, struct errmsg *em)
{
	CK_ECDH1_DERIVE_PARAMS params = {
		.kdf = CKD_NULL,
		.ulPublicDataLen = use->input.len,
		.pPublicData = (CK_BYTE *)use->input.data,
	};
	CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof(params) };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ULONG len = use->key->curve->field;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) },   { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &no, sizeof(no) },         { CKA_SENSITIVE, &no, sizeof(no) },
		{ CKA_EXTRACTABLE, &yes, sizeof(yes) }, { CKA_VALUE_LEN, &len, sizeof(len) },
	};
	struct token_session *s = &use->session;
	CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
	CK_RV rv =
		s->functions->C_DeriveKey(s->handle, &mechanism, use->object, template, ARRAY_LEN(template), &derived);
	enum err e = token_session_check(s, rv, "C_DeriveKey", em);
	if (e != OK)
		return e;
	e = derived_read(use, derived, em);
	(void)s->functions->C_DestroyObject(s->handle, derived);
	return e;
}

static enum err token_ecdh(void *ctx, EVP_PKEY *peer, struct secret **z, struct errmsg *em)
{
	unsigned char *point = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(peer, &point);
	struct key_use use = { .key = ctx, .input = { point, len } };
	enum err e = OK;
	if (len == 0)
		e = err_openssl(em, ERR_CRYPTO, "cannot encode the sender's point");
	else if (point[0] != 0x04 || len != 1 + 2 * use.key->curve->field)
		e = err_set(em, ERR_KEY, "the sender's point is on another curve");
	else
		e = key_do(&use, ecdh_operation, em);
	OPENSSL_free(point);
	*z = use.output;
	return e;
}

static enum err curve_read(struct key_use *use, const struct curve **out, struct errmsg *em)
{
	struct token_attribute params;
	enum err e = token_object_attribute(&use->session, use->object, CKA_EC_PARAMS, &params, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (bytes_equal(curves[i].oid, (struct bytes){ params.data, params.len }))
			*out = &curves[i];
	return *out ? OK : err_set(em, ERR_UNSUPPORTED, "its curve is none of P-256, P-384, P-521");
}

static enum err describe_operation(struct key_use *use, struct errmsg *em)
{
	struct token_attribute attribute;
	const struct curve *curve = NULL;
	CK_KEY_TYPE type = 0;
	enum err e = token_object_attribute(&use->session, use->object, CKA_KEY_TYPE, &attribute, em);
	if (e != OK)
		return e;
	if (attribute.len != sizeof(type))
		return err_set(em, ERR_PROTO, "CKA_KEY_TYPE is %zu bytes long", attribute.len);
	memcpy(&type, attribute.data, sizeof(type));
	if (type != CKK_RSA && type != CKK_EC)
		return err_set(em, ERR_UNSUPPORTED, "it is neither an RSA nor an EC key");
	e = type == CKK_EC ? curve_read(use, &curve, em) : OK;
	if (e != OK)
		return e;
	/* Not every module knows it. */
	struct errmsg ignored = { "" };
	bool ask = token_object_attribute(&use->session, use->object, CKA_ALWAYS_AUTHENTICATE, &attribute, &ignored) ==
			   OK &&
		   attribute.len == sizeof(CK_BBOOL) && attribute.data[0] == CK_TRUE;
	use->key->curve = curve;
	use->key->ask_each_time = ask;
	use->key->known = true;
	return OK;
}

enum err token_key_open(struct token_key *key, struct jwe_key *ops, struct errmsg *em)
{
	struct key_use use = { .key = key };
	/* The key is described once; who comes meanwhile needs the answer, too. */
	pthread_mutex_lock(&key->lock);
	enum err e = key->known ? OK : key_do(&use, describe_operation, em);
	const struct curve *curve = key->curve;
	pthread_mutex_unlock(&key->lock);
	if (e != OK)
		return e;
	*ops = (struct jwe_key){
		.ctx = key,
		.kty = curve ? "EC" : "RSA",
		.crv = curve ? curve->name : NULL,
		.oaep_decrypt = curve ? NULL : token_oaep_decrypt,
		.pkcs1_decrypt = curve ? NULL : token_pkcs1_decrypt,
		.ecdh = curve ? token_ecdh : NULL,
	};
	return OK;
}

static enum err rsa_build(const struct token_attribute *n, const struct token_attribute *e, EVP_PKEY **out,
			  struct errmsg *em)
{
	AUTO_OF(BIGNUM) *modulus = BN_bin2bn(n->data, (int)n->len, NULL);
	AUTO_OF(BIGNUM) *exponent = BN_bin2bn(e->data, (int)e->len, NULL);
	AUTO_OF(OSSL_PARAM_BLD) *build = OSSL_PARAM_BLD_new();
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(libctx(), "RSA", NULL);
	if (!modulus || !exponent || !build || !ctx ||
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot take the public key");
	AUTO_OF(OSSL_PARAM) *params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot take the public key");
	return OK;
}

static enum err public_read(struct token_session *s, CK_OBJECT_HANDLE object, EVP_PKEY **out, struct errmsg *em)
{
	struct token_attribute type;
	struct token_attribute modulus;
	struct token_attribute exponent;
	CK_KEY_TYPE rsa = CKK_RSA;
	enum err e = token_object_attribute(s, object, CKA_KEY_TYPE, &type, em);
	if (e != OK)
		return e;
	if (type.len != sizeof(rsa) || memcmp(type.data, &rsa, sizeof(rsa)) != 0)
		return err_set(em, ERR_UNSUPPORTED,
			       "the pkcs11 scheme knows RSA keys only: use jwe:FILE with the public key of this one");
	e = token_object_attribute(s, object, CKA_MODULUS, &modulus, em);
	if (e == OK)
		e = token_object_attribute(s, object, CKA_PUBLIC_EXPONENT, &exponent, em);
	return e == OK ? rsa_build(&modulus, &exponent, out, em) : e;
}

static enum err public_from(struct token_pool *pool, struct token_want want, CK_OBJECT_CLASS class, EVP_PKEY **out,
			    struct errmsg *em)
{
	struct token_session s;
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	enum err e = token_session_take(pool, want, &s, em);
	if (e != OK)
		return e;
	e = token_object_find(&s, (struct token_object_want){ want.ref, class }, &object, em);
	if (e == OK)
		e = public_read(&s, object, out, em);
	token_session_give(pool, &s);
	return e;
}

enum err token_public_key(struct token_pool *pool, struct token_ref *ref, EVP_PKEY **out, struct errmsg *em)
{
	enum err e = public_from(pool, (struct token_want){ ref, false }, CKO_PUBLIC_KEY, out, em);
	if (e != ERR_KEY || !ref->token)
		return e; /* found, or no token to look in */
	/* There is only the private object, or what there is shows after a login. */
	struct errmsg why = { "" };
	enum err second = public_from(pool, (struct token_want){ ref, true }, CKO_PUBLIC_KEY, out, &why);
	if (second == ERR_KEY)
		second = public_from(pool, (struct token_want){ ref, true }, CKO_PRIVATE_KEY, out, &why);
	return second == OK ? OK : err_set(em, second, "%s", why.text);
}
