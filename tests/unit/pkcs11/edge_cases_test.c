/* Numbers around the edges of each mechanism, through the module: tests/vectors/pkcs11/edge_cases.txt, which says after
 * the name of a case what has to come of it. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "common/file.h"
#include "pkcs11/mechanism.h"

#define FIELD_MAX 4200

struct field {
	char name[16];
	CK_BYTE data[FIELD_MAX];
	CK_ULONG len;
};

struct edge {
	char what[32], wanted[32];
	struct field fields[8];
	size_t count;
};

static CK_SESSION_HANDLE s;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE out[FIELD_MAX + 64];
static CK_ULONG out_len;
static struct edge edge;

static struct field *field(const char *name)
{
	for (size_t i = 0; i < edge.count; i++)
		if (strcmp(edge.fields[i].name, name) == 0)
			return &edge.fields[i];
	fail_msg("%s has no %s", edge.what, name);
	return NULL;
}

static const char *word(const char *name)
{
	struct field *f = field(name);
	f->data[f->len] = '\0';
	return (const char *)f->data;
}

static CK_RV rv_of(const char *name)
{
	static const struct {
		const char *name;
		CK_RV rv;
	} codes[] = { { "OK", CKR_OK },
		      { "REJECTED", CKR_OK },
		      { "SIGNATURE_INVALID", CKR_SIGNATURE_INVALID },
		      { "SIGNATURE_LEN_RANGE", CKR_SIGNATURE_LEN_RANGE },
		      { "MECHANISM_PARAM_INVALID", CKR_MECHANISM_PARAM_INVALID },
		      { "ENCRYPTED_DATA_INVALID", CKR_ENCRYPTED_DATA_INVALID },
		      { "ENCRYPTED_DATA_LEN_RANGE", CKR_ENCRYPTED_DATA_LEN_RANGE },
		      { "DATA_LEN_RANGE", CKR_DATA_LEN_RANGE },
		      { "WRAPPED_KEY_INVALID", CKR_WRAPPED_KEY_INVALID },
		      { "WRAPPED_KEY_LEN_RANGE", CKR_WRAPPED_KEY_LEN_RANGE },
		      { "ATTRIBUTE_VALUE_INVALID", CKR_ATTRIBUTE_VALUE_INVALID } };
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].name, name) == 0)
			return codes[i].rv;
	fail_msg("no code is called %s", name);
	return CKR_GENERAL_ERROR;
}

/* The digest of a name like "sha3-256". */
static CK_MECHANISM_TYPE digest_of(const char *name)
{
	char upper[16] = "";
	for (size_t i = 0; name[i] && i < sizeof(upper) - 1; i++)
		upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
	return mechanism_hash_type(upper);
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static CK_OBJECT_HANDLE create(CK_OBJECT_CLASS class, CK_KEY_TYPE type, CK_ATTRIBUTE *more, CK_ULONG count)
{
	CK_OBJECT_HANDLE made = 0;
	CK_ATTRIBUTE template[4] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) } };
	memcpy(template + 2, more, count * sizeof(*more));
	check_rv(CKR_OK, C_CreateObject(s, template, 2 + count, &made));
	return made;
}

static CK_OBJECT_HANDLE secret(CK_KEY_TYPE type)
{
	CK_ATTRIBUTE a = { CKA_VALUE, field("key")->data, field("key")->len };
	return create(CKO_SECRET_KEY, type, &a, 1);
}

static const struct {
	const char *name;
	CK_KEY_TYPE type;
	const char *params;
	CK_ULONG len;
} curves[] = {
	{ "p256", CKK_EC, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 },
	{ "p384", CKK_EC, "\x06\x05\x2b\x81\x04\x00\x22", 7 },
	{ "p521", CKK_EC, "\x06\x05\x2b\x81\x04\x00\x23", 7 },
	{ "ed25519", CKK_EC_EDWARDS, "\x06\x03\x2b\x65\x70", 5 },
	{ "ed448", CKK_EC_EDWARDS, "\x06\x03\x2b\x65\x71", 5 },
	{ "x25519", CKK_EC_MONTGOMERY, "\x06\x03\x2b\x65\x6e", 5 },
	{ "x448", CKK_EC_MONTGOMERY, "\x06\x03\x2b\x65\x6f", 5 },
};

