#include "pkcs11/object_attributes.h"

#include "pkcs11/ckr.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/session_object.h"

#include <openssl/core_names.h>

enum need {
	NEED_NOTHING, /* the catalog knows */
	NEED_TYPE, /* the type of the key: the catalog may know */
	NEED_PUBLIC, /* the public half */
	NEED_CONTENT, /* the resource itself */
};

/* A value on its way out. `bytes` points to the object's own memory, or to what is below it. */
struct value {
	struct bytes bytes;
	CK_ULONG number;
	CK_BBOOL flag;
	CK_MECHANISM_TYPE mechanisms[MECHANISM_MAX];
	struct secret *secret; /* the caller frees it */
};

struct view {
	const struct object *object;
	const struct material *material; /* NULL where nothing was needed */
	CK_KEY_TYPE key_type;
};

struct row;
typedef bool getter(const struct view *view, const struct row *row, struct value *to);

#define IN(class) (1u << (class))
#define PRIVATE IN(CKO_PRIVATE_KEY)
#define PUBLIC IN(CKO_PUBLIC_KEY)
#define SECRET IN(CKO_SECRET_KEY)
#define CERT IN(CKO_CERTIFICATE)
#define DATA IN(CKO_DATA)
#define KEYS (PRIVATE | PUBLIC | SECRET)
#define ALL (KEYS | CERT | DATA)
#define ANY_TYPE CK_UNAVAILABLE_INFORMATION

struct row {
	CK_ATTRIBUTE_TYPE type;
	unsigned classes;
	enum need need;
	CK_KEY_TYPE key_type; /* has it only for keys of that type */
	getter *get;
	size_t arg;
	const char *param; /* OpenSSL's name of a private part */
};

static bool put_bytes(struct value *to, struct bytes bytes)
{
	to->bytes = bytes;
	return true;
}

static bool put_number(struct value *to, CK_ULONG number)
{
	to->number = number;
	return put_bytes(to, (struct bytes){ (const uint8_t *)&to->number, sizeof(to->number) });
}

static bool put_flag(struct value *to, bool flag)
{
	to->flag = flag ? CK_TRUE : CK_FALSE;
	return put_bytes(to, (struct bytes){ &to->flag, sizeof(to->flag) });
}

static bool get_flag(const struct view *view, const struct row *row, struct value *to)
{
	(void)view;
	return put_flag(to, row->arg != 0);
}

static bool get_number(const struct view *view, const struct row *row, struct value *to)
{
	(void)view;
	return put_number(to, (CK_ULONG)row->arg);
}

static bool get_empty(const struct view *view, const struct row *row, struct value *to)
{
	(void)view;
	(void)row;
	return put_bytes(to, (struct bytes){ (const uint8_t *)"", 0 });
}

static bool get_class(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_number(to, view->object->class);
}

static bool get_token(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_flag(to, !view->object->session_object);
}

/* A flag that only session objects have; arg: where. */
static bool get_session_flag(const struct view *view, const struct row *row, struct value *to)
{
	const struct session_part *part = view->object->session;
	return put_flag(to, part && *(const bool *)((const char *)part + row->arg));
}

/* Bytes that only session objects have: empty for others. */
static bool get_session_bytes(const struct view *view, const struct row *row, struct value *to)
{
	const struct session_part *part = view->object->session;
	const struct buf *buf = part ? (const struct buf *)((const char *)part + row->arg) : NULL;
	return put_bytes(to, buf && buf->len ? buf_bytes(buf) : (struct bytes){ (const uint8_t *)"", 0 });
}

static bool get_private(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_flag(to, object_is_private(view->object));
}

static bool get_made_by(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_number(to, view->object->session ? view->object->session->made_by : CK_UNAVAILABLE_INFORMATION);
}

static bool get_always_sensitive(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	const struct object *o = view->object;
	return put_flag(to, o->session ? o->session->always_sensitive : o->sensitive);
}

static bool get_never_extractable(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	const struct object *o = view->object;
	return put_flag(to, o->session ? o->session->never_extractable : !o->extractable);
}

static bool get_label(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_bytes(to, (struct bytes){ (const uint8_t *)view->object->label, view->object->label_len });
}

static bool get_id(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_bytes(to, (struct bytes){ view->object->id, view->object->id_len });
}

static bool get_key_type(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return view->key_type != ANY_TYPE && put_number(to, view->key_type);
}

static bool get_sensitive(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_flag(to, view->object->sensitive);
}

static bool get_extractable(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return put_flag(to, view->object->extractable);
}

