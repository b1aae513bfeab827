#include "pkcs11/template.h"

#include "pkcs11/attribute_list.h"
#include "pkcs11/entry.h"

enum kind { FLAG, USAGE, NUMBER, RAW, DATE, LIST };

#define C TEMPLATE_CREATE
#define G TEMPLATE_GENERATE
#define D TEMPLATE_DERIVE
#define U TEMPLATE_UNWRAP
#define P TEMPLATE_COPY
#define S TEMPLATE_SET
#define MAKE (C | G | D | U)
#define ANY (MAKE | P | S)

#define IN(class) (1u << (class))
#define PRIVATE IN(CKO_PRIVATE_KEY)
#define PUBLIC IN(CKO_PUBLIC_KEY)
#define SECRET IN(CKO_SECRET_KEY)
#define CERT IN(CKO_CERTIFICATE)
#define DATA IN(CKO_DATA)
#define KEYS (PRIVATE | PUBLIC | SECRET)
#define ALL (KEYS | CERT | DATA)
#define VALUE_MAX 65536

struct rule {
	CK_ATTRIBUTE_TYPE type;
	enum kind kind;
	unsigned classes;
	unsigned uses; /* when it may be given; 0: never, the token says what it is */
	size_t offset; /* in struct template; of a usage: its bit */
	size_t max; /* bytes */
};

