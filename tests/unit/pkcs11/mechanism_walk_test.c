/* C_GetMechanismInfo says what is so: every mechanism of the list does a real operation for each of its flags, with the
 * smallest and with the largest key that it names, and refuses those just beyond. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "common/file.h"
#include "tests/unit/pkcs11/walk_parameters.h"

#define OUT_MAX 65536

static CK_SESSION_HANDLE s;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define MESSAGE_FLAGS                                                                                                  \
	(CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE)

enum bound { SMALLEST, LARGEST, BELOW, ABOVE };

struct keys {
	CK_OBJECT_HANDLE forward, back; /* of encryption, verification, wrapping; of the other direction */
	bool slow; /* a private operation takes a fifth of a second */
};

/* --- keys --------------------------------------------------------------------------------------------------------- */

static CK_OBJECT_HANDLE secret_of(CK_KEY_TYPE type, size_t len, CK_RV wanted)
{
	static CK_BYTE value[5000];
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_OBJECT_HANDLE made = 0;
	memset(value, 0x5a, sizeof(value));
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_VALUE, value, len },
				    { CKA_SENSITIVE, &no, 1 },
				    { CKA_EXTRACTABLE, &yes, 1 } };
	check_rv(wanted, C_CreateObject(s, template, 5, &made));
	return made;
}

/* Of the KBS: anything may be in there. */
static struct keys released(const char *label, bool secret)
{
	struct keys keys = { 0 };
	keys.back = fixture_find(s, secret ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, label);
	keys.forward = secret ? keys.back : fixture_find(s, CKO_PUBLIC_KEY, label);
	assert_true(keys.back);
	return keys;
}

static void put_keys(void)
{
	static uint8_t octets[4097] = { 1, 2, 3 };
	EVP_PKEY *small = EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)2047), *large = NULL;
	EVP_PKEY *odd = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-224");
	struct secret *text = NULL;
	char path[512];
	snprintf(path, sizeof(path), "%s/tests/vectors/keys/rsa16384.pem", getenv("TOP_SRCDIR"));
	check_ok(file_read_secret(path, 65536, &text, &em));
	check_ok(key_private_parse(secret_bytes(text), NULL, &large, &em));
	secret_free(text);
	fixture_key("default/walk/rsa2047", small);
	fixture_key("default/walk/rsa16384", large);
	fixture_key("default/walk/p224", odd);
	fixture_resource("default/walk/octets15", (struct bytes){ octets, 15 });
	fixture_resource("default/walk/octets33", (struct bytes){ octets, 33 });
	fixture_resource("default/walk/octets4097", BYTES(octets));
	EVP_PKEY_free(small);
	EVP_PKEY_free(large);
	EVP_PKEY_free(odd);
}

/* A pair that the module makes; params: CKA_EC_PARAMS, or a parameter set. */
static CK_RV generate(CK_MECHANISM_TYPE type, CK_ATTRIBUTE *a, struct keys *out)
{
	CK_MECHANISM m = { type, NULL, 0 };
	return C_GenerateKeyPair(s, &m, a, 1, NULL, 0, &out->forward, &out->back);
}

