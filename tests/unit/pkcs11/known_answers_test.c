/* Published numbers, through the module with session objects: tests/vectors/pkcs11/known_answers.txt. */
#include "tests/unit/pkcs11/token_fixture.h"

#define FIELD 512

struct line {
	char name[32];
	uint8_t data[5][FIELD]; /* key, iv, aad, input, output */
	size_t len[5];
};
enum { KEY, IV, AAD, IN, OUT };

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

struct named {
	const char *name;
	CK_MECHANISM_TYPE type;
};
static const struct named names[] = {
	{ "sha1", CKM_SHA_1 },
	{ "sha224", CKM_SHA224 },
	{ "sha256", CKM_SHA256 },
	{ "sha384", CKM_SHA384 },
	{ "sha512", CKM_SHA512 },
	{ "sha512-224", CKM_SHA512_224 },
	{ "sha512-256", CKM_SHA512_256 },
	{ "sha3-224", CKM_SHA3_224 },
	{ "sha3-256", CKM_SHA3_256 },
	{ "sha3-384", CKM_SHA3_384 },
	{ "sha3-512", CKM_SHA3_512 },
	{ "hmac-sha1", CKM_SHA_1_HMAC },
	{ "hmac-sha224", CKM_SHA224_HMAC },
	{ "hmac-sha256", CKM_SHA256_HMAC },
	{ "hmac-sha384", CKM_SHA384_HMAC },
	{ "hmac-sha512", CKM_SHA512_HMAC },
	{ "ecb", CKM_AES_ECB },
	{ "cbc", CKM_AES_CBC },
	{ "ctr", CKM_AES_CTR },
	{ "cmac", CKM_AES_CMAC },
	{ "gcm", CKM_AES_GCM },
	{ "ccm-4", CKM_AES_CCM },
	{ "ccm-6", CKM_AES_CCM },
	{ "kw", CKM_AES_KEY_WRAP },
	{ "kwp", CKM_AES_KEY_WRAP_KWP },
	{ "kw-pkcs7", CKM_AES_KEY_WRAP_PKCS7 },
	{ "pbkdf2-sha1", CKP_PKCS5_PBKD2_HMAC_SHA1 },
	{ "pbkdf2-sha256", CKP_PKCS5_PBKD2_HMAC_SHA256 },
};

static CK_MECHANISM_TYPE type_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].type;
	fail_msg("no mechanism is called %s", name);
	return 0;
}

static CK_OBJECT_HANDLE secret_key(CK_KEY_TYPE type, struct line *l)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_OBJECT_HANDLE made = 0;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_VALUE, l->data[KEY], l->len[KEY] } };
	check_rv(CKR_OK, C_CreateObject(session, template, 3, &made));
	return made;
}

static CK_OBJECT_HANDLE curve_key(CK_KEY_TYPE type, const char *curve, struct line *l)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_OBJECT_HANDLE made = 0;
	CK_BYTE params[32] = { 0x13, (CK_BYTE)strlen(curve) };
	memcpy(params + 2, curve, strlen(curve));
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_EC_PARAMS, params, 2 + strlen(curve) },
				    { CKA_VALUE, l->data[KEY], l->len[KEY] } };
	check_rv(CKR_OK, C_CreateObject(session, template, 4, &made));
	return made;
}

static void check_value(CK_OBJECT_HANDLE object, const struct line *l)
{
	CK_BYTE value[FIELD];
	CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof(value) };
	check_rv(CKR_OK, C_GetAttributeValue(session, object, &a, 1));
	check_bytes((struct bytes){ l->data[OUT], l->len[OUT] }, (struct bytes){ value, a.ulValueLen });
	check_rv(CKR_OK, C_DestroyObject(session, object));
}

static void check_digest(struct line *l)
{
	CK_MECHANISM m = { type_of(l->name), NULL, 0 };
	CK_BYTE out[FIELD];
	CK_ULONG n = sizeof(out);
	check_rv(CKR_OK, C_DigestInit(session, &m));
	check_rv(CKR_OK, C_Digest(session, l->data[IN], l->len[IN], out, &n));
	check_bytes((struct bytes){ l->data[OUT], l->len[OUT] }, (struct bytes){ out, n });
}