#define AT(member) offsetof(struct template, member)
static const struct rule rules[] = {
	{ CKA_CLASS, NUMBER, ALL, MAKE, AT(class), 0 },
	{ CKA_TOKEN, FLAG, ALL, MAKE | P, AT(token), 0 },
	{ CKA_PRIVATE, FLAG, ALL, MAKE | P, AT(private), 0 },
	{ CKA_MODIFIABLE, FLAG, ALL, MAKE | P, AT(modifiable), 0 },
	{ CKA_COPYABLE, FLAG, ALL, MAKE | P | S, AT(copyable), 0 },
	{ CKA_DESTROYABLE, FLAG, ALL, MAKE | P, AT(destroyable), 0 },
	{ CKA_LABEL, RAW, ALL, ANY, AT(label), ENTRY_LABEL_MAX },
	{ CKA_ID, RAW, KEYS | CERT, ANY, AT(id), ENTRY_ID_MAX },
	{ CKA_KEY_TYPE, NUMBER, KEYS, MAKE, AT(key_type), 0 },
	{ CKA_START_DATE, DATE, KEYS | CERT, ANY, AT(start_date), 8 },
	{ CKA_END_DATE, DATE, KEYS | CERT, ANY, AT(end_date), 8 },
	{ CKA_ALLOWED_MECHANISMS, RAW, KEYS, MAKE | P, AT(allowed), 4096 },
	{ CKA_WRAP_TEMPLATE, LIST, PUBLIC | SECRET, MAKE | P, AT(wrap_template), 4096 },
	{ CKA_UNWRAP_TEMPLATE, LIST, PRIVATE | SECRET, MAKE | P, AT(unwrap_template), 4096 },
	{ CKA_DERIVE_TEMPLATE, LIST, PRIVATE | SECRET, MAKE | P, AT(derive_template), 4096 },
	{ CKA_ENCRYPT, USAGE, PUBLIC | SECRET, ANY, USAGE_ENCRYPT, 0 },
	{ CKA_DECRYPT, USAGE, PRIVATE | SECRET, ANY, USAGE_DECRYPT, 0 },
	{ CKA_SIGN, USAGE, PRIVATE | SECRET, ANY, USAGE_SIGN, 0 },
	{ CKA_VERIFY, USAGE, PUBLIC | SECRET, ANY, USAGE_VERIFY, 0 },
	{ CKA_WRAP, USAGE, PUBLIC | SECRET, ANY, USAGE_WRAP, 0 },
	{ CKA_UNWRAP, USAGE, PRIVATE | SECRET, ANY, USAGE_UNWRAP, 0 },
	{ CKA_DERIVE, USAGE, KEYS, ANY, USAGE_DERIVE, 0 },
	{ CKA_SIGN_RECOVER, USAGE, PRIVATE, ANY, USAGE_SIGN_RECOVER, 0 },
	{ CKA_VERIFY_RECOVER, USAGE, PUBLIC, ANY, USAGE_VERIFY_RECOVER, 0 },
	{ CKA_ENCAPSULATE, USAGE, PUBLIC, ANY, USAGE_ENCAPSULATE, 0 },
	{ CKA_DECAPSULATE, USAGE, PRIVATE, ANY, USAGE_DECAPSULATE, 0 },
	{ CKA_SENSITIVE, FLAG, PRIVATE | SECRET, ANY, AT(sensitive), 0 },
	{ CKA_EXTRACTABLE, FLAG, PRIVATE | SECRET, ANY, AT(extractable), 0 },
	{ CKA_TRUSTED, FLAG, PUBLIC | SECRET | CERT, MAKE | P, AT(trusted), 0 },
	{ CKA_WRAP_WITH_TRUSTED, FLAG, PRIVATE | SECRET, ANY, AT(wrap_with_trusted), 0 },
	{ CKA_ALWAYS_AUTHENTICATE, FLAG, PRIVATE, MAKE | P, AT(always_authenticate), 0 },
	{ CKA_LOCAL, FLAG, KEYS, 0, 0, 0 },
	{ CKA_UNIQUE_ID, RAW, ALL, 0, 0, 0 },
	{ CKA_ALWAYS_SENSITIVE, FLAG, PRIVATE | SECRET, 0, 0, 0 },
	{ CKA_NEVER_EXTRACTABLE, FLAG, PRIVATE | SECRET, 0, 0, 0 },
	{ CKA_KEY_GEN_MECHANISM, NUMBER, KEYS, 0, 0, 0 },
	{ CKA_SUBJECT, RAW, PRIVATE | PUBLIC, ANY, AT(subject), VALUE_MAX },
	{ CKA_SUBJECT, RAW, CERT, C, AT(subject), VALUE_MAX },
	{ CKA_VALUE, RAW, PRIVATE | PUBLIC | SECRET | CERT, C, AT(value), VALUE_MAX },
	{ CKA_VALUE, RAW, DATA, C | S, AT(value), VALUE_MAX },
	{ CKA_VALUE_LEN, NUMBER, SECRET | DATA, G | D | U, AT(value_len), 0 },
	{ CKA_MODULUS, RAW, PRIVATE | PUBLIC, C, AT(modulus), 2048 },
	{ CKA_MODULUS_BITS, NUMBER, PUBLIC, G, AT(modulus_bits), 0 },
	{ CKA_PUBLIC_EXPONENT, RAW, PUBLIC, C | G, AT(public_exponent), 2048 },
	{ CKA_PUBLIC_EXPONENT, RAW, PRIVATE, C, AT(public_exponent), 2048 },
	{ CKA_PRIVATE_EXPONENT, RAW, PRIVATE, C, AT(private_exponent), 2048 },
	{ CKA_PRIME_1, RAW, PRIVATE, C, AT(prime_1), 2048 },
	{ CKA_PRIME_2, RAW, PRIVATE, C, AT(prime_2), 2048 },
	{ CKA_EXPONENT_1, RAW, PRIVATE, C, AT(exponent_1), 2048 },
	{ CKA_EXPONENT_2, RAW, PRIVATE, C, AT(exponent_2), 2048 },
	{ CKA_COEFFICIENT, RAW, PRIVATE, C, AT(coefficient), 2048 },
	{ CKA_EC_PARAMS, RAW, PUBLIC, C | G, AT(ec_params), 64 },
	{ CKA_EC_PARAMS, RAW, PRIVATE, C, AT(ec_params), 64 },
	{ CKA_EC_POINT, RAW, PUBLIC, C, AT(ec_point), 256 },
	{ CKA_PARAMETER_SET, NUMBER, PUBLIC, C | G, AT(parameter_set), 0 },
	{ CKA_PARAMETER_SET, NUMBER, PRIVATE, C, AT(parameter_set), 0 },
	{ CKA_SEED, RAW, PRIVATE, C, AT(seed), 64 },
	{ CKA_CERTIFICATE_TYPE, NUMBER, CERT, C, AT(certificate_type), 0 },
	{ CKA_ISSUER, RAW, CERT, C, AT(issuer), VALUE_MAX },
	{ CKA_SERIAL_NUMBER, RAW, CERT, C, AT(serial), 64 },
	{ CKA_APPLICATION, RAW, DATA, C | D | S, AT(application), 1024 },
	{ CKA_OBJECT_ID, RAW, DATA, C | D | S, AT(object_id), 1024 },
};
_Static_assert(ARRAY_LEN(rules) <= 64, "template.given has a bit for each");

unsigned usage_of(CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].kind == USAGE && rules[i].type == type)
			return (unsigned)rules[i].offset;
	return 0;
}

static const struct rule *rule_find(CK_ATTRIBUTE_TYPE type, CK_OBJECT_CLASS class)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].type == type && class <= CKO_SECRET_KEY && rules[i].classes & IN(class))
			return &rules[i];
	return NULL;
}

bool template_has(const struct template *t, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].type == type && t->given >> i & 1)
			return true;
	return false;
}