static CK_RV generate_curve(CK_MECHANISM_TYPE type, const char *name, struct keys *out)
{
	static CK_BYTE params[32] = { 0x13 };
	static const struct {
		const char *name, *oid;
		size_t len;
	} curves[] = { { "P-224", "\x06\x05\x2b\x81\x04\x00\x21", 7 },
		       { "P-256", "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 },
		       { "P-521", "\x06\x05\x2b\x81\x04\x00\x23", 7 } };
	CK_ATTRIBUTE a = { CKA_EC_PARAMS, params, 2 + strlen(name) };
	params[1] = (CK_BYTE)strlen(name);
	memcpy(params + 2, name, strlen(name));
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (strcmp(curves[i].name, name) == 0)
			a = (CK_ATTRIBUTE){ CKA_EC_PARAMS, (CK_VOID_PTR)(uintptr_t)curves[i].oid, curves[i].len };
	return generate(type, &a, out);
}

static CK_RV generate_number(CK_MECHANISM_TYPE type, CK_ATTRIBUTE_TYPE what, CK_ULONG number, struct keys *out)
{
	CK_ATTRIBUTE a = { what, &number, sizeof(number) };
	return generate(type, &a, out);
}

static struct keys asymmetric_at(CK_KEY_TYPE type, enum bound bound)
{
	struct keys keys = { 0 };
	bool large = bound == LARGEST;
	switch (type) {
	case CKK_RSA:
		keys = released(large ? "default/walk/rsa16384" : "rsa", false);
		keys.slow = large;
		return keys;
	case CKK_EC:
		check_rv(CKR_OK, generate_curve(CKM_EC_KEY_PAIR_GEN, large ? "P-521" : "P-256", &keys));
		return keys;
	case CKK_EC_EDWARDS:
		check_rv(CKR_OK,
			 generate_curve(CKM_EC_EDWARDS_KEY_PAIR_GEN, large ? "edwards448" : "edwards25519", &keys));
		return keys;
	case CKK_ML_DSA:
		check_rv(CKR_OK, generate_number(CKM_ML_DSA_KEY_PAIR_GEN, CKA_PARAMETER_SET, large ? 3 : 1, &keys));
		return keys;
	case CKK_SLH_DSA: /* the fast ones of 128 and 256 bits */
		check_rv(CKR_OK, generate_number(CKM_SLH_DSA_KEY_PAIR_GEN, CKA_PARAMETER_SET, large ? 11 : 3, &keys));
		return keys;
	default:
		fail_msg("keys of type 0x%lx", type);
		return keys;
	}
}

static struct keys keys_at(const struct mechanism *m, enum bound bound)
{
	if (!mechanism_is_symmetric(m))
		return asymmetric_at(m->key_type, bound);
	CK_OBJECT_HANDLE key = secret_of(m->key_type, bound == LARGEST ? m->max_bits : m->min_bits, CKR_OK);
	return (struct keys){ key, key, false };
}

/* --- operations --------------------------------------------------------------------------------------------------- */

static CK_BYTE out[OUT_MAX], back[OUT_MAX];

/* How much of the data it takes. */
static CK_ULONG data_len(const struct mechanism *m)
{
	return m->type == CKM_RSA_PKCS ? 20 : sizeof(walk_data);
}

static void signs(const struct mechanism *m, CK_MECHANISM *how, const struct keys *keys)
{
	CK_ULONG n = sizeof(out), need = 0;
	check_rv(CKR_OK, C_SignInit(s, how, keys->back));
	check_rv(CKR_OK, C_Sign(s, walk_data, data_len(m), NULL, &need));
	if (keys->slow && m->hash) { /* the mechanism without a hash does the same, and did it */
		memset(out, 1, need);
		check_rv(CKR_OK, C_VerifyInit(s, how, keys->forward));
		check_rv(CKR_SIGNATURE_INVALID, C_Verify(s, walk_data, data_len(m), out, need));
		n = 1; /* ends what C_SignInit began */
		check_rv(CKR_ARGUMENTS_BAD, C_Sign(s, NULL, 1, out, &n));
		return;
	}
	check_rv(CKR_OK, C_Sign(s, walk_data, data_len(m), out, &n));
	assert_int_equal(n, need);
	check_rv(CKR_OK, C_VerifyInit(s, how, keys->forward));
	check_rv(CKR_OK, C_Verify(s, walk_data, data_len(m), out, n));
	out[n / 2] ^= 0x10;
	check_rv(CKR_OK, C_VerifyInit(s, how, keys->forward));
	check_rv(CKR_SIGNATURE_INVALID, C_Verify(s, walk_data, data_len(m), out, n));
}

/* The same by messages: 3.0. What OpenSSL signs with chance verifies all the same. */
static void signs_messages(const struct mechanism *m, CK_MECHANISM *how, const struct keys *keys)
{
	CK_ULONG n = sizeof(out), len = data_len(m);
	check_rv(CKR_OK, C_MessageSignInit(s, how, keys->back));
	check_rv(CKR_OK, C_SignMessage(s, NULL, 0, walk_data, len, out, &n));
	check_rv(CKR_OK, C_MessageSignFinal(s));
	check_rv(CKR_OK, C_MessageVerifyInit(s, how, keys->forward));
	check_rv(CKR_OK, C_VerifyMessage(s, NULL, 0, walk_data, len, out, n));
	check_rv(CKR_OK, C_MessageVerifyFinal(s));
}

static void recovers(const struct mechanism *m, CK_MECHANISM *how, const struct keys *keys)
{
	CK_ULONG n = sizeof(out), again = sizeof(back), len = data_len(m);
	check_rv(CKR_OK, C_SignRecoverInit(s, how, keys->back));
	check_rv(CKR_OK, C_SignRecover(s, walk_data, len, out, &n));
	check_rv(CKR_OK, C_VerifyRecoverInit(s, how, keys->forward));
	check_rv(CKR_OK, C_VerifyRecover(s, out, n, back, &again));
	assert_true(again >= len);
	assert_memory_equal(back + again - len, walk_data, len);
}

/* GCM and CCM, with the tag apart. */
static void encrypts_messages(const struct mechanism *m, const struct keys *keys)
{
	CK_BYTE nonce[12] = "no repeats", tag[16];
	CK_GCM_MESSAGE_PARAMS gcm = { nonce, 12, 0, CKG_NO_GENERATE, tag, 128 };
	CK_CCM_MESSAGE_PARAMS ccm = { sizeof(walk_data), nonce, 12, 0, CKG_NO_GENERATE, tag, 16 };
	bool is_gcm = m->type == CKM_AES_GCM;
	void *p = is_gcm ? (void *)&gcm : (void *)&ccm;
	CK_ULONG p_len = is_gcm ? sizeof(gcm) : sizeof(ccm), n = sizeof(out);
	CK_MECHANISM how = { m->type, NULL, 0 };
	check_rv(CKR_OK, C_MessageEncryptInit(s, &how, keys->forward));
	check_rv(CKR_OK, C_EncryptMessage(s, p, p_len, NULL, 0, walk_data, sizeof(walk_data), out, &n));
	check_rv(CKR_OK, C_MessageEncryptFinal(s));
	check_rv(CKR_OK, C_MessageDecryptInit(s, &how, keys->back));
	check_rv(CKR_OK, C_DecryptMessage(s, p, p_len, NULL, 0, out, n, out, &n));
	check_rv(CKR_OK, C_MessageDecryptFinal(s));
	assert_memory_equal(out, walk_data, sizeof(walk_data));
}

static void encrypts(const struct mechanism *m, CK_MECHANISM *how, const struct keys *keys)
{
	CK_ULONG n = sizeof(out), again = sizeof(back), len = data_len(m);
	check_rv(CKR_OK, C_EncryptInit(s, how, keys->forward));
	check_rv(CKR_OK, C_Encrypt(s, walk_data, len, out, &n));
	check_rv(CKR_OK, C_DecryptInit(s, how, keys->back));
	check_rv(CKR_OK, C_Decrypt(s, out, n, back, &again));
	/* A raw RSA number comes back as long as the modulus. */
	assert_true(again >= len);
	assert_memory_equal(back + again - len, walk_data, len);
}

static void wraps(CK_MECHANISM *how, const struct keys *keys)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_OBJECT_HANDLE inner = secret_of(type, 32, CKR_OK), opened = 0;
	CK_ULONG n = sizeof(out);
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_SENSITIVE, &no, 1 },
				    { CKA_EXTRACTABLE, &yes, 1 } };
	CK_ATTRIBUTE value = { CKA_VALUE, back, sizeof(back) };
	check_rv(CKR_OK, C_WrapKey(s, how, keys->forward, inner, out, &n));
	check_rv(CKR_OK, C_UnwrapKey(s, how, keys->back, out, n, template, 4, &opened));
	check_rv(CKR_OK, C_GetAttributeValue(s, opened, &value, 1));
	assert_int_equal(value.ulValueLen, 32);
	assert_int_equal(back[31], 0x5a);
	check_rv(CKR_OK, C_DestroyObject(s, opened));
	check_rv(CKR_OK, C_DestroyObject(s, inner));
}