static void check_mac(struct line *l)
{
	CK_ULONG cut = 4, n;
	CK_MECHANISM m = { type_of(l->name), NULL, 0 }, general = { m.mechanism + 1, &cut, sizeof(cut) };
	bool cmac = m.mechanism == CKM_AES_CMAC;
	CK_OBJECT_HANDLE key = secret_key(cmac ? CKK_AES : CKK_GENERIC_SECRET, l);
	CK_BYTE out[FIELD];
	/* Twice: the second finds the first one's key schedule. */
	for (int i = 0; i < 2; i++) {
		n = l->len[OUT] - 1;
		check_rv(CKR_OK, C_SignInit(session, &m, key));
		check_rv(CKR_BUFFER_TOO_SMALL, C_Sign(session, l->data[IN], l->len[IN], out, &n));
		check_rv(CKR_OK, C_Sign(session, l->data[IN], l->len[IN], out, &n));
		check_bytes((struct bytes){ l->data[OUT], l->len[OUT] }, (struct bytes){ out, n });
	}
	n = sizeof(out);
	check_rv(CKR_OK, C_SignInit(session, &general, key));
	for (size_t i = 0; i < l->len[IN]; i++)
		check_rv(CKR_OK, C_SignUpdate(session, l->data[IN] + i, 1));
	check_rv(CKR_OK, C_SignFinal(session, out, &n));
	check_bytes((struct bytes){ l->data[OUT], 4 }, (struct bytes){ out, n });
	check_rv(CKR_OK, C_VerifyInit(session, &m, key));
	check_rv(CKR_OK, C_Verify(session, l->data[IN], l->len[IN], l->data[OUT], l->len[OUT]));
	check_rv(CKR_OK, C_VerifyInit(session, &m, key));
	check_rv(CKR_SIGNATURE_LEN_RANGE, C_Verify(session, l->data[IN], l->len[IN], l->data[OUT], 4));
	check_rv(CKR_OK, C_VerifyInit(session, &general, key));
	check_rv(CKR_OK, C_Verify(session, l->data[IN], l->len[IN], l->data[OUT], 4));
	out[0] = l->data[OUT][0] ^ 1;
	check_rv(CKR_OK, C_VerifyInit(session, &general, key));
	check_rv(CKR_SIGNATURE_INVALID, C_Verify(session, l->data[IN], l->len[IN], out, 4));
	cut = l->len[OUT] + 1;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &general, key));
	cut = 0;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &general, key));
	check_rv(CKR_OK, C_DestroyObject(session, key));
}

static void check_cipher(struct line *l)
{
	CK_MECHANISM m = { type_of(l->name), l->data[IV], l->len[IV] };
	CK_GCM_PARAMS gcm = { l->data[IV], l->len[IV], l->len[IV] * 8, l->data[AAD], l->len[AAD], 128 };
	CK_CCM_PARAMS ccm = {
		l->len[IN], l->data[IV], l->len[IV], l->data[AAD], l->len[AAD], l->len[OUT] - l->len[IN]
	};
	CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
	memcpy(ctr.cb, l->data[IV], 16);
	if (m.mechanism == CKM_AES_GCM)
		m = (CK_MECHANISM){ m.mechanism, &gcm, sizeof(gcm) };
	else if (m.mechanism == CKM_AES_CCM)
		m = (CK_MECHANISM){ m.mechanism, &ccm, sizeof(ccm) };
	else if (m.mechanism == CKM_AES_CTR)
		m = (CK_MECHANISM){ m.mechanism, &ctr, sizeof(ctr) };
	CK_OBJECT_HANDLE key = secret_key(CKK_AES, l);
	CK_BYTE out[FIELD];
	CK_ULONG n = sizeof(out);
	check_rv(CKR_OK, C_EncryptInit(session, &m, key));
	check_rv(CKR_OK, C_Encrypt(session, l->data[IN], l->len[IN], out, &n));
	check_bytes((struct bytes){ l->data[OUT], l->len[OUT] }, (struct bytes){ out, n });
	n = sizeof(out);
	check_rv(CKR_OK, C_DecryptInit(session, &m, key));
	check_rv(CKR_OK, C_Decrypt(session, l->data[OUT], l->len[OUT], out, &n));
	check_bytes((struct bytes){ l->data[IN], l->len[IN] }, (struct bytes){ out, n });
	check_rv(CKR_OK, C_DestroyObject(session, key));
}

