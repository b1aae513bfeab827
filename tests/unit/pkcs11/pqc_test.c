/* ML-DSA and SLH-DSA: where OpenSSL has them (3.5), through the module; where not, that the module says so. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "config.h"

#include "common/key_pqc.h"

#define SIGNATURE_MAX 50000

static CK_SESSION_HANDLE session;
static CK_BYTE data[] = "what is signed";

struct pair {
	CK_OBJECT_HANDLE public, private;
};

static bool skipped(void)
{
	if (pqc_there(PQC_ML_DSA))
		return false;
	print_message("SKIP: this OpenSSL has no ML-KEM, ML-DSA and SLH-DSA\n");
	return true;
}

static CK_RV generate(CK_MECHANISM_TYPE type, CK_ULONG set, struct pair *out)
{
	CK_MECHANISM m = { type, NULL, 0 };
	CK_ATTRIBUTE a = { CKA_PARAMETER_SET, &set, sizeof(set) };
	return C_GenerateKeyPair(session, &m, &a, 1, NULL, 0, &out->public, &out->private);
}

static void round_trip(const struct pair *pair, CK_MECHANISM *m, struct bytes in)
{
	static CK_BYTE signature[SIGNATURE_MAX];
	CK_ULONG need = 0, n = sizeof(signature);
	CK_BYTE *text = (CK_BYTE *)(uintptr_t)in.data;
	check_rv(CKR_OK, C_SignInit(session, m, pair->private));
	check_rv(CKR_OK, C_Sign(session, text, in.len, NULL, &need));
	check_rv(CKR_OK, C_Sign(session, text, in.len, signature, &n));
	assert_int_equal(need, n);
	check_rv(CKR_OK, C_VerifyInit(session, m, pair->public));
	check_rv(CKR_OK, C_Verify(session, text, in.len, signature, n));
	signature[n / 2] ^= 1;
	check_rv(CKR_OK, C_VerifyInit(session, m, pair->public));
	check_rv(CKR_SIGNATURE_INVALID, C_Verify(session, text, in.len, signature, n));
	check_rv(CKR_OK, C_VerifyInit(session, m, pair->public));
	check_rv(CKR_SIGNATURE_LEN_RANGE, C_Verify(session, text, in.len, signature, n - 1));
}

static void without_them_nothing_is_listed(void **state)
{
	(void)state;
	session = fixture_session();
	CK_MECHANISM_INFO info;
	struct pair pair;
	bool there = pqc_there(PQC_ML_DSA);
	check_rv(there ? CKR_OK : CKR_MECHANISM_INVALID, C_GetMechanismInfo(0, CKM_ML_DSA, &info));
	check_rv(there ? CKR_OK : CKR_MECHANISM_INVALID, C_GetMechanismInfo(0, CKM_SLH_DSA_KEY_PAIR_GEN, &info));
	check_rv(there ? CKR_OK : CKR_MECHANISM_INVALID, generate(CKM_ML_DSA_KEY_PAIR_GEN, 1, &pair));
}

static void every_parameter_set_signs(void **state)
{
	(void)state;
	if (skipped())
		return;
	session = fixture_session();
	CK_MECHANISM ml = { CKM_ML_DSA, NULL, 0 }, slh = { CKM_SLH_DSA, NULL, 0 };
	struct pair pair;
	for (CK_ULONG set = 1; set <= 3; set++) {
		check_rv(CKR_OK, generate(CKM_ML_DSA_KEY_PAIR_GEN, set, &pair));
		round_trip(&pair, &ml, BYTES(data));
		round_trip(&pair, &ml, (struct bytes){ NULL, 0 });
		check_rv(CKR_KEY_TYPE_INCONSISTENT, C_SignInit(session, &slh, pair.private));
	}
	/* The fast ones, of either hash: the small ones take half a second each. */
	static const CK_ULONG fast[] = { 3, 4, 7 };
	for (size_t i = 0; i < ARRAY_LEN(fast); i++) {
		check_rv(CKR_OK, generate(CKM_SLH_DSA_KEY_PAIR_GEN, fast[i], &pair));
		round_trip(&pair, &slh, BYTES(data));
	}
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate(CKM_ML_DSA_KEY_PAIR_GEN, 4, &pair));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate(CKM_ML_DSA_KEY_PAIR_GEN, 0, &pair));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, generate(CKM_SLH_DSA_KEY_PAIR_GEN, 13, &pair));
	CK_MECHANISM m = { CKM_ML_DSA_KEY_PAIR_GEN, NULL, 0 };
	check_rv(CKR_TEMPLATE_INCOMPLETE,
		 C_GenerateKeyPair(session, &m, NULL, 0, NULL, 0, &pair.public, &pair.private));
}