static void digests(const struct mechanism *m, CK_MECHANISM *how)
{
	CK_ULONG n = sizeof(out);
	check_rv(CKR_OK, C_DigestInit(s, how));
	check_rv(CKR_OK, C_Digest(s, walk_data, sizeof(walk_data), out, &n));
	assert_int_equal(n, EVP_MD_get_size(mechanism_md(m->hash)));
}

/* ECDH's smallest key is X25519's, its largest P-521's. */
static void agrees(const struct mechanism *m, enum bound bound)
{
	struct keys keys = { 0 };
	CK_OBJECT_HANDLE made = 0;
	CK_ATTRIBUTE point = { CKA_EC_POINT, back, sizeof(back) };
	if (bound == LARGEST || m->type == CKM_ECDH1_COFACTOR_DERIVE)
		keys = asymmetric_at(CKK_EC, bound);
	else
		check_rv(CKR_OK, generate_curve(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "curve25519", &keys));
	check_rv(CKR_OK, C_GetAttributeValue(s, keys.forward, &point, 1));
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, point.ulValueLen, back };
	CK_MECHANISM how = walk_mechanism_with(m->type, &p, sizeof(p));
	check_rv(CKR_OK, C_DeriveKey(s, &how, keys.back, NULL, 0, &made));
	check_rv(CKR_OK, C_DestroyObject(s, made));
}