static void check_eddsa(struct line *l, const char *curve)
{
	CK_MECHANISM m = { CKM_EDDSA, NULL, 0 };
	CK_OBJECT_HANDLE key = curve_key(CKK_EC_EDWARDS, curve, l);
	CK_BYTE out[FIELD], point[64];
	CK_ULONG n = sizeof(out);
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_EC_EDWARDS;
	CK_ATTRIBUTE public[] = { { CKA_CLASS, &class, sizeof(class) },
				  { CKA_KEY_TYPE, &type, sizeof(type) },
				  { CKA_EC_PARAMS, out, 64 },
				  { CKA_EC_POINT, point, sizeof(point) } };
	check_rv(CKR_OK, C_GetAttributeValue(session, key, public + 2, 2));
	CK_OBJECT_HANDLE half = 0;
	check_rv(CKR_OK, C_CreateObject(session, public, 4, &half));
	check_rv(CKR_OK, C_SignInit(session, &m, key));
	check_rv(CKR_OK, C_Sign(session, l->data[IN], l->len[IN], out, &n));
	check_bytes((struct bytes){ l->data[OUT], l->len[OUT] }, (struct bytes){ out, n });
	check_rv(CKR_OK, C_VerifyInit(session, &m, half));
	check_rv(CKR_OK, C_Verify(session, l->data[IN], l->len[IN], out, n));
	out[20] ^= 1;
	check_rv(CKR_OK, C_VerifyInit(session, &m, half));
	check_rv(CKR_SIGNATURE_INVALID, C_Verify(session, l->data[IN], l->len[IN], out, n));
	check_rv(CKR_OK, C_VerifyInit(session, &m, half));
	check_rv(CKR_SIGNATURE_LEN_RANGE, C_Verify(session, l->data[IN], l->len[IN], out, n - 1));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_SignInit(session, &m, half));
}

static void check_montgomery(struct line *l, const char *curve)
{
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, l->len[IN], l->data[IN] };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof(p) };
	CK_ATTRIBUTE open[] = { { CKA_SENSITIVE, &no, 1 }, { CKA_EXTRACTABLE, &yes, 1 } };
	CK_OBJECT_HANDLE made = 0, key = curve_key(CKK_EC_MONTGOMERY, curve, l);
	check_rv(CKR_OK, C_DeriveKey(session, &m, key, open, 2, &made));
	check_value(made, l);
	/* RFC 7748 6.1: a point of small order. */
	memset(l->data[IN], 0, l->len[IN]);
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DeriveKey(session, &m, key, open, 2, &made));
	p.ulPublicDataLen--;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DeriveKey(session, &m, key, open, 2, &made));
}

static void check_pbkdf2(struct line *l)
{
	CK_ULONG iterations = (CK_ULONG)l->data[AAD][0] << 8 | l->data[AAD][1], len = l->len[OUT];
	CK_PKCS5_PBKD2_PARAMS2 p = { CKZ_SALT_SPECIFIED, l->data[IV], l->len[IV], iterations, type_of(l->name), NULL, 0,
				     l->data[IN],        l->len[IN] };
	CK_MECHANISM m = { CKM_PKCS5_PBKD2, &p, sizeof(p) };
	CK_ATTRIBUTE template[] = { { CKA_SENSITIVE, &no, 1 },
				    { CKA_EXTRACTABLE, &yes, 1 },
				    { CKA_VALUE_LEN, &len, sizeof(len) } };
	CK_OBJECT_HANDLE made = 0;
	check_rv(CKR_OK, C_GenerateKey(session, &m, template, 3, &made));
	check_value(made, l);
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_GenerateKey(session, &m, template, 2, &made));
	p.iterations = 0;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_GenerateKey(session, &m, template, 3, &made));
	p.iterations = 1;
	p.prf = 99;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_GenerateKey(session, &m, template, 3, &made));
}