static CK_OBJECT_HANDLE on_curve(CK_OBJECT_CLASS class)
{
	bool private = class == CKO_PRIVATE_KEY;
	struct field *part = field(private ? "d" : "point");
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (strcmp(word("curve"), curves[i].name) != 0)
			continue;
		CK_ATTRIBUTE more[] = { { CKA_EC_PARAMS, (CK_VOID_PTR)(uintptr_t)curves[i].params, curves[i].len },
					{ private ? CKA_VALUE : CKA_EC_POINT, part->data, part->len } };
		return create(class, curves[i].type, more, 2);
	}
	fail_msg("no curve is called %s", word("curve"));
	return 0;
}

/* --- operations: what comes of each ---------------------------------------------------------------------------------
 */

static CK_RV verify(CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	CK_RV rv = C_VerifyInit(s, m, key);
	if (rv != CKR_OK)
		return rv;
	return C_Verify(s, field("message")->data, field("message")->len, field("signature")->data,
			field("signature")->len);
}

static CK_RV ecdsa(const char *hash)
{
	static const struct {
		CK_MECHANISM_TYPE digest, mechanism;
	} types[] = { { CKM_SHA_1, CKM_ECDSA_SHA1 },    { CKM_SHA224, CKM_ECDSA_SHA224 },
		      { CKM_SHA256, CKM_ECDSA_SHA256 }, { CKM_SHA384, CKM_ECDSA_SHA384 },
		      { CKM_SHA512, CKM_ECDSA_SHA512 }, { CKM_SHA3_256, CKM_ECDSA_SHA3_256 } };
	CK_OBJECT_HANDLE key = on_curve(CKO_PUBLIC_KEY);
	CK_RV rv = CKR_MECHANISM_INVALID;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CK_MECHANISM m = { types[i].mechanism, NULL, 0 };
		if (types[i].digest == digest_of(hash))
			rv = verify(&m, key);
	}
	check_rv(CKR_OK, C_DestroyObject(s, key));
	return rv;
}

static CK_RV eddsa(void)
{
	CK_MECHANISM m = { CKM_EDDSA, NULL, 0 };
	return verify(&m, on_curve(CKO_PUBLIC_KEY));
}

static CK_RV value_of(CK_OBJECT_HANDLE made)
{
	CK_ATTRIBUTE a = { CKA_VALUE, out, sizeof(out) };
	CK_RV rv = C_GetAttributeValue(s, made, &a, 1);
	out_len = a.ulValueLen;
	return rv;
}

static CK_RV agree(void)
{
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, field("point")->len, field("point")->data };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof(p) };
	CK_ULONG len = field("value")->len;
	CK_ATTRIBUTE open[] = { { CKA_SENSITIVE, &no, 1 },
				{ CKA_EXTRACTABLE, &yes, 1 },
				{ CKA_VALUE_LEN, &len, sizeof(len) } };
	CK_OBJECT_HANDLE made = 0;
	if (edge.count > 4) {
		p.kdf = field("kdf")->data[0];
		p.pSharedData = field("shared")->data;
		p.ulSharedDataLen = field("shared")->len;
	}
	CK_RV rv = C_DeriveKey(s, &m, on_curve(CKO_PRIVATE_KEY), open, len ? 3 : 2, &made);
	if (rv != CKR_OK)
		return rv;
	check_rv(CKR_OK, value_of(made));
	check_bytes((struct bytes){ field("value")->data, field("value")->len }, (struct bytes){ out, out_len });
	return rv;
}

static CK_RSA_PKCS_MGF_TYPE mgf_of(const char *name)
{
	return strcmp(name, "sha1") == 0     ? CKG_MGF1_SHA1
	       : strcmp(name, "sha256") == 0 ? CKG_MGF1_SHA256
	       : strcmp(name, "sha384") == 0 ? CKG_MGF1_SHA384
					     : CKG_MGF1_SHA512;
}