/* A digest that is handed in is signed as one that is made here: either verifies the other's. */
static void hashed_and_handed_in_digests_agree(void **state)
{
	(void)state;
	static const struct {
		CK_MECHANISM_TYPE ml, slh, digest;
	} hashes[] = {
		{ CKM_HASH_ML_DSA_SHA256, CKM_HASH_SLH_DSA_SHA256, CKM_SHA256 },
		{ CKM_HASH_ML_DSA_SHA384, CKM_HASH_SLH_DSA_SHA384, CKM_SHA384 },
		{ CKM_HASH_ML_DSA_SHA512, CKM_HASH_SLH_DSA_SHA512, CKM_SHA512 },
		{ CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_256, CKM_SHA3_256 },
		{ CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_384, CKM_SHA3_384 },
		{ CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA3_512, CKM_SHA3_512 },
	};
	if (skipped())
		return;
	session = fixture_session();
	static CK_BYTE signature[SIGNATURE_MAX];
	struct pair pair;
	check_rv(CKR_OK, generate(CKM_ML_DSA_KEY_PAIR_GEN, 1, &pair));
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		CK_BYTE digest[64], context[] = "ctx";
		CK_ULONG digest_len = sizeof(digest), n = sizeof(signature);
		CK_MECHANISM d = { hashes[i].digest, NULL, 0 };
		CK_SIGN_ADDITIONAL_CONTEXT with = { CKH_HEDGE_REQUIRED, context, 3 };
		CK_HASH_SIGN_ADDITIONAL_CONTEXT of = { CKH_HEDGE_PREFERRED, context, 3, hashes[i].digest };
		CK_MECHANISM hashing = { hashes[i].ml, &with, sizeof(with) },
			     ready = { CKM_HASH_ML_DSA, &of, sizeof(of) };
		check_rv(CKR_OK, C_DigestInit(session, &d));
		check_rv(CKR_OK, C_Digest(session, data, sizeof(data), digest, &digest_len));
		check_rv(CKR_OK, C_SignInit(session, &hashing, pair.private));
		check_rv(CKR_OK, C_SignUpdate(session, data, 3));
		check_rv(CKR_OK, C_SignUpdate(session, data + 3, sizeof(data) - 3));
		check_rv(CKR_OK, C_SignFinal(session, signature, &n));
		check_rv(CKR_OK, C_VerifyInit(session, &ready, pair.public));
		check_rv(CKR_OK, C_Verify(session, digest, digest_len, signature, n));
		round_trip(&pair, &ready, (struct bytes){ digest, digest_len });
		check_rv(CKR_OK, C_SignInit(session, &ready, pair.private));
		check_rv(CKR_DATA_LEN_RANGE, C_Sign(session, digest, digest_len - 1, signature, &n));
		/* Another context, and no hash at all. */
		context[0] ^= 1;
		check_rv(CKR_OK, C_VerifyInit(session, &hashing, pair.public));
		check_rv(CKR_SIGNATURE_INVALID, C_Verify(session, data, sizeof(data), signature, n));
	}
	check_rv(CKR_OK, generate(CKM_SLH_DSA_KEY_PAIR_GEN, 3, &pair));
	CK_MECHANISM slh = { CKM_HASH_SLH_DSA_SHA256, NULL, 0 };
	round_trip(&pair, &slh, BYTES(data));
}