static void derives(const struct mechanism *m, CK_MECHANISM *how, enum bound bound)
{
	CK_ULONG len = 42;
	CK_ATTRIBUTE a = { CKA_VALUE_LEN, &len, sizeof(len) };
	CK_OBJECT_HANDLE made = 0;
	if (!mechanism_is_symmetric(m)) {
		agrees(m, bound);
		return;
	}
	struct keys keys = keys_at(m, bound);
	check_rv(CKR_OK, C_DeriveKey(s, how, keys.back, &a, 1, &made));
	check_rv(CKR_OK, C_DestroyObject(s, made));
}

/* What 3.0 adds. */
static void works_by_messages(const struct mechanism *m, CK_MECHANISM *how, const struct keys *keys, CK_FLAGS flags)
{
	if (flags & CKF_MESSAGE_SIGN)
		signs_messages(m, how, keys);
	if (flags & CKF_MESSAGE_ENCRYPT)
		encrypts_messages(m, keys);
	if (flags & CKF_SIGN_RECOVER)
		recovers(m, how, keys);
	assert_int_equal(!(flags & CKF_MESSAGE_SIGN), !(flags & CKF_MESSAGE_VERIFY));
	assert_int_equal(!(flags & CKF_MESSAGE_ENCRYPT), !(flags & CKF_MESSAGE_DECRYPT));
	assert_int_equal(!(flags & CKF_SIGN_RECOVER), !(flags & CKF_VERIFY_RECOVER));
}

/* Whatever is done with a key, at one bound. */
static void works(const struct mechanism *m, CK_MECHANISM *how, enum bound bound, CK_FLAGS flags)
{
	const CK_FLAGS with_key = CKF_SIGN | CKF_ENCRYPT | CKF_WRAP;
	if (m->flags & CKF_DIGEST)
		digests(m, how);
	if (m->flags & CKF_DERIVE)
		derives(m, how, bound);
	if (!(m->flags & with_key))
		return;
	struct keys keys = keys_at(m, bound);
	if (m->flags & CKF_SIGN)
		signs(m, how, &keys);
	/* With a slow key one of them has to do for all. */
	if (m->flags & CKF_ENCRYPT && !(keys.slow && m->flags & CKF_SIGN))
		encrypts(m, how, &keys);
	if (m->flags & CKF_WRAP && !(keys.slow && m->flags & CKF_ENCRYPT))
		wraps(how, &keys);
	if (!keys.slow)
		works_by_messages(m, how, &keys, flags);
	/* One way only would be told apart. */
	assert_int_equal(!(m->flags & CKF_SIGN), !(m->flags & CKF_VERIFY));
	assert_int_equal(!(m->flags & CKF_ENCRYPT), !(m->flags & CKF_DECRYPT));
	assert_int_equal(!(m->flags & CKF_WRAP), !(m->flags & CKF_UNWRAP));
}

/* --- beyond the bounds ---------------------------------------------------------------------------------------------
 */

static void key_refused(const struct mechanism *m, CK_MECHANISM *how, const struct keys *keys)
{
	CK_OBJECT_HANDLE inner = secret_of(CKK_GENERIC_SECRET, 32, CKR_OK), made = 0;
	CK_ULONG n = sizeof(out);
	if (m->flags & CKF_SIGN) {
		check_rv(CKR_KEY_SIZE_RANGE, C_SignInit(s, how, keys->back));
		check_rv(CKR_KEY_SIZE_RANGE, C_VerifyInit(s, how, keys->forward));
	}
	if (m->flags & CKF_ENCRYPT) {
		check_rv(CKR_KEY_SIZE_RANGE, C_EncryptInit(s, how, keys->forward));
		check_rv(CKR_KEY_SIZE_RANGE, C_DecryptInit(s, how, keys->back));
	}
	if (m->flags & CKF_WRAP)
		check_rv(CKR_WRAPPING_KEY_SIZE_RANGE, C_WrapKey(s, how, keys->forward, inner, out, &n));
	if (m->flags & CKF_DERIVE)
		check_rv(CKR_KEY_SIZE_RANGE, C_DeriveKey(s, how, keys->back, NULL, 0, &made));
	check_rv(CKR_OK, C_DestroyObject(s, inner));
}