static CK_RV rsa_verify(const char *scheme, const char *hash)
{
	bool pss = strcmp(scheme, "pss") == 0;
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PUBLIC_KEY, "default/edge/rsa");
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_RSA_PKCS_PSS_PARAMS p = { digest_of(hash), 0, 0 };
	if (pss) {
		p.mgf = mgf_of(word("mgf"));
		p.sLen = field("salt")->data[0];
		m = (CK_MECHANISM){ strcmp(hash, "sha1") == 0     ? CKM_SHA1_RSA_PKCS_PSS
				    : strcmp(hash, "sha256") == 0 ? CKM_SHA256_RSA_PKCS_PSS
				    : strcmp(hash, "sha384") == 0 ? CKM_SHA384_RSA_PKCS_PSS
								  : CKM_SHA512_RSA_PKCS_PSS,
				    &p, sizeof(p) };
	}
	return verify(&m, key);
}

static CK_RV decrypt(CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	struct field *sealed = field("sealed");
	CK_RV rv = C_DecryptInit(s, m, key);
	out_len = sizeof(out);
	return rv == CKR_OK ? C_Decrypt(s, sealed->data, sealed->len, out, &out_len) : rv;
}

static void check_out(const char *name)
{
	check_bytes((struct bytes){ field(name)->data, field(name)->len }, (struct bytes){ out, out_len });
}

static CK_RV rsa_decrypt(const char *hash)
{
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "default/edge/rsa");
	CK_RSA_PKCS_OAEP_PARAMS p = { 0, 0, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	if (hash) {
		p = (CK_RSA_PKCS_OAEP_PARAMS){ digest_of(hash), mgf_of(word("mgf")), CKZ_DATA_SPECIFIED,
					       field("label")->data, field("label")->len };
		m = (CK_MECHANISM){ CKM_RSA_PKCS_OAEP, &p, sizeof(p) };
	}
	CK_RV rv = decrypt(&m, key);
	if (rv == CKR_OK && strcmp(edge.wanted, "REJECTED") != 0)
		check_out("message");
	if (strcmp(edge.wanted, "REJECTED") == 0) {
		static CK_BYTE again[512];
		CK_ULONG len = out_len;
		memcpy(again, out, out_len);
		check_rv(CKR_OK, decrypt(&m, key));
		check_bytes((struct bytes){ again, len }, (struct bytes){ out, out_len });
		assert_true(len != 6 || memcmp(out, "sample", 6) != 0);
	}
	return rv;
}

static CK_RV rsa_aes(void)
{
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_RSA_AES_KEY_WRAP_PARAMS p = { field("bits")->data[0] * 8ul, &oaep };
	CK_MECHANISM m = { CKM_RSA_AES_KEY_WRAP, &p, sizeof(p) };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_OBJECT_HANDLE made = 0, key = fixture_find(s, CKO_PRIVATE_KEY, "default/edge/rsa");
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_SENSITIVE, &no, 1 },
				    { CKA_EXTRACTABLE, &yes, 1 } };
	CK_RV rv = C_UnwrapKey(s, &m, key, field("sealed")->data, field("sealed")->len, template, 4, &made);
	if (rv != CKR_OK)
		return rv;
	check_rv(CKR_OK, value_of(made));
	check_out("plain");
	return rv;
}

/* What opens is also what sealing gives. */
static CK_RV both_ways(CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	CK_RV rv = decrypt(m, key);
	if (rv != CKR_OK || strcmp(edge.wanted, "OK") != 0)
		return rv;
	check_out("plain");
	out_len = sizeof(out);
	check_rv(CKR_OK, C_EncryptInit(s, m, key));
	check_rv(CKR_OK, C_Encrypt(s, field("plain")->data, field("plain")->len, out, &out_len));
	check_out("sealed");
	return rv;
}