static bool get_usage(const struct view *view, const struct row *row, struct value *to)
{
	return put_flag(to, object_may(view->object, view->key_type, row->type));
}

static bool get_mechanisms(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	const struct session_part *part = view->object->session;
	if (part && part->allowed.len)
		return put_bytes(to, buf_bytes(&part->allowed));
	size_t n = mechanism_list_for(view->key_type, to->mechanisms);
	return put_bytes(to, (struct bytes){ (const uint8_t *)to->mechanisms, n * sizeof(*to->mechanisms) });
}

/* One of the buffers of the material; arg: its offset. */
static bool get_public(const struct view *view, const struct row *row, struct value *to)
{
	if (!view->material)
		return false;
	const struct buf *buf = (const struct buf *)((const char *)view->material + row->arg);
	return buf->len > 0 && put_bytes(to, buf_bytes(buf));
}

static bool get_bits(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return view->material && put_number(to, view->material->bits);
}

static bool get_raw(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return view->material && view->material->raw && put_bytes(to, secret_bytes(view->material->raw));
}

static bool get_raw_length(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return view->material && view->material->raw && put_number(to, secret_len(view->material->raw));
}

static bool is_pqc(CK_KEY_TYPE type)
{
	return type == CKK_ML_KEM || type == CKK_ML_DSA || type == CKK_SLH_DSA;
}

static bool get_parameter_set(const struct view *view, const struct row *row, struct value *to)
{
	(void)row;
	return view->material && is_pqc(view->key_type) && put_number(to, view->material->parameter_set);
}

/* An octet string of OpenSSL's, straight into the arena. */
static bool get_octets(EVP_PKEY *key, const char *param, struct value *to)
{
	size_t len = 0;
	if (EVP_PKEY_get_octet_string_param(key, param, NULL, 0, &len) != 1 || !len ||
	    secret_new(len, &to->secret, NULL) != OK)
		return false;
	return EVP_PKEY_get_octet_string_param(key, param, secret_data(to->secret), len, &len) == 1 &&
	       put_bytes(to, secret_bytes(to->secret));
}

/* RFC 7748, RFC 8032: 32 bytes. */
static bool get_raw_private(EVP_PKEY *key, struct value *to)
{
	size_t len = 0;
	if (EVP_PKEY_get_raw_private_key(key, NULL, &len) != 1 || secret_new(len, &to->secret, NULL) != OK)
		return false;
	return EVP_PKEY_get_raw_private_key(key, secret_data(to->secret), &len) == 1 &&
	       put_bytes(to, secret_bytes(to->secret));
}

/* A private number of an extractable key, straight into the arena. */
static bool get_private_part(const struct view *view, const struct row *row, struct value *to)
{
	BIGNUM *number = NULL;
	if (view->key_type == CKK_EC_EDWARDS || view->key_type == CKK_EC_MONTGOMERY)
		return row->type == CKA_VALUE && view->material && get_raw_private(view->material->key, to);
	if (is_pqc(view->key_type))
		return view->material && get_octets(view->material->key, row->param, to);
	if (row->type == CKA_SEED || (row->type == CKA_VALUE && view->key_type != CKK_EC))
		return false;
	if (!view->material || !view->material->key || !EVP_PKEY_get_bn_param(view->material->key, row->param, &number))
		return false;
	int width = view->key_type == CKK_EC ? (int)(view->material->bits + 7) / 8 : BN_num_bytes(number);
	bool good = secret_new((size_t)width, &to->secret, NULL) == OK &&
		    BN_bn2binpad(number, secret_data(to->secret), width) >= 0;
	BN_clear_free(number);
	return good && put_bytes(to, secret_bytes(to->secret));
}

#define PART(name) offsetof(struct material, name)
#define SESSION(name) offsetof(struct session_part, name)