/* Of the KBS; the module itself makes no such keys. What is beyond other bounds it does not even read. */
static void refuses_beyond(const struct mechanism *m, CK_MECHANISM *how)
{
	struct keys keys;
	if (m->key_type == CKK_RSA) {
		keys = released("default/walk/rsa2047", false);
		key_refused(m, how, &keys);
	} else if (m->key_type == CKK_AES) {
		keys = released("default/walk/octets15", true);
		key_refused(m, how, &keys);
		keys = released("default/walk/octets33", true);
		key_refused(m, how, &keys);
	} else if (mechanism_is_symmetric(m)) {
		keys = released("default/walk/octets4097", true);
		key_refused(m, how, &keys);
		secret_of(m->key_type, 0, CKR_ATTRIBUTE_VALUE_INVALID);
		secret_of(m->key_type, m->max_bits + 1, CKR_ATTRIBUTE_VALUE_INVALID);
	} else if (m->key_type == CKK_EC && m->flags & CKF_SIGN) {
		keys.back = fixture_find(s, CKO_PRIVATE_KEY, "default/walk/p224");
		if (C_SignInit(s, how, keys.back) == CKR_OK)
			fail_msg("a key on P-224 signs with 0x%lx", (unsigned long)m->type);
	}
}

/* --- generation --------------------------------------------------------------------------------------------------- */

static CK_RV generate_secret(CK_MECHANISM *how, CK_ULONG len)
{
	CK_OBJECT_HANDLE made = 0;
	CK_ULONG got = 0;
	CK_ATTRIBUTE a = { CKA_VALUE_LEN, &len, sizeof(len) }, b = { CKA_VALUE_LEN, &got, sizeof(got) };
	CK_RV rv = C_GenerateKey(s, how, &a, 1, &made);
	if (rv != CKR_OK)
		return rv;
	check_rv(CKR_OK, C_GetAttributeValue(s, made, &b, 1));
	assert_int_equal(got, len);
	return C_DestroyObject(s, made);
}

static void generates_secrets(const struct mechanism *m, CK_MECHANISM *how)
{
	/* This one counts bits; PBKDF2 names no sizes. */
	CK_ULONG unit = m->type == CKM_GENERIC_SECRET_KEY_GEN ? 8 : 1;
	CK_ULONG min = m->min_bits ? m->min_bits / unit : 1, max = m->max_bits ? m->max_bits / unit : 4096;
	check_rv(CKR_OK, generate_secret(how, min));
	check_rv(CKR_OK, generate_secret(how, max));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate_secret(how, min - 1));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate_secret(how, max + 1));
}

static void generates_numbered(const struct mechanism *m, CK_ATTRIBUTE_TYPE what, const CK_ULONG numbers[4])
{
	struct keys keys;
	check_rv(CKR_OK, generate_number(m->type, what, numbers[SMALLEST], &keys));
	check_rv(CKR_OK, generate_number(m->type, what, numbers[LARGEST], &keys));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate_number(m->type, what, numbers[BELOW], &keys));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate_number(m->type, what, numbers[ABOVE], &keys));
}

