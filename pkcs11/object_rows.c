#include "pkcs11/object_rows.h"

#include "common/crypto_gate.h"
#include "common/token_attribute.h"
#include "pkcs11/check_value.h"
#include "common/fnv.h"
#include "pkcs11/session_object.h"

#include <openssl/core_names.h>
#include <stdio.h>

#define IN(class) (1u << (class))
#define PRIVATE IN(CKO_PRIVATE_KEY)
#define PUBLIC IN(CKO_PUBLIC_KEY)
#define SECRET IN(CKO_SECRET_KEY)
#define CERT IN(CKO_CERTIFICATE)
#define DATA IN(CKO_DATA)
#define KEYS (PRIVATE | PUBLIC | SECRET)
#define PROFILE IN(CKO_PROFILE)
#define ALL (KEYS | CERT | DATA | PROFILE)
#define ANY_TYPE CK_UNAVAILABLE_INFORMATION

static bool put_bytes(struct object_value *to, struct bytes bytes)
{
	to->bytes = bytes;
	return true;
}

static bool put_number(struct object_value *to, CK_ULONG number)
{
	to->number = number;
	return put_bytes(to, (struct bytes){ (const uint8_t *)&to->number, sizeof(to->number) });
}

static bool put_flag(struct object_value *to, bool flag)
{
	to->flag = flag ? CK_TRUE : CK_FALSE;
	return put_bytes(to, (struct bytes){ &to->flag, sizeof(to->flag) });
}

static bool get_flag(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)view;
	return put_flag(to, row->arg != 0);
}

static bool get_number(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)view;
	return put_number(to, (CK_ULONG)row->arg);
}

static bool get_empty(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)view;
	(void)row;
	return put_bytes(to, (struct bytes){ (const uint8_t *)"", 0 });
}

static bool get_class(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_number(to, view->object->class);
}

static bool get_token(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_flag(to, !view->object->session_object);
}

/* A flag that only session objects have; arg: where. */
static bool get_session_flag(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	const struct session_part *part = view->object->session;
	return put_flag(to, part && *(const bool *)((const char *)part + row->arg));
}

/* Bytes that only session objects have: empty for others. */
static bool get_session_bytes(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	const struct session_part *part = view->object->session;
	const struct buf *buf = part ? (const struct buf *)((const char *)part + row->arg) : NULL;
	return put_bytes(to, buf && buf->len ? buf_bytes(buf) : (struct bytes){ (const uint8_t *)"", 0 });
}

static bool get_private(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_flag(to, object_is_private(view->object));
}

/* Array attributes are handed out by object_row_list(); nothing matches them. */
static bool get_list(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)view;
	(void)row;
	(void)to;
	return false;
}

static bool get_made_by(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_number(to, view->object->session ? view->object->session->made_by : CK_UNAVAILABLE_INFORMATION);
}

static bool get_always_sensitive(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	const struct object *o = view->object;
	return put_flag(to, o->session ? o->session->always_sensitive : o->sensitive);
}

static bool get_never_extractable(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	const struct object *o = view->object;
	return put_flag(to, o->session ? o->session->never_extractable : !o->extractable);
}

/* CKA_START_DATE, CKA_END_DATE; arg: 0, 1. */
static bool get_date(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	const struct object *o = view->object;
	struct bytes none = { (const uint8_t *)"", 0 };
	if (o->session) {
		const struct buf *date = row->arg ? &o->session->end_date : &o->session->start_date;
		return put_bytes(to, date->len ? buf_bytes(date) : none);
	}
	const char *date = !o->more ? "" : row->arg ? o->more->end_date : o->more->start_date;
	return put_bytes(to, *date ? (struct bytes){ (const uint8_t *)date, 8 } : none);
}

static bool get_always_authenticate(const struct object_view *view, const struct object_row *row,
				    struct object_value *to)
{
	(void)row;
	return put_flag(to, view->object->always_authenticate);
}

/* PKCS #11 3.0, 4.4: the same for the same object in every process, and never another's. */
static bool get_unique_id(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	const struct object *o = view->object;
	if (o->session_object) {
		snprintf(to->text, sizeof(to->text), "session-%lx", o->handle);
		return put_bytes(to, bytes_str(to->text));
	}
	const struct source *from = o->uri ? o->uri : o->content;
	char kind[64];
	snprintf(kind, sizeof(kind), "%lu %u %lu ", o->class, o->chain, o->more ? o->more->profile : 0);
	uint64_t name = fnv64_more(fnv64(bytes_str(kind)), (struct bytes){ (const uint8_t *)o->label, o->label_len });
	uint64_t rest = fnv64_more(fnv64((struct bytes){ o->id, o->id_len }), bytes_str(from ? source_name(from) : ""));
	snprintf(to->text, sizeof(to->text), "%016llx%016llx", (unsigned long long)name, (unsigned long long)rest);
	return put_bytes(to, bytes_str(to->text));
}