static bool date_good(const CK_ATTRIBUTE *a)
{
	const uint8_t *text = a->pValue;
	for (CK_ULONG i = 0; i < a->ulValueLen; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return a->ulValueLen == 0 || a->ulValueLen == 8;
}

static bool take_flag(const CK_ATTRIBUTE *a, bool *to)
{
	if (a->ulValueLen != sizeof(CK_BBOOL) || !a->pValue || *(const CK_BBOOL *)a->pValue > CK_TRUE)
		return false;
	*to = *(const CK_BBOOL *)a->pValue == CK_TRUE;
	return true;
}

static bool take_value(const struct rule *rule, const CK_ATTRIBUTE *a, struct template *t)
{
	void *to = (char *)t + rule->offset;
	bool flag = false;
	switch (rule->kind) {
	case FLAG:
		return take_flag(a, to);
	case USAGE:
		if (!take_flag(a, &flag))
			return false;
		t->usages_given |= (unsigned)rule->offset;
		t->usages |= flag ? (unsigned)rule->offset : 0;
		return true;
	case NUMBER:
		if (a->ulValueLen != sizeof(CK_ULONG) || !a->pValue)
			return false;
		memcpy(to, a->pValue, sizeof(CK_ULONG));
		return true;
	default:
		if (a->ulValueLen > rule->max || (a->ulValueLen && !a->pValue) || (rule->kind == DATE && !date_good(a)))
			return false;
		*(struct bytes *)to = (struct bytes){ a->pValue, a->ulValueLen };
		return rule->kind != LIST || attribute_list_valid(*(struct bytes *)to);
	}
}

static CK_RV take_one(const CK_ATTRIBUTE *a, enum template_use use, struct template *t)
{
	const struct rule *rule = rule_find(a->type, t->class);
	if (!rule)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (!rule->uses || (use & (P | S) && !(rule->uses & (unsigned)use)))
		return CKR_ATTRIBUTE_READ_ONLY;
	if (!(rule->uses & (unsigned)use))
		return CKR_TEMPLATE_INCONSISTENT;
	uint64_t bit = (uint64_t)1 << (rule - rules);
	if (t->given & bit)
		return CKR_TEMPLATE_INCONSISTENT;
	t->given |= bit;
	return take_value(rule, a, t) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

/* The class decides which attributes there are, wherever in the template it stands. */
static CK_RV find_class(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_CLASS wanted, struct template *t)
{
	t->class = wanted;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_OBJECT_CLASS class = 0;
		if (attributes[i].type != CKA_CLASS)
			continue;
		if (attributes[i].ulValueLen != sizeof(class) || !attributes[i].pValue)
			return CKR_ATTRIBUTE_VALUE_INVALID;
		memcpy(&class, attributes[i].pValue, sizeof(class));
		if (class > CKO_SECRET_KEY)
			return CKR_ATTRIBUTE_VALUE_INVALID;
		if (wanted != CK_UNAVAILABLE_INFORMATION && class != wanted)
			return CKR_TEMPLATE_INCONSISTENT;
		t->class = class;
	}
	return t->class == CK_UNAVAILABLE_INFORMATION ? CKR_TEMPLATE_INCOMPLETE : CKR_OK;
}

CK_RV template_read(const CK_ATTRIBUTE *attributes, CK_ULONG count, enum template_use use, CK_OBJECT_CLASS class,
		    struct template *out)
{
	*out = (struct template){ .key_type = CK_UNAVAILABLE_INFORMATION,
				  .certificate_type = CK_UNAVAILABLE_INFORMATION,
				  .modifiable = true,
				  .copyable = true,
				  .destroyable = true,
				  .sensitive = true };
	if (count && !attributes)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = find_class(attributes, count, class, out);
	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
		rv = take_one(&attributes[i], use, out);
	if (rv != CKR_OK)
		return rv;
	if (out->allowed.len % sizeof(CK_MECHANISM_TYPE))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (out->trusted) /* only a security officer might, and there is none */
		return CKR_ATTRIBUTE_READ_ONLY;
	return out->always_authenticate ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK; /* there is no PIN to ask for */
}

CK_RV template_check_token(const CK_ATTRIBUTE *attributes, CK_ULONG count, bool rw_session)
{
	bool token = false, flag;
	for (CK_ULONG i = 0; attributes && i < count; i++)
		if (attributes[i].type == CKA_TOKEN && take_flag(&attributes[i], &flag))
			token = token || flag;
	if (!token)
		return CKR_OK;
	return rw_session ? CKR_TOKEN_WRITE_PROTECTED : CKR_SESSION_READ_ONLY;
}