/* PKCS #11 2.40, sections 4.4 to 4.10, and its mechanisms document, 2.1 and 2.3, for the parts of keys. */
static const struct row rows[] = {
	{ CKA_CLASS, ALL, NEED_NOTHING, ANY_TYPE, get_class, 0, NULL },
	{ CKA_TOKEN, ALL, NEED_NOTHING, ANY_TYPE, get_token, 0, NULL },
	{ CKA_PRIVATE, ALL, NEED_NOTHING, ANY_TYPE, get_private, 0, NULL },
	{ CKA_MODIFIABLE, ALL, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(modifiable), NULL },
	{ CKA_COPYABLE, ALL, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(copyable), NULL },
	{ CKA_DESTROYABLE, ALL, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(destroyable), NULL },
	{ CKA_LABEL, ALL, NEED_NOTHING, ANY_TYPE, get_label, 0, NULL },
	{ CKA_ID, KEYS | CERT, NEED_NOTHING, ANY_TYPE, get_id, 0, NULL },

	{ CKA_KEY_TYPE, KEYS, NEED_TYPE, ANY_TYPE, get_key_type, 0, NULL },
	{ CKA_START_DATE, KEYS | CERT, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(start_date), NULL },
	{ CKA_END_DATE, KEYS | CERT, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(end_date), NULL },
	{ CKA_LOCAL, KEYS, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(local), NULL },
	{ CKA_KEY_GEN_MECHANISM, KEYS, NEED_NOTHING, ANY_TYPE, get_made_by, 0, NULL },
	{ CKA_ALLOWED_MECHANISMS, KEYS, NEED_TYPE, ANY_TYPE, get_mechanisms, 0, NULL },

	/* Whatever key it is, it can sign: that needs no look inside. */
	{ CKA_SIGN, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_VERIFY, PUBLIC | SECRET, NEED_NOTHING, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_DECRYPT, PRIVATE | SECRET, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_ENCRYPT, PUBLIC | SECRET, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_DERIVE, KEYS, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_SIGN_RECOVER, PRIVATE, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_VERIFY_RECOVER, PUBLIC, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_ENCAPSULATE, PUBLIC, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_DECAPSULATE, PRIVATE, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_WRAP, PUBLIC | SECRET, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_UNWRAP, PRIVATE | SECRET, NEED_TYPE, ANY_TYPE, get_usage, 0, NULL },
	{ CKA_TRUSTED, PUBLIC | SECRET | CERT, NEED_NOTHING, ANY_TYPE, get_flag, 0, NULL },
	{ CKA_WRAP_WITH_TRUSTED, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(wrap_with_trusted),
	  NULL },
	{ CKA_ALWAYS_AUTHENTICATE, PRIVATE, NEED_NOTHING, ANY_TYPE, get_flag, 0, NULL },
	{ CKA_SENSITIVE, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_sensitive, 0, NULL },
	{ CKA_ALWAYS_SENSITIVE, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_always_sensitive, 0, NULL },
	{ CKA_EXTRACTABLE, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_extractable, 0, NULL },
	{ CKA_NEVER_EXTRACTABLE, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_never_extractable, 0, NULL },

	{ CKA_SUBJECT, PRIVATE | PUBLIC, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(subject), NULL },
	{ CKA_PUBLIC_KEY_INFO, PRIVATE | PUBLIC, NEED_PUBLIC, ANY_TYPE, get_public, PART(spki), NULL },
	{ CKA_MODULUS, PRIVATE | PUBLIC, NEED_PUBLIC, CKK_RSA, get_public, PART(modulus), NULL },
	{ CKA_PUBLIC_EXPONENT, PRIVATE | PUBLIC, NEED_PUBLIC, CKK_RSA, get_public, PART(exponent), NULL },
	{ CKA_MODULUS_BITS, PUBLIC, NEED_PUBLIC, CKK_RSA, get_bits, 0, NULL },
	{ CKA_EC_PARAMS, PRIVATE | PUBLIC, NEED_PUBLIC, ANY_TYPE, get_public, PART(ec_params), NULL },
	/* The standard has it on public keys; libp11 looks for it on private ones too. */
	{ CKA_EC_POINT, PRIVATE | PUBLIC, NEED_PUBLIC, ANY_TYPE, get_public, PART(ec_point), NULL },

	{ CKA_PARAMETER_SET, PRIVATE | PUBLIC, NEED_PUBLIC, ANY_TYPE, get_parameter_set, 0, NULL },
	{ CKA_VALUE, PUBLIC, NEED_PUBLIC, ANY_TYPE, get_public, PART(value), NULL },
	{ CKA_SEED, PRIVATE, NEED_CONTENT, ANY_TYPE, get_private_part, 0, "seed" },
	{ CKA_PRIVATE_EXPONENT, PRIVATE, NEED_CONTENT, CKK_RSA, get_private_part, 0, OSSL_PKEY_PARAM_RSA_D },
	{ CKA_PRIME_1, PRIVATE, NEED_CONTENT, CKK_RSA, get_private_part, 0, OSSL_PKEY_PARAM_RSA_FACTOR1 },
	{ CKA_PRIME_2, PRIVATE, NEED_CONTENT, CKK_RSA, get_private_part, 0, OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ CKA_EXPONENT_1, PRIVATE, NEED_CONTENT, CKK_RSA, get_private_part, 0, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
	{ CKA_EXPONENT_2, PRIVATE, NEED_CONTENT, CKK_RSA, get_private_part, 0, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
	{ CKA_COEFFICIENT, PRIVATE, NEED_CONTENT, CKK_RSA, get_private_part, 0, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	{ CKA_VALUE, PRIVATE, NEED_CONTENT, ANY_TYPE, get_private_part, 0, OSSL_PKEY_PARAM_PRIV_KEY },
	{ CKA_VALUE, SECRET, NEED_CONTENT, ANY_TYPE, get_raw, 0, NULL },
	{ CKA_VALUE_LEN, SECRET, NEED_CONTENT, ANY_TYPE, get_raw_length, 0, NULL },

	{ CKA_CERTIFICATE_TYPE, CERT, NEED_NOTHING, ANY_TYPE, get_number, CKC_X_509, NULL },
	{ CKA_CERTIFICATE_CATEGORY, CERT, NEED_NOTHING, ANY_TYPE, get_number, 0, NULL },
	{ CKA_JAVA_MIDP_SECURITY_DOMAIN, CERT, NEED_NOTHING, ANY_TYPE, get_number, 0, NULL },
	{ CKA_URL, CERT, NEED_NOTHING, ANY_TYPE, get_empty, 0, NULL },
	{ CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT, NEED_NOTHING, ANY_TYPE, get_empty, 0, NULL },
	{ CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERT, NEED_NOTHING, ANY_TYPE, get_empty, 0, NULL },
	{ CKA_VALUE, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(cert), NULL },
	{ CKA_SUBJECT, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(subject), NULL },
	{ CKA_ISSUER, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(issuer), NULL },
	{ CKA_SERIAL_NUMBER, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(cert_serial), NULL },
	{ CKA_PUBLIC_KEY_INFO, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(spki), NULL },

	{ CKA_APPLICATION, DATA, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(application), NULL },
	{ CKA_OBJECT_ID, DATA, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(object_id), NULL },
	{ CKA_VALUE, DATA, NEED_CONTENT, ANY_TYPE, get_raw, 0, NULL },
};

bool object_attributes_usable(CK_OBJECT_CLASS class, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE usage)
{
	bool secret = class == CKO_SECRET_KEY, aes = secret && type == CKK_AES;
	bool rsa_private = class == CKO_PRIVATE_KEY && type == CKK_RSA;
	bool rsa_public = class == CKO_PUBLIC_KEY && type == CKK_RSA;
	switch (usage) {
	case CKA_SIGN:
		return class == CKO_PRIVATE_KEY || secret;
	case CKA_VERIFY:
		return class == CKO_PUBLIC_KEY || secret;
	case CKA_DECRYPT:
	case CKA_UNWRAP:
		return rsa_private || aes;
	case CKA_ENCRYPT:
	case CKA_WRAP:
		return rsa_public || aes;
	case CKA_DERIVE:
		return (class == CKO_PRIVATE_KEY && (type == CKK_EC || type == CKK_EC_MONTGOMERY)) ||
		       (secret && (type == CKK_GENERIC_SECRET || type == CKK_HKDF));
	case CKA_SIGN_RECOVER:
		return rsa_private;
	case CKA_VERIFY_RECOVER:
		return rsa_public;
	case CKA_ENCAPSULATE:
		return class == CKO_PUBLIC_KEY && type == CKK_ML_KEM;
	case CKA_DECAPSULATE:
		return class == CKO_PRIVATE_KEY && type == CKK_ML_KEM;
	default:
		return false;
	}
}

static const struct row *row_find(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == type && (rows[i].classes & IN(o->class)))
			return &rows[i];
	return NULL;
}

/* What must not be read out: private parts and secret values, and what is a key behind a data object's name. */
static bool is_guarded(const struct object *o, const struct row *row)
{
	if (row->get == get_private_part || (row->get == get_raw && o->class == CKO_SECRET_KEY))
		return o->sensitive || !o->extractable;
	return row->get == get_raw && o->class == CKO_DATA && !o->extractable && o->content &&
	       source_is_key(o->content);
}

/* The type of a key as far as it is known. */
static CK_KEY_TYPE known_type(const struct object *o, const struct material *m)
{
	if (o->hint != ANY_TYPE)
		return o->hint;
	if (m && m->key)
		return m->key_type;
	if (m && m->raw && o->class == CKO_SECRET_KEY) {
		size_t len = secret_len(m->raw);
		return len == 16 || len == 24 || len == 32 ? CKK_AES : CKK_GENERIC_SECRET;
	}
	return ANY_TYPE;
}

/* Loads what the row needs into *held, unless it is there. */
static enum err load_for(struct object *o, enum need need, struct material **held, struct errmsg *em)
{
	if (need == NEED_NOTHING || (need == NEED_TYPE && o->hint != ANY_TYPE))
		return OK;
	if (*held && (need != NEED_CONTENT || o->own || (*held)->private_key || o->class != CKO_PRIVATE_KEY))
		return OK;
	material_free(*held);
	*held = NULL;
	bool pair = o->class == CKO_PRIVATE_KEY || o->class == CKO_PUBLIC_KEY;
	return need == NEED_CONTENT || !pair ? object_content(o, held, em) : object_public(o, held, em);
}

static bool get_value(const struct object *o, const struct row *row, const struct material *m, struct value *to)
{
	struct view view = { o, m, known_type(o, m) };
	if (row->key_type != ANY_TYPE && row->key_type != view.key_type)
		return false;
	return row->get(&view, row, to);
}

static CK_RV hand_out(CK_ATTRIBUTE *a, struct bytes bytes)
{
	if (!a->pValue) {
		a->ulValueLen = bytes.len;
		return CKR_OK;
	}
	if (a->ulValueLen < bytes.len) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	if (bytes.len)
		memcpy(a->pValue, bytes.data, bytes.len);
	a->ulValueLen = bytes.len;
	return CKR_OK;
}

static CK_RV get_one(struct object *o, CK_ATTRIBUTE *a, struct material **held)
{
	const struct row *row = row_find(o, a->type);
	CK_RV rv = CKR_ATTRIBUTE_TYPE_INVALID;
	if (row && is_guarded(o, row)) {
		rv = CKR_ATTRIBUTE_SENSITIVE;
	} else if (row) {
		struct errmsg em;
		enum err e = load_for(o, row->need, held, &em);
		if (e != OK) {
			a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
			return ckr_from_err(e, CKR_CALL_OBJECT, &em);
		}
		struct value value = { .secret = NULL };
		/* A private key that was stored where data was expected stays in. */
		if (row->get == get_raw && *held && (*held)->private_key)
			rv = CKR_ATTRIBUTE_SENSITIVE;
		else if (get_value(o, row, *held, &value))
			rv = hand_out(a, value.bytes);
		secret_free(value.secret);
	}
	if (rv != CKR_OK)
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return rv;
}

static bool goes_on(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
	       rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV object_attributes_get(struct object *o, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(material) *held = NULL;
	CK_RV result = CKR_OK;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV rv = get_one(o, &attributes[i], &held);
		if (rv != CKR_OK && (result == CKR_OK || !goes_on(rv)))
			result = rv;
		if (goes_on(rv))
			continue;
		for (i++; i < count; i++)
			attributes[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
	}
	return result;
}

struct bytes object_attributes_bare_point(struct bytes point)
{
	const uint8_t *der = point.data;
	if (point.len > 2 && der[0] == 0x04 && der[1] < 0x80 && der[1] == point.len - 2)
		return (struct bytes){ der + 2, point.len - 2 };
	if (point.len > 3 && der[0] == 0x04 && der[1] == 0x81 && der[2] == point.len - 3)
		return (struct bytes){ der + 3, point.len - 3 };
	return point;
}

/* Some leave the OCTET STRING around a point out. */
static bool same_value(const CK_ATTRIBUTE *a, struct bytes value)
{
	struct bytes wanted = { a->pValue, a->ulValueLen };
	if (bytes_equal(wanted, value))
		return true;
	return a->type == CKA_EC_POINT && wanted.len && bytes_equal(wanted, object_attributes_bare_point(value));
}

static bool match_one(struct object *o, const CK_ATTRIBUTE *a, struct material **known)
{
	const struct row *row = row_find(o, a->type);
	if (!row || is_guarded(o, row) || row->get == get_private_part)
		return false;
	bool needs = row->need != NEED_NOTHING && !(row->need == NEED_TYPE && o->hint != ANY_TYPE);
	if (needs && !*known)
		*known = object_public_known(o);
	if (needs && !*known)
		return false;
	struct value value = { .secret = NULL };
	if (!get_value(o, row, *known, &value))
		return false;
	return same_value(a, value.bytes);
}

bool object_attributes_match(struct object *o, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(material) *known = NULL;
	bool match = true;
	for (CK_ULONG i = 0; match && i < count; i++)
		match = match_one(o, &attributes[i], &known);
	return match;
}