static void generates_pairs(const struct mechanism *m)
{
	static const CK_ULONG rsa[] = { 2048, 4096, 2047, 4097 }, three[] = { 1, 3, 0, 4 }, twelve[] = { 3, 11, 0, 13 };
	struct keys keys;
	switch (m->type) {
	case CKM_RSA_PKCS_KEY_PAIR_GEN:
		generates_numbered(m, CKA_MODULUS_BITS, rsa);
		break;
	case CKM_EC_KEY_PAIR_GEN:
		asymmetric_at(CKK_EC, SMALLEST);
		asymmetric_at(CKK_EC, LARGEST);
		check_rv(CKR_CURVE_NOT_SUPPORTED, generate_curve(m->type, "P-224", &keys));
		break;
	case CKM_EC_EDWARDS_KEY_PAIR_GEN:
		asymmetric_at(CKK_EC_EDWARDS, SMALLEST);
		asymmetric_at(CKK_EC_EDWARDS, LARGEST);
		check_rv(CKR_CURVE_NOT_SUPPORTED, generate_curve(m->type, "curve448", &keys));
		break;
	case CKM_EC_MONTGOMERY_KEY_PAIR_GEN:
		check_rv(CKR_OK, generate_curve(m->type, "curve25519", &keys));
		check_rv(CKR_OK, generate_curve(m->type, "curve448", &keys));
		check_rv(CKR_CURVE_NOT_SUPPORTED, generate_curve(m->type, "edwards448", &keys));
		break;
	case CKM_SLH_DSA_KEY_PAIR_GEN:
		generates_numbered(m, CKA_PARAMETER_SET, twelve);
		break;
	default:
		generates_numbered(m, CKA_PARAMETER_SET, three);
	}
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

static void walk(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO info;
	const struct mechanism *m = mechanism_find(type);
	check_rv(CKR_OK, C_GetMechanismInfo(0, type, &info));
	assert_int_equal(info.ulMinKeySize, m->min_bits);
	assert_int_equal(info.ulMaxKeySize, m->max_bits);
	assert_int_equal(info.flags & ~MESSAGE_FLAGS, m->flags);
	CK_MECHANISM how = walk_mechanism(m);
	if (info.flags & CKF_GENERATE) {
		generates_secrets(m, &how);
	} else if (info.flags & CKF_GENERATE_KEY_PAIR) {
		generates_pairs(m);
	} else {
		works(m, &how, SMALLEST, info.flags);
		if (!(info.flags & CKF_DIGEST))
			works(m, &how, LARGEST, info.flags);
		refuses_beyond(m, &how);
	}
}

static void every_mechanism_does_what_its_info_says(void **state)
{
	(void)state;
	CK_MECHANISM_TYPE list[MECHANISM_MAX];
	CK_ULONG n = MECHANISM_MAX;
	put_keys();
	s = fixture_session();
	check_rv(CKR_OK, C_GetMechanismList(0, list, &n));
	assert_true(n > 90);
	for (CK_ULONG i = 0; i < n; i++) {
		print_message("0x%lx\n", list[i]);
		walk(list[i]);
		for (CK_ULONG j = 0; j < i; j++)
			assert_int_not_equal(list[i], list[j]);
	}
}

/* What the flags do not say is refused, as is what is not in the list at all. */
static void weak_and_unknown_mechanisms_are_invalid(void **state)
{
	(void)state;
	static const CK_MECHANISM_TYPE weak[] = { CKM_MD5,       CKM_MD5_HMAC,          CKM_MD5_RSA_PKCS,
						  CKM_DES_ECB,   CKM_DES3_CBC,          CKM_RC4,
						  CKM_RSA_9796,  CKM_DSA_SHA1,          CKM_DH_PKCS_DERIVE,
						  CKM_RIPEMD160, CKM_AES_KEY_WRAP_PAD,  CKM_RSA_X9_31,
						  0x7fffffff,    CKM_VENDOR_DEFINED | 1 };
	s = fixture_session();
	CK_OBJECT_HANDLE rsa = fixture_find(s, CKO_PRIVATE_KEY, "rsa"), aes = fixture_find(s, CKO_SECRET_KEY, "aes");
	CK_OBJECT_HANDLE made = 0;
	CK_MECHANISM_INFO info;
	for (size_t i = 0; i < ARRAY_LEN(weak); i++) {
		CK_MECHANISM m = { weak[i], NULL, 0 };
		check_rv(CKR_MECHANISM_INVALID, C_GetMechanismInfo(0, weak[i], &info));
		check_rv(CKR_MECHANISM_INVALID, C_SignInit(s, &m, rsa));
		check_rv(CKR_MECHANISM_INVALID, C_VerifyInit(s, &m, rsa));
		check_rv(CKR_MECHANISM_INVALID, C_EncryptInit(s, &m, aes));
		check_rv(CKR_MECHANISM_INVALID, C_DecryptInit(s, &m, aes));
		check_rv(CKR_MECHANISM_INVALID, C_DigestInit(s, &m));
		check_rv(CKR_MECHANISM_INVALID, C_GenerateKey(s, &m, NULL, 0, &made));
		check_rv(CKR_MECHANISM_INVALID, C_GenerateKeyPair(s, &m, NULL, 0, NULL, 0, &made, &made));
		check_rv(CKR_MECHANISM_INVALID, C_DeriveKey(s, &m, aes, NULL, 0, &made));
	}
	CK_MECHANISM digest = { CKM_SHA256, NULL, 0 }, sign = { CKM_ECDSA, NULL, 0 };
	check_rv(CKR_MECHANISM_INVALID, C_SignInit(s, &digest, rsa));
	check_rv(CKR_MECHANISM_INVALID, C_EncryptInit(s, &sign, rsa));
	check_rv(CKR_MECHANISM_INVALID, C_DigestInit(s, &sign));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_mechanism_does_what_its_info_says),
		TEST(weak_and_unknown_mechanisms_are_invalid),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