/* In one step, and by an extract and an expand; with the salt as data and as a key. */
static void check_hkdf(struct line *l)
{
	CK_ULONG len = l->len[OUT], salt_type = l->len[IV] ? CKF_HKDF_SALT_DATA : CKF_HKDF_SALT_NULL;
	CK_HKDF_PARAMS p = { CK_TRUE,    CK_TRUE, CKM_SHA256,   salt_type,  l->data[IV],
			     l->len[IV], 0,       l->data[AAD], l->len[AAD] };
	CK_MECHANISM m = { CKM_HKDF_DERIVE, &p, sizeof(p) };
	CK_ATTRIBUTE template[] = { { CKA_SENSITIVE, &no, 1 },
				    { CKA_EXTRACTABLE, &yes, 1 },
				    { CKA_VALUE_LEN, &len, sizeof(len) } };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ATTRIBUTE secret = { CKA_CLASS, &class, sizeof(class) };
	CK_OBJECT_HANDLE base = secret_key(CKK_GENERIC_SECRET, l), made = 0, middle = 0;
	check_rv(CKR_OK, C_DeriveKey(session, &m, base, template, 3, &made));
	check_value(made, l);
	/* The same as a data object, which is readable. */
	m.mechanism = CKM_HKDF_DATA;
	check_rv(CKR_OK, C_DeriveKey(session, &m, base, template + 2, 1, &made));
	check_value(made, l);
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_DeriveKey(session, &m, base, &secret, 1, &made));
	m.mechanism = CKM_HKDF_DERIVE;
	p.bExpand = CK_FALSE;
	check_rv(CKR_OK, C_DeriveKey(session, &m, base, NULL, 0, &middle));
	p.bExpand = CK_TRUE;
	p.bExtract = CK_FALSE;
	check_rv(CKR_OK, C_DeriveKey(session, &m, middle, template, 3, &made));
	check_value(made, l);
	if (l->len[IV]) {
		struct line salt = *l;
		memcpy(salt.data[KEY], l->data[IV], l->len[IV]);
		salt.len[KEY] = l->len[IV];
		p.bExtract = CK_TRUE;
		p.ulSaltType = CKF_HKDF_SALT_KEY;
		p.hSaltKey = secret_key(CKK_GENERIC_SECRET, &salt);
		check_rv(CKR_OK, C_DeriveKey(session, &m, base, template, 3, &made));
		check_value(made, l);
		p.hSaltKey = 4711;
		check_rv(CKR_KEY_HANDLE_INVALID, C_DeriveKey(session, &m, base, template, 3, &made));
	}
	p.bExtract = p.bExpand = CK_FALSE;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DeriveKey(session, &m, base, template, 3, &made));
	p.bExpand = CK_TRUE;
	p.prfHashMechanism = CKM_MD5;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DeriveKey(session, &m, base, template, 3, &made));
}