static CK_RV aead(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
	struct field *iv = field("iv"), *aad = field("aad");
	CK_ULONG tag = field("tag")->data[0];
	CK_GCM_PARAMS gcm = { iv->data, iv->len, iv->len * 8, aad->data, aad->len, tag * 8 };
	CK_CCM_PARAMS ccm = { field("plain")->len, iv->data, iv->len, aad->data, aad->len, tag };
	CK_MECHANISM m = { type, &gcm, sizeof(gcm) };
	if (type == CKM_AES_CCM)
		m = (CK_MECHANISM){ type, &ccm, sizeof(ccm) };
	return both_ways(&m, key);
}

/* Here lengths are limited of what goes in. */
static CK_RV ctr(CK_OBJECT_HANDLE key)
{
	CK_AES_CTR_PARAMS p = { .ulCounterBits = field("bits")->data[0] };
	CK_MECHANISM m = { CKM_AES_CTR, &p, sizeof(p) };
	memcpy(p.cb, field("iv")->data, 16);
	CK_RV rv = C_EncryptInit(s, &m, key);
	out_len = sizeof(out);
	if (rv == CKR_OK)
		rv = C_Encrypt(s, field("plain")->data, field("plain")->len, out, &out_len);
	if (rv == CKR_OK)
		check_out("sealed");
	return rv;
}

static CK_RV cipher(void)
{
	CK_OBJECT_HANDLE key = secret(CKK_AES);
	CK_RV rv;
	if (strcmp(edge.what, "gcm") == 0 || strcmp(edge.what, "ccm") == 0) {
		rv = aead(edge.what[0] == 'g' ? CKM_AES_GCM : CKM_AES_CCM, key);
	} else if (strcmp(edge.what, "ctr") == 0) {
		rv = ctr(key);
	} else {
		CK_MECHANISM m = { strcmp(edge.what, "kw") == 0 ? CKM_AES_KEY_WRAP : CKM_AES_KEY_WRAP_KWP, NULL, 0 };
		if (strcmp(edge.what, "cbc-pad") == 0)
			m = (CK_MECHANISM){ CKM_AES_CBC_PAD, field("iv")->data, field("iv")->len };
		rv = both_ways(&m, key);
	}
	check_rv(CKR_OK, C_DestroyObject(s, key));
	return rv;
}

/* Whole, and cut to each length that there is. */
static CK_RV hmac(const char *hash)
{
	CK_MECHANISM_TYPE type = digest_of(hash) + 1;
	struct field *message = field("message"), *mac = field("mac");
	CK_MECHANISM whole = { type, NULL, 0 };
	CK_OBJECT_HANDLE key = secret(CKK_GENERIC_SECRET);
	CK_RV rv = C_SignInit(s, &whole, key);
	out_len = sizeof(out);
	if (rv == CKR_OK)
		rv = C_Sign(s, message->data, message->len, out, &out_len);
	check_out("mac");
	for (CK_ULONG n = 0; n <= mac->len + 1; n++) {
		CK_MECHANISM cut = { type + 1, &n, sizeof(n) };
		bool good = n >= 1 && n <= mac->len;
		check_rv(good ? CKR_OK : CKR_MECHANISM_PARAM_INVALID, C_VerifyInit(s, &cut, key));
		if (good)
			check_rv(CKR_OK, C_Verify(s, message->data, message->len, mac->data, n));
	}
	check_rv(CKR_OK, C_DestroyObject(s, key));
	return rv;
}