static void parameters_are_checked_and_deterministic_ones_heeded(void **state)
{
	(void)state;
	if (skipped())
		return;
	session = fixture_session();
	CK_BYTE context[256] = { 0 }, one[5000], two[5000];
	CK_ULONG n = sizeof(one);
	CK_SIGN_ADDITIONAL_CONTEXT p = { CKH_DETERMINISTIC_REQUIRED, context, 255 };
	CK_MECHANISM m = { CKM_ML_DSA, &p, sizeof(p) };
	struct pair pair;
	check_rv(CKR_OK, generate(CKM_ML_DSA_KEY_PAIR_GEN, 2, &pair));
	check_rv(CKR_OK, C_SignInit(session, &m, pair.private));
	check_rv(CKR_OK, C_Sign(session, data, sizeof(data), one, &n));
	check_rv(CKR_OK, C_SignInit(session, &m, pair.private));
	check_rv(CKR_OK, C_Sign(session, data, sizeof(data), two, &n));
	assert_memory_equal(one, two, n);
	p.hedgeVariant = CKH_HEDGE_PREFERRED;
	check_rv(CKR_OK, C_SignInit(session, &m, pair.private));
	check_rv(CKR_OK, C_Sign(session, data, sizeof(data), two, &n));
	assert_memory_not_equal(one, two, n);
	p.ulContextLen = 256;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, pair.private));
	p = (CK_SIGN_ADDITIONAL_CONTEXT){ 3, context, 1 };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, pair.private));
	p = (CK_SIGN_ADDITIONAL_CONTEXT){ 0, NULL, 1 };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, pair.private));
	m.ulParameterLen--;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, pair.private));
	m = (CK_MECHANISM){ CKM_HASH_ML_DSA, NULL, 0 };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, pair.private));
	CK_HASH_SIGN_ADDITIONAL_CONTEXT of = { 0, NULL, 0, CKM_SHA224 };
	m = (CK_MECHANISM){ CKM_HASH_ML_DSA, &of, sizeof(of) };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, pair.private));
}

#if HAVE_PQC
static CK_RV value_of(CK_OBJECT_HANDLE key, CK_BYTE to[32])
{
	CK_ATTRIBUTE a = { CKA_VALUE, to, 32 };
	return C_GetAttributeValue(session, key, &a, 1);
}

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_ATTRIBUTE readable[] = { { CKA_SENSITIVE, &no, 1 }, { CKA_EXTRACTABLE, &yes, 1 } };
static const CK_FUNCTION_LIST_3_2 *list;

static void agree(const struct pair *pair, CK_ULONG size)
{
	CK_MECHANISM m = { CKM_ML_KEM, NULL, 0 };
	CK_BYTE ciphertext[1600], one[32], two[32];
	CK_ULONG n = 0;
	CK_OBJECT_HANDLE sent = 0, got = 0;
	check_rv(CKR_OK, list->C_EncapsulateKey(session, &m, pair->public, readable, 2, NULL, &n, NULL));
	assert_int_equal(n, size);
	n--;
	check_rv(CKR_BUFFER_TOO_SMALL,
		 list->C_EncapsulateKey(session, &m, pair->public, readable, 2, ciphertext, &n, &sent));
	check_rv(CKR_OK, list->C_EncapsulateKey(session, &m, pair->public, readable, 2, ciphertext, &n, &sent));
	check_rv(CKR_OK, list->C_DecapsulateKey(session, &m, pair->private, readable, 2, ciphertext, n, &got));
	check_rv(CKR_OK, value_of(sent, one));
	check_rv(CKR_OK, value_of(got, two));
	assert_memory_equal(one, two, 32);
	/* FIPS 203 6.3: implicit rejection. */
	ciphertext[7] ^= 1;
	check_rv(CKR_OK, list->C_DecapsulateKey(session, &m, pair->private, readable, 2, ciphertext, n, &got));
	check_rv(CKR_OK, value_of(got, two));
	assert_memory_not_equal(one, two, 32);
	check_rv(CKR_WRAPPED_KEY_LEN_RANGE,
		 list->C_DecapsulateKey(session, &m, pair->private, readable, 2, ciphertext, n - 1, &got));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED,
		 list->C_DecapsulateKey(session, &m, pair->public, readable, 2, ciphertext, n, &got));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED,
		 list->C_EncapsulateKey(session, &m, pair->private, readable, 2, ciphertext, &n, &got));
}