/* RFC 8032 7.2 (the context "foo") and 7.3: where OpenSSL can (3.2), and refused where it cannot. */
static void variants_of_ed25519_come_out_or_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *key, *message, *signature;
		bool hashed;
	} variants[] = {
		{ "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
		  "f726936d19c800494e3fdaff20b276a8",
		  "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a"
		  "8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
		  false },
		{ "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "616263",
		  "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
		  "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
		  true },
	};
	bool can = OpenSSL_version_num() >= 0x30200000UL;
	CK_BYTE context[] = "foo", out[64];
	session = fixture_session();
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		struct line l = { .len = { 32, 0, 0, strlen(variants[i].message) / 2, 64 } };
		CK_EDDSA_PARAMS p = { variants[i].hashed, variants[i].hashed ? 0 : 3, context };
		CK_MECHANISM m = { CKM_EDDSA, &p, sizeof(p) };
		CK_ULONG n = sizeof(out);
		check_ok(hex_decode(variants[i].key, l.data[KEY], 32, &em));
		check_ok(hex_decode(variants[i].message, l.data[IN], l.len[IN], &em));
		check_ok(hex_decode(variants[i].signature, l.data[OUT], 64, &em));
		CK_OBJECT_HANDLE key = curve_key(CKK_EC_EDWARDS, "edwards25519", &l);
		check_rv(can ? CKR_OK : CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, key));
		if (can) {
			check_rv(CKR_OK, C_Sign(session, l.data[IN], l.len[IN], out, &n));
			check_bytes((struct bytes){ l.data[OUT], 64 }, (struct bytes){ out, n });
		}
		p = (CK_EDDSA_PARAMS){ CK_FALSE, 0, NULL };
		check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, key));
		p = (CK_EDDSA_PARAMS){ CK_TRUE, 256, context };
		check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(session, &m, key));
	}
}

static bool take(char *text, struct line *l)
{
	char *save = NULL;
	char *word = strtok_r(text, " \n", &save);
	if (!word || *word == '#')
		return false;
	snprintf(l->name, sizeof(l->name), "%s", word);
	for (size_t i = 0; i < 5; i++) {
		word = strtok_r(NULL, " \n", &save);
		assert_non_null(word);
		l->len[i] = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
		assert_true(l->len[i] <= FIELD);
		if (l->len[i])
			check_ok(hex_decode(word, l->data[i], l->len[i], &em));
	}
	assert_null(strtok_r(NULL, " \n", &save));
	return true;
}

static void check_line(struct line *l)
{
	if (strncmp(l->name, "sha", 3) == 0)
		check_digest(l);
	else if (strncmp(l->name, "hmac", 4) == 0 || strcmp(l->name, "cmac") == 0)
		check_mac(l);
	else if (strncmp(l->name, "ed", 2) == 0)
		check_eddsa(l, strcmp(l->name, "ed448") == 0 ? "edwards448" : "edwards25519");
	else if (strncmp(l->name, "x", 1) == 0)
		check_montgomery(l, strcmp(l->name, "x448") == 0 ? "curve448" : "curve25519");
	else if (strncmp(l->name, "pbkdf2", 6) == 0)
		check_pbkdf2(l);
	else if (strncmp(l->name, "hkdf", 4) == 0)
		check_hkdf(l);
	else
		check_cipher(l);
}

static void every_published_number_comes_out(void **state)
{
	(void)state;
	char path[512], text[4096];
	size_t lines = 0;
	session = fixture_session();
	snprintf(path, sizeof(path), "%s/tests/vectors/pkcs11/known_answers.txt", getenv("TOP_SRCDIR"));
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(text, sizeof(text), file)) {
		struct line l = { .name = "" };
		if (!take(text, &l))
			continue;
		print_message("%zu: %s\n", ++lines, l.name);
		check_line(&l);
	}
	fclose(file);
	assert_true(lines >= 49);
}

/* Not only keys of a session: one that the KBS releases, found by the name of its resource. */
static void an_ed25519_key_of_the_kbs_signs(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	CK_MECHANISM m = { CKM_EDDSA, NULL, 0 };
	CK_BYTE text[] = "what is signed", out[64];
	CK_ULONG n = sizeof(out);
	fixture_key("default/key/edwards", key);
	session = fixture_session();
	check_rv(CKR_OK, C_SignInit(session, &m, fixture_find(session, CKO_PRIVATE_KEY, "default/key/edwards")));
	check_rv(CKR_OK, C_Sign(session, text, sizeof(text), out, &n));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx(), NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestVerify(ctx, out, n, text, sizeof(text)), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_published_number_comes_out),
		TEST(an_ed25519_key_of_the_kbs_signs),
		TEST(variants_of_ed25519_come_out_or_are_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