/* PKCS #11 2.40, 4.6.2: 1 a token user's, 2 an authority's. Of what its place says, without a look inside. */
static bool get_category(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	const struct object *o = view->object;
	return put_number(to, o->chain ? 2 : o->derived ? 1 : 0);
}

static bool get_time_left(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	if (!view->object->content)
		return false;
	struct source_expiry expiry = source_expiry(view->object->content);
	return expiry.held && put_number(to, (CK_ULONG)(expiry.left_ms > 0 ? expiry.left_ms / 1000 : 0));
}

static bool get_profile(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return view->object->more && put_number(to, view->object->more->profile);
}

static bool get_label(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_bytes(to, (struct bytes){ (const uint8_t *)view->object->label, view->object->label_len });
}

static bool get_id(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_bytes(to, (struct bytes){ view->object->id, view->object->id_len });
}

static bool get_key_type(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return view->key_type != ANY_TYPE && put_number(to, view->key_type);
}

static bool get_sensitive(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_flag(to, view->object->sensitive);
}

static bool get_extractable(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return put_flag(to, view->object->extractable);
}

static bool get_usage(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	return put_flag(to, object_may(view->object, view->key_type, row->type));
}

static bool get_mechanisms(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	struct bytes allowed = object_allowed_mechanisms(view->object);
	if (allowed.len)
		return put_bytes(to, allowed);
	size_t n = mechanism_list_for(view->key_type, to->mechanisms);
	return put_bytes(to, (struct bytes){ (const uint8_t *)to->mechanisms, n * sizeof(*to->mechanisms) });
}

/* One of the buffers of the material; arg: its offset. */
static bool get_public(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	if (!view->material)
		return false;
	const struct buf *buf = (const struct buf *)((const char *)view->material + row->arg);
	return buf->len > 0 && put_bytes(to, buf_bytes(buf));
}

static bool get_bits(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return view->material && put_number(to, view->material->bits);
}

static bool get_raw(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return view->material && view->material->raw && put_bytes(to, secret_bytes(view->material->raw));
}

static bool get_raw_length(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return view->material && view->material->raw && put_number(to, secret_len(view->material->raw));
}

static bool is_pqc(CK_KEY_TYPE type)
{
	return type == CKK_ML_KEM || type == CKK_ML_DSA || type == CKK_SLH_DSA;
}

static bool get_parameter_set(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	return view->material && is_pqc(view->key_type) && put_number(to, view->material->parameter_set);
}

/* An octet string of OpenSSL's, straight into the arena. */
static bool get_octets(EVP_PKEY *key, const char *param, struct object_value *to)
{
	size_t len = 0;
	if (EVP_PKEY_get_octet_string_param(key, param, NULL, 0, &len) != 1 || !len ||
	    secret_new(len, &to->secret, NULL) != OK)
		return false;
	return EVP_PKEY_get_octet_string_param(key, param, secret_data(to->secret), len, &len) == 1 &&
	       put_bytes(to, secret_bytes(to->secret));
}

/* RFC 7748, RFC 8032: 32 bytes. */
static bool get_raw_private(EVP_PKEY *key, struct object_value *to)
{
	size_t len = 0;
	if (EVP_PKEY_get_raw_private_key(key, NULL, &len) != 1 || secret_new(len, &to->secret, NULL) != OK)
		return false;
	return EVP_PKEY_get_raw_private_key(key, secret_data(to->secret), &len) == 1 &&
	       put_bytes(to, secret_bytes(to->secret));
}

/* A private number of an extractable key, straight into the arena. */
static bool get_private_part(const struct object_view *view, const struct object_row *row, struct object_value *to)
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

/* PKCS #11 2.40, 4.6.2 and 4.10.2: three bytes that tell keys apart. Of AES what it makes of a block of zeros, else of
 * the SHA-1 of the value. */
static bool get_check_value(const struct object_view *view, const struct object_row *row, struct object_value *to)
{
	(void)row;
	const struct material *m = view->material;
	if (!m)
		return false;
	struct bytes value = m->certificate ? buf_bytes(&m->cert) : secret_bytes(m->raw);
	bool aes = !m->certificate && view->key_type == CKK_AES;
	crypto_gate_enter();
	bool good = aes ? check_value_aes(value, to->digest) : check_value_sha1(value, to->digest);
	crypto_gate_leave();
	return good && put_bytes(to, (struct bytes){ to->digest, 3 });
}

#define PART(name) offsetof(struct material, name)
#define SESSION(name) offsetof(struct session_part, name)