/* As a data object, which has no length that is too long; of the value the vector has the SHA-256. */
static CK_RV hkdf(const char *hash)
{
	struct field *salt = field("salt"), *info = field("info"), *length = field("length");
	CK_HKDF_PARAMS p = { CK_TRUE,   CK_TRUE, digest_of(hash), CKF_HKDF_SALT_DATA, salt->data,
			     salt->len, 0,       info->data,      info->len };
	CK_MECHANISM m = { CKM_HKDF_DATA, &p, sizeof(p) };
	CK_ULONG len = 0;
	for (size_t i = 0; i < length->len; i++)
		len = len << 8 | length->data[i];
	CK_ATTRIBUTE a = { CKA_VALUE_LEN, &len, sizeof(len) };
	CK_OBJECT_HANDLE made = 0;
	static CK_BYTE value[20000];
	CK_ATTRIBUTE got = { CKA_VALUE, value, sizeof(value) };
	CK_RV rv = C_DeriveKey(s, &m, secret(CKK_HKDF), &a, 1, &made);
	if (rv != CKR_OK)
		return rv;
	check_rv(CKR_OK, C_GetAttributeValue(s, made, &got, 1));
	assert_int_equal(got.ulValueLen, len);
	size_t n = 0;
	assert_int_equal(EVP_Q_digest(libctx(), "SHA256", NULL, value, len, out, &n), 1);
	out_len = n;
	check_out("value");
	return rv;
}

static CK_RV run(void)
{
	const char *what = edge.what, *last = strrchr(what, '-');
	if (strncmp(what, "ecdsa-", 6) == 0)
		return ecdsa(what + 6);
	if (strcmp(what, "eddsa") == 0)
		return eddsa();
	if (strcmp(what, "ecdh") == 0 || strcmp(what, "montgomery") == 0)
		return agree();
	if (strcmp(what, "rsa-pkcs-decrypt") == 0)
		return rsa_decrypt(NULL);
	if (strcmp(what, "rsa-aes") == 0)
		return rsa_aes();
	if (strncmp(what, "rsa-oaep-", 9) == 0)
		return rsa_decrypt(last + 1);
	if (strncmp(what, "rsa-", 4) == 0)
		return rsa_verify(strncmp(what, "rsa-pss", 7) == 0 ? "pss" : "pkcs", last + 1);
	if (strncmp(what, "hmac-", 5) == 0)
		return hmac(what + 5);
	if (strncmp(what, "hkdf-", 5) == 0)
		return hkdf(what + 5);
	return cipher();
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static bool take(char *line)
{
	char *save = NULL, *text = strtok_r(line, " \n", &save);
	edge.count = 0;
	if (!text || *text == '#')
		return false;
	snprintf(edge.what, sizeof(edge.what), "%s", text);
	snprintf(edge.wanted, sizeof(edge.wanted), "%s", strtok_r(NULL, " \n", &save));
	while ((text = strtok_r(NULL, " \n", &save))) {
		struct field *f = &edge.fields[edge.count++];
		char *value = strchr(text, '=');
		assert_non_null(value);
		*value++ = '\0';
		snprintf(f->name, sizeof(f->name), "%s", text);
		f->len = strlen(value) / 2;
		assert_true(f->len < FIELD_MAX && edge.count <= ARRAY_LEN(edge.fields));
		if (f->len)
			check_ok(hex_decode(value, f->data, f->len, &em));
	}
	return true;
}

static void put_rsa_key(void)
{
	char path[512];
	struct buf text = { 0 };
	snprintf(path, sizeof(path), "%s/tests/vectors/keys/rsa.pkcs8.pem", getenv("TOP_SRCDIR"));
	check_ok(file_read(path, 65536, &text, &em));
	fixture_resource("default/edge/rsa", buf_bytes(&text));
	buf_clear(&text);
}

static void every_case_ends_as_its_line_says(void **state)
{
	(void)state;
	static char line[32768];
	char path[512];
	size_t number = 0, cases = 0, wrong = 0;
	put_rsa_key();
	s = fixture_session();
	snprintf(path, sizeof(path), "%s/tests/vectors/pkcs11/edge_cases.txt", getenv("TOP_SRCDIR"));
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (!take(line))
			continue;
		cases++;
		CK_RV got = run();
		if (got == rv_of(edge.wanted))
			continue;
		print_error("edge_cases.txt:%zu: %s: 0x%lx instead of %s\n", number, edge.what, got, edge.wanted);
		wrong++;
	}
	fclose(file);
	assert_int_equal(wrong, 0);
	assert_true(cases > 530);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(every_case_ends_as_its_line_says) };
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