static void refusals(const struct pair *pair)
{
	CK_MECHANISM m = { CKM_ML_KEM, NULL, 0 }, other = { CKM_RSA_PKCS_OAEP, NULL, 0 };
	CK_ULONG n = 0, len = 16;
	CK_OBJECT_HANDLE made = 0, rsa = fixture_find(session, CKO_PUBLIC_KEY, "rsa");
	CK_ATTRIBUTE length = { CKA_VALUE_LEN, &len, sizeof(len) };
	check_rv(CKR_TEMPLATE_INCONSISTENT,
		 list->C_EncapsulateKey(session, &m, pair->public, &length, 1, NULL, &n, &made));
	check_rv(CKR_MECHANISM_INVALID, list->C_EncapsulateKey(session, &other, rsa, NULL, 0, NULL, &n, &made));
	check_rv(CKR_KEY_TYPE_INCONSISTENT, list->C_EncapsulateKey(session, &m, rsa, NULL, 0, NULL, &n, &made));
	check_rv(CKR_KEY_HANDLE_INVALID, list->C_EncapsulateKey(session, &m, 4711, NULL, 0, NULL, &n, &made));
	check_rv(CKR_ARGUMENTS_BAD, list->C_EncapsulateKey(session, &m, pair->public, NULL, 0, NULL, NULL, &made));
	check_rv(CKR_SESSION_HANDLE_INVALID, list->C_EncapsulateKey(4711, &m, rsa, NULL, 0, NULL, &n, &made));
	check_rv(CKR_FUNCTION_NOT_SUPPORTED, list->C_VerifySignatureFinal(session));
	check_rv(CKR_MECHANISM_INVALID, C_SignInit(session, &m, pair->private));
}

/* Through the interface of 3.2, where alone the functions are. */
static void both_sides_of_a_kem_get_one_secret(void **state)
{
	(void)state;
	static const CK_ULONG sizes[] = { 768, 1088, 1568 };
	CK_INTERFACE *interface = NULL;
	CK_VERSION version = { 3, 2 };
	CK_INFO info;
	struct pair pair;
	session = fixture_session();
	check_rv(CKR_OK, C_GetInterface((CK_UTF8CHAR *)(uintptr_t) "PKCS 11", &version, &interface, 0));
	list = interface->pFunctionList;
	check_rv(CKR_OK, list->C_GetInfo(&info));
	assert_int_equal(info.cryptokiVersion.minor, 2);
	for (CK_ULONG set = 1; set <= 3; set++) {
		check_rv(CKR_OK, generate(CKM_ML_KEM_KEY_PAIR_GEN, set, &pair));
		agree(&pair, sizes[set - 1]);
	}
	refusals(&pair);
}
#endif

/* --- published and foreign numbers -------------------------------------------------------------------------------- */

struct vector {
	CK_ULONG set;
	struct secret *parts[5]; /* seed, public key, context, message, signature */
};
enum { SEED, PUBLIC, CONTEXT, MESSAGE, SIGNATURE };

static bool vector_read(char *line, struct vector *v)
{
	char *save = NULL, *word = strtok_r(line, " \n", &save);
	if (!word || *word == '#')
		return false;
	v->set = strtoul(word, NULL, 10);
	for (size_t i = 0; i < ARRAY_LEN(v->parts); i++) {
		word = strtok_r(NULL, " \n", &save);
		assert_non_null(word);
		size_t len = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
		check_ok(secret_new(len ? len : 1, &v->parts[i], &em));
		secret_truncate(v->parts[i], len);
		if (len)
			check_ok(hex_decode(word, secret_data(v->parts[i]), len, &em));
	}
	return true;
}

static CK_OBJECT_HANDLE create(const struct vector *v, bool private)
{
	CK_OBJECT_CLASS class = private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_ML_DSA;
	struct bytes value = secret_bytes(v->parts[private ? SEED : PUBLIC]);
	CK_ULONG set = v->set;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_PARAMETER_SET, &set, sizeof(set) },
				    { private ? CKA_SEED : CKA_VALUE, (void *)(uintptr_t)value.data, value.len } };
	CK_OBJECT_HANDLE made = 0;
	check_rv(CKR_OK, C_CreateObject(session, template, 4, &made));
	template[3].ulValueLen--;
	CK_OBJECT_HANDLE none = 0;
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, C_CreateObject(session, template, 4, &none));
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_CreateObject(session, template, 3, &none));
	return made;
}

