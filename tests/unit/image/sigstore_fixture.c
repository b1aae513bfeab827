#include "tests/unit/image/sigstore_fixture.h"

#include "common/base64.h"
#include "common/json.h"
#include "common/libctx.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

EVP_PKEY *key_make(const char *kind)
{
	if (strcmp(kind, "RSA") == 0)
		return EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)2048);
	if (strcmp(kind, "ED25519") == 0)
		return EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	return EVP_PKEY_Q_keygen(libctx(), NULL, "EC", kind);
}

const char *key_data(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	long len = BIO_get_mem_data(bio, &pem);
	const char *copy = base64_bytes((struct bytes){ (uint8_t *)pem, (size_t)len });
	BIO_free(bio);
	return copy;
}

const char *base64_bytes(struct bytes plain)
{
	char *encoded = base64_encode(BASE64_STD, plain);
	const char *copy = text("%s", encoded);
	free(encoded);
	return copy;
}

const char *base64_of(const char *plain)
{
	return base64_bytes(bytes_str(plain));
}

const char *key_sign_bytes(EVP_PKEY *key, struct bytes message)
{
	uint8_t signature[512];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *hash = EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256";
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, hash, libctx(), NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, message.data, message.len), 1);
	EVP_MD_CTX_free(ctx);
	return base64_bytes((struct bytes){ signature, len });
}

const char *key_sign(EVP_PKEY *key, const char *statement)
{
	return key_sign_bytes(key, bytes_str(statement));
}

const char *json_escaped(const char *plain)
{
	json_object *string = json_object_new_string(plain);
	const char *quoted = json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE);
	const char *copy = text("%.*s", (int)strlen(quoted) - 2, quoted + 1);
	json_object_put(string);
	return copy;
}

static void extension_add(X509 *to, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	if (!value)
		return;
	X509V3_set_ctx(&ctx, issuer, to, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(to, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void raw_add(X509 *to, const char *oid, struct bytes value)
{
	if (!value.data)
		return;
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
	assert_int_equal(ASN1_OCTET_STRING_set(string, value.data, (int)value.len), 1);
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, string);
	assert_int_equal(X509_add_ext(to, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(string);
	ASN1_OBJECT_free(object);
}

X509 *certificate_make(const struct plan *plan)
{
	static long serial;
	X509 *made = X509_new_ex(libctx(), NULL);
	X509_NAME *name = X509_NAME_new();
	const char *common = text("certificate %ld", ++serial);
	assert_int_equal(X509_set_version(made, 2), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)common, -1, -1, 0);
	X509_set_subject_name(made, name);
	X509_set_issuer_name(made, plan->issuer ? X509_get_subject_name(plan->issuer) : name);
	X509_NAME_free(name);
	X509_set_pubkey(made, plan->key);
	ASN1_TIME_set(X509_getm_notBefore(made), (time_t)plan->from);
	ASN1_TIME_set(X509_getm_notAfter(made), (time_t)plan->to);
	X509 *issuer = plan->issuer ? plan->issuer : made;
	extension_add(made, issuer, NID_basic_constraints, plan->constraints ? plan->constraints : "CA:FALSE");
	extension_add(made, issuer, NID_key_usage, plan->usage);
	extension_add(made, issuer, NID_ext_key_usage, plan->extended);
	extension_add(made, issuer, NID_subject_alt_name, plan->names);
	raw_add(made, "1.3.6.1.4.1.57264.1.1", bytes_str(plan->oidc));
	raw_add(made, "1.3.6.1.4.1.57264.1.8", plan->oidc_der);
	EVP_PKEY *by = plan->issuer_key ? plan->issuer_key : plan->key;
	assert_true(X509_sign(made, by, EVP_PKEY_is_a(by, "ED25519") ? NULL : EVP_sha256()) > 0);
	return made;
}

const char *certificate_pem(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	long len = BIO_get_mem_data(bio, &pem);
	const char *copy = text("%.*s", (int)len, pem);
	BIO_free(bio);
	return copy;
}

const char *certificate_der(X509 *certificate)
{
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	assert_true(len > 0);
	const char *copy = base64_bytes((struct bytes){ der, (size_t)len });
	OPENSSL_free(der);
	return copy;
}