/* PKCS #11 2.40, sections 4.4 to 4.10, and its mechanisms document, 2.1 and 2.3, for the parts of keys. */
static const struct object_row rows[] = {
	{ CKA_CLASS, ALL, NEED_NOTHING, ANY_TYPE, get_class, 0, NULL },
	{ CKA_TOKEN, ALL, NEED_NOTHING, ANY_TYPE, get_token, 0, NULL },
	{ CKA_PRIVATE, ALL, NEED_NOTHING, ANY_TYPE, get_private, 0, NULL },
	{ CKA_MODIFIABLE, ALL, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(modifiable), NULL },
	{ CKA_COPYABLE, ALL, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(copyable), NULL },
	{ CKA_DESTROYABLE, ALL, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(destroyable), NULL },
	{ CKA_LABEL, ALL, NEED_NOTHING, ANY_TYPE, get_label, 0, NULL },
	{ CKA_ID, KEYS | CERT, NEED_NOTHING, ANY_TYPE, get_id, 0, NULL },

	{ CKA_KEY_TYPE, KEYS, NEED_TYPE, ANY_TYPE, get_key_type, 0, NULL },
	{ CKA_UNIQUE_ID, ALL, NEED_NOTHING, ANY_TYPE, get_unique_id, 0, NULL },
	{ CKA_KBS_TIME_LEFT, KEYS | CERT | DATA, NEED_NOTHING, ANY_TYPE, get_time_left, 0, NULL },
	{ CKA_PROFILE_ID, PROFILE, NEED_NOTHING, ANY_TYPE, get_profile, 0, NULL },
	{ CKA_START_DATE, KEYS | CERT, NEED_NOTHING, ANY_TYPE, get_date, 0, NULL },
	{ CKA_END_DATE, KEYS | CERT, NEED_NOTHING, ANY_TYPE, get_date, 1, NULL },
	{ CKA_LOCAL, KEYS, NEED_NOTHING, ANY_TYPE, get_session_flag, SESSION(local), NULL },
	{ CKA_KEY_GEN_MECHANISM, KEYS, NEED_NOTHING, ANY_TYPE, get_made_by, 0, NULL },
	{ CKA_ALLOWED_MECHANISMS, KEYS, NEED_TYPE, ANY_TYPE, get_mechanisms, 0, NULL },

	{ CKA_WRAP_TEMPLATE, PUBLIC | SECRET, NEED_NOTHING, ANY_TYPE, get_list, SESSION(wrap_template), NULL },
	{ CKA_UNWRAP_TEMPLATE, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_list, SESSION(unwrap_template), NULL },
	{ CKA_DERIVE_TEMPLATE, PRIVATE | SECRET, NEED_NOTHING, ANY_TYPE, get_list, SESSION(derive_template), NULL },

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
	{ CKA_ALWAYS_AUTHENTICATE, PRIVATE, NEED_NOTHING, ANY_TYPE, get_always_authenticate, 0, NULL },
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
	{ CKA_CERTIFICATE_CATEGORY, CERT, NEED_NOTHING, ANY_TYPE, get_category, 0, NULL },
	{ CKA_JAVA_MIDP_SECURITY_DOMAIN, CERT, NEED_NOTHING, ANY_TYPE, get_number, 0, NULL },
	{ CKA_URL, CERT, NEED_NOTHING, ANY_TYPE, get_empty, 0, NULL },
	{ CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT, NEED_NOTHING, ANY_TYPE, get_empty, 0, NULL },
	{ CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERT, NEED_NOTHING, ANY_TYPE, get_empty, 0, NULL },
	{ CKA_VALUE, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(cert), NULL },
	{ CKA_SUBJECT, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(subject), NULL },
	{ CKA_ISSUER, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(issuer), NULL },
	{ CKA_SERIAL_NUMBER, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(cert_serial), NULL },
	{ CKA_PUBLIC_KEY_INFO, CERT, NEED_CONTENT, ANY_TYPE, get_public, PART(spki), NULL },
	{ CKA_CHECK_VALUE, CERT | SECRET, NEED_CONTENT, ANY_TYPE, get_check_value, 0, NULL },

	{ CKA_APPLICATION, DATA, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(application), NULL },
	{ CKA_OBJECT_ID, DATA, NEED_NOTHING, ANY_TYPE, get_session_bytes, SESSION(object_id), NULL },
	{ CKA_VALUE, DATA, NEED_CONTENT, ANY_TYPE, get_raw, 0, NULL },
};

const struct object_row *object_row_find(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == type && (rows[i].classes & IN(class)))
			return &rows[i];
	return NULL;
}

bool object_row_is_private_part(const struct object_row *row)
{
	return row->get == get_private_part;
}

bool object_row_is_raw(const struct object_row *row)
{
	return row->get == get_raw;
}

const struct attribute_list *object_row_list(const struct object_row *row, const struct object *o)
{
	static const struct attribute_list none = { NULL, 0 };
	if (row->get != get_list)
		return NULL;
	return o->session ? (const struct attribute_list *)((const char *)o->session + row->arg) : &none;
}