static void vector_check(struct vector *v)
{
	struct pair pair = { create(v, false), create(v, true) };
	struct bytes context = secret_bytes(v->parts[CONTEXT]), message = secret_bytes(v->parts[MESSAGE]);
	struct bytes signature = secret_bytes(v->parts[SIGNATURE]);
	CK_SIGN_ADDITIONAL_CONTEXT p = { 0, (CK_BYTE *)(uintptr_t)context.data, context.len };
	CK_MECHANISM m = { CKM_ML_DSA, &p, sizeof(p) };
	check_rv(CKR_OK, C_VerifyInit(session, &m, pair.public));
	check_rv(CKR_OK, C_Verify(session, (CK_BYTE *)(uintptr_t)message.data, message.len,
				  (CK_BYTE *)(uintptr_t)signature.data, signature.len));
	round_trip(&pair, &m, message);
	/* The seed's public half is the one that was published. */
	CK_BYTE info[3000], wanted[3000];
	CK_ULONG set = 0;
	CK_ATTRIBUTE a[] = { { CKA_PUBLIC_KEY_INFO, info, sizeof(info) }, { CKA_PARAMETER_SET, &set, sizeof(set) } };
	CK_ATTRIBUTE b = { CKA_PUBLIC_KEY_INFO, wanted, sizeof(wanted) };
	check_rv(CKR_OK, C_GetAttributeValue(session, pair.private, a, 2));
	check_rv(CKR_OK, C_GetAttributeValue(session, pair.public, &b, 1));
	check_bytes((struct bytes){ wanted, b.ulValueLen }, (struct bytes){ info, a[0].ulValueLen });
	assert_int_equal(set, v->set);
	CK_ATTRIBUTE seed = { CKA_SEED, info, sizeof(info) };
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(session, pair.private, &seed, 1));
}

static void others_signatures_verify(void **state)
{
	(void)state;
	if (skipped())
		return;
	static char line[32768];
	char path[512];
	size_t lines = 0;
	session = fixture_session();
	snprintf(path, sizeof(path), "%s/tests/vectors/pkcs11/ml_dsa.txt", getenv("TOP_SRCDIR"));
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct vector v = { 0 };
		if (!vector_read(line, &v))
			continue;
		vector_check(&v);
		lines++;
		for (size_t i = 0; i < ARRAY_LEN(v.parts); i++)
			secret_free(v.parts[i]);
	}
	fclose(file);
	assert_int_equal(lines, 4);
}

/* PKCS #8 in PEM, as the KBS would store it. */
static void keys_of_the_kbs_are_recognised(void **state)
{
	(void)state;
	static const struct {
		const char *name, *path;
		CK_MECHANISM_TYPE mechanism;
	} keys[] = { { "ML-DSA-65", "default/key/ml", CKM_ML_DSA },
		     { "SLH-DSA-SHAKE-128f", "default/key/slh", CKM_SLH_DSA } };
	if (skipped())
		return;
	session = fixture_session();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx(), NULL, keys[i].name);
		assert_non_null(key);
		fixture_key(keys[i].path, key);
		CK_MECHANISM m = { keys[i].mechanism, NULL, 0 };
		struct pair pair = { 0, fixture_find(session, CKO_PRIVATE_KEY, keys[i].path) };
		CK_KEY_TYPE type = 0;
		CK_ATTRIBUTE a = { CKA_KEY_TYPE, &type, sizeof(type) };
		check_rv(CKR_OK, C_GetAttributeValue(session, pair.private, &a, 1));
		assert_int_equal(type, i ? CKK_SLH_DSA : CKK_ML_DSA);
		pair.public = fixture_find(session, CKO_PUBLIC_KEY, keys[i].path);
		round_trip(&pair, &m, BYTES(data));
		EVP_PKEY_free(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_them_nothing_is_listed),
		TEST(every_parameter_set_signs),
		TEST(hashed_and_handed_in_digests_agree),
		TEST(parameters_are_checked_and_deterministic_ones_heeded),
#if HAVE_PQC
		TEST(both_sides_of_a_kem_get_one_secret),
#endif
		TEST(others_signatures_verify),
		TEST(keys_of_the_kbs_are_recognised),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
